//! The plugin's database: SQLite, PostgreSQL or MySQL/MariaDB behind one interface.

mod backend;
mod effect;
mod exclusive;
mod lexer;
mod mysql;
mod names;
mod numeric;
mod phase;
mod pool;
mod postgres;
mod rows;
mod source;
mod split;
mod sqlite;
mod statement;
mod transaction;
mod view;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::SqlStr;
use tokio::time::timeout;

use crate::config;
use crate::contract::sql::{Dialect, Error, Kind, Rows, Value};
use crate::telemetry::metrics;
use backend::{Backend, Failure};
use pool::{Lease, Pool};
use rows::unpack;
use statement::{Author, Statement, Statements};

pub(crate) use effect::effect;
pub(crate) use exclusive::Exclusive;
pub(crate) use phase::only_adds;
pub use source::{Source, SourceView};
pub(crate) use split::{check as check_migration, split};
pub use transaction::Transaction;
pub use view::{Open, Sql, View};
pub use watch::Watch;

/// What a statement may take longer than its limit, so that the database itself is the
/// first to stop it and the connection stays usable.
const GRACE: Duration = Duration::from_millis(500);
/// How long a connection may take to answer a ping before it is given up.
const PING: Duration = Duration::from_secs(5);
/// The first pause between two tries to connect; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The database that the gateway and its plugins share. Clones are cheap and share the
/// connections.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    statements: Statements,
    pools: Pools,
    access: Access,
}

/// What may be done with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everything.
    Full,
    /// Nothing is changed: no statement is let through that writes, and the sessions
    /// themselves refuse to.
    Read,
}

/// The connections, by kind of database.
#[derive(Debug)]
enum Pools {
    Sqlite(Pair<sqlite::Sqlite>),
    Postgres(Pair<postgres::Postgres>),
    Mysql(Pair<mysql::Mysql>),
}

/// Where reads go and where the rest goes; the same pool, but on SQLite.
struct Pair<B: Backend> {
    read: Pool<B>,
    write: Pool<B>,
}

impl<B: Backend> std::fmt::Debug for Pair<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.write.fmt(f)
    }
}

/// Runs the same code on whichever database it is.
macro_rules! on {
    ($what:expr, $of:ident($it:ident) => $do:expr) => {
        match $what {
            $of::Sqlite($it) => $do,
            $of::Postgres($it) => $do,
            $of::Mysql($it) => $do,
        }
    };
}
use on;

/// What a database does that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// It answers.
    Answers,
    /// It was not asked: all connections are in use.
    Busy,
}

/// Why no database could be had at the start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address isn't one of the three that are known.
    #[error("database.url: {0}")]
    Url(String),
    /// Nothing answered, or it didn't let us in, until `connect_timeout` had passed.
    #[error("the database can't be used: {0}")]
    Unreachable(#[source] sqlx::Error),
}

impl Database {
    /// Connects, trying again until `connect_timeout` has passed. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(config: &config::Database) -> Result<Self, ConnectError> {
        Self::open(config, Access::Full).await
    }

    /// As [`Self::connect`], for a database that nothing is changed in: no statement is
    /// let through that writes, and the sessions themselves refuse to.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect_to_read(config: &config::Database) -> Result<Self, ConnectError> {
        Self::open(config, Access::Read).await
    }

    async fn open(config: &config::Database, access: Access) -> Result<Self, ConnectError> {
        let dialect = dialect_of(&config.url)?;
        let pools = match dialect {
            Dialect::Sqlite => Pools::Sqlite(connect_sqlite(config, access).await?),
            Dialect::Postgres => Pools::Postgres(connect_postgres(config, access).await?),
            Dialect::Mysql => Pools::Mysql(connect_mysql(config, access).await?),
        };
        Ok(Self(Arc::new(Inner {
            statements: Statements::new(dialect),
            pools,
            access,
        })))
    }

    /// Whether there is anything to connect to that connecting would not make: false for
    /// an SQLite file that is not there yet.
    ///
    /// # Errors
    /// The address can't be read.
    pub fn is_there(config: &config::Database) -> Result<bool, ConnectError> {
        match dialect_of(&config.url)? {
            Dialect::Sqlite => Ok(sqlite::options(config)?.get_filename().exists()),
            Dialect::Postgres | Dialect::Mysql => Ok(true),
        }
    }

    /// Which of the three it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        fn of<B: Backend>(_: &Pair<B>) -> Dialect {
            B::DIALECT
        }
        on!(&self.0.pools, Pools(pair) => of(pair))
    }

    /// Whether the database answers within `limit`. Waits for no connection that is in
    /// use, and leaves one that answers later as good as it was.
    ///
    /// # Errors
    /// `unavailable` when it doesn't.
    pub async fn ping(&self, limit: Duration) -> Result<Pulse, Error> {
        // A task of its own goes on after the limit.
        let answer = on!(&self.0.pools, Pools(pair) => tokio::spawn(ping(pair.read.clone())));
        match timeout(limit, answer).await {
            Ok(Ok(Ok(pulse))) => Ok(pulse),
            _ => Err(Error::Unavailable),
        }
    }

    /// The rows of one statement, outside of a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn rows(
        &self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Rows, Error> {
        self.rows_by(Author::Plugin, statement, params, columns, limits)
            .await
    }

    /// As [`Self::rows`], with a list for each row.
    ///
    /// # Errors
    /// See the contract.
    pub async fn query(
        &self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self.rows(statement, params, columns, limits).await?;
        unpack(&rows, columns.len())
    }

    /// As [`Self::query`], for the host's own tables.
    pub(crate) async fn query_own(
        &self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self
            .rows_by(Author::Host, statement, params, columns, limits)
            .await?;
        unpack(&rows, columns.len())
    }

    async fn rows_by(
        &self,
        author: Author,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Rows, Error> {
        let statement = self.0.statements.get(author, statement, params.len())?;
        if self.0.access == Access::Read && !statement.reads {
            return Err(Error::InvalidStatement(
                "only reading is allowed".to_owned(),
            ));
        }
        let rows = on!(&self.0.pools, Pools(pair) => {
            query_once(pair, &statement, params, columns, limits).await
        });
        rows.map_err(|failure| failure.error)
    }

    /// The number of rows that one statement matched, outside of a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn execute(
        &self,
        statement: &str,
        params: Vec<Value>,
        limits: &config::SqlLimits,
    ) -> Result<u64, Error> {
        self.execute_by(Author::Plugin, statement, params, limits)
            .await
    }

    /// As [`Self::execute`], for the host's own tables.
    pub(crate) async fn execute_own(
        &self,
        statement: &str,
        params: Vec<Value>,
        limits: &config::SqlLimits,
    ) -> Result<u64, Error> {
        self.execute_by(Author::Host, statement, params, limits)
            .await
    }

    async fn execute_by(
        &self,
        author: Author,
        statement: &str,
        params: Vec<Value>,
        limits: &config::SqlLimits,
    ) -> Result<u64, Error> {
        let statement = self.0.statements.get(author, statement, params.len())?;
        let matched = on!(&self.0.pools, Pools(pair) => {
            execute_once(pair, &statement, params, limits).await
        });
        matched.map_err(|failure| failure.error)
    }

    /// Ends the connections: those that are idle now, those in use when they come back.
    /// Whoever asks for one from now on gets `unavailable`.
    pub async fn close(&self) {
        on!(&self.0.pools, Pools(pair) => {
            // Readers first: SQLite's last connection tidies up its files.
            pair.read.close().await;
            pair.write.close().await;
        });
    }

    /// A connection outside of the pool, for the host's own long work.
    pub(crate) async fn exclusive(&self) -> Result<Exclusive, Error> {
        Exclusive::open(self).await
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn begin(&self, limits: &config::SqlLimits) -> Result<Transaction, Error> {
        Transaction::begin(self, limits).await
    }
}

impl metrics::Pools for Database {
    fn pools(&self) -> Vec<metrics::Pool> {
        fn of<B: Backend>(pair: &Pair<B>) -> Vec<metrics::Pool> {
            match pair.read.is(&pair.write) {
                true => vec![pair.write.state("all")],
                false => vec![pair.read.state("read"), pair.write.state("write")],
            }
        }
        on!(&self.0.pools, Pools(pair) => of(pair))
    }
}

/// Which database an address leads to.
pub(crate) fn dialect_of(url: &str) -> Result<Dialect, ConnectError> {
    match url.split(':').next().unwrap_or_default() {
        "sqlite" => Ok(Dialect::Sqlite),
        "postgres" | "postgresql" => Ok(Dialect::Postgres),
        "mysql" | "mariadb" => Ok(Dialect::Mysql),
        other => Err(ConnectError::Url(format!(
            "`{other}` is none of sqlite, postgres and mysql"
        ))),
    }
}

async fn connect_sqlite(
    config: &config::Database,
    access: Access,
) -> Result<Pair<sqlite::Sqlite>, ConnectError> {
    if access == Access::Read {
        let options = sqlite::foreign(config)?;
        reach::<sqlite::Sqlite>(&options, config.connect_timeout)
            .await?
            .close()
            .await;
        let both = pool(options, config.max_connections, config);
        return Ok(Pair {
            read: both.clone(),
            write: both,
        });
    }
    let options = sqlite::options(config)?;
    // The writer first: it makes the file and switches it to WAL.
    reach::<sqlite::Sqlite>(&options, config.connect_timeout)
        .await?
        .close()
        .await;
    Ok(Pair {
        read: pool(sqlite::reader(&options), config.max_connections, config),
        write: pool(options, 1, config),
    })
}

async fn connect_postgres(
    config: &config::Database,
    access: Access,
) -> Result<Pair<postgres::Postgres>, ConnectError> {
    let options = postgres::options(config, access)?;
    let mut first = reach::<postgres::Postgres>(&options, config.connect_timeout).await?;
    first
        .make_schema(&options)
        .await
        .map_err(ConnectError::Unreachable)?;
    first.close().await;
    let both = pool(options, config.max_connections, config);
    Ok(Pair {
        read: both.clone(),
        write: both,
    })
}

async fn connect_mysql(
    config: &config::Database,
    access: Access,
) -> Result<Pair<mysql::Mysql>, ConnectError> {
    let options = mysql::options(config, access)?;
    reach::<mysql::Mysql>(&options, config.connect_timeout)
        .await?
        .close()
        .await;
    let both = pool(options, config.max_connections, config);
    Ok(Pair {
        read: both.clone(),
        write: both,
    })
}

fn pool<B: Backend>(options: B::Options, connections: u32, config: &config::Database) -> Pool<B> {
    Pool::new(
        options,
        connections,
        config.acquire_timeout,
        config.idle_timeout,
    )
}

/// Connects, trying again with growing pauses until `limit` has passed.
async fn reach<B: Backend>(options: &B::Options, limit: Duration) -> Result<B, ConnectError> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let error = match timeout(left, B::open(options)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        if start.elapsed() + pause >= limit {
            return Err(ConnectError::Unreachable(error));
        }
        tracing::warn!(%error, "the database doesn't answer yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

async fn ping<B: Backend>(pool: Pool<B>) -> Result<Pulse, Failure> {
    let Some(mut lease) = pool.try_acquire().await? else {
        return Ok(Pulse::Busy);
    };
    let answer = timeout(PING, lease.start()?.ping()).await;
    lease.finish(answer.ok(), false)?;
    Ok(Pulse::Answers)
}

/// A read is run again on a new connection when the first one turns out to be gone: it
/// changes nothing, so running it twice does no harm.
async fn query_once<B: Backend>(
    pair: &Pair<B>,
    statement: &Statement,
    params: Vec<Value>,
    columns: &[Kind],
    limits: &config::SqlLimits,
) -> Result<Rows, Failure> {
    if !statement.reads {
        let mut lease = pair.write.acquire().await?;
        return query_on(&mut lease, statement, params, columns, limits, false).await;
    }
    let mut lease = pair.read.acquire().await?;
    // A connection to a file is never gone.
    let again = (B::DIALECT != Dialect::Sqlite).then(|| params.clone());
    let outcome = query_on(&mut lease, statement, params, columns, limits, false).await;
    match (outcome, again) {
        (
            Err(Failure {
                error: Error::Unavailable,
                lost: true,
            }),
            Some(params),
        ) => {
            drop(lease);
            let mut lease = pair.read.acquire_fresh().await?;
            query_on(&mut lease, statement, params, columns, limits, false).await
        }
        (outcome, _) => outcome,
    }
}

async fn execute_once<B: Backend>(
    pair: &Pair<B>,
    statement: &Statement,
    params: Vec<Value>,
    limits: &config::SqlLimits,
) -> Result<u64, Failure> {
    let mut lease = pair.write.acquire().await?;
    execute_on(&mut lease, statement, params, limits, false).await
}

async fn query_on<B: Backend>(
    lease: &mut Lease<B>,
    statement: &Statement,
    params: Vec<Value>,
    columns: &[Kind],
    limits: &config::SqlLimits,
    in_transaction: bool,
) -> Result<Rows, Failure> {
    let connection = lease.start()?;
    let call = async {
        connection.limit(limits.statement_timeout).await?;
        connection.query(statement, params, columns, limits).await
    };
    let outcome = timeout(limits.statement_timeout.saturating_add(GRACE), call).await;
    lease.finish(outcome.ok(), in_transaction)
}

async fn execute_on<B: Backend>(
    lease: &mut Lease<B>,
    statement: &Statement,
    params: Vec<Value>,
    limits: &config::SqlLimits,
    in_transaction: bool,
) -> Result<u64, Failure> {
    let connection = lease.start()?;
    let call = async {
        connection.limit(limits.statement_timeout).await?;
        connection.execute(statement, params).await
    };
    let outcome = timeout(limits.statement_timeout.saturating_add(GRACE), call).await;
    let matched = lease.finish(outcome.ok(), in_transaction)?;
    // The databases disagree on what a SELECT matches.
    Ok(if statement.reads { 0 } else { matched })
}

async fn batch_on<B: Backend>(
    lease: &mut Lease<B>,
    sql: &'static str,
    limits: &config::SqlLimits,
    in_transaction: bool,
) -> Result<(), Failure> {
    let connection = lease.start()?;
    let call = async {
        connection.limit(limits.statement_timeout).await?;
        connection.batch(SqlStr::from_static(sql)).await
    };
    let outcome = timeout(limits.statement_timeout.saturating_add(GRACE), call).await;
    lease.finish(outcome.ok(), in_transaction)
}
