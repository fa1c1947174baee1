//! A table of 10 million messages beside one of 10 thousand, with channels of the same
//! size: what a request costs must not depend on the table.

mod fill;
mod plans;
mod words;

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use self::fill::{Shape, channel_id, message_id};
use crate::outside::Bench;
use crate::process::Server;
use crate::report::{Pair, Table, machine, mebibytes, millis};
use crate::routes::{Route, escape};
use crate::scratch::{Kind, Scratch};
use crate::{load, sign};

/// Messages of the small table.
const SMALL: u64 = 10_000;

/// How much larger a latency, or the memory, may be with the large table.
const RATIO: f64 = 1.5;

/// What `cargo xtask bench -- scale` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Scale {
    /// Messages of the large table; the small one has 10,000.
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// On which databases: all three, one after another, unless this names some.
    #[arg(long = "on", value_enum, value_name = "DATABASE")]
    on: Vec<Kind>,
}

/// Fills, measures, explains, and fails when something depends on the table.
pub(crate) fn measure(
    bench: &Bench<'_>,
    scale: &Scale,
    save: impl FnOnce(&Value) -> Result<()>,
) -> Result<()> {
    let mut findings = Findings::new();
    for kind in Kind::chosen(&scale.on) {
        let small = Scratch::create(bench, kind, "small")?;
        let large = Scratch::create(bench, kind, "large")?;
        let shape = |messages| Shape { messages };
        let result = Pairing {
            bench,
            kind,
            sides: [
                (&small, shape(SMALL)),
                (&large, shape(scale.messages.max(SMALL))),
            ],
        }
        .run(&mut findings);
        small.remove(bench)?;
        large.remove(bench)?;
        result?;
    }
    findings.latencies.print();
    findings.plans.print();
    println!("\n{}", machine());
    save(&json!({
        "machine": machine(),
        "messages": [SMALL, scale.messages],
        "latencies": findings.latencies.json(),
        "plans": findings.plans.json(),
    }))?;
    if !findings.beyond.is_empty() {
        bail!("beyond the aim: {}", findings.beyond.join("; "));
    }
    Ok(())
}

/// What came out.
struct Findings {
    latencies: Table,
    plans: Table,
    /// What is not as it has to be.
    beyond: Vec<String>,
}

impl Findings {
    fn new() -> Self {
        Self {
            latencies: Table::new(&[
                "request",
                "p50, small",
                "p50, large",
                "ratio",
                "p99, small",
                "p99, large",
                "ratio",
            ]),
            plans: Table::new(&["statement", "looked at", "index", "sorts"]),
            beyond: Vec::new(),
        }
    }

    fn latency(&mut self, what: String, pair: &Pair) {
        for (name, ratio) in [("p50", pair.p50), ("p99", pair.p99)] {
            if ratio > RATIO {
                let text = format!("{what}: {name} is {ratio:.2} times that of the small table");
                self.beyond.push(text);
            }
        }
        let json = json!({
            "request": what,
            "small": { "p50_ms": pair.first.p50.as_secs_f64() * 1e3,
                       "p99_ms": pair.first.p99.as_secs_f64() * 1e3,
                       "per_second": pair.first.per_second },
            "large": { "p50_ms": pair.second.p50.as_secs_f64() * 1e3,
                       "p99_ms": pair.second.p99.as_secs_f64() * 1e3,
                       "per_second": pair.second.per_second },
            "p50_ratio": pair.p50,
            "p99_ratio": pair.p99,
        });
        let cells = [
            what,
            millis(pair.first.p50),
            millis(pair.second.p50),
            format!("{:.2}", pair.p50),
            millis(pair.first.p99),
            millis(pair.second.p99),
            format!("{:.2}", pair.p99),
        ];
        self.latencies.add(cells, json);
    }

    fn memory(&mut self, what: String, [small, large]: [u64; 2]) {
        let ratio = mebibytes(large) / mebibytes(small);
        if ratio > RATIO {
            self.beyond.push(format!(
                "{what} is {ratio:.2} times that of the small table"
            ));
        }
        let json = json!({ "what": what, "small_bytes": small, "large_bytes": large });
        let size = |bytes| format!("{:.1} MiB", mebibytes(bytes));
        let ratio = format!("{ratio:.2}");
        let none = String::new;
        let cells = [
            what,
            size(small),
            size(large),
            ratio,
            none(),
            none(),
            none(),
        ];
        self.latencies.add(cells, json);
    }
}

/// The two databases of one kind.
struct Pairing<'a> {
    bench: &'a Bench<'a>,
    kind: Kind,
    sides: [(&'a Scratch, Shape); 2],
}

impl Pairing<'_> {
    fn run(&self, findings: &mut Findings) -> Result<()> {
        for (scratch, shape) in self.sides {
            eprintln!("\n{}: {} messages", self.kind.name(), shape.messages);
            drop(self.gateway(scratch)?);
            self.bench
                .runtime
                .block_on(fill::fill(&scratch.url, shape))?;
        }
        eprintln!("\n{}: plans", self.kind.name());
        let [_, (large, shape)] = self.sides;
        let plans = plans::look(self.kind.name(), &large.url, shape, findings);
        self.bench.runtime.block_on(plans)?;
        eprintln!("\n{}: latencies", self.kind.name());
        self.measure(findings)
    }

    /// A gateway on one of the databases; its migrations are done when it is there.
    fn gateway(&self, scratch: &Scratch) -> Result<Server> {
        self.bench
            .hosted(&scratch.folder, "chat", Some(&scratch.url))
    }

    fn measure(&self, findings: &mut Findings) -> Result<()> {
        let [small, large] = self.sides;
        let servers = [self.gateway(small.0)?, self.gateway(large.0)?];
        let requests = [requests(small.1)?, requests(large.1)?];
        let (name, [of_small, of_large]) = (self.kind.name(), requests);
        for (small, large) in of_small.iter().zip(&of_large) {
            let sides = [
                (servers[0].addr, small.requests.as_slice()),
                (servers[1].addr, large.requests.as_slice()),
            ];
            // Once in vain: what is asked for is not in any cache yet.
            for (addr, requests) in sides {
                let plan = self.bench.plan;
                let load = load::run(addr, requests, plan.connections, plan.time);
                self.bench.runtime.block_on(load)?;
            }
            let pair = self.bench.alternate(sides)?;
            findings.latency(format!("{}, {name}", small.name), &pair);
        }
        let peaks = [servers[0].peak()?, servers[1].peak()?];
        findings.memory(format!("peak memory of the gateway, {name}"), peaks);
        Ok(())
    }
}

/// What is asked for, over as many channels of 100 messages as there are, up to 1,000.
/// POST comes last, because it makes the channels longer.
fn requests(shape: Shape) -> Result<[Route; 4]> {
    let token = sign::token()?;
    let get = |path: &str| load::get(path, Some(&token));
    let pages = shape
        .measured()
        .map(|channel| get(&format!("/messages?filter={}", escape(&page(channel)))));
    let by_ids = shape.measured().flat_map(|channel| {
        // Not of those that are deleted.
        [11, 83].map(|nth| get(&by_id(shape, channel, nth)))
    });
    let counts = shape
        .measured()
        .map(|channel| get(&format!("/messages/count?where={}", escape(&of(channel)))));
    let posts = shape.measured().map(|channel| {
        let channel = channel_id(channel);
        let body = format!(
            r#"{{"body":"A message of an ordinary length, as people write them.","channelId":"{channel}","channelType":"group"}}"#
        );
        load::post("/messages", &token, &body)
    });
    let route = |name, requests| Route { name, requests };
    Ok([
        route("page of 20 of a channel", pages.collect()),
        route("by id", by_ids.collect()),
        route("count of a channel", counts.collect()),
        route("POST", posts.collect()),
    ])
}

/// The filter for the newest messages of a channel.
fn page(channel: u64) -> String {
    let of = of(channel);
    format!(r#"{{"where":{of},"order":"createdOn DESC","limit":20}}"#)
}

/// The condition for the messages of a channel.
fn of(channel: u64) -> String {
    format!(r#"{{"channelId":"{}"}}"#, channel_id(channel))
}

fn by_id(shape: Shape, channel: u64, nth: u64) -> String {
    format!("/messages/{}", message_id(shape.message(channel, nth)))
}

/// Says what is being done, and how long it took.
async fn step(what: &str, work: impl Future<Output = Result<()>>) -> Result<()> {
    let begun = Instant::now();
    work.await?;
    eprintln!("    {:>6.1} s  {what}", begun.elapsed().as_secs_f64());
    Ok(())
}
