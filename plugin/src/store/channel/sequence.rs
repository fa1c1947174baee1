//! The numbers of the messages of a channel.

use super::{number, time, word};
use crate::domain::caller::Caller;
use crate::domain::channel::{Kind, Role};
use crate::ports::{Database, Dialect, Error, Kind as Column, Rows, Transaction, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, text};

/// The number of a message that is about to be written, and what holds in its channel.
/// The channel's row is locked until the transaction ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Slot {
    pub(in crate::store) seq: i64,
    pub(in crate::store) kind: Kind,
    pub(in crate::store) is_archived: bool,
    pub(in crate::store) slow_seconds: i64,
    pub(in crate::store) retention_seconds: Option<i64>,
    /// What the sender is there, and when that one sent the last message.
    pub(in crate::store) role: Role,
    pub(in crate::store) sent_on: Option<i64>,
}

/// What is asked of the channel and of the sender.
const COLUMNS: &str = "last_seq, kind, archived_on, slow_seconds, retention_seconds, ";
const KINDS: [Column; 8] = [
    Column::Integer,
    Column::Text,
    Column::Timestamp,
    Column::Integer,
    Column::Integer,
    Column::Text,
    Column::Timestamp,
    Column::Integer,
];

/// Takes the next number of a channel whose member the caller is; none when the caller is
/// no member.
pub(in crate::store) fn next(
    transaction: &mut impl Transaction,
    dialect: Dialect,
    caller: &Caller,
    channel: &str,
    now: i64,
) -> Result<Option<Slot>, Error> {
    let rows = take(transaction, dialect, caller, channel, now)?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let is_numbered = number(&row, 7) == Some(0);
    let slot = (|| {
        Some(Slot {
            seq: number(&row, 0)?,
            kind: Kind::from_word(&word(&row, 1)?)?,
            is_archived: time(&row, 2).is_some(),
            slow_seconds: number(&row, 3)?,
            retention_seconds: number(&row, 4),
            role: Role::from_word(&word(&row, 5)?)?,
            sent_on: time(&row, 6),
        })
    })();
    let mut slot = slot.ok_or(Error::Conflict)?;
    if !is_numbered {
        let more = fill(transaction, dialect, &caller.tenant, channel, slot.seq - 1)?;
        slot.seq += more;
    }
    Ok(Some(slot))
}

/// Counts the channel's number up, which locks its row, and reads what is there: in one
/// statement where the database can.
fn take(
    transaction: &mut impl Transaction,
    dialect: Dialect,
    caller: &Caller,
    channel: &str,
    now: i64,
) -> Result<Rows, Error> {
    let mut sql = Sql::new("UPDATE chat_channels SET last_seq = last_seq + 1, active_on = ");
    sql.bind(
        "? WHERE tenant_id = ? AND channel_id = ? AND EXISTS (SELECT 1 FROM chat_members AS p \
         WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id = ?)",
        [
            Value::Timestamp(now),
            text(&caller.tenant),
            text(channel),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
        ],
    );
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => {
            sql.push(" RETURNING ");
            seen(&mut sql, caller, channel);
            sql.query_in(transaction, &KINDS)
        }
        Dialect::Mysql => {
            if sql.execute_in(transaction)? == 0 {
                return Ok(Rows::default());
            }
            let mut sql = Sql::new("SELECT ");
            seen(&mut sql, caller, channel);
            sql.bind(
                " FROM chat_channels WHERE tenant_id = ? AND channel_id = ?",
                [text(&caller.tenant), text(channel)],
            );
            sql.query_in(transaction, &KINDS)
        }
    }
}

fn seen(sql: &mut Sql, caller: &Caller, channel: &str) {
    let this = || [text(&caller.tenant), text(channel), text(&caller.actor)];
    sql.push(COLUMNS)
        .bind(
            "(SELECT p.role FROM chat_members AS p WHERE p.tenant_id = ? AND p.channel_id = ? \
             AND p.user_id = ?), ",
            this(),
        )
        .bind(
            "(SELECT p.sent_on FROM chat_members AS p WHERE p.tenant_id = ? \
             AND p.channel_id = ? AND p.user_id = ?), ",
            this(),
        );
    sql.push("CASE WHEN EXISTS (SELECT 1 FROM chat_messages AS m WHERE ");
    unnumbered(sql, &caller.tenant, channel);
    sql.push(") THEN 1 ELSE 0 END");
}

/// Live messages that code from before the numbers, or an import, has written.
fn unnumbered(sql: &mut Sql, tenant: &str, channel: &str) {
    sql.bind(
        "m.tenant_id = ? AND m.channel_id = ? AND m.deleted = FALSE AND m.seq IS NULL",
        [text(tenant), text(channel)],
    );
}

/// Numbers what has none, behind `last`, in the order of its time; tells how much it was.
/// The channel's row is locked.
fn fill(
    transaction: &mut impl Transaction,
    dialect: Dialect,
    tenant: &str,
    channel: &str,
    last: i64,
) -> Result<i64, Error> {
    let places = |sql: &mut Sql| {
        sql.push(
            "(SELECT m.id, ROW_NUMBER() OVER (ORDER BY m.created_on, m.id) AS place \
             FROM chat_messages AS m WHERE ",
        );
        unnumbered(sql, tenant, channel);
        sql.push(") AS n");
    };
    let mut sql = Sql::new("UPDATE chat_messages");
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => {
            sql.bind(" SET seq = ? + n.place FROM ", [Value::Integer(last)]);
            places(&mut sql);
            sql.push(" WHERE n.id = chat_messages.id");
        }
        Dialect::Mysql => {
            sql.push(" AS o JOIN ");
            places(&mut sql);
            sql.bind(
                " ON n.id = o.id SET o.seq = ? + n.place",
                [Value::Integer(last)],
            );
        }
    }
    let count = i64::try_from(sql.execute_in(transaction)?).unwrap_or_default();
    let mut sql = Sql::new("UPDATE chat_channels SET last_seq = last_seq + ");
    sql.bind(
        "? WHERE tenant_id = ? AND channel_id = ?",
        [Value::Integer(count), text(tenant), text(channel)],
    );
    sql.execute_in(transaction)?;
    Ok(count)
}

/// Numbers what has none in a channel whose member the caller is, before it is read.
pub(crate) fn ensure<D: Database>(db: &D, caller: &Caller, channel: &str) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT 1 FROM chat_messages AS m WHERE ");
    unnumbered(&mut sql, &caller.tenant, channel);
    // Nobody learns from the time that it takes what is in the channels of others.
    sql.bind(
        " AND EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = ? \
         AND p.channel_id = ? AND p.user_id = ?) LIMIT 1",
        [text(&caller.tenant), text(channel), text(&caller.actor)],
    );
    if sql.query(db, &[Column::Integer])?.is_empty() {
        return Ok(());
    }
    attempt(db, |transaction| {
        let Some(known) = super::locked(db, transaction, caller, channel)? else {
            return Ok(Step::Abandon(()));
        };
        if known.member.is_none() {
            return Ok(Step::Abandon(()));
        }
        let last = known.last_seq;
        fill(transaction, db.dialect(), &caller.tenant, channel, last)?;
        Ok(Step::Commit(()))
    })
}
