//! The databases that tests and measurements need.
//!
//! A server that the environment names is used as it is. Any other is started here, on a
//! free loopback port, with a password and data that live as long as this program.

mod account;
mod mariadb;
mod postgres;
mod server;

use std::env;

use anyhow::Result;

use crate::debian;
use crate::progress::{heading, note};
use server::Server;

/// Where the tests look for PostgreSQL.
const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// Where the tests look for MySQL or MariaDB.
const MYSQL_URL: &str = "TEST_MYSQL_URL";

/// Both databases, ready; dropped, those that were started here are stopped.
pub(crate) struct Services {
    urls: [(&'static str, String); 2],
    _servers: Vec<Server>,
}

impl Services {
    /// Finds, installs where it may, and starts what the environment does not name.
    pub(crate) fn start() -> Result<Self> {
        heading("starting the databases");
        let mut servers = Vec::new();
        let postgres = one(POSTGRES_URL, &mut servers, postgres::start)?;
        let mysql = one(MYSQL_URL, &mut servers, mariadb::start)?;
        Ok(Self {
            urls: [(POSTGRES_URL, postgres), (MYSQL_URL, mysql)],
            _servers: servers,
        })
    }

    /// The URLs, by the names under which programs find them in their environment.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.urls.iter().map(|(name, url)| (*name, url.as_str()))
    }
}

fn one(variable: &str, servers: &mut Vec<Server>, start: fn() -> Result<Server>) -> Result<String> {
    if let Ok(url) = env::var(variable)
        && !url.is_empty()
    {
        note(&format!("{variable} is given"));
        return Ok(url);
    }
    let server = start()?;
    let url = server.url().to_owned();
    servers.push(server);
    Ok(url)
}

/// What `find` finds, after an installation of `package` when that is what it takes.
fn found_or_installed<T>(
    name: &str,
    package: &str,
    variable: &str,
    find: fn() -> Option<T>,
) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if debian::can_install() {
        debian::install(&[package])?;
    }
    find().ok_or_else(|| {
        anyhow::anyhow!(
            "no {name} server here: install one (Debian: sudo apt-get install {package}), \
             or name one in {variable}"
        )
    })
}
