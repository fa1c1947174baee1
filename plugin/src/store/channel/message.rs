//! The messages of a channel, in their order.

use std::collections::HashMap;

use uuid::Uuid;

use super::{number, time, word};
use crate::domain::caller::Caller;
use crate::domain::message::{Around, Message};
use crate::domain::model::MESSAGE;
use crate::ports::{Database, Error, Kind, Row, Value};
use crate::store::around::around;
use crate::store::run::{Alone, Run};
use crate::store::sql::{Sql, id, text, uuid};

pub(in crate::store) const COLUMNS: &str = "m.id, m.channel_id, m.channel_type, m.seq, m.body, \
     m.subject, m.status, m.to_user_id, m.parent_message_id, m.created_by, m.created_on, \
     m.modified_on, m.edited_on, m.version, m.client_id, m.mentions, m.forwarded_from";
pub(in crate::store) const KINDS: [Kind; 17] = [
    Kind::Uuid,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Uuid,
    Kind::Text,
    Kind::Timestamp,
    Kind::Timestamp,
    Kind::Timestamp,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Uuid,
];

/// Reads a row of `COLUMNS`.
pub(in crate::store) fn read(row: &Row<'_>) -> Option<Message> {
    let mentions = word(row, 15);
    let mentions = mentions.and_then(|text| serde_json::from_str(&text).ok());
    Some(Message {
        id: id(row.get(0))?,
        channel: word(row, 1)?,
        channel_type: word(row, 2)?,
        seq: number(row, 3),
        body: word(row, 4)?,
        subject: word(row, 5),
        status: number(row, 6)?,
        addressee: word(row, 7),
        parent: id(row.get(8)),
        sender: word(row, 9)?,
        created_on: time(row, 10)?,
        modified_on: time(row, 11)?,
        edited_on: time(row, 12),
        version: number(row, 13)?,
        client_id: word(row, 14),
        mentions: mentions.unwrap_or_default(),
        forwarded_from: id(row.get(16)),
    })
}

/// Which part of a history is read. The numbers themselves are not in it, but for the
/// one that it is around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// The newest.
    Latest,
    Before(i64),
    After(i64),
    Around(i64),
}

/// A part of the history, in the order of the numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) messages: Vec<(Message, Around)>,
    /// Whether there are earlier ones, and later ones.
    pub(crate) has_before: bool,
    pub(crate) has_after: bool,
}

/// Live messages of a channel whose member the caller is, without those that the caller has
/// hidden, and without those older than `since` (microseconds since 1970).
pub(crate) fn history(
    db: &impl Database,
    caller: &Caller,
    channel: &str,
    since: Option<i64>,
    span: Span,
    limit: i64,
) -> Result<History, Error> {
    let mut run = Alone(db);
    let mut part = |comparison, at, order, most| {
        let mut sql = Sql::new("SELECT ");
        sql.push(COLUMNS).push(" FROM chat_messages AS m WHERE ");
        in_view(&mut sql, caller, channel);
        if let Some(since) = since {
            sql.bind(" AND m.created_on >= ?", [Value::Timestamp(since)]);
        }
        sql.push(" AND m.seq ").push(comparison);
        sql.bind(" ?", [Value::Integer(at)]).push(order);
        sql.bind(" LIMIT ?", [Value::Integer(most + 1)]);
        let rows = run.run(&sql, &KINDS)?;
        let mut messages: Vec<_> = rows.iter(KINDS.len()).filter_map(|it| read(&it)).collect();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let has_more = messages.len() > most;
        messages.truncate(most);
        Ok::<_, Error>((messages, has_more))
    };
    const DOWN: &str = " ORDER BY m.seq DESC";
    const UP: &str = " ORDER BY m.seq";
    let (mut before, has_before) = match span {
        Span::Latest => part("<=", i64::MAX, DOWN, limit)?,
        Span::Before(at) => part("<", at, DOWN, limit)?,
        Span::Around(at) => part("<=", at, DOWN, limit - limit / 2)?,
        // Asked for one more than none, which says whether there is any.
        Span::After(at) => (Vec::new(), part("<=", at, DOWN, 0)?.1),
    };
    let (after, has_after) = match span {
        Span::Latest => (Vec::new(), false),
        Span::Before(at) => (Vec::new(), part(">=", at, UP, 0)?.1),
        Span::Around(at) => part(">", at, UP, limit / 2)?,
        Span::After(at) => part(">", at, UP, limit)?,
    };
    before.reverse();
    before.extend(after);
    let messages = around(&mut run, caller, before)?;
    Ok(History {
        messages,
        has_before,
        has_after,
    })
}

/// One live message that the caller sees, with what is around it.
pub(crate) fn message(
    db: &impl Database,
    caller: &Caller,
    message: Uuid,
) -> Result<Option<(Message, Around)>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).bind(
        " FROM chat_messages AS m WHERE m.id = ? AND ",
        [uuid(message)],
    );
    crate::store::scope::visible(&mut sql, caller, &MESSAGE);
    let mut run = Alone(db);
    let rows = run.run(&sql, &KINDS)?;
    let found = rows
        .first()
        .and_then(|row| read(&row))
        .into_iter()
        .collect();
    Ok(around(&mut run, caller, found)?.pop())
}

/// Live messages of one channel, for its members, without those that the caller has hidden.
pub(in crate::store) fn in_view(sql: &mut Sql, caller: &Caller, channel: &str) {
    crate::store::scope::in_channel_of_member(sql, caller, channel);
    sql.push(" AND ");
    not_hidden(sql, caller);
}

/// Messages that the caller has not hidden.
pub(in crate::store) fn not_hidden(sql: &mut Sql, caller: &Caller) {
    sql.bind(
        "NOT EXISTS (SELECT 1 FROM chat_hidden AS h WHERE h.tenant_id = ? AND h.user_id = ? \
         AND h.message_id = m.id)",
        [text(&caller.tenant), text(&caller.actor)],
    );
}

/// The last message in view, in each of some channels.
pub(super) fn last_of<'a>(
    run: &mut impl Run,
    caller: &Caller,
    channels: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Message>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM (");
    for (index, channel) in channels.enumerate() {
        if index > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push("SELECT * FROM (SELECT m.id AS last_id FROM chat_messages AS m WHERE ");
        in_view(&mut sql, caller, channel);
        sql.push(" AND m.seq IS NOT NULL ORDER BY m.seq DESC LIMIT 1) AS l");
    }
    sql.push(") AS n JOIN chat_messages AS m ON m.id = n.last_id");
    let rows = run.run(&sql, &KINDS)?;
    let messages = rows.iter(KINDS.len()).filter_map(|row| read(&row));
    Ok(messages.map(|it| (it.channel.clone(), it)).collect())
}
