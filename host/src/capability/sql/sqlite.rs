//! SQLite, in the process.
//!
//! One connection writes, the others read. In WAL mode readers never wait for the
//! writer, and writers wait for each other in our own queue, in order and with a
//! deadline, not in SQLite's, which sleeps and tries again in no order at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow,
    SqliteSynchronous, SqliteValueRef,
};
use sqlx::{
    Arguments, ConnectOptions, Connection, Decode, Executor, Row, SqlStr, TypeInfo, ValueRef,
};

use super::backend::{Backend, Failure, portable, uuid_bytes, uuid_from};
use super::rows::{Heap, Unfit, collect};
use super::statement::Statement;
use super::{ConnectError, config};
use crate::contract::sql::{Cell, Dialect, Error, Kind, Rows, Value};

/// Steps of SQLite's machine between two looks at the clock: some 30 µs.
const STEPS: i32 = 1000;

/// A connection and the time at which what it runs has to end.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    timeout: Duration,
    deadline: Arc<Deadline>,
}

/// How connections are made: those of the writer.
///
/// `synchronous` is FULL: every commit waits for the disk. With NORMAL only checkpoints
/// do; a killed process loses nothing then (the kernel has the pages), but a power cut
/// loses the last commits, which were answered with 200 by then. Measured on an SSD, one
/// small row a commit: 140 µs with FULL, 16 µs with NORMAL.
pub(super) fn options(config: &config::Database) -> Result<SqliteConnectOptions, ConnectError> {
    let options: SqliteConnectOptions = config
        .url
        .parse()
        .map_err(|error: sqlx::Error| ConnectError::Url(error.to_string()))?;
    if config.url.contains(":memory:") || config.url.contains("mode=memory") {
        return Err(ConnectError::Url("SQLite needs a file".to_owned()));
    }
    Ok(options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(config.acquire_timeout)
        .statement_cache_capacity(config.statement_cache)
        .with_regexp()
        .disable_statement_logging())
}

/// How connections are made to a file that isn't ours: only to read, and as it is.
pub(super) fn foreign(config: &config::Database) -> Result<SqliteConnectOptions, ConnectError> {
    let options: SqliteConnectOptions = config
        .url
        .parse()
        .map_err(|error: sqlx::Error| ConnectError::Url(error.to_string()))?;
    Ok(reader(&options)
        .create_if_missing(false)
        .read_only(true)
        .busy_timeout(config.acquire_timeout)
        .statement_cache_capacity(config.statement_cache)
        .with_regexp()
        .disable_statement_logging())
}

/// How the connections are made that only read.
pub(super) fn reader(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().pragma("query_only", "ON")
}

impl Backend for Sqlite {
    type Options = SqliteConnectOptions;

    const DIALECT: Dialect = Dialect::Sqlite;
    // The write lock at once: a transaction that reads first and writes later could
    // find that another one wrote in between, and would have to be run again.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    async fn open(options: &Self::Options) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let deadline = Arc::new(Deadline::new());
        let watched = Arc::clone(&deadline);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS, move || !watched.is_over());
        Ok(Self {
            connection,
            timeout: Duration::MAX,
            deadline,
        })
    }

    async fn ping(&mut self) -> Result<(), Failure> {
        self.connection
            .ping()
            .await
            .map_err(|error| failure(&error))
    }

    async fn limit(&mut self, timeout: Duration) -> Result<(), Failure> {
        self.timeout = timeout;
        Ok(())
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Rows, Failure> {
        let arguments = encode(params)?;
        self.deadline.set(self.timeout);
        let query = sqlx::query_with(statement.text.clone(), arguments);
        let steps = self.connection.fetch_many(query);
        let rows = collect(steps, columns, limits, decode, failure).await;
        self.deadline.clear();
        rows
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<Value>) -> Result<u64, Failure> {
        let arguments = encode(params)?;
        self.deadline.set(self.timeout);
        let done = sqlx::query_with(statement.text.clone(), arguments)
            .execute(&mut self.connection)
            .await;
        self.deadline.clear();
        done.map(|done| done.rows_affected())
            .map_err(|error| failure(&error))
    }

    async fn batch(&mut self, sql: SqlStr) -> Result<(), Failure> {
        let done = sqlx::raw_sql(sql).execute(&mut self.connection).await;
        done.map(drop).map_err(|error| failure(&error))
    }

    async fn abandon(self, _options: Self::Options) {
        self.deadline.end();
        self.close().await;
    }

    async fn close(self) {
        self.connection.close().await.ok();
    }
}

/// When the running statement has to end, in microseconds since `base`.
struct Deadline {
    base: Instant,
    at: AtomicU64,
}

impl Deadline {
    /// Nothing has to end.
    const NEVER: u64 = u64::MAX;

    fn new() -> Self {
        Self {
            base: Instant::now(),
            at: AtomicU64::new(Self::NEVER),
        }
    }

    fn set(&self, timeout: Duration) {
        let at = self.base.elapsed().saturating_add(timeout).as_micros();
        self.at
            .store(u64::try_from(at).unwrap_or(Self::NEVER), Ordering::Relaxed);
    }

    fn clear(&self) {
        self.at.store(Self::NEVER, Ordering::Relaxed);
    }

    fn end(&self) {
        self.at.store(0, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at != Self::NEVER && self.base.elapsed() > Duration::from_micros(at)
    }
}

fn encode(params: Vec<Value>) -> Result<SqliteArguments, Failure> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(params.len(), 0);
    for (number, value) in (1..).zip(params) {
        portable(number, &value)?;
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Boolean(value) => arguments.add(value),
            Value::Integer(value) | Value::Timestamp(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) | Value::Json(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(uuid_bytes(value).to_vec()),
        };
        added.map_err(|error| failure(&sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn decode(row: &SqliteRow, index: usize, kind: Kind, heap: &mut Heap) -> Result<Cell, Unfit> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let found = value.type_info().into_owned();
    Ok(match (kind, found.name()) {
        (Kind::Integer, "INTEGER") => Cell::Integer(read(value)?),
        (Kind::Timestamp, "INTEGER") => Cell::Timestamp(read(value)?),
        (Kind::Boolean, "INTEGER") => match read::<i64>(value)? {
            0 => Cell::Boolean(false),
            1 => Cell::Boolean(true),
            other => return Err(Unfit::Kind(format!("the integer {other}"))),
        },
        (Kind::Real, "REAL" | "INTEGER") => Cell::Real(read(value)?),
        (Kind::Text, "TEXT") => Cell::Text(heap.text(read(value)?)?),
        (Kind::Json, "TEXT") => Cell::Json(heap.text(read(value)?)?),
        (Kind::Bytes, "BLOB") => Cell::Bytes(heap.bytes(read(value)?)?),
        (Kind::Uuid, "BLOB") => {
            let bytes: &[u8] = read(value)?;
            uuid_from(bytes).ok_or_else(|| Unfit::Kind(format!("{} bytes", bytes.len())))?
        }
        _ => return Err(Unfit::Kind(found.name().to_ascii_lowercase())),
    })
}

fn read<'r, T: Decode<'r, sqlx::Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, Unfit> {
    Ok(T::decode(value)?)
}

fn failure(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(cause) => answer(cause.as_ref()),
        error => Failure::driver(error),
    }
}

/// SQLite's extended result codes, <https://sqlite.org/rescode.html>.
fn answer(cause: &dyn DatabaseError) -> Failure {
    // `UNIQUE constraint failed: messages.id` tells the columns, or the constraint.
    let name = || {
        let message = cause.message();
        message
            .split_once(": ")
            .map_or("", |(_, name)| name)
            .to_owned()
    };
    let code: i32 = cause
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    Failure::clean(match (code & 0xff, code) {
        // CONSTRAINT: PRIMARYKEY, UNIQUE, ROWID.
        (_, 1555 | 2067 | 2579) => Error::UniqueViolation(name()),
        (_, 787) => Error::ForeignKeyViolation(name()),
        (_, 1299) => Error::NotNullViolation(name()),
        (_, 275) => Error::CheckViolation(name()),
        // BUSY, LOCKED: another process has the file.
        (5 | 6, _) => Error::Conflict,
        // INTERRUPT: our deadline.
        (9, _) => Error::Timeout,
        // FULL, and IOERR, which is what a quota or a limit on the size of files looks like.
        (13 | 10, _) => return Failure::full(cause),
        // TOOBIG.
        (18, _) => Error::TooLarge,
        // ERROR, MISMATCH, RANGE, and DATATYPE of a strict table.
        (1 | 20 | 25, _) | (_, 3091) => Error::InvalidStatement(cause.message().to_owned()),
        _ => return Failure::other(cause),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_no_fault_of_the_statement() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for sql in ["PRAGMA max_page_count = 4", "CREATE TABLE t (x BLOB)"] {
            connection.execute(sql).await.unwrap();
        }
        let error = connection
            .execute("INSERT INTO t VALUES (zeroblob(100000))")
            .await
            .unwrap_err();
        let failure = failure(&error);
        assert!(matches!(failure.error, Error::Unavailable), "{error}");
        assert!(!failure.lost);
    }
}
