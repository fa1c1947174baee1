//! How long a swap takes, and what one more version costs that is there and idle.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gateway_tests::versions;
use serde_json::Value;
use tempfile::TempDir;

use crate::operator::Operator;
use crate::outside::Bench;
use crate::process::Server;
use crate::report::{Report, mebibytes, median};
use crate::{load, sign};

/// Swaps, of which the median counts.
const SWAPS: usize = 20;

/// Components that were never seen before, and idle versions: few, since they take long.
const NEW: usize = 5;

/// How long the memory is given to come to rest.
const REST: Duration = Duration::from_millis(500);

/// How long a version without requests may take to be drained.
const DRAIN: Duration = Duration::from_secs(5);

/// The part of the traffic of a version that is idle, in percent: the least there is.
const LEAST: f64 = 0.01;

/// The version that is idle.
const IDLE: &str = "3.0.0";

/// Measures on a gateway with the chat and SQLite.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let data = tempfile::tempdir()?;
    let swaps = Swaps::start(bench, &data, "speed")?;
    bench.runtime.block_on(async {
        swaps.known(report).await?;
        let name = "from a new file to its first answer";
        swaps.unknown(name, report).await?;
        swaps.deploy("", IDLE).await
    })?;
    drop(swaps);
    let fresh = tempfile::tempdir()?;
    let swaps = Swaps::start(bench, &fresh, "none")?;
    bench.runtime.block_on(async {
        let name = "the same with `engine.optimize = none`";
        swaps.unknown(name, report).await
    })?;
    drop(swaps);
    // Each in a process of its own, which has not compiled: what the compiler, or a version
    // before, left in the allocator would be taken again, and not be seen.
    let mut sizes = Vec::new();
    for _ in 0..NEW {
        let swaps = Swaps::start(bench, &data, "speed")?;
        sizes.push(bench.runtime.block_on(swaps.idle())?);
    }
    report.figure(
        "memory of one more idle version, one warm instance",
        median(sizes),
        "MiB",
        "",
    );
    Ok(())
}

struct Swaps {
    server: Server,
    operator: Operator,
    chat: Vec<u8>,
    /// What a new version is asked at first.
    first: Vec<u8>,
}

impl Swaps {
    fn start(bench: &Bench<'_>, data: &TempDir, optimize: &str) -> Result<Self> {
        let plugin = format!("chat={}", bench.component("chat").display());
        let variable = ("GATEWAY_ENGINE_OPTIMIZE", optimize.to_owned());
        let server = bench.serve(data, &["--plugin", &plugin], [variable])?;
        Ok(Self {
            operator: Operator(server.admin()?),
            server,
            chat: std::fs::read(bench.component("chat"))?,
            first: load::get("/messages", Some(&sign::token()?)),
        })
    }

    /// Adds a version of the chat.
    async fn deploy(&self, query: &str, version: &str) -> Result<Value> {
        let file = versions::described(self.chat.clone(), version);
        self.operator.deploy("chat", query, &file).await
    }

    /// Between versions whose code is compiled.
    async fn known(&self, report: &mut Report) -> Result<()> {
        let both = ["1.0.0", "1.0.1"];
        for version in both {
            self.deploy("", version).await?;
        }
        let (mut all, mut checks) = (Vec::new(), Vec::new());
        for version in both.into_iter().cycle().take(SWAPS) {
            let begun = Instant::now();
            let answer = self.operator.activate("chat", version, None).await?;
            all.push(millis(begun.elapsed()));
            let spent = answer.pointer("/report/millis").and_then(Value::as_f64);
            checks.push(spent.context("no report")?);
        }
        let flip = all.iter().zip(&checks).map(|(all, checks)| all - checks);
        report.figure(
            "swap to a compiled version, checks included",
            median(all.iter().copied()),
            "ms",
            "",
        );
        report.figure(
            "of that, the pointer: committed and flipped",
            median(flip),
            "ms",
            "",
        );
        Ok(())
    }

    /// From a file that was never compiled to the first answer of it.
    async fn unknown(&self, name: &str, report: &mut Report) -> Result<()> {
        let mut times = Vec::new();
        for number in 0..NEW {
            let begun = Instant::now();
            self.deploy("activate=true", &format!("2.0.{number}"))
                .await?;
            load::once(self.server.addr, &self.first).await?;
            times.push(millis(begun.elapsed()));
        }
        report.figure(name, median(times), "ms", "");
        Ok(())
    }

    /// What a version with one warm instance takes that is asked nothing, with all that
    /// its activation leaves behind.
    async fn idle(&self) -> Result<f64> {
        load::once(self.server.addr, &self.first).await?;
        let before = self.resident().await?;
        self.operator.activate("chat", IDLE, Some(LEAST)).await?;
        let after = self.resident().await?;
        self.operator.roll_back("chat").await?;
        Ok(after - before)
    }

    /// What is resident at rest, in MiB.
    async fn resident(&self) -> Result<f64> {
        self.operator.drained("chat", DRAIN).await?;
        tokio::time::sleep(REST).await;
        Ok(mebibytes(self.server.resident()?))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
