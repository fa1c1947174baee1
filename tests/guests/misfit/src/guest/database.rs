//! The database and the audit record.

use std::cell::RefCell;

use super::contract::exports::gateway::plugin::handler::{Request, Response};
use super::contract::exports::gateway::plugin::lifecycle::Migration;
use super::contract::gateway::plugin::audit::{self, Entry, Outcome};
use super::contract::gateway::plugin::http::RequestBody;
use super::contract::gateway::plugin::sql::{
    self, Cell, Dialect, Error, Kind, Rows, Span, Transaction, Value, which,
};
use super::contract::wasi::clocks::monotonic_clock;
use super::contract::wasi::random::random::get_random_u64;
use super::marks::mark;
use super::{answer, exchange};

/// A million rows out of nothing; no database counts so far by recursion alone.
const MANY: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                    SELECT a.i FROM n a CROSS JOIN n b LIMIT ?";

pub(super) fn migrations(dialect: Dialect) -> Vec<Migration> {
    let id = match dialect {
        Dialect::Sqlite => "INTEGER",
        Dialect::Postgres | Dialect::Mysql => "BIGINT",
    };
    let kinds = match dialect {
        Dialect::Sqlite => "BOOLEAN, INTEGER, REAL, TEXT, BLOB, BLOB, INTEGER, TEXT",
        Dialect::Postgres => {
            "BOOLEAN, BIGINT, DOUBLE PRECISION, TEXT, BYTEA, UUID, TIMESTAMPTZ, JSONB"
        }
        Dialect::Mysql => "BOOLEAN, BIGINT, DOUBLE, TEXT, BLOB, BINARY(16), DATETIME(6), JSON",
    };
    let columns: Vec<_> = COLUMNS
        .iter()
        .zip(kinds.split(", "))
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    vec![
        Migration {
            version: 1,
            name: "rows".to_owned(),
            statements: format!(
                "CREATE TABLE misfit_rows (id {id} NOT NULL PRIMARY KEY, note TEXT);"
            ),
        },
        Migration {
            version: 2,
            name: "kinds".to_owned(),
            statements: format!("CREATE TABLE misfit_kinds ({});", columns.join(", ")),
        },
    ]
    .into_iter()
    .chain(further(mark("migration")))
    .collect()
}

/// The migrations of versions that have more.
fn further(which: &str) -> Vec<Migration> {
    let texts: &[&str] = match which {
        "add" => &["ALTER TABLE misfit_rows ADD COLUMN more INTEGER;"],
        "drop" => &["ALTER TABLE misfit_rows DROP COLUMN note;"],
        "bad" => &["ALTER TABLE misfit_rows ADD COLUMN note TEXT;"],
        _ => &[],
    };
    (3..)
        .zip(texts)
        .map(|(version, text)| Migration {
            version,
            name: which.to_owned(),
            statements: (*text).to_owned(),
        })
        .collect()
}

/// A column a kind, in the order of `KINDS`.
const COLUMNS: [&str; 8] = [
    "a_boolean",
    "an_integer",
    "a_real",
    "a_text",
    "some_bytes",
    "a_uuid",
    "a_time",
    "a_json",
];

const KINDS: [Kind; 8] = [
    Kind::Boolean,
    Kind::Integer,
    Kind::Real,
    Kind::Text,
    Kind::Bytes,
    Kind::Uuid,
    Kind::Timestamp,
    Kind::Json,
];

/// Executes the statement that the body holds, without parameters.
pub(super) fn execute(request: Request) -> Response {
    let RequestBody::Bytes(statement) = request.body else {
        return answer(400, "the statement is missing");
    };
    tell(sql::execute(&String::from_utf8_lossy(&statement), &[]).map(|count| count.to_string()))
}

/// Writes every kind and nulls, reads them back, and rolls back.
pub(super) fn round_trip() -> Response {
    let written = vec![
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Real(-0.1),
        Value::Text("ß → 𝄞 ' \" \\ ?".to_owned()),
        Value::Bytes((0..=u8::MAX).collect()),
        Value::Uuid((0x0190_0000_0000_7000, 0x8000_0000_0000_0001)),
        Value::Timestamp(1_700_000_000_123_456),
        // Databases differ in how they space anything longer.
        Value::Json("{}".to_owned()),
    ];
    tell(write_and_read(&written).map(|read| {
        let read = format!("{:?}", unpacked(&read));
        let expected = format!("{:?}", [&written, &vec![Value::Null; KINDS.len()]]);
        format!("same {}\n{read}", read == expected)
    }))
}

fn write_and_read(written: &[Value]) -> Result<Rows, Error> {
    let names = COLUMNS.join(", ");
    let insert = format!("INSERT INTO misfit_kinds ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    let transaction = Transaction::begin()?;
    transaction.execute(&insert, written)?;
    transaction.execute(&insert, &vec![Value::Null; KINDS.len()])?;
    let select = format!("SELECT {names} FROM misfit_kinds ORDER BY an_integer IS NULL");
    transaction.query(&select, &[], &KINDS)
}

/// A list for each row, of what was written when all went well.
fn unpacked(rows: &Rows) -> Vec<Vec<Value>> {
    let bytes = |span: Span| {
        let (start, length) = (span.offset as usize, span.length as usize);
        let bytes = rows.heap.get(start..start + length);
        bytes.unwrap_or(b"a span that points nowhere").to_vec()
    };
    let text = |span| String::from_utf8_lossy(&bytes(span)).into_owned();
    let value = |cell: &Cell| match *cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::Boolean(value),
        Cell::Integer(value) => Value::Integer(value),
        Cell::Real(value) => Value::Real(value),
        Cell::Text(span) => Value::Text(text(span)),
        Cell::Bytes(span) => Value::Bytes(bytes(span)),
        Cell::Uuid(value) => Value::Uuid(value),
        Cell::Timestamp(value) => Value::Timestamp(value),
        Cell::Json(span) => Value::Json(text(span)),
    };
    let rows = rows.cells.chunks(KINDS.len());
    rows.map(|row| row.iter().map(value).collect()).collect()
}

/// A statement that takes a minute and more; answers how many milliseconds it got.
pub(super) fn sleep() -> Response {
    let statement = match which() {
        Dialect::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) \
             SELECT count(*) FROM n"
        }
        // `pg_sleep` is not a plugin's to call.
        Dialect::Postgres => {
            "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
        }
        Dialect::Mysql => "SELECT SLEEP(600)",
    };
    let started = monotonic_clock::now();
    let result = sql::query(statement, &[], &[Kind::Integer]);
    let milliseconds = (monotonic_clock::now() - started) / 1_000_000;
    tell(
        result
            .map(|_| "awake".to_owned())
            .map_err(|error| (error, milliseconds)),
    )
}

pub(super) fn many_rows(count: u64) -> Response {
    let limit = Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    tell(sql::query(MANY, &[limit], &[Kind::Integer]).map(|rows| rows.cells.len().to_string()))
}

pub(super) fn count_rows() -> Response {
    let rows = sql::query("SELECT count(*) FROM misfit_rows", &[], &[Kind::Integer]);
    tell(rows.map(|rows| match rows.cells.first() {
        Some(Cell::Integer(count)) => count.to_string(),
        other => format!("{other:?}"),
    }))
}

/// One row with `id`, which a second time is a unique violation.
pub(super) fn insert_and_commit(id: u64) -> Response {
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    tell(
        insert(id)
            .and_then(Transaction::commit)
            .map(|()| "committed".to_owned()),
    )
}

/// One row with `id`, in a transaction that is open until the body, a stream, is there.
pub(super) fn insert_while_reading(id: u64, body: &RequestBody) -> Response {
    let RequestBody::Stream(body) = body else {
        return answer(400, "the body is no stream");
    };
    let transaction = match insert(i64::try_from(id).unwrap_or(i64::MAX)) {
        Ok(transaction) => transaction,
        Err(error) => return answer(500, format!("{error:?}")),
    };
    match exchange::read(body) {
        Ok((length, _)) => {
            tell(Transaction::commit(transaction).map(|()| format!("committed behind {length}")))
        }
        Err(error) => answer(400, format!("{error:?}")),
    }
}

/// One row, as a step of a task writes it.
pub(super) fn insert_row(id: u64) -> Result<(), String> {
    insert(i64::try_from(id).unwrap_or(i64::MAX))
        .and_then(Transaction::commit)
        .map_err(|error| format!("{error:?}"))
}

/// Answers, and keeps the open transaction where the end of the request does not reach.
pub(super) fn insert_and_leak() -> Response {
    thread_local!(static LEAKED: RefCell<Vec<Transaction>> = const { RefCell::new(Vec::new()) });
    tell(insert(some_id()).map(|transaction| {
        LEAKED.with_borrow_mut(|leaked| {
            leaked.push(transaction);
            format!("leaked {}", leaked.len())
        })
    }))
}

/// An end with a transaction open.
pub(super) fn insert_then(end: impl FnOnce()) -> Response {
    let transaction = insert(some_id());
    if transaction.is_ok() {
        end();
    }
    tell(transaction.map(|_| "still here".to_owned()))
}

fn insert(id: i64) -> Result<Transaction, Error> {
    let transaction = Transaction::begin()?;
    let row = [Value::Integer(id), Value::Text("misfit".to_owned())];
    transaction.execute("INSERT INTO misfit_rows (id, note) VALUES (?, ?)", &row)?;
    Ok(transaction)
}

pub(super) fn some_id() -> i64 {
    (get_random_u64() >> 1).cast_signed()
}

pub(super) fn audit() -> Response {
    tell(audit::record(&entry("audited")).map(|()| "recorded".to_owned()))
}

pub(super) fn audit_too_long() -> Response {
    tell(audit::record(&entry(&"x".repeat(129))).map(|()| "recorded".to_owned()))
}

/// A row and an entry, both or neither.
pub(super) fn audit_in_transaction(commit: bool) -> Response {
    tell(insert(some_id()).and_then(|transaction| {
        transaction.audit(&entry("in-transaction"))?;
        if commit {
            Transaction::commit(transaction)?;
        }
        Ok(format!("committed {commit}"))
    }))
}

fn entry(id: &str) -> Entry {
    Entry {
        action: "misfit.audit".to_owned(),
        entity: "misfit".to_owned(),
        entity_id: id.to_owned(),
        outcome: Outcome::Allowed,
        details: Some("{\"asked\":true}".to_owned()),
    }
}

/// 200 with the text, or 500 with the error as Rust prints it.
fn tell<E: std::fmt::Debug>(result: Result<String, E>) -> Response {
    match result {
        Ok(text) => answer(200, text),
        Err(error) => answer(500, format!("{error:?}")),
    }
}
