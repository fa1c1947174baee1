//! A server on a free port with throwaway data, from start to stop.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::account::Account;
use crate::process::{self, Running};

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often a starting server is asked whether it answers.
const POLL: Duration = Duration::from_millis(50);

/// Somebody else may take a free port before the server does.
const ATTEMPTS: u32 = 3;

/// A running server; dropped, it is stopped and its data removed. The fields are in the
/// order in which they are dropped.
pub(super) struct Server {
    _process: Running,
    _home: Home,
    url: String,
}

/// What a kind of server has to tell.
pub(super) struct Recipe<'a> {
    /// Its name, for people.
    pub(super) name: &'a str,
    /// The signal that stops it in good order without waiting for its clients.
    pub(super) stop: Signal,
    /// The command that serves on a port.
    pub(super) serve: &'a dyn Fn(u16) -> Command,
    /// Whether the server on that port answers.
    pub(super) ready: &'a dyn Fn(u16) -> bool,
    /// The URL for a port.
    pub(super) url: &'a dyn Fn(u16) -> String,
}

impl Server {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not answer in time; the text has the end of its log.
    pub(super) fn start(home: Home, recipe: &Recipe<'_>) -> Result<Self> {
        let log = home.path().join("log");
        for attempt in 1.. {
            let port = free_port()?;
            let mut command = (recipe.serve)(port);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(File::create(&log)?);
            let mut process = Running::start(&mut command, recipe.stop)?;
            let deadline = Instant::now() + READY_WITHIN;
            while process.ended()?.is_none() && Instant::now() < deadline {
                if (recipe.ready)(port) {
                    let url = (recipe.url)(port);
                    return Ok(Self {
                        _process: process,
                        _home: home,
                        url,
                    });
                }
                thread::sleep(POLL);
            }
            if process.ended()?.is_none() || attempt == ATTEMPTS {
                break;
            }
        }
        bail!("{} did not start:\n{}", recipe.name, tail(&log))
    }

    /// How clients reach it, password included.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// The folder of one server, removed when dropped.
pub(super) struct Home(TempDir);

impl Home {
    /// An empty folder that belongs to `account`.
    pub(super) fn create(account: &Account) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("gateway-test-").tempdir()?;
        process::remove_at_exit(folder.path());
        account.own(folder.path())?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that `account` may read and nobody else.
    pub(super) fn write(&self, account: &Account, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        account.own(&path)?;
        Ok(path)
    }
}

/// A password that only this run knows: other users of the machine reach the port too.
pub(super) fn password() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Looks for a program in `PATH` and then in `folders`.
pub(super) fn find_program(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .collect();
    folders.retain(|folder| folder.is_absolute());
    names.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(30).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
