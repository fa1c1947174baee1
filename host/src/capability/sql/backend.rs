//! What the three databases have in common, and what each must do.

use std::time::Duration;

use sqlx::SqlStr;

use super::statement::Statement;
use crate::config;
use crate::contract::sql::{Cell, Dialect, Error, Kind, Rows, Value};

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

    /// There is no room left, or the disk fails. Reads may go on, and so may writes once
    /// there is room: the client is told to try again.
    pub(super) fn full(cause: &dyn sqlx::error::DatabaseError) -> Self {
        tracing::error!(error = %cause, "the database can't write");
        Self::clean(Error::Unavailable)
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

/// The sixteen bytes of a uuid.
pub(super) fn uuid_bytes((high, low): (u64, u64)) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The uuid of sixteen bytes.
pub(super) fn uuid_from(bytes: &[u8]) -> Option<Cell> {
    let both = u128::from_be_bytes(bytes.try_into().ok()?);
    Some(Cell::Uuid(((both >> 64) as u64, both as u64)))
}
