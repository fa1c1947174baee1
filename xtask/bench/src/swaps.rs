//! How long a swap takes, and what one more version costs that is there and idle.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gateway_tests::versions;
use serde_json::Value;

use crate::operator::Operator;
use crate::outside::Bench;
use crate::process::Server;
use crate::report::{Report, mebibytes, median};
use crate::{load, sign};

/// Swaps, of which the median counts.
const SWAPS: usize = 20;

/// Components that were never seen before, and versions that are idle: few, since each is
/// compiled first.
const NEW: usize = 5;

/// How long the memory is given to come to rest.
const REST: Duration = Duration::from_millis(500);

/// How long a version without requests may take to be drained.
const DRAIN: Duration = Duration::from_secs(5);

/// The part of the traffic of a version that is idle, in percent: the least there is.
const LEAST: f64 = 0.01;

/// Measures on a gateway with the chat and SQLite.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = bench.hosted(&data, "chat", None)?;
    let swaps = Swaps {
        operator: Operator(server.admin()?),
        server,
        chat: std::fs::read(bench.component("chat"))?,
        first: load::get("/messages", Some(&sign::token()?)),
    };
    bench.runtime.block_on(async {
        swaps.known(report).await?;
        swaps.unknown(report).await?;
        swaps.idle(report).await
    })
}

struct Swaps {
    server: Server,
    operator: Operator,
    chat: Vec<u8>,
    /// What a new version is asked at first.
    first: Vec<u8>,
}

impl Swaps {
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
    async fn unknown(&self, report: &mut Report) -> Result<()> {
        let mut times = Vec::new();
        for number in 0..NEW {
            let begun = Instant::now();
            self.deploy("activate=true", &format!("2.0.{number}"))
                .await?;
            load::once(self.server.addr, &self.first).await?;
            times.push(millis(begun.elapsed()));
        }
        report.figure(
            "from a new file to its first answer",
            median(times),
            "ms",
            "",
        );
        Ok(())
    }

    /// Versions with one warm instance that are asked nothing, by what their end frees
    /// and their start takes. They are deployed before: what the compiler leaves in the
    /// allocator is not theirs.
    async fn idle(&self, report: &mut Report) -> Result<()> {
        let mut sizes = Vec::new();
        for number in 0..NEW {
            let version = format!("3.0.{number}");
            self.deploy("", &version).await?;
            let before = self.resident().await?;
            self.operator
                .activate("chat", &version, Some(LEAST))
                .await?;
            sizes.push(self.resident().await? - before);
            self.operator.roll_back("chat").await?;
        }
        report.figure(
            "memory of one more idle version, one warm instance",
            median(sizes),
            "MiB",
            "",
        );
        Ok(())
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
