//! `cargo xtask soak-swap`: versions change places under load, again and again, and
//! nothing is lost, duplicated or left behind.
//!
//! The gateway is a process of its own on core 0, the load is this one on core 1. First
//! the load alone, and what the gateway takes afterwards; then the same load with swaps of
//! both plugins, and the same look; at last a canary that is bad.

mod attachments;
mod books;
mod canary;
mod clients;
mod findings;
mod log;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use gateway_tests::versions;
use serde_json::Value;

use self::books::Audit;
use self::canary::Canary;
use self::clients::Target;
use self::findings::Findings;
use self::log::Log;
use crate::operator::Operator;
use crate::outside::Bench;
use crate::process::Server;
use crate::report::median;
use crate::scratch::{Kind, Scratch};
use crate::wire::Wire;
use crate::{load, sign};

/// What `cargo xtask soak-swap` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// Swaps of each of the two plugins.
    #[arg(long, default_value_t = 100)]
    swaps: u64,
    /// Milliseconds from a pair of swaps to the next.
    #[arg(long, default_value_t = 250)]
    pause: u64,
    /// Seconds of load without swaps, before.
    #[arg(long, default_value_t = 15)]
    before: u64,
    /// Seconds that the swaps may take.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// On which databases: all three, one after another, unless this names some.
    #[arg(long = "on", value_enum, value_name = "DATABASE")]
    on: Vec<Kind>,
}

/// The plugins, by their names.
const CHAT: &str = "chat";
const MISFIT: &str = "misfit";

/// The versions that change places.
const VERSIONS: [&str; 2] = ["1.0.0", "1.0.1"];

/// How long the last version may take to finish what it began.
const DRAIN: Duration = Duration::from_secs(60);

/// How long closed connections and freed memory are given afterwards.
const REST: Duration = Duration::from_secs(3);

/// Soaks, tells, and fails when something is not as it has to be.
pub(crate) fn run(
    bench: &Bench<'_>,
    soak: &Soak,
    save: impl FnOnce(&Value) -> Result<()>,
) -> Result<()> {
    let mut findings = Findings::new();
    for kind in Kind::chosen(&soak.on) {
        let chat = Scratch::create(bench, kind, CHAT)?;
        let misfit = Scratch::create(bench, kind, MISFIT)?;
        let result = one(bench, soak, kind, [&chat, &misfit], &mut findings);
        chat.remove(bench)?;
        misfit.remove(bench)?;
        result?;
    }
    findings.print();
    save(&findings.json())?;
    match findings.beyond() {
        [] => Ok(()),
        beyond => bail!("not as it has to be: {}", beyond.join("; ")),
    }
}

/// Soaks on one kind of database. The misfit has one of its own: its transactions are
/// open for long, and would be in the way of the chat's where there is one writer.
fn one(
    bench: &Bench<'_>,
    soak: &Soak,
    kind: Kind,
    [chat, misfit]: [&Scratch; 2],
    findings: &mut Findings,
) -> Result<()> {
    eprintln!("\n{}", kind.name());
    let file = |name| bench.component(name).display().to_string();
    let server = bench.serve(
        &chat.folder,
        &[],
        [
            ("GATEWAY_DATABASE_URL", chat.url.clone()),
            ("GATEWAY_PLUGIN_CHAT_FILE", file(CHAT)),
            ("GATEWAY_PLUGIN_MISFIT_FILE", file(MISFIT)),
            ("GATEWAY_PLUGIN_MISFIT_MOUNT", "/misfit".to_owned()),
            ("GATEWAY_PLUGIN_MISFIT_DATABASE_URL", misfit.url.clone()),
            // So that the slow bodies are streams.
            (
                "GATEWAY_PLUGIN_MISFIT_LIMITS_INLINE_BODY",
                "1KiB".to_owned(),
            ),
            // What a trap of the canary leaves there is counted here.
            ("GATEWAY_LOG_FILTER", "warn,gateway::gateway=off".to_owned()),
        ],
    )?;
    let run = Run {
        soak,
        operator: Operator(server.admin()?),
        components: [
            std::fs::read(bench.component(CHAT))?,
            std::fs::read(bench.component(MISFIT))?,
        ],
        server,
    };
    let outcome = bench.runtime.block_on(run.all(&misfit.url))?;
    findings.add(kind.name(), soak, &outcome);
    Ok(())
}

/// One gateway under load.
struct Run<'a> {
    soak: &'a Soak,
    server: Server,
    operator: Operator,
    components: [Vec<u8>; 2],
}

/// What came out of it.
struct Outcome {
    /// The load without swaps, and with them.
    logs: [Log; 2],
    swaps: Swaps,
    /// What the gateway took after each of the two.
    taken: [Taken; 2],
    audit: Audit,
    canary: Canary,
}

/// What the swaps were like.
struct Swaps {
    /// Of each of the plugins.
    done: u64,
    /// Of one activation, in milliseconds.
    median: f64,
    longest: f64,
    /// All of them, the pauses included.
    time: Duration,
    drained: u64,
    cut: u64,
}

/// What a gateway takes at rest.
struct Taken {
    memory: u64,
    files: usize,
}

impl Run<'_> {
    async fn all(&self, misfit: &str) -> Result<Outcome> {
        let [chat_file, misfit_file] = &self.components;
        for version in VERSIONS {
            let file = versions::described(chat_file.clone(), version);
            self.operator.deploy(CHAT, "", &file).await?;
            let marks = [("version", version)];
            let file = versions::marked(misfit_file.clone(), version, &marks);
            self.operator.deploy(MISFIT, "", &file).await?;
            for plugin in [CHAT, MISFIT] {
                self.operator.activate(plugin, version, None).await?;
            }
        }
        let target = Arc::new(self.target().await?);
        eprintln!("    load without swaps");
        let before = Duration::from_secs(self.soak.before);
        let idle = async {
            tokio::time::sleep(before).await;
            Ok(())
        };
        let ((), quiet) = clients::beside(&target, 1, idle).await?;
        let taken_before = self.taken().await?;
        eprintln!("    load with swaps");
        let counted = self.counted().await?;
        let (mut swaps, swapped) = clients::beside(&target, 2, self.swaps()).await?;
        let taken_after = self.taken().await?;
        let [drained, cut] = self.counted().await?;
        swaps.drained = drained - counted[0];
        swaps.cut = cut - counted[1];
        eprintln!("    reading back");
        let mut books = log::Books::default();
        for log in [&quiet, &swapped] {
            books.add(log.books.clone());
        }
        // Written before the load, and not by it.
        for text in filled() {
            books.messages.insert(text, None);
        }
        let audit = books::audit(&books, &target, misfit).await?;
        eprintln!("    a canary that traps");
        let canary = canary::run(self.operator, self.server.addr, misfit_file.clone()).await?;
        Ok(Outcome {
            logs: [quiet, swapped],
            swaps,
            taken: [taken_before, taken_after],
            audit,
            canary,
        })
    }

    /// A channel with a page of messages.
    async fn target(&self) -> Result<Target> {
        let token = sign::token()?;
        let channel = format!("soak-{}", std::process::id());
        let mut wire = Wire::open(self.server.addr).await?;
        let mut id = String::new();
        for text in filled() {
            let body =
                format!(r#"{{"body":"{text}","channelId":"{channel}","channelType":"group"}}"#);
            let answer = wire.ask(&load::post("/messages", &token, &body)).await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
            id = clients::id(&answer).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        }
        let mut target = Target {
            addr: self.server.addr,
            token,
            channel,
            id,
            attachment: String::new(),
        };
        let attachment = attachments::prepare(&mut wire, &target).await;
        target.attachment = attachment.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        Ok(target)
    }

    /// Swaps both plugins, in turn, until there were enough or the time is over.
    async fn swaps(&self) -> Result<Swaps> {
        let begun = Instant::now();
        let (mut done, mut times) = (0, Vec::new());
        while done < self.soak.swaps && begun.elapsed().as_secs() < self.soak.seconds {
            // What serves at first is the second.
            let version = if done % 2 == 0 {
                VERSIONS[0]
            } else {
                VERSIONS[1]
            };
            for plugin in [CHAT, MISFIT] {
                let begun = Instant::now();
                self.operator.activate(plugin, version, None).await?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            done += 1;
            tokio::time::sleep(Duration::from_millis(self.soak.pause)).await;
        }
        Ok(Swaps {
            done,
            longest: times.iter().copied().fold(0.0, f64::max),
            median: median(times),
            time: begun.elapsed(),
            drained: 0,
            cut: 0,
        })
    }

    /// What the gateway takes when nothing is left to be done.
    async fn taken(&self) -> Result<Taken> {
        for plugin in [CHAT, MISFIT] {
            self.operator.drained(plugin, DRAIN).await?;
        }
        tokio::time::sleep(REST).await;
        Ok(Taken {
            memory: self.server.resident()?,
            files: self.server.files()?,
        })
    }

    /// Versions that were drained, and requests that were cut.
    async fn counted(&self) -> Result<[u64; 2]> {
        let drained = self.operator.metric("gateway_versions_drained_total");
        let cut = self.operator.metric("gateway_requests_cut_total");
        Ok([drained.await?, cut.await?])
    }
}

/// What the channel holds before the load.
fn filled() -> impl Iterator<Item = String> {
    (0..clients::PAGE).map(|number| format!("before {number}"))
}

/// A flag for clients.
fn mark() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}
