//! What is around the messages of a page: one statement for each kind of it.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::channel::{number, time, word};
use super::run::Run;
use super::sql::{Sql, id, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::message::{Around, Message, Reaction};
use crate::ports::{Error, Kind, Row};

type All = HashMap<Uuid, Around>;

/// Adds to messages what the caller sees around them.
pub(super) fn around(
    run: &mut impl Run,
    caller: &Caller,
    messages: Vec<Message>,
) -> Result<Vec<(Message, Around)>, Error> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = messages.iter().map(|it| it.id).collect();
    let mut all = All::new();
    replies(run, caller, &ids, &mut all)?;
    reactions(run, caller, &ids, &mut all)?;
    pins(run, caller, &ids, &mut all)?;
    favorites(run, caller, &ids, &mut all)?;
    attachments(run, caller, &ids, &mut all)?;
    let with = |message: Message| {
        let around = all.remove(&message.id).unwrap_or_default();
        (message, around)
    };
    Ok(messages.into_iter().map(with).collect())
}

fn each(
    run: &mut impl Run,
    sql: &Sql,
    kinds: &[Kind],
    all: &mut All,
    mut add: impl FnMut(&mut Around, &Row<'_>) -> Option<()>,
) -> Result<(), Error> {
    let rows = run.run(sql, kinds)?;
    for row in rows.iter(kinds.len()) {
        if let Some(message) = id(row.get(0)) {
            add(all.entry(message).or_default(), &row);
        }
    }
    Ok(())
}

fn of(sql: &mut Sql, ids: &[Uuid]) {
    sql.bind_list(ids.iter().copied().map(uuid));
}

/// How many live replies there are, and when the last one came.
pub(super) fn replies(
    run: &mut impl Run,
    caller: &Caller,
    ids: &[Uuid],
    all: &mut All,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT m.parent_message_id, COUNT(*), MAX(m.created_on) ");
    sql.bind(
        "FROM chat_messages AS m WHERE m.tenant_id = ? AND m.deleted = FALSE \
         AND m.parent_message_id IN ",
        [text(&caller.tenant)],
    );
    of(&mut sql, ids);
    sql.push(" GROUP BY m.parent_message_id");
    let kinds = [Kind::Uuid, Kind::Integer, Kind::Timestamp];
    each(run, &sql, &kinds, all, |around, row| {
        around.replies = number(row, 1)?;
        around.last_reply_on = time(row, 2);
        Some(())
    })
}

fn reactions(
    run: &mut impl Run,
    caller: &Caller,
    ids: &[Uuid],
    all: &mut All,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT r.message_id, r.emoji, COUNT(*), ");
    sql.bind(
        "COUNT(CASE WHEN r.user_id = ? THEN 1 END) FROM chat_reactions AS r \
         WHERE r.tenant_id = ? AND r.message_id IN ",
        [text(&caller.actor), text(&caller.tenant)],
    );
    of(&mut sql, ids);
    sql.push(" GROUP BY r.message_id, r.emoji ORDER BY r.message_id, r.emoji");
    let kinds = [Kind::Uuid, Kind::Text, Kind::Integer, Kind::Integer];
    each(run, &sql, &kinds, all, |around, row| {
        around.reactions.push(Reaction {
            emoji: word(row, 1)?,
            count: number(row, 2)?,
            mine: number(row, 3)? > 0,
        });
        Some(())
    })
}

fn pins(run: &mut impl Run, caller: &Caller, ids: &[Uuid], all: &mut All) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT p.message_id, p.pinned_by, p.pinned_on ");
    sql.bind(
        "FROM chat_messages AS m JOIN chat_pins AS p ON p.tenant_id = m.tenant_id \
         AND p.channel_id = m.channel_id AND p.message_id = m.id WHERE m.tenant_id = ? \
         AND m.id IN ",
        [text(&caller.tenant)],
    );
    of(&mut sql, ids);
    let kinds = [Kind::Uuid, Kind::Text, Kind::Timestamp];
    each(run, &sql, &kinds, all, |around, row| {
        around.pinned = Some((word(row, 1)?, time(row, 2)?));
        Some(())
    })
}

/// The caller's own.
fn favorites(
    run: &mut impl Run,
    caller: &Caller,
    ids: &[Uuid],
    all: &mut All,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT r.message_id FROM chat_recipients AS r ");
    sql.bind(
        "WHERE r.tenant_id = ? AND r.holder_id = ? AND r.is_favorite = TRUE AND r.message_id IN ",
        [text(&caller.tenant), text(&caller.actor)],
    );
    of(&mut sql, ids);
    each(run, &sql, &[Kind::Uuid], all, |around, _| {
        around.favorite = true;
        Some(())
    })
}

/// What was sent with them, and is there still.
pub(super) fn attachments(
    run: &mut impl Run,
    caller: &Caller,
    ids: &[Uuid],
    all: &mut All,
) -> Result<(), Error> {
    let mut sql = Sql::new(
        "SELECT f.message_id, f.id, f.name, f.size_bytes, f.sniffed_type, f.state, f.file_key, \
         f.width, f.height, CASE WHEN f.thumbnail_id IS NULL THEN 0 ELSE 1 END ",
    );
    sql.bind(
        "FROM chat_files AS f WHERE f.tenant_id = ? AND f.deleted = FALSE AND f.message_id IN ",
        [text(&caller.tenant)],
    );
    of(&mut sql, ids);
    sql.push(" ORDER BY f.message_id, f.created_on, f.id");
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Integer,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Integer,
        Kind::Integer,
        Kind::Integer,
    ];
    each(run, &sql, &kinds, all, |around, row| {
        around.attachments.push(json!({
            "id": id(row.get(1))?.to_string(),
            "name": word(row, 2),
            "size": number(row, 3),
            "type": word(row, 4),
            "state": word(row, 5),
            "fileKey": word(row, 6),
            "width": number(row, 7),
            "height": number(row, 8),
            "thumbnail": number(row, 9) == Some(1),
        }));
        Some(())
    })
}
