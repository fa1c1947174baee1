//! PostgreSQL.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;

use super::account::Account;
use super::server::{Home, Recipe, Server, find_program, password};
use super::{POSTGRES_URL, found_or_installed};
use crate::process;
use crate::progress::silently;

/// The programs of one installation.
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
    pg_isready: PathBuf,
}

/// Starts a server of its own.
pub(super) fn start() -> Result<Server> {
    let programs = found_or_installed("PostgreSQL", "postgresql", POSTGRES_URL, find)?;
    silently(
        &format!("PostgreSQL ({})", programs.postgres.display()),
        || serve(&programs),
    )
}

fn serve(programs: &Programs) -> Result<Server> {
    let account = Account::choose(&["postgres", "nobody"])?;
    let home = Home::create(&account)?;
    let data = home.path().join("data");
    let password = password()?;
    let password_file = home.write(&account, "password", &password)?;
    let mut initdb = account.command(&programs.initdb, "KILL");
    initdb.args([
        "--encoding=UTF8",
        "--locale=C",
        "--username=postgres",
        "--auth=scram-sha-256",
    ]);
    initdb
        .arg("--pwfile")
        .arg(password_file)
        .arg("--pgdata")
        .arg(&data);
    process::output(&mut initdb)?;

    // Durability stays as it is delivered: measurements of a database that does not
    // write would flatter, and the tests do not take long enough to need it.
    let serve = |port| {
        let mut command = account.command(&programs.postgres, "INT");
        command
            .arg("-D")
            .arg(&data)
            .arg("-p")
            .arg(format!("{port}"));
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            // As delivered it is 128 MiB: the large table of the measurements would be
            // compared with the system's file cache, not with the small one. Taken from
            // the system only as it fills.
            "shared_buffers=1GB",
        ] {
            command.args(["-c", setting]);
        }
        command
    };
    let ready = |port| {
        let mut ask = Command::new(&programs.pg_isready);
        process::succeeds(
            ask.args(["--host=127.0.0.1", "--timeout=2"])
                .arg(format!("--port={port}")),
        )
    };
    let url = |port| format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
    let recipe = Recipe {
        name: "PostgreSQL",
        // A fast shutdown: clients are cut off, not waited for.
        stop: Signal::INT,
        serve: &serve,
        ready: &ready,
        url: &url,
    };
    Server::start(home, &recipe)
}

/// The newest installation: Debian keeps several, away from `PATH`.
fn find() -> Option<Programs> {
    let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    installed.sort_by_key(|path| version(path));
    let folders: Vec<_> = installed
        .iter()
        .rev()
        .map(|path| path.join("bin"))
        .collect();
    // Followed to where it lies: versions do not mix, and a link in `PATH` has no siblings.
    let postgres = find_program(&["postgres"], &folders)?.canonicalize().ok()?;
    let sibling = |name| Some(postgres.with_file_name(name)).filter(|file| file.is_file());
    Some(Programs {
        initdb: sibling("initdb")?,
        pg_isready: sibling("pg_isready")?,
        postgres,
    })
}

fn version(folder: &std::path::Path) -> Option<u32> {
    folder.file_name()?.to_str()?.parse().ok()
}
