//! Doing once what is asked for twice.

use super::attempt::{Step, attempt};
use super::sql::{Sql, text};
use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};

/// How long an answer is kept, in microseconds: a day.
const LIFETIME: i64 = 24 * 60 * 60 * 1_000_000;
/// Expired answers that one request removes.
const REMOVED: i64 = 20;
/// The only status there is: what was refused is not kept.
const SUCCESS: u16 = 200;

/// What a caller names a request by.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// A hash of the request.
    pub(crate) fingerprint: Vec<u8>,
    /// Microseconds since 1970.
    pub(crate) now: i64,
}

/// An answer, as a body.
#[derive(Debug)]
pub(crate) enum Once {
    Done(Vec<u8>),
    /// The status and body of the first time.
    Again(u16, Vec<u8>),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NotDone<R> {
    Refused(R),
    /// The key stands for another request.
    Reused,
}

/// Runs `make` in a transaction, and keeps the body that it gives under the key, or gives
/// what was kept. A refusal is not kept: it has changed nothing and is decided anew.
pub(crate) fn once<D: Database, R>(
    db: &D,
    caller: &Caller,
    key: Option<&Key>,
    mut make: impl FnMut(&mut D::Transaction) -> Result<Result<Vec<u8>, R>, Error>,
) -> Result<Result<Once, NotDone<R>>, Error> {
    attempt(db, |transaction| {
        if let Some(key) = key {
            if let Some(known) = known(transaction, caller, key)? {
                return Ok(Step::Abandon(known));
            }
            // The key is taken before anything is made, so that of two requests the second
            // waits here for the first, fails, and finds its answer in the next attempt.
            take(transaction, caller, key)?;
        }
        let body = match make(transaction)? {
            Ok(body) => body,
            Err(refused) => return Ok(Step::Abandon(Err(NotDone::Refused(refused)))),
        };
        if let Some(key) = key {
            keep(transaction, caller, key, &body)?;
        }
        Ok(Step::Commit(Ok(Once::Done(body))))
    })
}

fn known<R>(
    transaction: &mut impl Transaction,
    caller: &Caller,
    key: &Key,
) -> Result<Option<Result<Once, NotDone<R>>>, Error> {
    let mut sql = Sql::new("SELECT fingerprint, status, body FROM chat_idempotency");
    this(&mut sql, caller, key);
    sql.bind(" AND created_on > ?", [expiry(key)]);
    let rows = sql.query_in(transaction, &[Kind::Bytes, Kind::Integer, Kind::Text])?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    if row.get(0) != ValueRef::Bytes(&key.fingerprint) {
        return Ok(Some(Err(NotDone::Reused)));
    }
    match (row.get(1), row.get(2)) {
        (ValueRef::Integer(status), ValueRef::Text(body)) => {
            let status = u16::try_from(status).unwrap_or(SUCCESS);
            Ok(Some(Ok(Once::Again(status, body.as_bytes().to_vec()))))
        }
        _ => Err(Error::InvalidStatement(
            "an answer without a body".to_owned(),
        )),
    }
}

/// Removes what is too old, the key's own record and some others, and takes the key.
fn take(transaction: &mut impl Transaction, caller: &Caller, key: &Key) -> Result<(), Error> {
    // A limit inside of IN is unknown to MySQL, and so is one in DELETE to PostgreSQL:
    // the last of the oldest bounds a range of the index instead.
    let mut remove = Sql::new("DELETE FROM chat_idempotency WHERE created_on <= ");
    remove.bind(
        "(SELECT MAX(o.created_on) FROM (SELECT created_on FROM chat_idempotency \
         WHERE created_on <= ? ORDER BY created_on LIMIT ?) AS o)",
        [expiry(key), Value::Integer(REMOVED)],
    );
    remove.execute_in(transaction)?;
    let mut remove = Sql::new("DELETE FROM chat_idempotency");
    this(&mut remove, caller, key);
    remove.bind(" AND created_on <= ?", [expiry(key)]);
    remove.execute_in(transaction)?;
    let mut insert = Sql::new(
        "INSERT INTO chat_idempotency (tenant_id, actor, idempotency_key, fingerprint, status, \
         body, created_on) ",
    );
    insert.bind(
        "VALUES (?, ?, ?, ?, ?, '', ?)",
        [
            text(&caller.tenant),
            text(&caller.actor),
            text(&key.name),
            Value::Bytes(key.fingerprint.clone()),
            Value::Integer(SUCCESS.into()),
            Value::Timestamp(key.now),
        ],
    );
    insert.execute_in(transaction)?;
    Ok(())
}

fn keep(
    transaction: &mut impl Transaction,
    caller: &Caller,
    key: &Key,
    body: &[u8],
) -> Result<(), Error> {
    let body = String::from_utf8_lossy(body).into_owned();
    let mut sql = Sql::new("UPDATE chat_idempotency SET body = ");
    sql.bind("?", [Value::Text(body)]);
    this(&mut sql, caller, key);
    sql.execute_in(transaction)?;
    Ok(())
}

fn this(sql: &mut Sql, caller: &Caller, key: &Key) {
    sql.bind(
        " WHERE tenant_id = ? AND actor = ? AND idempotency_key = ?",
        [text(&caller.tenant), text(&caller.actor), text(&key.name)],
    );
}

/// Answers of this time and before are too old.
fn expiry(key: &Key) -> Value {
    Value::Timestamp(key.now.saturating_sub(LIFETIME))
}
