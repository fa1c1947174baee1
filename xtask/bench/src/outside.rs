//! Servers under load, hosted and native in turn.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Server, stand_aside};
use crate::report::{Pair, Report, median};
use crate::{Plan, load, sign};

/// Messages in the channel before anything is measured.
const MESSAGES: usize = 10_000;

/// Connections for the figure of memory under load.
const MANY: usize = 64;

/// Everything that is measured over HTTP.
pub(crate) fn measure(
    gateway: &Path,
    plugins: &Path,
    plan: Plan,
    report: &mut Report,
) -> Result<()> {
    stand_aside()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bench = Bench {
        gateway,
        plugins,
        plan,
        me: std::env::current_exe()?,
        runtime,
    };
    bench.no_capability(report)?;
    bench.starts(report)?;
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite:{}", folder.path().join("bench.db").display());
    bench.database("SQLite", &sqlite, report)?;
    let postgres = std::env::var("TEST_POSTGRES_URL")
        .context("TEST_POSTGRES_URL is not set: run this through `cargo xtask bench`")?;
    bench.database("PostgreSQL", &postgres, report)
}

struct Bench<'a> {
    gateway: &'a Path,
    plugins: &'a Path,
    plan: Plan,
    me: std::path::PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Bench<'_> {
    /// A route that reaches for nothing, beside hyper alone.
    fn no_capability(&self, report: &mut Report) -> Result<()> {
        let data = tempfile::tempdir()?;
        let hosted = self.hosted(&data, "misfit", None)?;
        let native = Server::start(&self.me, &["hyper", "127.0.0.1:0"], &[])?;
        let request = [load::get("/bytes/13", None)];
        let sides = [(hosted.addr, 200), (native.addr, 200)];
        let pair = self.alternate(sides, &request)?;
        report.pair(
            "route without a capability call / hyper alone",
            &pair,
            "at least 0.6",
        );
        Ok(())
    }

    /// How soon it serves, and what it takes when nothing happens.
    fn starts(&self, report: &mut Report) -> Result<()> {
        let mut warm = Vec::new();
        let data = tempfile::tempdir()?;
        for start in 0..=self.plan.rounds {
            let server = self.hosted(&data, "chat", None)?;
            let ready = server.ready_after.as_secs_f64() * 1e3;
            if start == 0 {
                report.figure("ready, with an empty compile cache", ready, "ms", "");
                continue;
            }
            warm.push(ready);
            if start == self.plan.rounds {
                report.figure(
                    "ready, with a warm compile cache",
                    median(warm.iter().copied()),
                    "ms",
                    "at most 150 ms",
                );
                report.figure(
                    "memory at rest",
                    mebibytes(server.resident()?),
                    "MiB",
                    "at most 60 MiB",
                );
            }
        }
        Ok(())
    }

    /// The chat's routes, beside the same code linked natively.
    fn database(&self, name: &str, url: &str, report: &mut Report) -> Result<()> {
        let data = tempfile::tempdir()?;
        // First, so that its migrations are there for both.
        let hosted = self.hosted(&data, "chat", Some(url))?;
        let native = Server::start(&self.me, &["twin", "127.0.0.1:0", url], &[])?;
        let token = sign::token()?;
        let channel = format!("bench-{}", std::process::id());
        let body = format!(
            r#"{{"body":"A message of an ordinary length, as people write them.","channelId":"{channel}","channelType":"group"}}"#
        );
        let post = [load::post("/messages", &token, &body)];
        let id = self.fill(hosted.addr, &post[0])?;

        let filter = format!(
            r#"{{"where":{{"channelId":"{channel}"}},"order":"createdOn DESC","limit":20}}"#
        );
        let page = format!("/messages?filter={}", escape(&filter));
        let cases = [
            ("page of 20", vec![load::get(&page, Some(&token))]),
            (
                "by id",
                vec![load::get(&format!("/messages/{id}"), Some(&token))],
            ),
            ("POST", post.to_vec()),
        ];
        for (what, requests) in &cases {
            let before = hosted.cpu()?;
            let sides = [(hosted.addr, 200), (native.addr, 200)];
            let pair = self.alternate(sides, requests)?;
            report.pair(
                &format!("{what}, {name} / native twin"),
                &pair,
                "at least 0.85",
            );
            let seconds = self.plan.time.as_secs_f64() * count(self.plan.rounds);
            let cpu = (hosted.cpu()? - before).as_secs_f64() / (pair.hosted * seconds) * 1000.0;
            report.figure(
                &format!("{what}, {name}: CPU for 1,000 requests"),
                cpu,
                "s",
                "",
            );
        }
        self.runtime.block_on(load::run(
            hosted.addr,
            &cases[0].1,
            200,
            MANY,
            self.plan.time,
        ))?;
        report.figure(
            &format!("memory after {MANY} connections, {name}"),
            mebibytes(hosted.resident()?),
            "MiB",
            "",
        );
        Ok(())
    }

    fn hosted(&self, data: &TempDir, plugin: &str, database: Option<&str>) -> Result<Server> {
        let data = data.path().display().to_string();
        let plugin = format!(
            "{plugin}={}",
            self.plugins.join(format!("{plugin}.wasm")).display()
        );
        let args = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--data",
            &data,
            "--plugin",
            &plugin,
        ];
        let mut env = vec![
            ("JWT_SECRET", sign::SECRET.to_owned()),
            ("GATEWAY_LOG_FILTER", "warn".to_owned()),
        ];
        env.extend(database.map(|url| ("GATEWAY_DATABASE_URL", url.to_owned())));
        Server::start(self.gateway, &args, &env)
    }

    /// Writes the messages that are read later; the id of one of them.
    fn fill(&self, hosted: SocketAddr, post: &[u8]) -> Result<String> {
        self.runtime.block_on(async {
            let first = load::once(hosted, post).await?;
            let message: Value = serde_json::from_str(&first)?;
            let id = message
                .get("id")
                .and_then(Value::as_str)
                .context("no id")?
                .to_owned();
            load::count(hosted, post, MESSAGES, self.plan.connections).await?;
            Ok(id)
        })
    }

    /// Both sides in turn, hosted first.
    fn alternate(&self, sides: [(SocketAddr, u16); 2], requests: &[Vec<u8>]) -> Result<Pair> {
        let mut outcomes = [Vec::new(), Vec::new()];
        for _ in 0..self.plan.rounds {
            for ((addr, status), side) in sides.into_iter().zip(&mut outcomes) {
                let load = load::run(
                    addr,
                    requests,
                    status,
                    self.plan.connections,
                    self.plan.time,
                );
                side.push(self.runtime.block_on(load)?);
            }
        }
        Ok(Pair::of(&outcomes[0], &outcomes[1]))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of memory, far below 2^52"
)]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
fn count(rounds: usize) -> f64 {
    rounds as f64
}

/// Percent-encodes what a query may not hold.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
