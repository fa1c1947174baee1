//! Servers under load, hosted and native in turn.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Server, stand_aside};
use crate::report::{Pair, Report, mebibytes, median};
use crate::{Plan, load, operator, routes, sign, swaps};

/// Connections for the figure of memory under load.
const MANY: usize = 64;

/// Everything that is measured over HTTP.
pub(crate) fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    bench.no_capability(report)?;
    bench.starts(report)?;
    swaps::measure(bench, report)?;
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite:{}", folder.path().join("bench.db").display());
    bench.database("SQLite", &sqlite, report)?;
    bench.database("PostgreSQL", &server(POSTGRES_URL)?, report)
}

/// Where the PostgreSQL server is.
pub(crate) const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// Where the MySQL or MariaDB server is.
pub(crate) const MYSQL_URL: &str = "TEST_MYSQL_URL";

/// The address of a server that `cargo xtask bench` has started.
pub(crate) fn server(variable: &str) -> Result<String> {
    std::env::var(variable)
        .with_context(|| format!("{variable} is not set: run this through `cargo xtask bench`"))
}

/// What every measurement needs.
pub(crate) struct Bench<'a> {
    gateway: &'a Path,
    plugins: &'a Path,
    pub(crate) plan: Plan,
    me: PathBuf,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl<'a> Bench<'a> {
    /// Leaves core 0 to the servers.
    pub(crate) fn new(gateway: &'a Path, plugins: &'a Path, plan: Plan) -> Result<Self> {
        stand_aside()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            gateway,
            plugins,
            plan,
            me: std::env::current_exe()?,
            runtime,
        })
    }

    /// A route that reaches for nothing, beside hyper alone.
    fn no_capability(&self, report: &mut Report) -> Result<()> {
        let data = tempfile::tempdir()?;
        let hosted = self.hosted(&data, "misfit", None)?;
        let native = Server::start(&self.me, &["hyper", "127.0.0.1:0"], &[])?;
        let request = [load::get("/bytes/13", None)];
        let sides = [hosted.addr, native.addr];
        let pair = self.compare(sides, &request)?;
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
        let routes = self.runtime.block_on(routes::prepare(hosted.addr, url))?;
        for route in &routes {
            let before = hosted.cpu()?;
            let sides = [hosted.addr, native.addr];
            let pair = self.compare(sides, &route.requests)?;
            let cpu = hosted.cpu()? - before;
            let what = format!("{}, {name}", route.name);
            report.pair(&format!("{what} / native twin"), &pair, "at least 0.85");
            let side = &pair.first;
            let cpu = cpu * 1000 / u32::try_from(side.answers.max(1))?;
            report.route(&what, side, cpu, hosted.resident()?);
        }
        let page = routes.get(1).context("no page")?;
        let load = load::run(hosted.addr, &page.requests, MANY, self.plan.time);
        self.runtime.block_on(load)?;
        report.figure(
            &format!("memory after {MANY} connections, {name}"),
            mebibytes(hosted.resident()?),
            "MiB",
            "",
        );
        Ok(())
    }

    /// A gateway with one plugin.
    pub(crate) fn hosted(
        &self,
        data: &TempDir,
        plugin: &str,
        database: Option<&str>,
    ) -> Result<Server> {
        let plugin = format!("{plugin}={}", self.component(plugin).display());
        let url = database.map(|url| ("GATEWAY_DATABASE_URL", url.to_owned()));
        self.serve(data, &["--plugin", &plugin], url)
    }

    /// A gateway with further arguments and variables.
    pub(crate) fn serve(
        &self,
        data: &TempDir,
        further: &[&str],
        variables: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Server> {
        let data = data.path().display().to_string();
        let mut args = vec![
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--data",
            &data,
        ];
        args.extend(further);
        let mut env = vec![
            ("JWT_SECRET", sign::SECRET.to_owned()),
            ("GATEWAY_ADMIN_TOKEN", operator::TOKEN.to_owned()),
            ("GATEWAY_LOG_FILTER", "warn".to_owned()),
        ];
        env.extend(variables);
        Server::start(self.gateway, &args, &env)
    }

    /// The file of a component.
    pub(crate) fn component(&self, name: &str) -> PathBuf {
        self.plugins.join(format!("{name}.wasm"))
    }

    /// Both sides in turn, with the same requests.
    fn compare(&self, [first, second]: [SocketAddr; 2], requests: &[Vec<u8>]) -> Result<Pair> {
        self.alternate([(first, requests), (second, requests)])
    }

    /// Both sides in turn, each with its own requests.
    pub(crate) fn alternate(&self, sides: [(SocketAddr, &[Vec<u8>]); 2]) -> Result<Pair> {
        let mut outcomes = [Vec::new(), Vec::new()];
        for _ in 0..self.plan.rounds {
            for ((addr, requests), side) in sides.into_iter().zip(&mut outcomes) {
                let (connections, time) = (self.plan.connections, self.plan.time);
                let load = load::run(addr, requests, connections, time);
                side.push(self.runtime.block_on(load)?);
            }
        }
        Ok(Pair::of(&outcomes))
    }
}
