//! Servers under measurement: started on one core, looked at through `/proc`, ended.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A server process; ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// From its start to its `listening on` line.
    pub(crate) ready_after: Duration,
    /// What it prints behind that line.
    lines: mpsc::Receiver<String>,
}

/// How long a line that is to follow may take.
const LINE: Duration = Duration::from_secs(5);

impl Server {
    /// Starts `program` on core 0, and waits until it says where it listens.
    pub(crate) fn start(program: &Path, args: &[&str], env: &[(&str, String)]) -> Result<Self> {
        let begun = Instant::now();
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(program)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let output = child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let addr = loop {
            let Some(line) = lines.next() else {
                let status = child.wait()?;
                anyhow::bail!("{} ended before it listened: {status}", program.display());
            };
            if let Some(addr) = line?.strip_prefix("listening on http://") {
                break addr.parse()?;
            }
        };
        let ready_after = begun.elapsed();
        // Whatever else it prints must not block it.
        let (sender, further) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody asks for it when the server is gone.
                let _ = sender.send(line);
            }
        });
        Ok(Self {
            child,
            addr,
            ready_after,
            lines: further,
        })
    }

    /// Where a gateway's operator's API listens; told once.
    pub(crate) fn admin(&self) -> Result<SocketAddr> {
        let line = self.lines.recv_timeout(LINE)?;
        let addr = line.strip_prefix("admin on http://");
        Ok(addr.with_context(|| line.clone())?.parse()?)
    }

    /// Files, sockets included, that are open now.
    pub(crate) fn files(&self) -> Result<usize> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?;
        Ok(open.count())
    }

    /// Memory that is resident now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with(what))
            .with_context(|| format!("no {what}"))?;
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .context("no number")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// CPU time used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold spaces; what follows it does not.
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let ticks: u64 = rest
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>())
            .sum::<Result<u64, _>>()?;
        // USER_HZ is 100 on every Linux that we run on.
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Moves this process to core 1, away from the servers.
pub(crate) fn stand_aside() -> Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", "1", &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .context("taskset (Debian: util-linux)")?;
    anyhow::ensure!(
        status.success(),
        "taskset failed: this machine has one core only?"
    );
    Ok(())
}
