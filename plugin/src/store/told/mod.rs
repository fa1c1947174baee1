//! What those who listen are told of messages and of what belongs to them.
//!
//! The members of a channel hear it by its topic. Whoever sees a message without being a
//! member (the sender who has left, whom it was sent or forwarded to) hears of it alone.

mod related;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::around;
use super::channel::{
    Entry, MESSAGE_COLUMNS, MESSAGE_KINDS, admitted, channel_in, read_message, word,
};
use super::event;
use super::run::Within;
use super::sql::{Sql, id, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::channel::{Membership, Role, Unread};
use crate::domain::message::{Around, Message};
use crate::domain::time;
use crate::ports::{Error, Kind, Transaction, Value};

pub(super) use related::{files, files_changed, recipient, recipients, recipients_changed};

/// Those outside of a channel who are told of one change, at most.
const OUTSIDERS: i64 = 500;

/// Messages by their ids, deleted ones as well, with their attachments.
pub(in crate::store) fn read_all(
    transaction: &mut impl Transaction,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<Vec<(Message, Around)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT ");
    sql.push(MESSAGE_COLUMNS)
        .bind(
            " FROM chat_messages AS m WHERE m.tenant_id = ? AND m.id IN ",
            [text(&caller.tenant)],
        )
        .bind_list(ids.iter().copied().map(uuid));
    sql.push(" ORDER BY m.channel_id, m.seq, m.id");
    let rows = sql.query_in(transaction, &MESSAGE_KINDS)?;
    let messages = rows.iter(MESSAGE_KINDS.len());
    let messages: Vec<_> = messages.filter_map(|row| read_message(&row)).collect();
    let mut all = std::collections::HashMap::new();
    around::attachments(&mut Within(transaction), caller, ids, &mut all)?;
    let with = |message: Message| {
        let around = all.remove(&message.id).unwrap_or_default();
        (message, around)
    };
    Ok(messages.into_iter().map(with).collect())
}

/// One of them.
pub(in crate::store) fn read(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: Uuid,
) -> Result<Option<(Message, Around)>, Error> {
    Ok(read_all(transaction, caller, &[message])?.pop())
}

/// Tells the members of a channel that was made by its first message.
pub(in crate::store) fn opened(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: &Message,
) -> Result<(), Error> {
    let known = channel_in(transaction, caller, &message.channel)?;
    let channel = known.ok_or(Error::Conflict)?;
    let mut sql = Sql::new("SELECT user_id, role FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND channel_id = ? ORDER BY user_id",
        [text(&caller.tenant), text(&message.channel)],
    );
    let rows = sql.query_in(transaction, &[Kind::Text, Kind::Text])?;
    for row in rows.iter(2) {
        let (Some(user), Some(role)) = (word(&row, 0), word(&row, 1)) else {
            continue;
        };
        let mut channel = channel.clone();
        channel.member = Some(Membership {
            role: Role::from_word(&role).unwrap_or(Role::Member),
            joined_on: message.created_on,
            read_seq: 0,
            delivered_seq: 0,
            muted_until: None,
        });
        let entry = Entry {
            channel,
            last: Some(message.clone()),
            unread: Unread(i64::from(user != message.sender)),
        };
        admitted(transaction, caller, &entry, &user)?;
    }
    Ok(())
}

/// Tells of a new message.
pub(in crate::store) fn created(
    transaction: &mut impl Transaction,
    caller: &Caller,
    (message, around): (&Message, &Around),
) -> Result<(), Error> {
    let data = around.shown(message);
    let (tenant, kind) = (&caller.tenant, "message.created");
    event::to_channel(transaction, tenant, &message.channel, kind, &data)?;
    // Recipients are added after it, and told themselves.
    if let Some(user) = &message.addressee {
        let users = std::slice::from_ref(user);
        if members_among(transaction, caller, &message.channel, users)?.is_empty() {
            event::to_user(transaction, tenant, user, kind, &data)?;
        }
    }
    thread(transaction, caller, message.parent.into_iter().collect())
}

/// Tells how many replies messages have.
pub(in crate::store) fn thread(
    transaction: &mut impl Transaction,
    caller: &Caller,
    mut parents: Vec<Uuid>,
) -> Result<(), Error> {
    parents.sort_unstable();
    parents.dedup();
    if parents.is_empty() {
        return Ok(());
    }
    let mut all = std::collections::HashMap::new();
    around::replies(&mut Within(transaction), caller, &parents, &mut all)?;
    for (parent, _) in read_all(transaction, caller, &parents)? {
        let around = all.remove(&parent.id).unwrap_or_default();
        let data = json!({
            "channelId": parent.channel,
            "messageId": parent.id.to_string(),
            "replyCount": around.replies,
            "lastReplyOn": around.last_reply_on.map(time::text),
        });
        let (tenant, channel) = (&caller.tenant, &parent.channel);
        event::to_channel(transaction, tenant, channel, "thread.updated", &data)?;
    }
    Ok(())
}

/// Tells what messages are now. What changes by itself is told by itself.
pub(in crate::store) fn updated(
    transaction: &mut impl Transaction,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<(), Error> {
    let messages = read_all(transaction, caller, ids)?;
    let outside = outsiders(transaction, caller, ids)?;
    for (message, around) in messages {
        let mut data = message.shown();
        if let Some(data) = data.as_object_mut() {
            data.insert("attachments".to_owned(), around.attachments.into());
        }
        tell(
            transaction,
            caller,
            &message,
            "message.updated",
            &data,
            &outside,
        )?;
    }
    Ok(())
}

/// Tells that messages are gone. Who saw them is read before.
pub(in crate::store) fn deleted(
    transaction: &mut impl Transaction,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<(), Error> {
    let messages = read_all(transaction, caller, ids)?;
    let outside = outsiders(transaction, caller, ids)?;
    for (message, _) in &messages {
        let data = json!({
            "id": message.id.to_string(),
            "channelId": message.channel,
            "seq": message.seq,
            "createdBy": message.sender,
            "parentMessageId": message.parent.map(|id| id.to_string()),
            "deletedBy": Some(&caller.actor).filter(|it| !it.is_empty()),
        });
        tell(
            transaction,
            caller,
            message,
            "message.deleted",
            &data,
            &outside,
        )?;
    }
    let parents = messages.iter().filter_map(|(it, _)| it.parent).collect();
    thread(transaction, caller, parents)
}

fn tell(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: &Message,
    kind: &str,
    data: &Json,
    outside: &BTreeMap<Uuid, Vec<String>>,
) -> Result<(), Error> {
    let tenant = &caller.tenant;
    event::to_channel(transaction, tenant, &message.channel, kind, data)?;
    for user in outside.get(&message.id).into_iter().flatten() {
        event::to_user(transaction, tenant, user, kind, data)?;
    }
    Ok(())
}

/// Tells that more of a channel has changed than can be told one by one: it is to be read
/// again. For each channel of the messages that a condition on `m` names.
pub(in crate::store) fn changed(
    transaction: &mut impl Transaction,
    caller: &Caller,
    scoped: &impl Fn(&mut Sql),
) -> Result<(), Error> {
    const MOST: i64 = 200;
    let mut sql = Sql::new("SELECT DISTINCT m.channel_id FROM chat_messages AS m WHERE ");
    scoped(&mut sql);
    sql.bind(" LIMIT ?", [Value::Integer(MOST + 1)]);
    let rows = sql.query_in(transaction, &[Kind::Text])?;
    let channels: Vec<_> = rows.iter(1).filter_map(|row| word(&row, 0)).collect();
    if channels.len() as i64 > MOST {
        return Err(Error::TooLarge);
    }
    for channel in channels {
        let data = json!({ "channelId": channel });
        event::to_channel(
            transaction,
            &caller.tenant,
            &channel,
            "messages.changed",
            &data,
        )?;
    }
    Ok(())
}

/// Who sees messages without being a member of their channel, by message.
fn outsiders(
    transaction: &mut impl Transaction,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<String>>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = |sql: &mut Sql| {
        sql.bind_list(ids.iter().copied().map(uuid));
    };
    let mut sql = Sql::new(
        "SELECT u.id, u.user_id FROM (SELECT m.id, m.channel_id, m.created_by AS user_id \
         FROM chat_messages AS m WHERE m.id IN ",
    );
    list(&mut sql);
    sql.push(
        " UNION SELECT m.id, m.channel_id, m.to_user_id FROM chat_messages AS m \
         WHERE m.to_user_id IS NOT NULL AND m.id IN ",
    );
    list(&mut sql);
    sql.bind(
        " UNION SELECT r.message_id, r.channel_id, r.holder_id FROM chat_recipients AS r \
         WHERE r.tenant_id = ? AND r.holder_id IS NOT NULL AND r.message_id IN ",
        [text(&caller.tenant)],
    );
    list(&mut sql);
    sql.bind(
        ") AS u WHERE NOT EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = ? \
         AND p.channel_id = u.channel_id AND p.user_id = u.user_id) \
         ORDER BY u.id, u.user_id LIMIT ?",
        [text(&caller.tenant), Value::Integer(OUTSIDERS)],
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid, Kind::Text])?;
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows.iter(2) {
        if let (Some(message), Some(user)) = (id(row.get(0)), word(&row, 1)) {
            all.entry(message).or_default().push(user);
        }
    }
    Ok(all)
}

/// Those of some users who are members of a channel.
pub(in crate::store) fn members_among(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    users: &[String],
) -> Result<Vec<String>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT user_id FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND channel_id = ? AND user_id IN ",
        [text(&caller.tenant), text(channel)],
    )
    .bind_list(users.iter().map(|user| text(user)));
    let rows = sql.query_in(transaction, &[Kind::Text])?;
    Ok(rows.iter(1).filter_map(|row| word(&row, 0)).collect())
}
