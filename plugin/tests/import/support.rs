//! The ports on two SQLite databases in memory: ours, and one that stands for the
//! original's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use chat::import::{self, Step};
use chat::ports::{
    Clock, Database, Dialect, Entry, Error, Event, Kind, Rows, Source, Transaction, Value, ValueRef,
};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef as Stored};
use rusqlite::{Connection, ToSql, ffi, params_from_iter};

/// The columns that both kinds of the original's database have.
const ORIGINAL: &str = "
    CREATE TABLE messages (id, body, channel_id, channel_type, created_by, created_on,
        deleted DEFAULT 0, deleted_by, deleted_on DEFAULT 7000000, modified_by, modified_on,
        status, subject, to_user_id, parent_message_id);
    CREATE TABLE message_recipients (id, channel_id, created_by, created_on,
        deleted DEFAULT 0, deleted_by, deleted_on, forwarded_by, is_favorite DEFAULT 0,
        is_forwarded DEFAULT 0, is_read DEFAULT 0, message_id, modified_by, modified_on,
        recipient_id);
    ATTACH ':memory:' AS information_schema;
    CREATE TABLE information_schema.tables (table_name TEXT, table_schema TEXT);";

const FILES: &str = "
    CREATE TABLE message_files (id, channel_id, file_key, message_id, meta_data, created_by,
        created_on, modified_by, modified_on, deleted DEFAULT 0, deleted_by, deleted_on);
    INSERT INTO information_schema.tables VALUES ('message_files', 'main');";

#[derive(Clone)]
pub(crate) struct World(Rc<Inner>);

struct Inner {
    target: Connection,
    source: Connection,
    dialect: Dialect,
    audit: RefCell<Vec<Entry>>,
    /// What the next statements on the source fail with, if they do.
    faults: RefCell<VecDeque<Option<Error>>>,
    /// What the next commits fail with, if they do.
    commits: RefCell<VecDeque<Option<Error>>>,
    now: Cell<i64>,
}

impl World {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let target = Connection::open_in_memory().unwrap();
        target.pragma_update(None, "foreign_keys", true).unwrap();
        for migration in chat::migrations(Dialect::Sqlite) {
            target.execute_batch(migration.statements).unwrap();
        }
        let source = Connection::open_in_memory().unwrap();
        source
            .create_scalar_function("database", 0, FunctionFlags::SQLITE_UTF8, |_| Ok("main"))
            .unwrap();
        source.execute_batch(ORIGINAL).unwrap();
        Self(Rc::new(Inner {
            target,
            source,
            dialect,
            audit: RefCell::default(),
            faults: RefCell::default(),
            commits: RefCell::default(),
            now: Cell::new(1_795_511_777_763_456),
        }))
    }

    pub(crate) fn with_files(self) -> Self {
        self.original(FILES);
        self
    }

    /// Runs SQL on the original's side.
    pub(crate) fn original(&self, sql: &str) {
        self.0.source.execute_batch(sql).unwrap();
    }

    /// Runs SQL on ours.
    pub(crate) fn ours(&self, sql: &str) {
        self.0.target.execute_batch(sql).unwrap();
    }

    pub(crate) fn fail_source(&self, faults: impl IntoIterator<Item = Option<Error>>) {
        self.0.faults.borrow_mut().extend(faults);
    }

    pub(crate) fn fail_commits(&self, faults: impl IntoIterator<Item = Option<Error>>) {
        self.0.commits.borrow_mut().extend(faults);
    }

    pub(crate) fn audit(&self) -> usize {
        self.0.audit.borrow().len()
    }

    /// One row a line, one text a column.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let mut prepared = self.0.target.prepare(sql).unwrap();
        let width = prepared.column_count();
        let rows = prepared.query_map([], |row| {
            let cells = (0..width).map(|index| match row.get_ref(index).unwrap() {
                Stored::Null => "-".to_owned(),
                Stored::Integer(number) => number.to_string(),
                Stored::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                Stored::Blob(id) => uuid::Uuid::from_slice(id)
                    .unwrap()
                    .simple()
                    .to_string()
                    .trim_start_matches('0')
                    .to_owned(),
                Stored::Real(real) => real.to_string(),
            });
            Ok(cells.collect::<Vec<_>>().join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn step(&self, parameters: &str, state: Option<&str>) -> Result<Step, String> {
        import::step(self, parameters, false, state)
    }

    /// Runs to the end; all lines.
    pub(crate) fn run(&self, parameters: &str) -> Result<Vec<String>, String> {
        self.run_as(parameters, false)
    }

    pub(crate) fn run_as(&self, parameters: &str, dry_run: bool) -> Result<Vec<String>, String> {
        let mut state = None;
        let mut lines = Vec::new();
        for _ in 0..10_000 {
            let step = import::step(self, parameters, dry_run, state.as_deref())?;
            lines.extend(step.lines);
            if step.done {
                return Ok(lines);
            }
            state = Some(step.state);
        }
        panic!("it never ends");
    }
}

impl Source for World {
    fn source_dialect(&self) -> Result<Dialect, Error> {
        Ok(self.0.dialect)
    }

    fn source_query(&self, sql: &str, params: &[Value], kinds: &[Kind]) -> Result<Rows, Error> {
        if let Some(error) = self.0.faults.borrow_mut().pop_front().flatten() {
            return Err(error);
        }
        // Ids are texts on the original's side.
        let params: Vec<Value> = params
            .iter()
            .map(|value| match value {
                Value::Uuid((high, low)) => {
                    Value::Text(uuid::Uuid::from_u64_pair(*high, *low).to_string())
                }
                other => other.clone(),
            })
            .collect();
        query(&self.0.source, sql, &params, kinds)
    }
}

impl Clock for World {
    fn now(&self) -> i64 {
        self.0.now.set(self.0.now.get() + 1_000);
        self.0.now.get()
    }
}

impl Database for World {
    type Transaction = Open;

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, sql: &str, params: &[Value], kinds: &[Kind]) -> Result<Rows, Error> {
        query(&self.0.target, sql, params, kinds)
    }

    fn begin(&self) -> Result<Open, Error> {
        self.ours("BEGIN IMMEDIATE");
        Ok(Open {
            world: self.clone(),
            entries: Vec::new(),
            done: false,
        })
    }
}

pub(crate) struct Open {
    world: World,
    entries: Vec<Entry>,
    done: bool,
}

impl Transaction for Open {
    fn query(&mut self, sql: &str, params: &[Value], kinds: &[Kind]) -> Result<Rows, Error> {
        query(&self.world.0.target, sql, params, kinds)
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Error> {
        let mut prepared = self.world.0.target.prepare_cached(sql).map_err(error)?;
        let count = prepared.execute(params_from_iter(params.iter().map(Param)));
        count.map(|count| count as u64).map_err(error)
    }

    fn audit(&mut self, entry: &Entry) -> Result<(), Error> {
        assert!(entry.entity_id.len() <= 128 && entry.action.len() <= 64);
        self.entries.push(entry.clone());
        Ok(())
    }

    fn link(&mut self, blob: &str) -> Result<bool, Error> {
        panic!("an import has no blobs: {blob}");
    }

    fn unlink(&mut self, blob: &str) -> Result<(), Error> {
        panic!("an import has no blobs: {blob}");
    }

    fn inspect(&mut self, blob: &str, _type: &str, _tag: &str) -> Result<bool, Error> {
        panic!("an import has no blobs: {blob}");
    }

    fn end_downloads(&mut self, tag: &str) -> Result<(), Error> {
        panic!("an import ends no download: {tag}");
    }

    fn publish(&mut self, event: &Event) -> Result<(), Error> {
        panic!("an import tells nobody: {event:?}")
    }

    fn admit(&mut self, topic: &str, _subject: &str) -> Result<(), Error> {
        panic!("an import tells nobody: {topic}")
    }

    fn revoke(&mut self, topic: &str, _subject: Option<&str>) -> Result<(), Error> {
        panic!("an import tells nobody: {topic}")
    }

    fn commit(mut self) -> Result<(), Error> {
        if let Some(error) = self.world.0.commits.borrow_mut().pop_front().flatten() {
            return Err(error);
        }
        self.world.ours("COMMIT");
        self.done = true;
        self.world.0.audit.borrow_mut().append(&mut self.entries);
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.done {
            self.world.ours("ROLLBACK");
        }
    }
}

fn query(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    kinds: &[Kind],
) -> Result<Rows, Error> {
    let mut prepared = connection.prepare_cached(sql).map_err(error)?;
    assert_eq!(prepared.column_count(), kinds.len(), "{sql}");
    let mut found = prepared
        .query(params_from_iter(params.iter().map(Param)))
        .map_err(error)?;
    let mut rows = Rows::default();
    while let Some(row) = found.next().map_err(error)? {
        for (index, kind) in kinds.iter().enumerate() {
            rows.push(read(row.get_ref(index).unwrap(), *kind));
        }
    }
    Ok(rows)
}

/// As `wit/sql.wit` keeps the kinds in SQLite.
struct Param<'a>(&'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(Stored::Null),
            Value::Boolean(value) => i64::from(*value).into(),
            Value::Integer(value) | Value::Timestamp(value) => (*value).into(),
            Value::Real(value) => (*value).into(),
            Value::Text(value) | Value::Json(value) => value.as_str().into(),
            Value::Bytes(value) => value.as_slice().into(),
            Value::Uuid((high, low)) => {
                let id = u128::from(*high) << 64 | u128::from(*low);
                id.to_be_bytes().to_vec().into()
            }
        })
    }
}

fn read(value: Stored<'_>, kind: Kind) -> ValueRef<'_> {
    match (kind, value) {
        (_, Stored::Null) => ValueRef::Null,
        (Kind::Boolean, Stored::Integer(value)) => ValueRef::Boolean(value != 0),
        (Kind::Integer, Stored::Integer(value)) => ValueRef::Integer(value),
        (Kind::Timestamp, Stored::Integer(value)) => ValueRef::Timestamp(value),
        (Kind::Text, Stored::Text(value)) => ValueRef::Text(std::str::from_utf8(value).unwrap()),
        (Kind::Uuid, Stored::Blob(value)) => {
            let id = u128::from_be_bytes(value.try_into().unwrap());
            ValueRef::Uuid(((id >> 64) as u64, id as u64))
        }
        other => panic!("a column that is not of its kind: {other:?}"),
    }
}

fn error(cause: rusqlite::Error) -> Error {
    let code = cause.sqlite_error().map(|error| error.extended_code);
    match code {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            Error::UniqueViolation(cause.to_string())
        }
        _ => Error::InvalidStatement(cause.to_string()),
    }
}
