//! What the three databases have in common, and what each must do.

use std::time::Duration;

use futures_util::{Stream, TryStreamExt};
use sqlx::{Row, SqlStr};

use super::statement::Statement;
use crate::config;
use crate::contract::sql::{Dialect, Error, Kind, Value};

/// The rows of a result.
pub(super) type Rows = Vec<Vec<Value>>;

/// The earliest timestamp, 0001-01-01T00:00:00Z, in microseconds since 1970: what MySQL
/// can hold. The same bounds hold everywhere, so that a plugin's data can move.
pub(super) const MIN_TIMESTAMP: i64 = -62_135_596_800_000_000;
/// The last timestamp, 9999-12-31T23:59:59.999999Z.
pub(super) const MAX_TIMESTAMP: i64 = 253_402_300_799_999_999;

/// One connection to one kind of database. The implementations stand beside each other
/// with the same functions in the same order.
pub(super) trait Backend: Sized + Send + 'static {
    /// How connections are made.
    type Options: Clone + Send + Sync + 'static;

    /// Which database it is.
    const DIALECT: Dialect;
    /// What opens a transaction.
    const BEGIN: &'static str;

    /// Connects and sets up the session.
    fn open(options: &Self::Options) -> impl Future<Output = Result<Self, sqlx::Error>> + Send;

    /// Whether it still answers.
    fn ping(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Makes the database itself stop what runs for longer than `timeout`.
    fn limit(&mut self, timeout: Duration) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Runs a statement for its rows.
    fn query(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> impl Future<Output = Result<Rows, Failure>> + Send;

    /// Runs a statement for the number of rows that it matched.
    fn execute(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
    ) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Runs text without parameters and without results.
    fn batch(&mut self, sql: SqlStr) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Ends a connection that was left in the middle of a statement, and the statement.
    fn abandon(self, options: Self::Options) -> impl Future<Output = ()> + Send;

    /// Ends a connection in good order.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Why a call failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the guest is told.
    pub(super) error: Error,
    /// The connection can't be used again.
    pub(super) lost: bool,
}

impl Failure {
    /// The connection is fine.
    pub(super) fn clean(error: Error) -> Self {
        Self { error, lost: false }
    }

    /// The connection is gone, or in the middle of something.
    pub(super) fn lost(error: Error) -> Self {
        Self { error, lost: true }
    }

    /// A failure that is no answer of the database: the driver's, or the network's.
    pub(super) fn driver(cause: &sqlx::Error) -> Self {
        match cause {
            sqlx::Error::Encode(reason) => Self::clean(Error::InvalidStatement(reason.to_string())),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => {
                tracing::warn!(error = %cause, "lost a database connection");
                Self::lost(Error::Unavailable)
            }
            _ => {
                tracing::error!(error = %cause, "database driver failed");
                Self::lost(Error::Other)
            }
        }
    }

    /// An answer of the database that has no kind of its own.
    pub(super) fn other(cause: &dyn sqlx::error::DatabaseError) -> Self {
        tracing::error!(error = %cause, "database error");
        Self::clean(Error::Other)
    }

    /// The database is going away.
    pub(super) fn leaving(cause: &dyn sqlx::error::DatabaseError) -> Self {
        tracing::warn!(error = %cause, "the database ended a connection");
        Self::lost(Error::Unavailable)
    }
}

/// A parameter that doesn't fit; `number` counts from 1.
pub(super) fn bad_param(number: usize, reason: impl std::fmt::Display) -> Failure {
    Failure::clean(Error::InvalidStatement(format!(
        "parameter {number}: {reason}"
    )))
}

/// Refuses what one of the three databases can't hold, so that all three refuse it.
pub(super) fn portable(number: usize, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Real(real) if !real.is_finite() => {
            Err(bad_param(number, "a real that is no number"))
        }
        Value::Text(text) | Value::Json(text) if text.contains('\0') => {
            Err(bad_param(number, "a NUL character"))
        }
        Value::Timestamp(at) if !(MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(at) => Err(bad_param(
            number,
            "a timestamp outside of the years 1 to 9999",
        )),
        _ => Ok(()),
    }
}

/// The name of a value's kind.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::Real(_) => "real",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Uuid(_) => "uuid",
        Value::Timestamp(_) => "timestamp",
        Value::Json(_) => "json",
    }
}

/// The name of a kind.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Real => "real",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Uuid => "uuid",
        Kind::Timestamp => "timestamp",
        Kind::Json => "json",
    }
}

/// The sixteen bytes of a uuid.
pub(super) fn uuid_bytes((high, low): (u64, u64)) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The uuid of sixteen bytes.
pub(super) fn uuid_from(bytes: &[u8]) -> Option<Value> {
    let both = u128::from_be_bytes(bytes.try_into().ok()?);
    Some(Value::Uuid(((both >> 64) as u64, both as u64)))
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Uuid(_) => 16,
        _ => 8,
    }
}

/// Reads rows as they come, and stops at the first that is one too many. A result that
/// is left unread makes the connection useless.
///
/// A row is counted once it is read, and the drivers of PostgreSQL and MySQL read it
/// whole: one row may take what the server sends for it (1 GiB a value on PostgreSQL,
/// `max_allowed_packet` a row on MySQL). SQLite ends at 32 MiB, see `.cargo/config.toml`.
pub(super) async fn collect<R: Row>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    columns: &[Kind],
    limits: &config::SqlLimits,
    decode: fn(&R, usize, Kind) -> Result<Value, Unfit>,
    failure: fn(&sqlx::Error) -> Failure,
) -> Result<Rows, Failure> {
    let (mut out, mut bytes) = (Rows::new(), 0_usize);
    while let Some(row) = rows.try_next().await.map_err(|error| failure(&error))? {
        if out.len() >= limits.rows {
            return Err(Failure::lost(Error::TooLarge));
        }
        if row.len() != columns.len() {
            return Err(Failure::lost(Error::InvalidStatement(format!(
                "{} columns, {} kinds",
                row.len(),
                columns.len()
            ))));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (index, kind) in columns.iter().enumerate() {
            let value = decode(&row, index, *kind).map_err(|Unfit(found)| {
                Failure::lost(Error::InvalidStatement(format!(
                    "column {}: {found} for {}",
                    index + 1,
                    kind_name(*kind)
                )))
            })?;
            bytes = bytes.saturating_add(size_of(&value));
            values.push(value);
        }
        if bytes > limits.bytes {
            return Err(Failure::lost(Error::TooLarge));
        }
        out.push(values);
    }
    Ok(out)
}

/// What a column held instead of the kind that was asked for.
#[derive(Debug)]
pub(super) struct Unfit(pub(super) String);

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<sqlx::error::BoxDynError> for Unfit {
    fn from(error: sqlx::error::BoxDynError) -> Self {
        Self(error.to_string())
    }
}
