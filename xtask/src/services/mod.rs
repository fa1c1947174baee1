//! The servers that tests and measurements need: databases, one that speaks S3, and NATS.
//!
//! A server that the environment names is used as it is. Any other is started here, on a
//! free loopback port, with a password and data that live as long as this program.

mod account;
mod mariadb;
mod nats;
mod postgres;
mod s3;
mod server;

use std::env;

use anyhow::Result;

use crate::cargo::Workspace;
use crate::debian;
use crate::progress::{heading, note};
use server::Server;

/// Where the tests look for PostgreSQL.
const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// Where the tests look for MySQL or MariaDB.
const MYSQL_URL: &str = "TEST_MYSQL_URL";

/// Where the tests look for a server that speaks S3:
/// `http://ACCESS:SECRET@HOST:PORT/BUCKET`.
const S3_URL: &str = "TEST_S3_URL";

/// Where the tests look for a NATS server.
const NATS_URL: &str = "TEST_NATS_URL";

/// The servers, ready; dropped, those that were started here are stopped.
pub(crate) struct Services {
    urls: Vec<(&'static str, String)>,
    servers: Vec<Server>,
}

impl Services {
    /// Finds, installs where it may, and starts what the environment does not name.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let mut services = Self::databases()?;
        let start = || s3::start(workspace);
        services.add(S3_URL, start)?;
        services.add(NATS_URL, nats::start)?;
        Ok(services)
    }

    /// The databases alone.
    pub(crate) fn databases() -> Result<Self> {
        heading("starting the servers");
        let mut services = Self {
            urls: Vec::new(),
            servers: Vec::new(),
        };
        services.add(POSTGRES_URL, postgres::start)?;
        services.add(MYSQL_URL, mariadb::start)?;
        Ok(services)
    }

    /// Adds the server that a variable names, or one that `start` brings up.
    fn add(
        &mut self,
        variable: &'static str,
        start: impl FnOnce() -> Result<Server>,
    ) -> Result<()> {
        if let Ok(url) = env::var(variable)
            && !url.is_empty()
        {
            note(&format!("{variable} is given"));
            self.urls.push((variable, url));
            return Ok(());
        }
        let server = start()?;
        self.urls.push((variable, server.url().to_owned()));
        self.servers.push(server);
        Ok(())
    }

    /// The URLs, by the names under which programs find them in their environment.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.urls.iter().map(|(name, url)| (*name, url.as_str()))
    }
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
