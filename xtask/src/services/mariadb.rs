//! MariaDB, or MySQL where that is what there is.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::account::Account;
use super::server::{Home, Recipe, Server, find_program, password};
use super::{MYSQL_URL, found_or_installed};
use crate::process;
use crate::progress::silently;

/// The first byte of a packet's payload that says: protocol version 10, go ahead.
const GREETING: u8 = 10;

/// Where servers are installed outside of most people's `PATH`.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin"];

/// Starts a server of its own.
pub(super) fn start() -> Result<Server> {
    let program = found_or_installed("MariaDB or MySQL", "mariadb-server", MYSQL_URL, find)?;
    silently(&format!("MariaDB or MySQL ({})", program.display()), || {
        serve(&program)
    })
}

fn serve(program: &Path) -> Result<Server> {
    let account = Account::choose(&["mysql", "nobody"])?;
    let home = Home::create(&account)?;
    let data = home.path().join("data");
    let version = process::output(Command::new(program).arg("--version"))?;
    let is_mariadb = version.contains("MariaDB");
    process::output(&mut initialise(program, &account, &data, is_mariadb)?)?;
    let password = password()?;
    let statements = format!(
        "CREATE DATABASE gateway;\n\
         CREATE USER gateway@'%' IDENTIFIED BY '{password}';\n\
         GRANT ALL ON *.* TO gateway@'%' WITH GRANT OPTION;\n"
    );
    let statements = home.write(&account, "init.sql", &statements)?;
    let (socket, pid) = (home.path().join("socket"), home.path().join("pid"));

    // Durability stays as it is delivered, see PostgreSQL.
    let serve = |port| {
        let mut command = account.command(program, "TERM");
        command.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
        ]);
        command.args(["--character-set-server=utf8mb4", "--max-connections=300"]);
        command.arg(format!("--port={port}"));
        command.arg(option("datadir", &data));
        command.arg(option("socket", &socket));
        command.arg(option("pid-file", &pid));
        command.arg(option("init-file", &statements));
        if !is_mariadb {
            // A second protocol on a fixed port, and a folder that only some packages make.
            command.args(["--mysqlx=OFF", "--secure-file-priv=NULL"]);
        }
        command
    };
    let url = |port| format!("mysql://gateway:{password}@127.0.0.1:{port}/gateway");
    let recipe = Recipe {
        name: "MariaDB",
        stop: Signal::TERM,
        serve: &serve,
        ready: &greets,
        url: &url,
    };
    Server::start(home, &recipe)
}

/// The command that fills an empty data folder.
fn initialise(program: &Path, account: &Account, data: &Path, is_mariadb: bool) -> Result<Command> {
    if !is_mariadb {
        let mut command = account.command(program, "KILL");
        command
            .args(["--no-defaults", "--initialize-insecure"])
            .arg(option("datadir", data));
        return Ok(command);
    }
    let script = find_program(&["mariadb-install-db", "mysql_install_db"], &[])
        .context("MariaDB's server is here but not its mariadb-install-db")?;
    let mut command = account.command(&script, "KILL");
    command.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    command.arg(option("datadir", data));
    Ok(command)
}

fn option(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}

/// Whether a server on `port` begins the conversation, as it does once it has run its
/// first statements.
fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let wait = Duration::from_secs(2);
    // Three bytes of length and one of sequence come before the payload.
    let mut packet = [0; 5];
    TcpStream::connect_timeout(&address, wait)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(wait))?;
            stream.read_exact(&mut packet)
        })
        .is_ok_and(|()| packet.last() == Some(&GREETING))
}

fn find() -> Option<PathBuf> {
    find_program(&["mariadbd", "mysqld"], &FOLDERS.map(PathBuf::from))
}
