//! Messages that are kept in view, liked, or put out of sight.

use serde_json::json;
use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::channel::{Done, Kept, number, said};
use super::sql::{Sql, text, uuid};
use super::{event, scope, told};
use crate::domain::caller::Caller;
use crate::domain::channel::{Kind as Sort, Role};
use crate::domain::id;
use crate::domain::message::Message;
use crate::domain::model::MESSAGE;
use crate::domain::time;
use crate::ports::{Database, Error, Kind, Random, Transaction, Value};
use crate::store::Stamp;
use crate::store::audit;

/// Keeps a message in view, for all members: for moderators, and for both in a direct
/// conversation.
pub(crate) fn pin(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    id: Uuid,
    most: i64,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let said = match may_pin(transaction, caller, id)? {
            Ok(message) => message,
            Err(kept) => return Ok(Step::Abandon(Err(kept))),
        };
        let channel = [text(&caller.tenant), text(&said.channel)];
        let mut sql = Sql::new("SELECT COUNT(*), COUNT(CASE WHEN message_id = ");
        sql.bind("? THEN 1 END) FROM chat_pins", [uuid(id)]);
        sql.bind(" WHERE tenant_id = ? AND channel_id = ?", channel.clone());
        let rows = sql.query_in(transaction, &[Kind::Integer, Kind::Integer])?;
        let count = |place| rows.first().and_then(|row| number(&row, place));
        if count(1).unwrap_or_default() > 0 {
            return Ok(Step::Abandon(Ok(())));
        }
        if count(0).unwrap_or_default() >= most {
            return Ok(Step::Abandon(Err(Kept::Full)));
        }
        let mut insert = Sql::new(
            "INSERT INTO chat_pins (tenant_id, channel_id, message_id, pinned_by, pinned_on) ",
        );
        insert.bind(
            "VALUES (?, ?, ?, ?, ?)",
            [
                text(&caller.tenant),
                text(&said.channel),
                uuid(id),
                text(&caller.actor),
                Value::Timestamp(now),
            ],
        );
        insert.execute_in(transaction)?;
        tell_pin(transaction, caller, &said, Some(now))?;
        transaction.audit(&audit::message("pin", id))?;
        Ok(Step::Commit(Ok(())))
    })
}

/// Keeps it in view no longer.
pub(crate) fn unpin(db: &impl Database, caller: &Caller, id: Uuid) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let said = match may_pin(transaction, caller, id)? {
            Ok(message) => message,
            Err(kept) => return Ok(Step::Abandon(Err(kept))),
        };
        let mut delete = Sql::new("DELETE FROM chat_pins ");
        delete.bind(
            "WHERE tenant_id = ? AND channel_id = ? AND message_id = ?",
            [text(&caller.tenant), text(&said.channel), uuid(id)],
        );
        if delete.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        }
        tell_pin(transaction, caller, &said, None)?;
        transaction.audit(&audit::message("unpin", id))?;
        Ok(Step::Commit(Ok(())))
    })
}

fn may_pin(
    transaction: &mut impl Transaction,
    caller: &Caller,
    id: Uuid,
) -> Result<Done<Message>, Error> {
    Ok(match said(transaction, caller, id)? {
        None => Err(Kept::Missing),
        Some(said) if said.kind != Sort::Direct && said.rank < Role::Moderator => {
            Err(Kept::Forbidden)
        }
        Some(said) => Ok(said.message),
    })
}

fn tell_pin(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: &Message,
    on: Option<i64>,
) -> Result<(), Error> {
    let kind = if on.is_some() {
        "pin.added"
    } else {
        "pin.removed"
    };
    let data = json!({
        "channelId": message.channel,
        "messageId": message.id.to_string(),
        "pinnedBy": on.map(|_| &caller.actor),
        "pinnedOn": on.map(time::text),
    });
    event::to_channel(transaction, &caller.tenant, &message.channel, kind, &data)
}

/// Likes a message, or likes it no more: the caller's own recipient row says so, which is
/// made where there is none.
pub(crate) fn favor<P: Database + Random>(
    db: &P,
    caller: &Caller,
    stamp: Stamp,
    message: Uuid,
    favorite: bool,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let mut update = Sql::new("UPDATE chat_recipients AS m SET is_favorite = ");
        update.bind(
            "?, modified_by = ?, modified_on = ? WHERE m.tenant_id = ? AND m.message_id = ? \
             AND m.holder_id = ? AND m.deleted = FALSE AND EXISTS (SELECT 1 \
             FROM chat_messages AS g WHERE g.id = m.message_id AND g.deleted = FALSE)",
            [
                Value::Boolean(favorite),
                text(&caller.actor),
                Value::Timestamp(stamp.now),
                text(&caller.tenant),
                uuid(message),
                text(&caller.actor),
            ],
        );
        if update.execute_in(transaction)? > 0 {
            let row = own_row(transaction, caller, message)?;
            told::recipients(transaction, caller, "recipient.updated", &row)?;
            return Ok(Step::Commit(Ok(())));
        }
        if !favorite {
            let sees = sees(transaction, caller, message)?;
            let done = if sees { Ok(()) } else { Err(Kept::Missing) };
            return Ok(Step::Abandon(done));
        }
        let row = id::mint(stamp.now, [db.bits(), db.bits()]);
        let mut insert = Sql::new(
            "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, recipient_id, \
             holder_id, created_by, created_on, modified_by, modified_on, deleted, is_favorite, \
             is_forwarded, is_read) ",
        );
        let me = || text(&caller.actor);
        insert.bind(
            "SELECT ?, m.tenant_id, m.id, m.channel_id, ?, ?, ?, ?, ?, ?, FALSE, TRUE, FALSE, \
             CASE WHEN EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = m.tenant_id \
             AND p.channel_id = m.channel_id AND p.user_id = ? AND p.read_seq >= m.seq) \
             THEN TRUE ELSE FALSE END FROM chat_messages AS m WHERE m.id = ? AND ",
            [
                uuid(row),
                me(),
                me(),
                me(),
                Value::Timestamp(stamp.now),
                me(),
                Value::Timestamp(stamp.now),
                me(),
                uuid(message),
            ],
        );
        scope::visible(&mut insert, caller, &MESSAGE);
        if insert.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        }
        told::recipient(transaction, caller, "recipient.created", row)?;
        Ok(Step::Commit(Ok(())))
    })
}

fn own_row(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: Uuid,
) -> Result<Vec<Uuid>, Error> {
    let mut sql = Sql::new("SELECT id FROM chat_recipients ");
    sql.bind(
        "WHERE tenant_id = ? AND message_id = ? AND holder_id = ?",
        [text(&caller.tenant), uuid(message), text(&caller.actor)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid])?;
    Ok(rows
        .iter(1)
        .filter_map(|row| super::sql::id(row.get(0)))
        .collect())
}

fn sees(transaction: &mut impl Transaction, caller: &Caller, message: Uuid) -> Result<bool, Error> {
    Ok(super::target::target(transaction, caller, message)?.is_some())
}

/// Puts a message out of the caller's sight, and of nobody else's; or back into it.
pub(crate) fn hide(
    db: &impl Database,
    caller: &Caller,
    message: Uuid,
    hidden: bool,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let Some(said) = said(transaction, caller, message)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let this = || [text(&caller.tenant), text(&caller.actor), uuid(message)];
        let mut sql = Sql::new("");
        match hidden {
            true => {
                sql.bind(
                    "INSERT INTO chat_hidden (tenant_id, user_id, message_id) \
                     SELECT m.tenant_id, p.user_id, m.id FROM chat_messages AS m \
                     JOIN chat_members AS p ON p.tenant_id = m.tenant_id \
                     AND p.channel_id = m.channel_id WHERE m.tenant_id = ? AND p.user_id = ? \
                     AND m.id = ?",
                    this(),
                );
                sql.bind(
                    " AND NOT EXISTS (SELECT 1 FROM chat_hidden AS h WHERE h.tenant_id = ? \
                     AND h.user_id = ? AND h.message_id = ?)",
                    this(),
                );
            }
            false => {
                sql.bind(
                    "DELETE FROM chat_hidden WHERE tenant_id = ? AND user_id = ? \
                     AND message_id = ?",
                    this(),
                );
            }
        }
        if sql.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Ok(())));
        }
        let kind = if hidden {
            "message.hidden"
        } else {
            "message.shown"
        };
        let data = json!({
            "channelId": said.message.channel,
            "id": message.to_string(),
            "seq": said.message.seq,
        });
        event::to_user(transaction, &caller.tenant, &caller.actor, kind, &data)?;
        Ok(Step::Commit(Ok(())))
    })
}
