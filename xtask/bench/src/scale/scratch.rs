//! Databases of our own, on the servers that are there.

use anyhow::Result;
use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use super::Kind;
use crate::outside::{Bench, MYSQL_URL, POSTGRES_URL, server};
use crate::raw::Connection;

/// A database, and a folder for its gateway; the folder goes when this is dropped, the
/// database when it is removed.
pub(super) struct Scratch {
    pub(super) url: String,
    pub(super) folder: TempDir,
    /// The server, and what the database is called there.
    at: Option<(String, String)>,
}

impl Scratch {
    pub(super) fn create(bench: &Bench<'_>, kind: Kind, name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = format!("gateway_bench_{name}_{}", std::process::id());
        let (url, server) = match kind {
            Kind::Sqlite => {
                let file = folder.path().join("scale.db");
                let url = format!("sqlite:{}", file.display());
                return Ok(Self {
                    url,
                    folder,
                    at: None,
                });
            }
            Kind::Postgres => {
                let server = server(POSTGRES_URL)?;
                let options: PgConnectOptions = server.parse()?;
                (options.database(&name).to_url_lossy(), server)
            }
            Kind::Mysql => {
                let server = server(MYSQL_URL)?;
                let options: MySqlConnectOptions = server.parse()?;
                (options.database(&name).to_url_lossy(), server)
            }
        };
        let made = format!("CREATE DATABASE {name}");
        bench.runtime.block_on(run(&server, &made))?;
        Ok(Self {
            url: url.to_string(),
            folder,
            at: Some((server, name)),
        })
    }

    pub(super) fn remove(self, bench: &Bench<'_>) -> Result<()> {
        let Some((server, name)) = &self.at else {
            return Ok(());
        };
        let gone = format!("DROP DATABASE {name}");
        bench.runtime.block_on(run(server, &gone))
    }
}

async fn run(server: &str, sql: &str) -> Result<()> {
    Connection::open(server).await?.run(sql).await
}
