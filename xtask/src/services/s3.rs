//! A server that speaks S3: `s3s-fs`, which keeps objects in a folder.
//!
//! It checks signatures, those of addresses too, their age and the digests of bodies, as
//! the services do that people pay for; the usual mocks let everything pass.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::account::Account;
use super::server::{Home, Recipe, Server, password};
use crate::cargo::Workspace;
use crate::process;
use crate::progress::{note, silently};

/// The newest one that Rust 1.95 compiles.
const VERSION: &str = "0.14.1";

/// Who the tests are there.
const ACCESS_KEY: &str = "gateway";

/// The bucket that they use.
const BUCKET: &str = "blobs";

/// Starts a server of its own.
pub(super) fn start(workspace: &Workspace) -> Result<Server> {
    let program = install(workspace)?;
    silently(&format!("S3 ({})", process::shown(&program)), || {
        serve(&program)
    })
}

fn serve(program: &Path) -> Result<Server> {
    // It needs no other user, who may not be let into this program's folders.
    let account = Account::own_of_this_program();
    let home = Home::create(&account)?;
    let data = home.path().join("data");
    // Each folder there is a bucket.
    fs::create_dir_all(data.join(BUCKET))?;
    let secret = password()?;
    let serve = |port| {
        let mut command = account.command(program, "TERM");
        command.args(["--host", "127.0.0.1", "--access-key", ACCESS_KEY]);
        command.args(["--secret-key", &secret]);
        command.arg(format!("--port={port}")).arg(&data);
        command
    };
    let url = |port| format!("http://{ACCESS_KEY}:{secret}@127.0.0.1:{port}/{BUCKET}");
    let recipe = Recipe {
        name: "S3",
        // At another signal it waits for its clients.
        stop: Signal::TERM,
        serve: &serve,
        ready: &answers,
        url: &url,
    };
    Server::start(home, &recipe)
}

/// Whether a server on `port` speaks HTTP.
fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let wait = Duration::from_secs(2);
    let mut head = [0; 5];
    TcpStream::connect_timeout(&address, wait)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(wait))?;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: s3\r\nconnection: close\r\n\r\n")?;
            stream.read_exact(&mut head)
        })
        .is_ok_and(|()| &head == b"HTTP/")
}

/// The program, compiled once into a folder of its own below `target`.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("s3s-fs").join(VERSION);
    let program = folder.join("bin/s3s-fs");
    if process::succeeds(Command::new(&program).arg("--version")) {
        note(&format!("taking {}", process::shown(&program)));
        return Ok(program);
    }
    let mut install = workspace.cargo();
    install
        .args(["install", "s3s-fs", "--locked", "--features", "binary"])
        .args(["--version", VERSION, "--quiet", "--root"])
        .arg(&folder);
    silently(&format!("cargo install s3s-fs@{VERSION}"), || {
        process::output(&mut install)
    })
    .with_context(|| format!("s3s-fs {VERSION} could not be installed from crates.io"))?;
    Ok(program)
}
