//! Sending a message.

use serde_json::json;
use uuid::Uuid;

use super::recipient::{Address, address};
use super::{Created, Refused, Stamp, member, values};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::model::{
    BODY, CHANNEL_ID, CHANNEL_TYPE, MESSAGE, PARENT_MESSAGE_ID, STATUS, SUBJECT, TO_USER_ID,
};
use crate::ports::{Error, Kind, Random, Transaction, Value, ValueRef};
use crate::store::sql::{Sql, literal, optional, text, uuid};
use crate::store::{attachment, audit};

/// Sends a message. The first one makes the channel, and its sender the owner.
pub(crate) fn create_message(
    transaction: &mut impl Transaction,
    random: &impl Random,
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
) -> Result<Created, Error> {
    let channel = draft.text(&CHANNEL_ID).unwrap_or_default();
    let insert = insert_statement(caller, stamp, draft, channel);
    let new_channel = insert.execute_in(transaction)? == 0;
    if new_channel {
        if let Some(refusal) = refusal(transaction, caller, draft, channel)? {
            return Ok(Err(refusal));
        }
        let addressee = draft.text(&TO_USER_ID).map(str::to_owned);
        let addressee = addressee.filter(|user| !draft.recipients.contains(user));
        let members = draft.recipients.iter().cloned().chain(addressee);
        member::create_channel(
            transaction,
            caller,
            stamp,
            (channel, draft.text(&CHANNEL_TYPE).unwrap_or_default()),
            members.filter(|user| *user != caller.actor),
        )?;
        if insert.execute_in(transaction)? == 0 {
            return Err(Error::Conflict);
        }
    }
    let addresses = draft
        .recipients
        .iter()
        .map(|user| Address::to(random, stamp, user));
    let addresses: Vec<_> = addresses.collect();
    if !addresses.is_empty() {
        address(transaction, caller, stamp, channel, &addresses)?;
    }
    let (at, files) = ((stamp.id, stamp.now), draft.attachments.as_slice());
    if !attachment::send_with(transaction, caller, at, channel, files)? {
        return Ok(Err(Refused::Unsendable));
    }
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
    Ok(Ok(values(&MESSAGE, caller, stamp, draft)))
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
fn insert_statement(caller: &Caller, stamp: Stamp, draft: &Draft, channel: &str) -> Sql {
    let given = |property| optional(draft.or_default(property).as_ref(), literal);
    let mut sql = Sql::new(
        "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
         subject, to_user_id, created_by, created_on, modified_by, modified_on, deleted, \
         parent_message_id) ",
    );
    sql.bind(
        "SELECT ?, p.tenant_id, p.channel_id, ?, ?, ?, ?, ?, p.user_id, ?, p.user_id, ?, FALSE",
        [
            uuid(stamp.id),
            given(&CHANNEL_TYPE),
            given(&BODY),
            given(&STATUS),
            given(&SUBJECT),
            given(&TO_USER_ID),
            Value::Timestamp(stamp.now),
            Value::Timestamp(stamp.now),
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
