//! Emojis under messages.

use serde_json::json;
use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::channel::{Done, Kept, number, said, time, word};
use super::event;
use super::sql::{Sql, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::message::Message;
use crate::ports::{Database, Error, Kind, Transaction, Value};

/// Who has put which emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reacted {
    pub(crate) emoji: String,
    pub(crate) user: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
}

/// Puts an emoji under a message, once for each user. `most` kinds may be there.
pub(crate) fn react(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    (id, emoji): (Uuid, &str),
    most: i64,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let Some(said) = said(transaction, caller, id)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let mut sql = Sql::new("SELECT COUNT(DISTINCT emoji), ");
        sql.bind(
            "COUNT(CASE WHEN emoji = ? THEN 1 END), \
             COUNT(CASE WHEN emoji = ? AND user_id = ? THEN 1 END) FROM chat_reactions \
             WHERE message_id = ? AND tenant_id = ?",
            [
                text(emoji),
                text(emoji),
                text(&caller.actor),
                uuid(id),
                text(&caller.tenant),
            ],
        );
        let rows = sql.query_in(transaction, &[Kind::Integer; 3])?;
        let count = |place| rows.first().and_then(|row| number(&row, place));
        let count = |place| count(place).unwrap_or_default();
        if count(2) > 0 {
            return Ok(Step::Abandon(Ok(())));
        }
        if count(1) == 0 && count(0) >= most {
            return Ok(Step::Abandon(Err(Kept::Full)));
        }
        let mut insert = Sql::new(
            "INSERT INTO chat_reactions (tenant_id, message_id, emoji, user_id, created_on) ",
        );
        insert.bind(
            "VALUES (?, ?, ?, ?, ?)",
            [
                text(&caller.tenant),
                uuid(id),
                text(emoji),
                text(&caller.actor),
                Value::Timestamp(now),
            ],
        );
        insert.execute_in(transaction)?;
        tell(transaction, caller, &said.message, emoji, "reaction.added")?;
        Ok(Step::Commit(Ok(())))
    })
}

/// Takes it away again.
pub(crate) fn unreact(
    db: &impl Database,
    caller: &Caller,
    (id, emoji): (Uuid, &str),
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let Some(said) = said(transaction, caller, id)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let mut delete = Sql::new("DELETE FROM chat_reactions ");
        delete.bind(
            "WHERE message_id = ? AND emoji = ? AND user_id = ? AND tenant_id = ?",
            [
                uuid(id),
                text(emoji),
                text(&caller.actor),
                text(&caller.tenant),
            ],
        );
        if delete.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        }
        tell(
            transaction,
            caller,
            &said.message,
            emoji,
            "reaction.removed",
        )?;
        Ok(Step::Commit(Ok(())))
    })
}

fn tell(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: &Message,
    emoji: &str,
    kind: &str,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM chat_reactions ");
    sql.bind(
        "WHERE message_id = ? AND emoji = ?",
        [uuid(message.id), text(emoji)],
    );
    let rows = sql.query_in(transaction, &[Kind::Integer])?;
    let data = json!({
        "channelId": message.channel,
        "messageId": message.id.to_string(),
        "emoji": emoji,
        "userId": caller.actor,
        "count": rows.first().and_then(|row| number(&row, 0)),
    });
    event::to_channel(transaction, &caller.tenant, &message.channel, kind, &data)
}

/// Who has put what under a message of a channel of the caller's, behind a place.
pub(crate) fn reactions(
    db: &impl Database,
    caller: &Caller,
    id: Uuid,
    after: Option<&(String, String)>,
    limit: i64,
) -> Result<Vec<Reacted>, Error> {
    let mut sql = Sql::new("SELECT r.emoji, r.user_id, r.created_on FROM chat_reactions AS r ");
    sql.bind(
        "JOIN chat_messages AS m ON m.id = r.message_id WHERE r.message_id = ? \
         AND m.tenant_id = ? AND m.deleted = FALSE AND EXISTS (SELECT 1 FROM chat_members AS p \
         WHERE p.tenant_id = m.tenant_id AND p.channel_id = m.channel_id AND p.user_id = ?)",
        [uuid(id), text(&caller.tenant), text(&caller.actor)],
    );
    if let Some((emoji, user)) = after {
        sql.bind(
            " AND (r.emoji > ? OR (r.emoji = ? AND r.user_id > ?))",
            [text(emoji), text(emoji), text(user)],
        );
    }
    sql.bind(
        " ORDER BY r.emoji, r.user_id LIMIT ?",
        [Value::Integer(limit)],
    );
    let rows = sql.query(db, &[Kind::Text, Kind::Text, Kind::Timestamp])?;
    let reacted = rows.iter(3).filter_map(|row| {
        Some(Reacted {
            emoji: word(&row, 0)?,
            user: word(&row, 1)?,
            on: time(&row, 2)?,
        })
    });
    Ok(reacted.collect())
}
