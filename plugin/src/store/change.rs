//! Changing and deleting messages.

use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::audit;
use super::condition::condition;
use super::scope::{changeable, visible};
use super::sql::{Sql, literal, optional, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::draft::Changes;
use crate::domain::filter::Condition;
use crate::ports::{Database, Error, Kind, Transaction, Value};

/// Messages of a bulk change that the audit record names one by one.
const NAMED: i64 = 100;

/// How a change of one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// There is no such message, or not for the caller.
    Missing,
    /// The caller sees the message, but may not change it.
    Forbidden,
    /// The message is in another channel than the change says.
    OtherChannel,
    /// The caller sees no live message with the parent's id in the channel.
    NoParent,
}

/// How a change of many messages ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkChanged {
    Done(u64),
    OtherChannel,
    NoParent,
}

/// Changes a message. `now` is in microseconds since 1970.
pub(crate) fn change(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    id: Uuid,
    changes: &Changes,
) -> Result<Changed, Error> {
    let entry = audit::updated(id, changes);
    attempt(db, |transaction| {
        let mut update = update_statement(caller, now, changes);
        update.bind(" WHERE m.id = ? AND ", [uuid(id)]);
        changeable(&mut update, caller);
        if let Some(channel) = &changes.channel_id {
            update.bind(" AND m.channel_id = ?", [text(channel)]);
        }
        if let Some(parent) = changes.parent_message_id {
            // When the caller sees no such parent, the reason may still be that the
            // caller doesn't see the message either: that comes first.
            match parent_channel(transaction, caller, parent)? {
                None => update.push(" AND 1 = 0"),
                Some(channel) => below(&mut update, parent, channel),
            };
        }
        if update.execute_in(transaction)? == 0 {
            return why_not(transaction, caller, id, changes).map(Step::Abandon);
        }
        transaction.audit(&entry)?;
        Ok(Step::Commit(Changed::Done))
    })
}

/// Deletes a message: it stays in the table, and nobody sees it any more.
pub(crate) fn delete(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    id: Uuid,
) -> Result<Changed, Error> {
    let mut update = Sql::new("UPDATE chat_messages AS m SET ");
    update.bind(
        "deleted = TRUE, deleted_by = ?, deleted_on = ?, modified_by = ?, modified_on = ? \
         WHERE m.id = ? AND ",
        [
            text(&caller.actor),
            Value::Timestamp(now),
            text(&caller.actor),
            Value::Timestamp(now),
            uuid(id),
        ],
    );
    changeable(&mut update, caller);
    let entry = audit::deleted(id);
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            return why_not(transaction, caller, id, &Changes::default()).map(Step::Abandon);
        }
        transaction.audit(&entry)?;
        Ok(Step::Commit(Changed::Done))
    })
}

/// Changes what fulfils a condition, as far as the caller may. Either all of it or, when
/// one message of it is in the wrong channel, nothing.
pub(crate) fn change_all(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    wanted: Option<&Condition>,
    changes: &Changes,
) -> Result<BulkChanged, Error> {
    let dialect = || db.dialect();
    let scoped = |sql: &mut Sql| {
        changeable(sql, caller);
        if let Some(wanted) = wanted {
            sql.push(" AND ");
            condition(sql, wanted, &dialect);
        }
    };
    let elsewhere = |transaction: &mut _, channel: &str| -> Result<bool, Error> {
        let mut sql = Sql::new("SELECT m.id FROM chat_messages AS m WHERE ");
        scoped(&mut sql);
        sql.bind(" AND m.channel_id <> ? LIMIT 1", [text(channel)]);
        Ok(!sql.query_in(transaction, &[Kind::Uuid])?.is_empty())
    };
    attempt(db, |transaction| {
        let mut update = update_statement(caller, now, changes);
        update.push(" WHERE ");
        scoped(&mut update);
        if let Some(channel) = &changes.channel_id {
            if elsewhere(transaction, channel)? {
                return Ok(Step::Abandon(BulkChanged::OtherChannel));
            }
            update.bind(" AND m.channel_id = ?", [text(channel)]);
        }
        if let Some(parent) = changes.parent_message_id {
            match parent_channel(transaction, caller, parent)? {
                Some(channel) if !elsewhere(transaction, &channel)? => {
                    below(&mut update, parent, channel)
                }
                _ => return Ok(Step::Abandon(BulkChanged::NoParent)),
            };
        }
        let mut select = Sql::new("SELECT m.id FROM chat_messages AS m WHERE ");
        scoped(&mut select);
        select.bind(" LIMIT ?", [Value::Integer(NAMED + 1)]);
        let ids = ids(select.query_in(transaction, &[Kind::Uuid])?);
        if ids.is_empty() {
            return Ok(Step::Abandon(BulkChanged::Done(0)));
        }
        let named = (ids.len() as i64 <= NAMED).then_some(ids.as_slice());
        if let Some(ids) = named {
            // What comes in between is left alone, so that the record is complete.
            update
                .push(" AND m.id IN ")
                .bind_list(ids.iter().copied().map(uuid));
        }
        let count = update.execute_in(transaction)?;
        transaction.audit(&audit::updated_many(count, named, changes))?;
        Ok(Step::Commit(BulkChanged::Done(count)))
    })
}

fn update_statement(caller: &Caller, now: i64, changes: &Changes) -> Sql {
    let mut sql = Sql::new("UPDATE chat_messages AS m SET ");
    sql.bind(
        "modified_by = ?, modified_on = ?",
        [text(&caller.actor), Value::Timestamp(now)],
    );
    for (property, value) in &changes.set {
        sql.push(", ")
            .push(property.column_name())
            .bind(" = ?", [optional(value.as_ref(), literal)]);
    }
    sql
}

/// The channel of a message that the caller sees.
fn parent_channel(
    transaction: &mut impl Transaction,
    caller: &Caller,
    parent: Uuid,
) -> Result<Option<String>, Error> {
    let mut sql = Sql::new("SELECT m.channel_id FROM chat_messages AS m WHERE ");
    sql.bind("m.id = ? AND ", [uuid(parent)]);
    visible(&mut sql, caller, None);
    let row = sql.query_in(transaction, &[Kind::Text])?.pop();
    Ok(row.and_then(|row| match row.into_iter().next() {
        Some(Value::Text(channel)) => Some(channel),
        _ => None,
    }))
}

/// Only messages that can be replies to `parent`.
fn below(update: &mut Sql, parent: Uuid, channel: String) -> &mut Sql {
    update.bind(
        " AND m.channel_id = ? AND m.id <> ?",
        [Value::Text(channel), uuid(parent)],
    )
}

/// Why a change has matched nothing.
fn why_not(
    transaction: &mut impl Transaction,
    caller: &Caller,
    id: Uuid,
    changes: &Changes,
) -> Result<Changed, Error> {
    let mut sql = Sql::new("SELECT m.channel_id, CASE WHEN ");
    changeable(&mut sql, caller);
    sql.bind(
        " THEN 1 ELSE 0 END FROM chat_messages AS m WHERE m.id = ? AND ",
        [uuid(id)],
    );
    visible(&mut sql, caller, None);
    let rows = sql.query_in(transaction, &[Kind::Text, Kind::Integer])?;
    Ok(match rows.first().map(Vec::as_slice) {
        Some([_, Value::Integer(0)]) => Changed::Forbidden,
        Some([Value::Text(channel), _])
            if changes.channel_id.as_ref().is_some_and(|it| it != channel) =>
        {
            Changed::OtherChannel
        }
        Some(_) if changes.parent_message_id.is_some() => Changed::NoParent,
        // None: or the message came to be changeable just now, which the caller can't
        // tell from coming a moment later.
        _ => Changed::Missing,
    })
}

fn ids(rows: Vec<Vec<Value>>) -> Vec<Uuid> {
    let id = |row: Vec<Value>| match row.first() {
        Some(Value::Uuid((high, low))) => Some(Uuid::from_u64_pair(*high, *low)),
        _ => None,
    };
    rows.into_iter().filter_map(id).collect()
}
