//! Sending a message.

use uuid::Uuid;

use super::attempt::{Step, attempt};
use super::audit;
use super::sql::{Sql, optional, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::draft::NewMessage;
use crate::ports::{Database, Error, Kind, Row, Transaction, Value};

/// What the service itself adds to a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) id: Uuid,
    /// Microseconds since 1970.
    pub(crate) now: i64,
}

/// How sending ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Created {
    /// The message, with all properties of the model as columns.
    Done(Row),
    /// The channel is there, but not for the caller.
    NotMember,
    /// The caller is a member of no such channel with a live message of the parent's id.
    NoParent,
}

/// Sends a message. The first one makes the channel, and its sender the owner.
pub(crate) fn create(
    db: &impl Database,
    caller: &Caller,
    stamp: Stamp,
    message: &NewMessage,
) -> Result<Created, Error> {
    let insert = insert_statement(caller, stamp, message);
    attempt(db, |transaction| {
        let new_channel = insert.execute_in(transaction)? == 0;
        if new_channel {
            if let Some(refusal) = refusal(transaction, caller, message)? {
                return Ok(Step::Abandon(refusal));
            }
            create_channel(transaction, caller, stamp.now, message)?;
            if insert.execute_in(transaction)? == 0 {
                return Err(Error::Conflict);
            }
        }
        transaction.audit(&audit::created(stamp.id, &message.channel_id, new_channel))?;
        Ok(Step::Commit(Created::Done(row(caller, stamp, message))))
    })
}

/// Why nothing was inserted. None when the channel has yet to be made.
fn refusal(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: &NewMessage,
) -> Result<Option<Created>, Error> {
    // A reply makes no channel. Its sender must not learn, without leaving a trace,
    // whether others have one: theirs and none at all are the same, in time as well.
    if message.parent_message_id.is_some() {
        return Ok(Some(Created::NoParent));
    }
    match membership(transaction, caller, &message.channel_id)? {
        Membership::NoMember => Ok(Some(Created::NotMember)),
        Membership::NoChannel => Ok(None),
        // The channel was made between the two statements.
        Membership::Member => Err(Error::Conflict),
    }
}

/// Inserts the message if, and only if, the sender is a member of its channel and the
/// parent is there: one statement in the usual case.
fn insert_statement(caller: &Caller, stamp: Stamp, message: &NewMessage) -> Sql {
    let mut sql = Sql::new(
        "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
         subject, to_user_id, created_by, created_on, modified_by, modified_on, deleted, \
         parent_message_id) ",
    );
    sql.bind(
        "SELECT ?, p.tenant_id, p.channel_id, ?, ?, ?, ?, ?, p.user_id, ?, p.user_id, ?, FALSE",
        [
            uuid(stamp.id),
            text(&message.channel_type),
            text(&message.body),
            Value::Integer(message.status.into()),
            optional(message.subject.as_deref(), text),
            optional(message.to_user_id.as_deref(), text),
            Value::Timestamp(stamp.now),
            Value::Timestamp(stamp.now),
        ],
    );
    match message.parent_message_id {
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
        [
            text(&caller.tenant),
            text(&message.channel_id),
            text(&caller.actor),
        ],
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
    Ok(match rows.first().map(Vec::as_slice) {
        None => Membership::NoChannel,
        Some([Value::Text(_)]) => Membership::Member,
        Some(_) => Membership::NoMember,
    })
}

fn create_channel(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    message: &NewMessage,
) -> Result<(), Error> {
    let now = Value::Timestamp(now);
    let mut channel = Sql::new(
        "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) ",
    );
    channel.bind(
        "VALUES (?, ?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(&message.channel_id),
            text(&message.channel_type),
            text(&caller.actor),
            now.clone(),
        ],
    );
    channel.execute_in(transaction)?;

    let mut members =
        Sql::new("INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) ");
    let mut member = |text_before, user: &str| {
        members.bind(
            text_before,
            [
                text(&caller.tenant),
                text(&message.channel_id),
                text(user),
                now.clone(),
            ],
        );
    };
    member("VALUES (?, ?, ?, 'owner', ?)", &caller.actor);
    if let Some(user) = message.to_user_id.as_deref()
        && user != caller.actor
    {
        member(", (?, ?, ?, 'member', ?)", user);
    }
    members.execute_in(transaction)?;
    Ok(())
}

/// In the order of the model.
fn row(caller: &Caller, stamp: Stamp, message: &NewMessage) -> Row {
    vec![
        Value::Boolean(false),
        Value::Null,
        Value::Null,
        Value::Timestamp(stamp.now),
        Value::Timestamp(stamp.now),
        text(&caller.actor),
        text(&caller.actor),
        uuid(stamp.id),
        text(&message.body),
        text(&message.channel_id),
        text(&message.channel_type),
        Value::Integer(message.status.into()),
        optional(message.subject.as_deref(), text),
        optional(message.to_user_id.as_deref(), text),
        optional(message.parent_message_id, uuid),
    ]
}
