//! From the announcement of an attachment to its last byte.

use serde_json::json;
use uuid::Uuid;

use super::{tag, usage};
use crate::domain::attachment::{Announced, Arrived, Quotas, State};
use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, optional, text, uuid};
use crate::store::told;
use crate::store::{Stamp, audit};

/// How an announcement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Done,
    /// The caller has as many under way as one may have.
    TooMany,
    /// There is no room for it.
    Full,
}

/// How the last step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readied {
    Done,
    /// It is not awaited, or not any more.
    NotPending,
    /// There is no room for it.
    Full,
    /// The store has forgotten the bytes.
    Lost,
}

/// Announces an attachment. `upload` is what the store calls it while it arrives in parts.
pub(crate) fn announce(
    db: &impl Database,
    caller: &Caller,
    stamp: Stamp,
    announced: &Announced,
    (file_key, upload): (&str, Option<&str>),
    (quotas, pending): (Quotas, i64),
) -> Result<Begun, Error> {
    let size = announced
        .size
        .map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let insert = insert_statement(caller, stamp, announced, (file_key, upload));
    let entry = audit::attachment_announced(stamp.id, announced);
    attempt(db, |transaction| {
        if !usage::lock(transaction, caller, size.unwrap_or(0), quotas)? {
            return Ok(Step::Abandon(Begun::Full));
        }
        let mut count = Sql::new("SELECT COUNT(*) FROM chat_files ");
        count.bind(
            "WHERE tenant_id = ? AND created_by = ? AND state = 'pending' AND deleted = FALSE",
            [text(&caller.tenant), text(&caller.actor)],
        );
        let rows = count.query_in(transaction, &[Kind::Integer])?;
        match rows.first().map(|row| row.get(0)) {
            Some(ValueRef::Integer(count)) if count < pending => {}
            _ => return Ok(Step::Abandon(Begun::TooMany)),
        }
        insert.execute_in(transaction)?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(Begun::Done))
    })
}

fn insert_statement(
    caller: &Caller,
    stamp: Stamp,
    announced: &Announced,
    (file_key, upload): (&str, Option<&str>),
) -> Sql {
    let mut insert = Sql::new(
        "INSERT INTO chat_files (id, tenant_id, channel_id, file_key, created_by, created_on, \
         modified_by, modified_on, deleted, state, name, size_bytes, declared_type, upload_id) ",
    );
    let size = announced
        .size
        .map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    insert.bind(
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, FALSE, ?, ?, ?, ?, ?)",
        [
            uuid(stamp.id),
            text(&caller.tenant),
            text(&announced.channel),
            text(file_key),
            text(&caller.actor),
            Value::Timestamp(stamp.now),
            text(&caller.actor),
            Value::Timestamp(stamp.now),
            text(State::Pending.word()),
            text(&announced.name),
            optional(size, Value::Integer),
            optional(announced.declared.as_deref(), text),
            optional(upload, text),
        ],
    );
    insert
}

/// Makes an attachment of the caller's complete: its bytes are linked and counted in the
/// same transaction, or it stays as it is.
pub(crate) fn ready(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    (file, name): (Uuid, &str),
    arrived: &Arrived,
    quotas: Quotas,
) -> Result<Readied, Error> {
    let size = i64::try_from(arrived.size).unwrap_or(i64::MAX);
    // What clients of the original read.
    let meta = json!({ "name": name, "size": arrived.size, "type": arrived.sniffed });
    let mut update = Sql::new("UPDATE chat_files SET state = ");
    update.bind(
        "?, blob_id = ?, upload_id = NULL, size_bytes = ?, sniffed_type = ?, sha256 = ?, \
         ready_on = ?, modified_on = ?, meta_data = ? WHERE id = ? AND tenant_id = ? \
         AND created_by = ? AND state = 'pending' AND deleted = FALSE",
        [
            text(State::Ready.word()),
            text(&arrived.blob),
            Value::Integer(size),
            text(&arrived.sniffed),
            Value::Bytes(arrived.sha256.clone()),
            Value::Timestamp(now),
            Value::Timestamp(now),
            Value::Text(meta.to_string()),
            uuid(file),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
    let entry = audit::attachment_uploaded(file, arrived);
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Readied::NotPending));
        }
        if !usage::add(transaction, caller, size, quotas)? {
            return Ok(Step::Abandon(Readied::Full));
        }
        // The same tag as its downloads have.
        if !transaction.link(&arrived.blob)?
            || !transaction.inspect(&arrived.blob, &arrived.sniffed, &tag::attachment(file))?
        {
            return Ok(Step::Abandon(Readied::Lost));
        }
        told::files(transaction, caller, &[file])?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(Readied::Done))
    })
}

/// Takes an announcement back. False when there is none that is still awaited.
pub(crate) fn withdraw(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    file: Uuid,
) -> Result<bool, Error> {
    let mut update = Sql::new("UPDATE chat_files SET deleted = TRUE, deleted_by = ");
    update.bind(
        "?, deleted_on = ?, upload_id = NULL WHERE id = ? AND tenant_id = ? AND created_by = ? \
         AND state = 'pending' AND deleted = FALSE",
        [
            text(&caller.actor),
            Value::Timestamp(now),
            uuid(file),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
    let entry = audit::attachment_withdrawn(file);
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(false));
        }
        transaction.audit(&entry)?;
        Ok(Step::Commit(true))
    })
}
