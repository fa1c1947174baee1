//! The chat's ports on the gateway's own backend, called from a fiber.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use chat::ports::{self, Kind, Level, Outcome, Rows, Value};
use gateway::auth::Claims;
use gateway::capability::audit::{self, Stamp};
use gateway::capability::sql;
use gateway::config::SqlLimits;
use gateway::contract::audit as contract_audit;
use gateway::contract::sql as contract;

use crate::fiber::Inside;

/// The statements of a request outside of transactions, with their parameters.
pub(crate) type Heard = Rc<RefCell<Vec<(String, Vec<Value>)>>>;

/// What one request may use.
pub(super) struct Ports<'a> {
    pub(super) inside: &'a Inside<'a>,
    pub(super) database: sql::Database,
    pub(super) limits: Arc<SqlLimits>,
    pub(super) stamp: Stamp,
    pub(super) claims: Option<Arc<Claims>>,
    /// Gets to know the statements, where somebody asks.
    pub(super) heard: Option<Heard>,
}

/// An open transaction, and what it needs to be waited for.
pub(super) struct Transaction<'a> {
    inside: &'a Inside<'a>,
    inner: sql::Transaction,
    stamp: Stamp,
}

impl<'a> ports::Database for Ports<'a> {
    type Transaction = Transaction<'a>;

    fn dialect(&self) -> ports::Dialect {
        match self.database.dialect() {
            contract::Dialect::Sqlite => ports::Dialect::Sqlite,
            contract::Dialect::Postgres => ports::Dialect::Postgres,
            contract::Dialect::Mysql => ports::Dialect::Mysql,
        }
    }

    fn query(
        &self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, ports::Error> {
        if let Some(heard) = &self.heard {
            let said = (statement.to_owned(), params.to_vec());
            heard.borrow_mut().push(said);
        }
        let columns = kinds(columns);
        let rows = self
            .database
            .rows(statement, values(params), &columns, &self.limits);
        self.inside.wait(rows).map(rows_back).map_err(error)
    }

    fn begin(&self) -> Result<Transaction<'a>, ports::Error> {
        let inner = self
            .inside
            .wait(self.database.begin(&self.limits))
            .map_err(error)?;
        Ok(Transaction {
            inside: self.inside,
            inner,
            stamp: self.stamp.clone(),
        })
    }
}

impl ports::Transaction for Transaction<'_> {
    fn query(
        &mut self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, ports::Error> {
        let columns = kinds(columns);
        let rows = self.inner.rows(statement, values(params), &columns);
        self.inside.wait(rows).map(rows_back).map_err(error)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, ports::Error> {
        let count = self.inner.execute(statement, values(params));
        self.inside.wait(count).map_err(error)
    }

    fn audit(&mut self, entry: &ports::Entry) -> Result<(), ports::Error> {
        self.inner
            .audit(&self.stamp, entry_of(entry))
            .map_err(error)
    }

    // The twin has no blobs: see `Nothing`.
    fn link(&mut self, _blob: &str) -> Result<bool, ports::Error> {
        Ok(false)
    }

    fn unlink(&mut self, _blob: &str) -> Result<(), ports::Error> {
        Ok(())
    }

    fn inspect(&mut self, _blob: &str, _type: &str, _tag: &str) -> Result<bool, ports::Error> {
        Ok(false)
    }

    fn end_downloads(&mut self, _tag: &str) -> Result<(), ports::Error> {
        Ok(())
    }

    // The twin has no log of events: nobody listens to it.
    fn publish(&mut self, _event: &ports::Event) -> Result<(), ports::Error> {
        Ok(())
    }

    fn admit(&mut self, _topic: &str, _subject: &str) -> Result<(), ports::Error> {
        Ok(())
    }

    fn revoke(&mut self, _topic: &str, _subject: Option<&str>) -> Result<(), ports::Error> {
        Ok(())
    }

    fn commit(self) -> Result<(), ports::Error> {
        self.inside.wait(self.inner.commit()).map_err(error)
    }
}

impl ports::Audit for Ports<'_> {
    fn record(&self, entry: &ports::Entry) -> Result<(), ports::AuditError> {
        let recorded = audit::record(&self.database, &self.stamp, entry_of(entry));
        self.inside
            .wait(recorded)
            .map_err(|_| ports::AuditError::Unavailable)
    }

    fn history(
        &self,
        _: Option<&str>,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: u32,
    ) -> Result<Vec<ports::Recorded>, ports::AuditError> {
        Ok(Vec::new())
    }
}

impl ports::Identity for Ports<'_> {
    fn claims(&self) -> Option<String> {
        self.claims.as_ref().map(|claims| claims.json.clone())
    }

    fn act_for(&self, _actor: &ports::Actor) -> bool {
        false
    }
}

/// What the twin has of blobs. It is measured by messages, and whoever uploads something to
/// it is told that there is no store.
pub(super) enum Nothing {}

impl ports::Download for Nothing {
    fn redirect(&self) -> Option<String> {
        None
    }
}

/// A body that was handed over at once.
pub(super) struct Whole(Vec<u8>);

impl ports::Incoming for Whole {
    type Form = NoForm;

    fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn read(&mut self, max: u32) -> Result<Vec<u8>, ports::BodyError> {
        let end = self.0.len().min(max as usize);
        Ok(self.0.drain(..end).collect())
    }

    fn peek(&mut self, max: u32) -> Result<Vec<u8>, ports::BodyError> {
        Ok(self.0.iter().take(max as usize).copied().collect())
    }

    fn form(self, _content_type: &str) -> Result<NoForm, ports::BodyError> {
        let text = "the twin reads no forms";
        Err(ports::BodyError::Malformed(text.to_owned()))
    }
}

pub(super) enum NoForm {}

impl ports::Form for NoForm {
    type Body = Whole;

    fn next(&mut self) -> Result<Option<ports::Part<Whole>>, ports::BodyError> {
        Ok(None)
    }
}

impl ports::Blobs for Ports<'_> {
    type Body = Whole;
    type Download = Nothing;

    fn put(&self, _: Whole, _: &ports::Storing) -> Result<ports::Stored, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn begin_upload(&self, _: &ports::Storing) -> Result<String, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn offset(&self, _: &str) -> Result<u64, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn append(&self, _: &str, _: u64, _: Whole) -> Result<u64, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn finish(&self, _: &str) -> Result<ports::Stored, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn cancel(&self, _: &str) -> Result<(), ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn read_blob(&self, _: &str, _: u64, _: u32) -> Result<Vec<u8>, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }

    fn open(
        &self,
        _: &str,
        _: Option<ports::Range>,
        _: &ports::Entry,
        _: &[String],
    ) -> Result<Nothing, ports::BlobError> {
        Err(ports::BlobError::Unavailable)
    }
}

/// Whoever wants to listen is told that there is no log.
impl ports::Events for Ports<'_> {
    type Subscription = Nothing;

    fn signal(&self, _: &ports::Event) -> Result<(), ports::EventError> {
        Err(ports::EventError::Unavailable)
    }

    fn head(&self) -> Result<String, ports::EventError> {
        Err(ports::EventError::Unavailable)
    }

    fn subscribe(&self, _: &ports::Subscribe) -> Result<Nothing, ports::EventError> {
        Err(ports::EventError::Unavailable)
    }
}

impl ports::Clock for Ports<'_> {
    fn now(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

impl ports::Random for Ports<'_> {
    fn bits(&self) -> u64 {
        rand::random()
    }
}

/// Nothing is set: the service's own defaults are measured.
impl ports::Settings for Ports<'_> {
    fn setting(&self, _name: &str) -> Option<String> {
        None
    }
}

impl ports::Log for Ports<'_> {
    fn log(&self, _level: Level, message: &str) {
        eprintln!("{message}");
    }
}

fn values(params: &[Value]) -> Vec<contract::Value> {
    params
        .iter()
        .map(|value| match value {
            Value::Null => contract::Value::Null,
            Value::Boolean(it) => contract::Value::Boolean(*it),
            Value::Integer(it) => contract::Value::Integer(*it),
            Value::Real(it) => contract::Value::Real(*it),
            Value::Text(it) => contract::Value::Text(it.clone()),
            Value::Bytes(it) => contract::Value::Bytes(it.clone()),
            Value::Uuid(it) => contract::Value::Uuid(*it),
            Value::Timestamp(it) => contract::Value::Timestamp(*it),
            Value::Json(it) => contract::Value::Json(it.clone()),
        })
        .collect()
}

/// The heap as it is, and the cells in their own place: both enums have the same layout.
fn rows_back(rows: contract::Rows) -> Rows {
    let span = |it: contract::Span| ports::Span {
        offset: it.offset,
        length: it.length,
    };
    let back = |cell| match cell {
        contract::Cell::Null => ports::Cell::Null,
        contract::Cell::Boolean(it) => ports::Cell::Boolean(it),
        contract::Cell::Integer(it) => ports::Cell::Integer(it),
        contract::Cell::Real(it) => ports::Cell::Real(it),
        contract::Cell::Text(it) => ports::Cell::Text(span(it)),
        contract::Cell::Bytes(it) => ports::Cell::Bytes(span(it)),
        contract::Cell::Uuid(it) => ports::Cell::Uuid(it),
        contract::Cell::Timestamp(it) => ports::Cell::Timestamp(it),
        contract::Cell::Json(it) => ports::Cell::Json(span(it)),
    };
    Rows {
        cells: rows.cells.into_iter().map(back).collect(),
        heap: rows.heap,
    }
}

fn kinds(columns: &[Kind]) -> Vec<contract::Kind> {
    columns
        .iter()
        .map(|kind| match kind {
            Kind::Boolean => contract::Kind::Boolean,
            Kind::Integer => contract::Kind::Integer,
            Kind::Real => contract::Kind::Real,
            Kind::Text => contract::Kind::Text,
            Kind::Bytes => contract::Kind::Bytes,
            Kind::Uuid => contract::Kind::Uuid,
            Kind::Timestamp => contract::Kind::Timestamp,
            Kind::Json => contract::Kind::Json,
        })
        .collect()
}

fn error(error: contract::Error) -> ports::Error {
    match error {
        contract::Error::Unavailable => ports::Error::Unavailable,
        contract::Error::Timeout => ports::Error::Timeout,
        contract::Error::UniqueViolation(it) => ports::Error::UniqueViolation(it),
        contract::Error::ForeignKeyViolation(it) => ports::Error::ForeignKeyViolation(it),
        contract::Error::NotNullViolation(it) => ports::Error::NotNullViolation(it),
        contract::Error::CheckViolation(it) => ports::Error::CheckViolation(it),
        contract::Error::Conflict => ports::Error::Conflict,
        contract::Error::TooLarge => ports::Error::TooLarge,
        contract::Error::InvalidStatement(it) => ports::Error::InvalidStatement(it),
        contract::Error::Other => ports::Error::Other,
    }
}

fn entry_of(entry: &ports::Entry) -> contract_audit::Entry {
    contract_audit::Entry {
        action: entry.action.clone(),
        entity: entry.entity.clone(),
        entity_id: entry.entity_id.clone(),
        outcome: match entry.outcome {
            Outcome::Allowed => contract_audit::Outcome::Allowed,
            Outcome::Denied => contract_audit::Outcome::Denied,
            Outcome::Failed => contract_audit::Outcome::Failed,
        },
        details: entry.details.clone(),
    }
}
