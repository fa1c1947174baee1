//! What is told of recipient rows and of files.

use serde_json::json;
use uuid::Uuid;

use super::{changed, read, updated};
use crate::domain::caller::Caller;
use crate::ports::{Error, Kind, Transaction, Value, ValueRef};
use crate::store::channel::{number, word};
use crate::store::event;
use crate::store::sql::{Sql, id, text, uuid};

/// Tells the recipient, and the one who made the row, what it is now. Whoever sees the
/// message by that row alone gets the message along.
pub(in crate::store) fn recipient(
    transaction: &mut impl Transaction,
    caller: &Caller,
    kind: &str,
    row: Uuid,
) -> Result<(), Error> {
    recipients(transaction, caller, kind, &[row])
}

/// The same for many.
pub(in crate::store) fn recipients(
    transaction: &mut impl Transaction,
    caller: &Caller,
    kind: &str,
    ids: &[Uuid],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql =
        Sql::new("SELECT r.id, r.message_id, r.channel_id, r.recipient_id, r.created_by, ");
    sql.bind(
        "r.forwarded_by, r.is_favorite, r.is_forwarded, r.is_read, CASE WHEN EXISTS (SELECT 1 \
         FROM chat_members AS p WHERE p.tenant_id = r.tenant_id \
         AND p.channel_id = r.channel_id AND p.user_id = r.recipient_id) THEN 1 ELSE 0 END \
         FROM chat_recipients AS r WHERE r.tenant_id = ? AND r.id IN ",
        [text(&caller.tenant)],
    )
    .bind_list(ids.iter().copied().map(uuid));
    sql.push(" ORDER BY r.id");
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Boolean,
        Kind::Boolean,
        Kind::Boolean,
        Kind::Integer,
    ];
    let rows = sql.query_in(transaction, &kinds)?;
    for row in rows.iter(kinds.len()) {
        let (Some(own), Some(message), Some(user), Some(creator)) =
            (id(row.get(0)), id(row.get(1)), word(&row, 3), word(&row, 4))
        else {
            continue;
        };
        let flag = |place| row.get(place) == ValueRef::Boolean(true);
        let mut data = json!({
            "id": own.to_string(),
            "messageId": message.to_string(),
            "channelId": word(&row, 2),
            "recipientId": user,
            "createdBy": creator,
            "forwardedBy": word(&row, 5),
            "isFavorite": flag(6),
            "isForwarded": flag(7),
            "isRead": flag(8),
        });
        if creator != user {
            event::to_user(transaction, &caller.tenant, &creator, kind, &data)?;
        }
        let is_member = number(&row, 9) != Some(0);
        if kind == "recipient.created" && !is_member {
            let message = read(transaction, caller, message)?;
            let shown = message.map(|(message, around)| around.shown(&message));
            if let Some(data) = data.as_object_mut() {
                data.insert("message".to_owned(), shown.into());
            }
        }
        event::to_user(transaction, &caller.tenant, &user, kind, &data)?;
    }
    Ok(())
}

/// Tells those whose recipient rows a condition on `m` names that many have changed.
pub(in crate::store) fn recipients_changed(
    transaction: &mut impl Transaction,
    caller: &Caller,
    scoped: &impl Fn(&mut Sql),
) -> Result<(), Error> {
    const MOST: i64 = 500;
    let mut sql = Sql::new("SELECT DISTINCT m.recipient_id FROM chat_recipients AS m WHERE ");
    scoped(&mut sql);
    sql.bind(" LIMIT ?", [Value::Integer(MOST + 1)]);
    let rows = sql.query_in(transaction, &[Kind::Text])?;
    let users: Vec<_> = rows.iter(1).filter_map(|row| word(&row, 0)).collect();
    if users.len() as i64 > MOST {
        return Err(Error::TooLarge);
    }
    for user in users {
        let (tenant, data) = (&caller.tenant, json!({}));
        event::to_user(transaction, tenant, &user, "recipients.changed", &data)?;
    }
    Ok(())
}

/// Tells of files: the messages that they belong to are told as they are now, and who made
/// the others is told alone.
pub(in crate::store) fn files(
    transaction: &mut impl Transaction,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("SELECT f.id, f.message_id, f.created_by, f.state, f.deleted, ");
    sql.bind(
        "f.channel_id FROM chat_files AS f WHERE f.tenant_id = ? AND f.id IN ",
        [text(&caller.tenant)],
    )
    .bind_list(ids.iter().copied().map(uuid));
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Text,
        Kind::Boolean,
        Kind::Text,
    ];
    let rows = sql.query_in(transaction, &kinds)?;
    let mut messages = Vec::new();
    for row in rows.iter(kinds.len()) {
        if let Some(message) = id(row.get(1)) {
            messages.push(message);
        }
        let (Some(own), Some(user)) = (id(row.get(0)), word(&row, 2)) else {
            continue;
        };
        let data = json!({
            "id": own.to_string(),
            "channelId": word(&row, 5),
            "messageId": id(row.get(1)).map(|id| id.to_string()),
            "state": word(&row, 3),
            "deleted": row.get(4) == ValueRef::Boolean(true),
        });
        event::to_user(
            transaction,
            &caller.tenant,
            &user,
            "attachment.updated",
            &data,
        )?;
    }
    messages.sort_unstable();
    messages.dedup();
    updated(transaction, caller, &messages)
}

/// Tells those whose files a condition on `m` names that many have changed, and the members
/// of the channels where they were sent.
pub(in crate::store) fn files_changed(
    transaction: &mut impl Transaction,
    caller: &Caller,
    scoped: &impl Fn(&mut Sql),
) -> Result<(), Error> {
    let data = json!({});
    let (tenant, user) = (&caller.tenant, &caller.actor);
    event::to_user(transaction, tenant, user, "attachments.changed", &data)?;
    let tenant = || text(&caller.tenant);
    changed(transaction, caller, &|sql: &mut Sql| {
        sql.bind(
            "m.tenant_id = ? AND m.id IN (SELECT x.message_id FROM (",
            [tenant()],
        );
        sql.push("SELECT m.message_id FROM chat_files AS m WHERE ");
        scoped(sql);
        sql.push(") AS x)");
    })
}
