//! What the service needs from outside, as the contract in `wit/` gives it.
//!
//! The types mirror `wit/` name for name: in the component the generated bindings use
//! them as they are, so that no value is converted or copied on its way to a driver.
//! Natively (tests, the benchmark's twin) other types implement the traits.

mod blob;
mod event;
mod inspection;

pub use blob::{
    BlobError, Blobs, BodyError, Download, Form, Incoming, Part, Range, Stored, Storing,
};
pub use event::{Event, EventError, Events, Subscribe};
pub use inspection::{Derived, Finding, Inspection, Report};

/// The three databases, which differ in a few words of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// How a column of a result is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Value::Boolean`.
    Boolean,
    /// `Value::Integer`.
    Integer,
    /// `Value::Real`.
    Real,
    /// `Value::Text`.
    Text,
    /// `Value::Bytes`.
    Bytes,
    /// `Value::Uuid`.
    Uuid,
    /// `Value::Timestamp`.
    Timestamp,
    /// `Value::Json`.
    Json,
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// Any integer type.
    Integer(i64),
    /// Any floating-point type.
    Real(f64),
    /// Text without NUL.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// High and low half.
    Uuid((u64, u64)),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A JSON text.
    Json(String),
}

/// Why a statement failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection within the deadline.
    #[error("no connection could be had in time")]
    Unavailable,
    /// Stopped at its deadline.
    #[error("the statement took longer than it may")]
    Timeout,
    /// The constraint, or its columns.
    #[error("unique violation of {0}")]
    UniqueViolation(String),
    /// The constraint, or its columns.
    #[error("foreign key violation of {0}")]
    ForeignKeyViolation(String),
    /// The column.
    #[error("not null violation of {0}")]
    NotNullViolation(String),
    /// The constraint.
    #[error("check violation of {0}")]
    CheckViolation(String),
    /// Deadlock or serialization failure: the transaction may be run again.
    #[error("the transaction was in conflict with another")]
    Conflict,
    /// More rows or bytes than the host lets through.
    #[error("the result is larger than the limit")]
    TooLarge,
    /// The statement, a parameter or a column kind is wrong.
    #[error("invalid statement: {0}")]
    InvalidStatement(String),
    /// Anything else; the host has logged it.
    #[error("the database failed")]
    Other,
}

impl Value {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Boolean(value) => ValueRef::Boolean(*value),
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Bytes(value) => ValueRef::Bytes(value),
            Self::Uuid(value) => ValueRef::Uuid(*value),
            Self::Timestamp(value) => ValueRef::Timestamp(*value),
            Self::Json(value) => ValueRef::Json(value),
        }
    }
}

/// Where the bytes of a value stand in [`Rows::heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of the first byte.
    pub offset: u32,
    /// In bytes.
    pub length: u32,
}

/// One field of a row, packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// SQL's NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// Any integer type.
    Integer(i64),
    /// Any floating-point type.
    Real(f64),
    /// UTF-8.
    Text(Span),
    /// Bytes.
    Bytes(Span),
    /// High and low half.
    Uuid((u64, u64)),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A JSON text.
    Json(Span),
}

/// The result of a query, as it crosses the border to the host: without an allocation
/// for each row and each text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Row after row, with as many cells each as the query has columns.
    pub cells: Vec<Cell>,
    /// What the cells point to.
    pub heap: Vec<u8>,
}

/// A field of a row, read where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL's NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// Any integer type.
    Integer(i64),
    /// Any floating-point type.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// High and low half.
    Uuid((u64, u64)),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A JSON text.
    Json(&'a str),
}

impl ValueRef<'_> {
    /// A value of its own.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(value) => Value::Text(value.to_owned()),
            Self::Bytes(value) => Value::Bytes(value.to_vec()),
            Self::Uuid(value) => Value::Uuid(value),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Json(value) => Value::Json(value.to_owned()),
        }
    }
}

/// One row of a result.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    cells: &'a [Cell],
    heap: &'a [u8],
}

impl Rows {
    /// The rows of a query with so many columns.
    pub fn iter(&self, columns: usize) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.cells.chunks_exact(columns.max(1)).map(|cells| Row {
            cells,
            heap: &self.heap,
        })
    }

    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter(self.cells.len()).next()
    }

    /// The rows with values of their own, for those who keep them.
    #[must_use]
    pub fn to_values(&self, columns: usize) -> Vec<Vec<Value>> {
        let values = |row: Row<'_>| (0..columns).map(|it| row.get(it).to_value()).collect();
        self.iter(columns).map(values).collect()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Adds a field at the end, for those who make results themselves.
    pub fn push(&mut self, value: ValueRef<'_>) {
        let cell = match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Boolean(value) => Cell::Boolean(value),
            ValueRef::Integer(value) => Cell::Integer(value),
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Text(value) => Cell::Text(self.keep(value.as_bytes())),
            ValueRef::Bytes(value) => Cell::Bytes(self.keep(value)),
            ValueRef::Uuid(value) => Cell::Uuid(value),
            ValueRef::Timestamp(value) => Cell::Timestamp(value),
            ValueRef::Json(value) => Cell::Json(self.keep(value.as_bytes())),
        };
        self.cells.push(cell);
    }

    /// A result is far from four gigabytes; what doesn't fit is cut off at the border.
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let offset = u32::try_from(self.heap.len()).unwrap_or(u32::MAX);
        self.heap.extend_from_slice(bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(0);
        Span { offset, length }
    }
}

impl<'a> Row<'a> {
    /// A field; NULL where there is none, or none that can be read.
    #[must_use]
    pub fn get(&self, index: usize) -> ValueRef<'a> {
        self.cells
            .get(index)
            .map_or(ValueRef::Null, |cell| read(*cell, self.heap))
    }
}

/// A host that breaks its contract gives NULL, not a trap.
fn read(cell: Cell, heap: &[u8]) -> ValueRef<'_> {
    let bytes = |span: Span| {
        let start = span.offset as usize;
        heap.get(start..start.checked_add(span.length as usize)?)
    };
    let text = |span| std::str::from_utf8(bytes(span)?).ok();
    match cell {
        Cell::Null => ValueRef::Null,
        Cell::Boolean(value) => ValueRef::Boolean(value),
        Cell::Integer(value) => ValueRef::Integer(value),
        Cell::Real(value) => ValueRef::Real(value),
        Cell::Text(span) => text(span).map_or(ValueRef::Null, ValueRef::Text),
        Cell::Bytes(span) => bytes(span).map_or(ValueRef::Null, ValueRef::Bytes),
        Cell::Uuid(value) => ValueRef::Uuid(value),
        Cell::Timestamp(value) => ValueRef::Timestamp(value),
        Cell::Json(span) => text(span).map_or(ValueRef::Null, ValueRef::Json),
    }
}

/// The relational database. Placeholders are `?` in every dialect.
pub trait Database {
    /// See [`Transaction`].
    type Transaction: Transaction;

    /// Which database this is.
    fn dialect(&self) -> Dialect;

    /// The rows, each with one field a column.
    ///
    /// # Errors
    /// See [`Error`].
    fn query(&self, statement: &str, params: &[Value], columns: &[Kind]) -> Result<Rows, Error>;

    /// Starts a transaction.
    ///
    /// # Errors
    /// See [`Error`].
    fn begin(&self) -> Result<Self::Transaction, Error>;
}

/// A transaction in progress. Dropped without `commit`, it is rolled back.
pub trait Transaction {
    /// The rows, each with one field a column.
    ///
    /// # Errors
    /// See [`Error`].
    fn query(&mut self, statement: &str, params: &[Value], columns: &[Kind])
    -> Result<Rows, Error>;

    /// The number of rows that the statement matched.
    ///
    /// # Errors
    /// See [`Error`].
    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Error>;

    /// Records an entry with the commit, never without it.
    ///
    /// # Errors
    /// See [`Error`]; an entry that breaks a limit is an `InvalidStatement`.
    fn audit(&mut self, entry: &Entry) -> Result<(), Error>;

    /// Counts one more that needs a blob, with the commit; false when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    fn link(&mut self, blob: &str) -> Result<bool, Error>;

    /// Counts one less.
    ///
    /// # Errors
    /// See [`Error`].
    fn unlink(&mut self, blob: &str) -> Result<(), Error>;

    /// Has a blob looked into once this is committed; what is found comes as a [`Report`]
    /// with the tag. False when there is no such blob.
    ///
    /// # Errors
    /// See [`Error`].
    fn inspect(&mut self, blob: &str, media_type: &str, tag: &str) -> Result<bool, Error>;

    /// Ends the downloads that carry a tag, soon after the commit.
    ///
    /// # Errors
    /// See [`Error`].
    fn end_downloads(&mut self, tag: &str) -> Result<(), Error>;

    /// Delivers an event after the commit, never without it. The order in a topic is that
    /// of the commits.
    ///
    /// # Errors
    /// See [`Error`].
    fn publish(&mut self, event: &Event) -> Result<(), Error>;

    /// From this commit on, live connections of `subject` receive `topic` too.
    ///
    /// # Errors
    /// See [`Error`].
    fn admit(&mut self, topic: &str, subject: &str) -> Result<(), Error>;

    /// From this commit on they no longer do; without a subject nobody does.
    ///
    /// # Errors
    /// See [`Error`].
    fn revoke(&mut self, topic: &str, subject: Option<&str>) -> Result<(), Error>;

    /// Makes everything lasting.
    ///
    /// # Errors
    /// See [`Error`]. After one, nothing has been written, unless the connection was
    /// lost while the commit was under way.
    fn commit(self) -> Result<(), Error>;
}

/// The database that the operator chose for a task to read from.
pub trait Source {
    /// Which database it is.
    ///
    /// # Errors
    /// `Unavailable` where there is none, as while requests are served.
    fn source_dialect(&self) -> Result<Dialect, Error>;

    /// The rows of a statement that reads, each with one field a column.
    ///
    /// # Errors
    /// See [`Error`].
    fn source_query(
        &self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, Error>;
}

/// How an audited attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Allowed,
    /// The caller may not do it.
    Denied,
    /// It may be done, but did not succeed.
    Failed,
}

/// A line of the audit record. The host adds actor, tenant, request, time and plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was attempted, such as `message.create`; at most 64 bytes.
    pub action: String,
    /// The kind of thing; at most 64 bytes.
    pub entity: String,
    /// Which one; at most 128 bytes.
    pub entity_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// A JSON text of at most 8 KiB.
    pub details: Option<String>,
}

/// Why an entry could not be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The entry breaks a limit; the text names the field.
    #[error("invalid audit entry: {0}")]
    Invalid(String),
    /// The record could not be written.
    #[error("the audit record could not be written")]
    Unavailable,
}

/// How a download ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Bytes handed to the client's connection.
    pub sent: u64,
    /// Such as `complete` or `cut`.
    pub how: String,
}

/// An entry, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who.
    pub actor: Option<String>,
    /// By what, such as a link.
    pub via: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// The id of the request.
    pub request: String,
    /// Of the plugin.
    pub version: String,
    /// What was attempted.
    pub action: String,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// A JSON text.
    pub details: Option<String>,
    /// Of a download that has ended: how.
    pub ending: Option<Ending>,
    /// Where the entry is, for `before`.
    pub place: String,
}

/// The audit record outside of a transaction, for denials and reads.
pub trait Audit {
    /// Writes an entry at once.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn record(&self, entry: &Entry) -> Result<(), AuditError>;

    /// What was recorded of one thing of one tenant, the newest first: entries from before
    /// a place on; at most `limit` (and at most 100).
    ///
    /// # Errors
    /// See [`AuditError`].
    fn history(
        &self,
        tenant: Option<&str>,
        entity: &str,
        entity_id: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Recorded>, AuditError>;
}

/// On whose behalf a request without a token is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who; 1 to 128 bytes.
    pub subject: String,
    /// Of which tenant; 1 to 128 bytes.
    pub tenant: Option<String>,
    /// By what; 1 to 128 bytes.
    pub via: String,
}

/// Who asks.
pub trait Identity {
    /// The claims of the verified token as a JSON object; none without a token.
    fn claims(&self) -> Option<String>;

    /// Says on whose behalf a request without a token is made. False when it has one, or
    /// when a text is too long.
    fn act_for(&self, actor: &Actor) -> bool;
}

/// The time of day.
pub trait Clock {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;
}

/// Randomness that nobody can guess.
pub trait Random {
    /// 64 random bits.
    fn bits(&self) -> u64;
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers.
    Debug,
    /// For the record.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// The operator's log. Never a place for what users wrote.
pub trait Log {
    /// One line of at most 4 KiB.
    fn log(&self, level: Level, message: &str);
}

/// What the operator set for the service.
pub trait Settings {
    /// The text of a setting; none where the operator set nothing. It stays the same for
    /// the life of an instance.
    fn setting(&self, name: &str) -> Option<String>;
}

/// Everything together, which is what the API asks for.
pub trait Ports:
    Database + Blobs + Events + Audit + Identity + Clock + Random + Log + Settings
{
}

impl<T: Database + Blobs + Events + Audit + Identity + Clock + Random + Log + Settings> Ports
    for T
{
}
