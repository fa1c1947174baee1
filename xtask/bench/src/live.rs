//! Live connections: what an idle one takes, how soon an event is with everybody, how many
//! can be published, and how soon somebody who comes back has what was missed.
//!
//! The clock is one: who publishes and who listens are this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::load;
use crate::outside::Bench;
use crate::process::Server;
use crate::report::{Report, median};
use crate::scratch::{Kind, Scratch};

/// What the measurement of events is told.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Idle connections. This program and the gateway need a file for each: see `ulimit -n`.
    #[arg(long, default_value_t = 19_000)]
    idle: usize,
    /// Events of each measurement of the fan-out.
    #[arg(long, default_value_t = 50)]
    events: usize,
    /// Subscribers of each measurement of the fan-out.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    subscribers: Vec<usize>,
}

/// Connections that are opened at once.
const OPENING: usize = 64;

/// How long memory is given to come to rest.
const REST: Duration = Duration::from_secs(1);

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Resumes of each kind, of which the median counts.
const RESUMES: usize = 20;

/// Measures everything.
pub(crate) fn measure(bench: &Bench<'_>, it: &Events, report: &mut Report) -> Result<()> {
    idle(bench, it, "Server-Sent Events", Kind::Sqlite, report, false)?;
    idle(bench, it, "WebSocket", Kind::Sqlite, report, true)?;
    for kind in [Kind::Sqlite, Kind::Postgres] {
        fan_out(bench, it, kind, report)?;
        publishes(bench, kind, report)?;
    }
    Ok(())
}

fn serve(bench: &Bench<'_>, data: &TempDir, url: &str, idle: usize) -> Result<Server> {
    let plugin = format!("misfit={}", bench.component("misfit").display());
    let variables = [
        ("GATEWAY_DATABASE_URL", url.to_owned()),
        ("GATEWAY_SERVER_MAX_CONNECTIONS", (idle + 1_000).to_string()),
        ("GATEWAY_EVENTS_CALLER_CONNECTIONS", "100000".to_owned()),
        ("GATEWAY_EVENTS_QUEUE", "4096".to_owned()),
    ];
    bench.serve(data, &["--plugin", &plugin], variables)
}

fn idle(
    bench: &Bench<'_>,
    it: &Events,
    name: &str,
    kind: Kind,
    report: &mut Report,
    is_socket: bool,
) -> Result<()> {
    let scratch = Scratch::create(bench, kind, "idle")?;
    let server = serve(bench, &scratch.folder, &scratch.url, it.idle)?;
    let addr = server.addr;
    let (before, after, opened) = bench.runtime.block_on(async {
        // A few first: what only the first ones need is not theirs.
        let few = open_all(addr, 200, is_socket).await?;
        drop(few);
        tokio::time::sleep(REST).await;
        let before = server.resident()?;
        let begun = Instant::now();
        let all = open_all(addr, it.idle, is_socket).await?;
        let opened = begun.elapsed();
        tokio::time::sleep(REST).await;
        let after = server.resident()?;
        drop(all);
        anyhow::Ok((before, after, opened))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let each = (after.saturating_sub(before)) as f64 / it.idle as f64 / 1024.0;
    let what = format!("memory of one of {} idle connections, {name}", it.idle);
    report.figure(&what, each, "KiB", "at most 12 KiB");
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let rate = it.idle as f64 / opened.as_secs_f64();
    report.figure(&format!("connections opened, {name}"), rate, "a second", "");
    drop(server);
    scratch.remove(bench)
}

async fn open_all(addr: SocketAddr, count: usize, is_socket: bool) -> Result<Vec<TcpStream>> {
    let places = Arc::new(Semaphore::new(OPENING));
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        let place = Arc::clone(&places).acquire_owned().await?;
        tasks.push(tokio::spawn(async move {
            let _place = place;
            // Each with a subject of its own and two topics, as people have them.
            let target = format!("/events?subject=user-{number}&topics=all,user-{number}");
            let opened = tokio::time::timeout(PATIENCE, open(addr, &target, is_socket)).await?;
            opened.map(|(stream, _)| stream)
        }));
    }
    let mut streams = Vec::with_capacity(count);
    for task in tasks {
        streams.push(task.await??);
    }
    Ok(streams)
}

/// Connects, and reads until everything that was missed has come.
async fn open(addr: SocketAddr, target: &str, is_socket: bool) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let how = match is_socket {
        true => {
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
        }
        false => "accept: text/event-stream",
    };
    let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\n{how}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(1024);
    while load::find(&buffer, b"sync.ready\",").is_none() {
        ensure!(
            stream.read_buf(&mut buffer).await? > 0,
            "closed: {}",
            String::from_utf8_lossy(&buffer)
        );
    }
    Ok((stream, buffer))
}

fn fan_out(bench: &Bench<'_>, it: &Events, kind: Kind, report: &mut Report) -> Result<()> {
    let name = kind.name();
    let scratch = Scratch::create(bench, kind, "fan")?;
    let most = it.subscribers.iter().copied().max().unwrap_or_default();
    let server = serve(bench, &scratch.folder, &scratch.url, most)?;
    for subscribers in &it.subscribers {
        let measured = fan(server.addr, *subscribers, it.events);
        let (p50, p99) = bench.runtime.block_on(measured)?;
        let what = format!("an event with all of {subscribers} subscribers, {name}, p50");
        report.figure(&what, p50, "ms", "");
        report.figure(&what.replace("p50", "p99"), p99, "ms", "");
    }
    for missed in [10, 1_000] {
        let took = bench.runtime.block_on(resume(server.addr, missed))?;
        let what = format!("back after {missed} missed events, {name}");
        report.figure(&what, took, "ms", "");
    }
    drop(server);
    scratch.remove(bench)
}

/// From the request that publishes to each of the subscribers: the median of all, and what
/// one in a hundred exceeds.
async fn fan(addr: SocketAddr, subscribers: usize, events: usize) -> Result<(f64, f64)> {
    let start = Instant::now();
    let topic = format!("fan-{subscribers}");
    let (sender, mut seen) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(OPENING));
    let (mut tasks, mut listening) = (Vec::new(), JoinSet::new());
    for number in 0..subscribers {
        let place = Arc::clone(&places).acquire_owned().await?;
        let (sender, topic) = (sender.clone(), topic.clone());
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        tasks.push(is_ready);
        listening.spawn(async move {
            let target = format!("/events?subject=s-{number}&topics={topic}");
            let opened = tokio::time::timeout(PATIENCE, open(addr, &target, false)).await;
            drop(place);
            let Ok(Ok((mut stream, _))) = opened else {
                return;
            };
            let _ = ready.send(());
            let mut buffer = Vec::with_capacity(1024);
            while stream
                .read_buf(&mut buffer)
                .await
                .is_ok_and(|read| read > 0)
            {
                let now = start.elapsed();
                while let Some(end) = load::find(&buffer, b"\n\n") {
                    let sent = sent_at(buffer.get(..end).unwrap_or_default());
                    buffer.drain(..end + 2);
                    if let Some(sent) = sent {
                        let _ = sender.send(now.saturating_sub(sent));
                    }
                }
            }
        });
    }
    for task in tasks {
        task.await.context("a subscriber was not let in")?;
    }
    let mut latencies = Vec::with_capacity(subscribers * events);
    for _ in 0..events {
        let sent = start.elapsed().as_micros();
        let body = format!("publish {topic} tick {{\"sent\":{sent}}}");
        post(addr, &body).await?;
        for _ in 0..subscribers {
            let latency = tokio::time::timeout(PATIENCE, seen.recv()).await?;
            latencies.push(latency.context("nobody listens")?.as_secs_f64() * 1e3);
        }
    }
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| latencies.get(latencies.len() * share / 100).copied();
    Ok((at(50).unwrap_or_default(), at(99).unwrap_or_default()))
}

/// When the event in a block was sent, if there is one.
fn sent_at(block: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(block).ok()?;
    let (_, rest) = text.split_once("\"sent\":")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_micros)
}

async fn post(addr: SocketAddr, body: &str) -> Result<()> {
    load::once(
        addr,
        &load::post("/events-transact", &crate::sign::token()?, body),
    )
    .await
    .map(drop)
}

/// From the connect to the last of so many missed events, in milliseconds.
async fn resume(addr: SocketAddr, missed: usize) -> Result<f64> {
    let topic = format!("resume-{missed}");
    let target = format!("/events?subject=r&topics={topic}");
    let (_, first) = open(addr, &target, false).await?;
    let text = String::from_utf8_lossy(&first);
    let (_, rest) = text.split_once("\nid: ").context("no cursor")?;
    let cursor = rest.lines().next().context("no cursor")?.to_owned();
    for _ in 0..missed.div_ceil(500) {
        let lines = vec![format!("publish {topic} tick {{}}"); missed.min(500)];
        post(addr, &lines.join("\n")).await?;
    }
    let target = format!("{target}&cursor={cursor}");
    let mut times = Vec::new();
    for _ in 0..RESUMES {
        let begun = Instant::now();
        let (_, bytes) = open(addr, &target, false).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let count = bytes
            .windows(12)
            .filter(|window| window == b"event: tick\n")
            .count();
        ensure!(count == missed, "{count} of {missed} came");
    }
    Ok(median(times))
}

/// Transactions that publish one event each, beside a subscriber.
fn publishes(bench: &Bench<'_>, kind: Kind, report: &mut Report) -> Result<()> {
    let name = kind.name();
    let scratch = Scratch::create(bench, kind, "publish")?;
    let server = serve(bench, &scratch.folder, &scratch.url, 100)?;
    let token = crate::sign::token()?;
    for (topics, text) in [(1, "one topic"), (64, "64 topics")] {
        let requests: Vec<Vec<u8>> = (0..64)
            .map(|number| {
                let topic = number % topics;
                let body = format!("publish topic-{topic} tick {{\"number\":{number}}}");
                load::post("/events-transact", &token, &body)
            })
            .collect();
        let run = load::run(
            server.addr,
            &requests,
            bench.plan.connections,
            bench.plan.time,
        );
        let outcome = bench.runtime.block_on(run)?;
        let what = format!("transactions that publish, {text}, {name}");
        report.figure(&what, outcome.per_second, "a second", "");
    }
    drop(server);
    scratch.remove(bench)
}
