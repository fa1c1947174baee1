//! Everything of one user, for that one to take along or to have removed.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::attachment::purge;
use super::attempt::{Step, attempt};
use super::channel::depart_all;
use super::sql::{Sql, id, optional, text, uuid};
use super::{audit, told};
use crate::domain::caller::Caller;
use crate::domain::model::MESSAGE;
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};

/// Messages that one step erases.
const STEP: i64 = 100;
/// Who stands where somebody stood who was erased.
pub(crate) const NOBODY: &str = "erased";

/// What is removed of a user besides messages, whole rows: the table, and the column that
/// names the user.
const ROWS: [(&str, &str); 13] = [
    (
        "DELETE FROM chat_usage",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_bans",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_reports",
        " WHERE tenant_id = ? AND reporter_id = ?",
    ),
    (
        "DELETE FROM chat_idempotency",
        " WHERE tenant_id = ? AND actor = ?",
    ),
    (
        "DELETE FROM chat_links",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_reactions",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_mentions",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_hidden",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_blocks",
        " WHERE tenant_id = ? AND (user_id = ? OR blocked_id = ?)",
    ),
    (
        "DELETE FROM chat_presence",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_rates",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_client_ids",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
    (
        "DELETE FROM chat_tickets",
        " WHERE tenant_id = ? AND user_id = ?",
    ),
];

/// What is left of a user's name after that.
const NAMES: [(&str, &str); 14] = [
    ("UPDATE chat_message_versions SET written_by", "written_by"),
    ("UPDATE chat_channels SET created_by", "created_by"),
    ("UPDATE chat_pins SET pinned_by", "pinned_by"),
    ("UPDATE chat_bans SET banned_by", "banned_by"),
    ("UPDATE chat_reports SET closed_by", "closed_by"),
    ("UPDATE chat_messages SET to_user_id", "to_user_id"),
    ("UPDATE chat_messages SET modified_by", "modified_by"),
    ("UPDATE chat_messages SET deleted_by", "deleted_by"),
    ("UPDATE chat_recipients SET created_by", "created_by"),
    ("UPDATE chat_recipients SET modified_by", "modified_by"),
    ("UPDATE chat_recipients SET deleted_by", "deleted_by"),
    ("UPDATE chat_recipients SET forwarded_by", "forwarded_by"),
    ("UPDATE chat_files SET modified_by", "modified_by"),
    ("UPDATE chat_files SET deleted_by", "deleted_by"),
];

/// Erases some of what a user has said, and when nothing of that is left the rest: true then.
/// The gateway's audit record stays as it is, and can be verified.
pub(crate) fn erase<D: Database>(
    db: &D,
    caller: &Caller,
    now: i64,
    user: &str,
) -> Result<bool, Error> {
    attempt(db, |transaction| {
        if erase_messages(transaction, caller, now, user)? {
            return Ok(Step::Commit(false));
        }
        if erase_files(transaction, caller, now, user)? {
            return Ok(Step::Commit(false));
        }
        forget_mentions(transaction, caller, user)?;
        let more = depart_all(db, transaction, caller, user)?;
        if more {
            return Ok(Step::Commit(false));
        }
        let (tenant, me) = (|| text(&caller.tenant), || text(user));
        for (delete, of) in ROWS {
            let mut sql = Sql::new(delete);
            match of.matches('?').count() {
                3 => sql.bind(of, [tenant(), me(), me()]),
                _ => sql.bind(of, [tenant(), me()]),
            };
            sql.execute_in(transaction)?;
        }
        let mut sql = Sql::new("UPDATE chat_recipients SET deleted = TRUE, holder_id = NULL, ");
        sql.bind(
            "recipient_id = ?, deleted_on = ? WHERE tenant_id = ? AND recipient_id = ?",
            [text(NOBODY), Value::Timestamp(now), tenant(), me()],
        );
        sql.execute_in(transaction)?;
        for (update, column) in NAMES {
            let mut sql = Sql::new(update);
            sql.bind(" = ? WHERE tenant_id = ? AND ", [text(NOBODY), tenant()])
                .push(column)
                .bind(" = ?", [me()]);
            sql.execute_in(transaction)?;
        }
        transaction.audit(&audit::erased(user))?;
        Ok(Step::Commit(true))
    })
}

/// Empties some messages: nothing is left of what they said and of who said it. False when
/// there were none.
fn erase_messages(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    user: &str,
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT m.id, m.deleted FROM chat_messages AS m WHERE m.tenant_id = ");
    sql.bind(
        "? AND m.created_by = ? LIMIT ?",
        [text(&caller.tenant), text(user), Value::Integer(STEP)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid, Kind::Boolean])?;
    let found = rows.iter(2).filter_map(|row| {
        let is_live = row.get(1) == ValueRef::Boolean(false);
        Some((id(row.get(0))?, is_live))
    });
    let found: Vec<(Uuid, bool)> = found.collect();
    if found.is_empty() {
        return Ok(false);
    }
    let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
    let live: Vec<_> = found.iter().filter(|it| it.1).map(|it| it.0).collect();
    let list = |sql: &mut Sql| {
        sql.bind_list(ids.iter().copied().map(uuid));
    };
    let mut sql = Sql::new("UPDATE chat_messages SET deleted = TRUE, deleted_on = ");
    sql.bind(
        "? WHERE deleted = FALSE AND tenant_id = ? AND id IN ",
        [Value::Timestamp(now), text(&caller.tenant)],
    );
    list(&mut sql);
    sql.execute_in(transaction)?;
    purge::of_messages(transaction, caller, &ids)?;
    // While it is known who saw them.
    told::deleted(transaction, caller, &live)?;
    for table in [
        "DELETE FROM chat_message_versions WHERE message_id IN ",
        "DELETE FROM chat_reactions WHERE message_id IN ",
        "DELETE FROM chat_mentions WHERE message_id IN ",
        "DELETE FROM chat_pins WHERE message_id IN ",
    ] {
        let mut sql = Sql::new(table);
        list(&mut sql);
        sql.execute_in(transaction)?;
    }
    let mut sql = Sql::new("UPDATE chat_messages SET body = '', subject = NULL, mentions = NULL, ");
    sql.bind(
        "client_id = NULL, created_by = ?, modified_by = ?, deleted_by = ? \
         WHERE tenant_id = ? AND id IN ",
        [
            text(NOBODY),
            text(NOBODY),
            text(NOBODY),
            text(&caller.tenant),
        ],
    );
    list(&mut sql);
    let count = sql.execute_in(transaction)?;
    transaction.audit(&audit::deleted_many(&MESSAGE, count, Some(&ids)))?;
    Ok(true)
}

/// Takes the user out of whom messages of others mention.
fn forget_mentions(
    transaction: &mut impl Transaction,
    caller: &Caller,
    user: &str,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT m.id, m.mentions FROM chat_mentions AS n ");
    sql.bind(
        "JOIN chat_messages AS m ON m.id = n.message_id WHERE n.tenant_id = ? AND n.user_id = ?",
        [text(&caller.tenant), text(user)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid, Kind::Text])?;
    for row in rows.iter(2) {
        let (Some(message), ValueRef::Text(mentions)) = (id(row.get(0)), row.get(1)) else {
            continue;
        };
        let mut users: Vec<String> = serde_json::from_str(mentions).unwrap_or_default();
        users.retain(|it| it != user);
        let left = (!users.is_empty()).then(|| json!(users).to_string());
        let mut update = Sql::new("UPDATE chat_messages SET mentions = ");
        update.bind(
            "? WHERE id = ?",
            [optional(left, Value::Text), uuid(message)],
        );
        update.execute_in(transaction)?;
    }
    Ok(())
}

/// Gives up some files that were sent with no message; false when there were none.
fn erase_files(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    user: &str,
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT id FROM chat_files WHERE tenant_id = ");
    sql.bind(
        "? AND created_by = ? LIMIT ?",
        [text(&caller.tenant), text(user), Value::Integer(STEP)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid])?;
    let ids: Vec<Uuid> = rows.iter(1).filter_map(|row| id(row.get(0))).collect();
    for file in &ids {
        purge::of_file(transaction, caller, *file)?;
    }
    if ids.is_empty() {
        return Ok(false);
    }
    told::files(transaction, caller, &ids)?;
    let mut sql = Sql::new("UPDATE chat_files SET deleted = TRUE, deleted_on = ");
    sql.bind(
        "?, name = NULL, meta_data = NULL, file_key = NULL, created_by = ?, modified_by = ? \
         WHERE tenant_id = ? AND id IN ",
        [
            Value::Timestamp(now),
            text(NOBODY),
            text(NOBODY),
            text(&caller.tenant),
        ],
    )
    .bind_list(ids.iter().copied().map(uuid));
    sql.execute_in(transaction)?;
    Ok(true)
}

/// What is kept of the caller besides messages, at most so many rows of each kind.
pub(crate) fn own_data(db: &impl Database, caller: &Caller) -> Result<Json, Error> {
    const MOST: i64 = 5_000;
    let list = |columns: &'static str, from: &'static str, names: &[&str], kinds: &[Kind]| {
        let mut sql = Sql::new(columns);
        sql.bind(from, [text(&caller.tenant), text(&caller.actor)]);
        sql.bind(" LIMIT ?", [Value::Integer(MOST)]);
        let rows = sql.query(db, kinds)?;
        let shown = rows.iter(kinds.len()).map(|row| {
            let fields = names.iter().enumerate();
            let fields = fields.map(|(place, name)| ((*name).to_owned(), plain(row.get(place))));
            Json::Object(fields.collect())
        });
        Ok::<_, Error>(Json::Array(shown.collect()))
    };
    Ok(json!({
        "memberships": list(
            "SELECT channel_id, role, joined_on, read_seq FROM chat_members",
            " WHERE tenant_id = ? AND user_id = ? ORDER BY channel_id",
            &["channelId", "role", "joinedOn", "readSeq"],
            &[Kind::Text, Kind::Text, Kind::Timestamp, Kind::Integer],
        )?,
        "recipients": list(
            "SELECT message_id, channel_id, is_read, is_favorite, created_on FROM chat_recipients",
            " WHERE tenant_id = ? AND holder_id = ? ORDER BY created_on, id",
            &["messageId", "channelId", "isRead", "isFavorite", "createdOn"],
            &[Kind::Uuid, Kind::Text, Kind::Boolean, Kind::Boolean, Kind::Timestamp],
        )?,
        "attachments": list(
            "SELECT id, channel_id, name, size_bytes, created_on FROM chat_files",
            " WHERE tenant_id = ? AND created_by = ? AND deleted = FALSE ORDER BY created_on, id",
            &["id", "channelId", "name", "size", "createdOn"],
            &[Kind::Uuid, Kind::Text, Kind::Text, Kind::Integer, Kind::Timestamp],
        )?,
        "reactions": list(
            "SELECT message_id, emoji, created_on FROM chat_reactions",
            " WHERE tenant_id = ? AND user_id = ? ORDER BY created_on, message_id",
            &["messageId", "emoji", "createdOn"],
            &[Kind::Uuid, Kind::Text, Kind::Timestamp],
        )?,
        "blocked": list(
            "SELECT blocked_id, created_on FROM chat_blocks",
            " WHERE tenant_id = ? AND user_id = ? ORDER BY blocked_id",
            &["userId", "createdOn"],
            &[Kind::Text, Kind::Timestamp],
        )?,
        "reports": list(
            "SELECT message_id, reason, created_on FROM chat_reports",
            " WHERE tenant_id = ? AND reporter_id = ? ORDER BY created_on, id",
            &["messageId", "reason", "createdOn"],
            &[Kind::Uuid, Kind::Text, Kind::Timestamp],
        )?,
    }))
}

fn plain(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Text(text) => text.into(),
        ValueRef::Integer(number) => number.into(),
        ValueRef::Boolean(flag) => flag.into(),
        ValueRef::Timestamp(on) => crate::domain::time::text(on).into(),
        ValueRef::Uuid((high, low)) => Uuid::from_u64_pair(high, low).to_string().into(),
        _ => Json::Null,
    }
}
