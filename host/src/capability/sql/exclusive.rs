//! A connection outside of the pool, for the host's own long work.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlSafeStr};
use tokio::time::timeout;

use super::backend::{Backend, Failure};
use super::pool::Pool;
use super::rows::unpack;
use super::statement::{Author, Statement};
use super::{Database, Pools, mysql, on, postgres, sqlite};
use crate::config;
use crate::contract::sql::{Dialect, Error, Kind, Value};

/// What a statement of a migration may take: an index on a large table takes long.
const LIMIT: Duration = Duration::from_secs(3600);

/// A connection that nobody else uses. Dropped, it is closed: what wasn't committed is
/// rolled back, and its locks are free.
pub(crate) struct Exclusive(Connection);

enum Connection {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
    Mysql(mysql::Mysql),
}

impl Exclusive {
    pub(super) async fn open(database: &Database) -> Result<Self, Error> {
        async fn open<B: Backend>(pool: &Pool<B>) -> Result<B, Error> {
            let opened = async {
                let mut connection = B::open(pool.options()).await.map_err(|error| {
                    tracing::warn!(%error, "can't connect to the database");
                    Error::Unavailable
                })?;
                told(connection.limit(LIMIT).await)?;
                Ok::<_, Error>(connection)
            };
            // A server that says nothing must not hold an operator's change for ever.
            timeout(pool.acquire_timeout(), opened)
                .await
                .unwrap_or(Err(Error::Unavailable))
        }
        Ok(Self(match &database.0.pools {
            Pools::Sqlite(pair) => Connection::Sqlite(open(&pair.write).await?),
            Pools::Postgres(pair) => Connection::Postgres(open(&pair.write).await?),
            Pools::Mysql(pair) => Connection::Mysql(open(&pair.write).await?),
        }))
    }

    /// Runs text as it is: unchecked, without parameters, without results.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        let sql = AssertSqlSafe(sql).into_sql_str();
        told(on!(&mut self.0, Connection(connection) => connection.batch(sql).await))
    }

    /// The rows of one statement of the host.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let limits = config::SqlLimits {
            rows: 100_000,
            bytes: 64 * 1024 * 1024,
            statement_timeout: LIMIT,
            transactions: 1,
        };
        let statement = Statement::new(self.dialect(), Author::Host, sql)?;
        let rows = told(on!(&mut self.0, Connection(connection) => {
            connection.query(&statement, params, columns, &limits).await
        }))?;
        unpack(&rows, columns.len())
    }

    /// Runs one statement of the host.
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64, Error> {
        let statement = Statement::new(self.dialect(), Author::Host, sql)?;
        told(on!(&mut self.0, Connection(connection) => {
            connection.execute(&statement, params).await
        }))
    }

    /// Ends the connection and waits until it is.
    pub(crate) async fn close(self) {
        on!(self.0, Connection(connection) => connection.close().await);
    }

    fn dialect(&self) -> Dialect {
        fn of<B: Backend>(_: &B) -> Dialect {
            B::DIALECT
        }
        on!(&self.0, Connection(connection) => of(connection))
    }
}

fn told<T>(outcome: Result<T, Failure>) -> Result<T, Error> {
    outcome.map_err(|failure| failure.error)
}
