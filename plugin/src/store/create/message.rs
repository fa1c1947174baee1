//! Sending a message.

use serde_json::json;
use uuid::Uuid;

use super::recipient::{Address, address};
use super::{Created, Refused, Stamp, member, pace, values};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::filter::Literal;
use crate::domain::message::{Around, Message};
use crate::domain::model::{
    BODY, CHANNEL_ID, CHANNEL_TYPE, MESSAGE, PARENT_MESSAGE_ID, STATUS, SUBJECT, TO_USER_ID,
};
use crate::ports::{Database, Error, Kind, Random, Transaction, Value, ValueRef};
use crate::store::channel::next;
use crate::store::sql::{Sql, id, literal, optional, text, uuid};
use crate::store::{attachment, audit, event, told};

/// A message that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The values of all properties of the model, in its order.
    pub(crate) values: Vec<Value>,
    /// As the members of the channel see it.
    pub(crate) message: Message,
    pub(crate) around: Around,
}

/// Sends a message. The first one makes the channel, and its sender the owner.
pub(crate) fn create_message(
    transaction: &mut impl Transaction,
    ports: &(impl Random + Database),
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    per_minute: i64,
) -> Result<Created<Sent>, Error> {
    let channel = draft.text(&CHANNEL_ID).unwrap_or_default();
    let dialect = ports.dialect();
    let found = next(transaction, dialect, caller, channel, stamp.now)?;
    let new_channel = found.is_none();
    let slot = match found {
        Some(slot) => slot,
        None => {
            if let Some(refusal) = refusal(transaction, caller, draft, channel)? {
                return Ok(Err(refusal));
            }
            make_channel(transaction, caller, stamp, draft, channel)?;
            let slot = next(transaction, dialect, caller, channel, stamp.now)?;
            slot.ok_or(Error::Conflict)?
        }
    };
    if let Some(refusal) = again(transaction, caller, stamp, draft, channel)? {
        return Ok(Err(refusal));
    }
    let rules = (&slot, per_minute);
    if let Some(refusal) = pace::refusal(transaction, caller, stamp.now, channel, rules)? {
        return Ok(Err(refusal));
    }
    let mentions = members_of(transaction, caller, channel, &draft.mentions)?;
    let insert = insert_statement(caller, stamp, draft, (channel, slot.seq), &mentions);
    if insert.execute_in(transaction)? == 0 {
        return Ok(Err(Refused::NoTarget));
    }
    let addresses = draft
        .recipients
        .iter()
        .map(|user| Address::to(ports, stamp, user));
    let addresses: Vec<_> = addresses.collect();
    let (at, files) = ((stamp.id, stamp.now), draft.attachments.as_slice());
    if !attachment::send_with(transaction, caller, at, channel, files)? {
        return Ok(Err(Refused::Unsendable));
    }
    let message = as_sent(caller, stamp, draft, slot.seq, mentions);
    let around = match files.is_empty() {
        true => Around::default(),
        false => {
            let sent = told::read(transaction, caller, stamp.id)?;
            sent.ok_or(Error::Conflict)?.1
        }
    };
    if new_channel {
        told::opened(transaction, caller, &message)?;
    }
    if !addresses.is_empty() {
        address(transaction, caller, stamp, channel, &addresses)?;
    }
    told::created(transaction, caller, (&message, &around))?;
    mention(transaction, caller, stamp, &message)?;
    let mut details = json!({ "channelId": channel });
    if let Some(details) = details.as_object_mut() {
        if new_channel {
            details.insert("newChannel".to_owned(), true.into());
        }
        if !addresses.is_empty() {
            details.insert("recipients".to_owned(), addresses.len().into());
        }
        if !files.is_empty() {
            let files = files.iter().map(Uuid::to_string).collect();
            details.insert("attachments".to_owned(), files);
        }
    }
    transaction.audit(&audit::created(&MESSAGE, stamp.id, details))?;
    Ok(Ok(Sent {
        values: values(&MESSAGE, caller, stamp, draft),
        message,
        around,
    }))
}

/// What was just written, without reading it back.
fn as_sent(
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    seq: i64,
    mentions: Vec<String>,
) -> Message {
    let owned = |property| draft.text(property).map(str::to_owned);
    Message {
        id: stamp.id,
        channel: owned(&CHANNEL_ID).unwrap_or_default(),
        channel_type: owned(&CHANNEL_TYPE).unwrap_or_default(),
        seq: Some(seq),
        body: owned(&BODY).unwrap_or_default(),
        subject: owned(&SUBJECT),
        status: match draft.get(&STATUS) {
            Some(Literal::Integer(status)) => *status,
            _ => 0,
        },
        addressee: owned(&TO_USER_ID),
        parent: draft.uuid(&PARENT_MESSAGE_ID),
        sender: caller.actor.clone(),
        created_on: stamp.now,
        modified_on: stamp.now,
        edited_on: None,
        version: 1,
        client_id: draft.client_id.clone(),
        mentions,
        forwarded_from: draft.forwarded_from,
    }
}

fn make_channel(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    channel: &str,
) -> Result<(), Error> {
    let addressee = draft.text(&TO_USER_ID).map(str::to_owned);
    let addressee = addressee.filter(|user| !draft.recipients.contains(user));
    let members = draft.recipients.iter().cloned().chain(addressee);
    member::create_channel(
        transaction,
        caller,
        stamp,
        (channel, draft.text(&CHANNEL_TYPE).unwrap_or_default()),
        members.filter(|user| *user != caller.actor),
    )
}

/// Whether the sender has sent the message before, by the name that the sender gave it. The
/// channel is locked, so that of two at the same time the second finds the first.
fn again(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    channel: &str,
) -> Result<Option<Refused>, Error> {
    let Some(client_id) = &draft.client_id else {
        return Ok(None);
    };
    let fingerprint = draft.fingerprint();
    let this = |sql: &mut Sql| {
        sql.bind(
            " WHERE tenant_id = ? AND channel_id = ? AND user_id = ? AND client_id = ?",
            [
                text(&caller.tenant),
                text(channel),
                text(&caller.actor),
                text(client_id),
            ],
        );
    };
    let mut sql = Sql::new("SELECT message_id, fingerprint FROM chat_client_ids");
    this(&mut sql);
    sql.push(
        " AND EXISTS (SELECT 1 FROM chat_messages AS m WHERE m.id = chat_client_ids.message_id \
         AND m.deleted = FALSE)",
    );
    let rows = sql.query_in(transaction, &[Kind::Uuid, Kind::Bytes])?;
    if let Some(row) = rows.first() {
        let known = id(row.get(0)).ok_or(Error::Conflict)?;
        return Ok(Some(match row.get(1) == ValueRef::Bytes(&fingerprint) {
            true => Refused::Resent(known),
            false => Refused::ClientIdReused,
        }));
    }
    // The name of a message that was deleted is free again.
    let mut delete = Sql::new("DELETE FROM chat_client_ids");
    this(&mut delete);
    delete.execute_in(transaction)?;
    let mut insert = Sql::new(
        "INSERT INTO chat_client_ids (tenant_id, channel_id, user_id, client_id, message_id, \
         fingerprint) ",
    );
    insert.bind(
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
            text(client_id),
            uuid(stamp.id),
            Value::Bytes(fingerprint),
        ],
    );
    insert.execute_in(transaction)?;
    Ok(None)
}

/// Those of some users who are members: others are not mentioned.
fn members_of(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    users: &[String],
) -> Result<Vec<String>, Error> {
    let there = told::members_among(transaction, caller, channel, users)?;
    let there = users.iter().filter(|user| there.contains(*user));
    Ok(there.cloned().collect())
}

fn mention(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    message: &Message,
) -> Result<(), Error> {
    let data = json!({
        "channelId": message.channel,
        "messageId": message.id.to_string(),
        "seq": message.seq,
        "by": message.sender,
    });
    for user in &message.mentions {
        let mut sql =
            Sql::new("INSERT INTO chat_mentions (tenant_id, user_id, message_id, created_on) ");
        sql.bind(
            "VALUES (?, ?, ?, ?)",
            [
                text(&caller.tenant),
                text(user),
                uuid(stamp.id),
                Value::Timestamp(stamp.now),
            ],
        );
        sql.execute_in(transaction)?;
        event::to_user(transaction, &caller.tenant, user, "mention.created", &data)?;
    }
    Ok(())
}

/// Why nothing was inserted. None when the channel has yet to be made.
fn refusal(
    transaction: &mut impl Transaction,
    caller: &Caller,
    draft: &Draft,
    channel: &str,
) -> Result<Option<Refused>, Error> {
    // A reply makes no channel. Its sender must not learn, without leaving a trace,
    // whether others have one: theirs and none at all are the same, in time as well.
    if draft.uuid(&PARENT_MESSAGE_ID).is_some() {
        return Ok(Some(Refused::NoTarget));
    }
    match membership(transaction, caller, channel)? {
        Membership::NoMember => Ok(Some(Refused::NotMember)),
        Membership::NoChannel => Ok(None),
        // The channel was made between the two statements.
        Membership::Member => Err(Error::Conflict),
    }
}

/// Inserts the message if, and only if, the sender is a member of its channel and the
/// parent is there: one statement in the usual case.
fn insert_statement(
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    (channel, seq): (&str, i64),
    mentions: &[String],
) -> Sql {
    let given = |property| optional(draft.or_default(property).as_ref(), literal);
    let mut sql = Sql::new(
        "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
         subject, to_user_id, created_by, created_on, modified_by, modified_on, deleted, seq, \
         client_id, mentions, forwarded_from, parent_message_id) ",
    );
    sql.bind(
        "SELECT ?, p.tenant_id, p.channel_id, ?, ?, ?, ?, ?, p.user_id, ?, p.user_id, ?, FALSE, \
         ?, ?, ?, ?",
        [
            uuid(stamp.id),
            given(&CHANNEL_TYPE),
            given(&BODY),
            given(&STATUS),
            given(&SUBJECT),
            given(&TO_USER_ID),
            Value::Timestamp(stamp.now),
            Value::Timestamp(stamp.now),
            Value::Integer(seq),
            optional(draft.client_id.as_deref(), text),
            optional(
                (!mentions.is_empty()).then(|| json!(mentions).to_string()),
                Value::Text,
            ),
            optional(draft.forwarded_from, uuid),
        ],
    );
    match draft.uuid(&PARENT_MESSAGE_ID) {
        None => sql.push(", NULL FROM chat_members AS p"),
        // A member sees every live message of the channel.
        Some(parent) => sql.bind(
            ", r.id FROM chat_members AS p JOIN chat_messages AS r ON r.id = ? \
             AND r.tenant_id = p.tenant_id AND r.channel_id = p.channel_id AND r.deleted = FALSE",
            [uuid(parent)],
        ),
    };
    sql.bind(
        " WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id = ?",
        [text(&caller.tenant), text(channel), text(&caller.actor)],
    );
    sql
}

enum Membership {
    NoChannel,
    NoMember,
    Member,
}

fn membership(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
) -> Result<Membership, Error> {
    let mut sql = Sql::new("SELECT p.role FROM chat_channels AS c ");
    sql.bind(
        "LEFT JOIN chat_members AS p ON p.tenant_id = c.tenant_id \
         AND p.channel_id = c.channel_id AND p.user_id = ? \
         WHERE c.tenant_id = ? AND c.channel_id = ?",
        [text(&caller.actor), text(&caller.tenant), text(channel)],
    );
    let rows = sql.query_in(transaction, &[Kind::Text])?;
    Ok(match rows.first().map(|row| row.get(0)) {
        None => Membership::NoChannel,
        Some(ValueRef::Text(_)) => Membership::Member,
        Some(_) => Membership::NoMember,
    })
}
