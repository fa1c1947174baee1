//! A NATS server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use super::account::Account;
use super::found_or_installed;
use super::server::{Home, Recipe, Server, find_program, password};
use crate::process;
use crate::progress::silently;

/// Who the tests are there.
const USER: &str = "gateway";

/// Starts a server of its own.
pub(super) fn start() -> Result<Server> {
    let program = found_or_installed("NATS", "nats-server", super::NATS_URL, find)?;
    silently(&format!("NATS ({})", process::shown(&program)), || {
        serve(&program)
    })
}

fn find() -> Option<PathBuf> {
    find_program(&["nats-server"], &[PathBuf::from("/usr/sbin")])
}

fn serve(program: &Path) -> Result<Server> {
    let account = Account::own_of_this_program();
    let home = Home::create(&account)?;
    let secret = password()?;
    // In a file: others see the arguments.
    let users = format!("authorization {{ user: {USER}, password: \"{secret}\" }}\n");
    let config = home.write(&account, "nats.conf", &users)?;
    let serve = |port: u16| {
        let mut command = account.command(program, "TERM");
        command.args(["--addr", "127.0.0.1", "--port"]);
        command.arg(port.to_string()).arg("--config").arg(&config);
        command
    };
    let url = |port| format!("nats://{USER}:{secret}@127.0.0.1:{port}");
    let recipe = Recipe {
        name: "NATS",
        stop: Signal::TERM,
        serve: &serve,
        ready: &answers,
        url: &url,
    };
    Server::start(home, &recipe)
}

/// Whether a server on `port` speaks NATS.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let wait = Duration::from_secs(2);
    let mut head = [0; 5];
    TcpStream::connect_timeout(&address, wait)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(wait))?;
            stream.read_exact(&mut head)?;
            stream.write_all(b"PING\r\n")
        })
        .is_ok_and(|()| &head == b"INFO ")
}
