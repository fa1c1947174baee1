//! `cargo xtask bench`: the hosted service beside the same code linked natively, all in
//! one run on one machine.
//!
//! Every server runs on core 0, the load comes from core 1, and the two sides of a ratio
//! take turns, so that what the machine does besides hits both.

mod blobs;
mod fiber;
mod inside;
mod live;
mod load;
mod native;
mod operator;
mod outside;
mod process;
mod raw;
mod report;
mod routes;
mod scale;
mod scratch;
mod sign;
mod soak;
mod swaps;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures the gateway and prints one table.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Args {
    /// The gateway; its components are looked for in `../plugins` beside it.
    #[arg(long, global = true, default_value = "target/release/gateway")]
    gateway: PathBuf,
    /// Also writes the figures as JSON to this file.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
    /// Seconds of load for each side in each round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else this program does. It serves when it is a side of a ratio itself.
#[derive(Debug, Subcommand)]
enum Command {
    /// Compares a large table with a small one: latencies, memory, and query plans.
    Scale(scale::Scale),
    /// Sends and fetches a large attachment, beside nginx with the same file.
    Blobs(blobs::Blobs),
    /// Measures swaps alone, which are part of the whole as well.
    Swaps,
    /// Measures live connections: idle ones, the fan-out of events, and those who come back.
    Events(live::Events),
    /// Swaps versions under load, and proves that nothing is lost.
    SoakSwap(soak::Soak),
    /// hyper alone: the same bytes for every request.
    #[command(hide = true)]
    Hyper { listen: SocketAddr },
    /// The chat code linked natively, on the gateway's database backend.
    #[command(hide = true)]
    Twin {
        listen: SocketAddr,
        database: String,
    },
}

/// How the load is applied.
#[derive(Debug, Clone, Copy)]
struct Plan {
    time: Duration,
    rounds: usize,
    connections: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let save = |json: &_| args.save(json);
    match &args.command {
        Some(Command::Hyper { listen }) => native::hyper(*listen),
        Some(Command::Twin { listen, database }) => native::twin(*listen, database),
        Some(Command::Scale(it)) => args.with_bench(|bench| scale::measure(bench, it, save)),
        Some(Command::SoakSwap(it)) => args.with_bench(|bench| soak::run(bench, it, save)),
        Some(Command::Events(it)) => args.report(|bench, report| live::measure(bench, it, report)),
        Some(Command::Blobs(it)) => args.report(|bench, report| blobs::measure(bench, it, report)),
        Some(Command::Swaps) => args.report(swaps::measure),
        None => measure(&args),
    }
}

fn measure(args: &Args) -> Result<()> {
    let mut report = report::Report::new();
    inside::measure(&args.plugins(), &mut report)?;
    args.with_bench(|bench| outside::measure(bench, &mut report))?;
    report.print();
    args.save(&report.json())
}

impl Args {
    fn plan(&self) -> Plan {
        Plan {
            time: Duration::from_secs(self.seconds),
            rounds: self.rounds.max(1),
            connections: self.connections,
        }
    }

    fn with_bench<T>(&self, work: impl FnOnce(&outside::Bench<'_>) -> Result<T>) -> Result<T> {
        let plugins = self.plugins();
        work(&outside::Bench::new(&self.gateway, &plugins, self.plan())?)
    }

    /// Prints and saves what some measurement finds.
    fn report(
        &self,
        measure: impl FnOnce(&outside::Bench<'_>, &mut report::Report) -> Result<()>,
    ) -> Result<()> {
        let mut report = report::Report::new();
        self.with_bench(|bench| measure(bench, &mut report))?;
        report.print();
        self.save(&report.json())
    }

    fn plugins(&self) -> PathBuf {
        self.gateway.with_file_name("").join("../plugins")
    }

    fn save(&self, json: &serde_json::Value) -> Result<()> {
        if let Some(file) = &self.json {
            std::fs::write(file, json.to_string())?;
        }
        Ok(())
    }
}
