//! Databases of our own, on the servers that are there.

use anyhow::Result;
use clap::ValueEnum;
use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::outside::{Bench, MYSQL_URL, POSTGRES_URL, server};
use crate::raw::Connection;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
    Mysql,
}

impl Kind {
    /// Those that were chosen, in the order in which they are measured; all, when none was.
    pub(crate) fn chosen(on: &[Self]) -> impl Iterator<Item = Self> {
        [Self::Postgres, Self::Sqlite, Self::Mysql]
            .into_iter()
            .filter(move |kind| on.is_empty() || on.contains(kind))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::Mysql => "MySQL or MariaDB",
        }
    }
}

/// A database, and a folder for its gateway; the folder goes when this is dropped, the
/// database when it is removed.
pub(crate) struct Scratch {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    /// The server, and what the database is called there.
    at: Option<(String, String)>,
}

impl Scratch {
    pub(crate) fn create(bench: &Bench<'_>, kind: Kind, name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = format!("gateway_bench_{name}_{}", std::process::id());
        let (url, server) = match kind {
            Kind::Sqlite => {
                let file = folder.path().join("scratch.db");
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

    pub(crate) fn remove(self, bench: &Bench<'_>) -> Result<()> {
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
