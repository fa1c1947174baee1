//! Saying whom a message is for.

use serde_json::json;
use uuid::Uuid;

use super::{Created, Refused, Stamp, member, values};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::id;
use crate::domain::model::{
    CHANNEL_ID, FORWARDED_BY, IS_FAVORITE, IS_FORWARDED, IS_READ, MESSAGE, MESSAGE_ID, RECIPIENT,
    RECIPIENT_ID,
};
use crate::ports::{Error, Random, Transaction, Value};
use crate::store::scope;
use crate::store::sql::{Sql, literal, optional, text, uuid};
use crate::store::target::target;
use crate::store::{audit, told};

const INSERT: &str = "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, \
     recipient_id, holder_id, created_by, created_on, modified_by, modified_on, deleted, \
     is_favorite, is_forwarded, is_read, forwarded_by) ";

/// A recipient of a new message.
pub(super) struct Address<'a> {
    id: Uuid,
    user: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn to(random: &impl Random, stamp: Stamp, user: &'a str) -> Self {
        Self {
            id: id::mint(stamp.now, [random.bits(), random.bits()]),
            user,
        }
    }
}

/// Adds recipients to a message that was just sent. Where they have yet to come in, they
/// are told after it.
pub(super) fn address(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: Stamp,
    channel: &str,
    addresses: &[Address<'_>],
) -> Result<(), Error> {
    let mut sql = Sql::new(INSERT);
    sql.push("VALUES ");
    for (index, address) in addresses.iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        sql.bind(
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, FALSE, FALSE, FALSE, FALSE, NULL)",
            [
                uuid(address.id),
                text(&caller.tenant),
                uuid(message.id),
                text(channel),
                text(address.user),
                text(address.user),
                text(&caller.actor),
                Value::Timestamp(message.now),
                text(&caller.actor),
                Value::Timestamp(message.now),
            ],
        );
    }
    sql.execute_in(transaction)?;
    for address in addresses {
        member::invite(transaction, caller, message, (channel, address.user), 1)?;
        told::recipient(transaction, caller, "recipient.created", address.id)?;
    }
    Ok(())
}

/// Adds a recipient to a message.
///
/// Whoever may change a message may say whom it is for. Everybody who sees it may forward
/// it, and may keep a row of their own, for instance to mark it as read.
pub(crate) fn create_recipient(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
) -> Result<Created, Error> {
    let Some(message) = draft.uuid(&MESSAGE_ID) else {
        return Ok(Err(Refused::NoTarget));
    };
    let user = draft.text(&RECIPIENT_ID).unwrap_or_default();
    if draft
        .text(&FORWARDED_BY)
        .is_some_and(|it| it != caller.actor)
    {
        return Ok(Err(Refused::Fixed(&FORWARDED_BY)));
    }
    // What somebody has read and likes is for that one to say.
    if user != caller.actor {
        for mark in [&IS_READ, &IS_FAVORITE] {
            if draft.flag(mark) {
                return Ok(Err(Refused::Fixed(mark)));
            }
        }
    }
    let is_forward = is_forward(draft);
    let insert = insert_statement(caller, stamp, draft, message, is_forward);
    if insert.execute_in(transaction)? == 0 {
        return why_not(transaction, caller, draft, message, user).map(Err);
    }
    if !is_forward {
        let channel = draft.text(&CHANNEL_ID).unwrap_or_default();
        member::invite(transaction, caller, stamp, (channel, user), 0)?;
    }
    told::recipient(transaction, caller, "recipient.created", stamp.id)?;
    let details = json!({
        "messageId": message.to_string(),
        "recipientId": user,
        "forward": is_forward,
    });
    transaction.audit(&audit::created(&RECIPIENT, stamp.id, details))?;
    Ok(Ok(values(&RECIPIENT, caller, stamp, draft)))
}

fn is_forward(draft: &Draft) -> bool {
    draft.text(&FORWARDED_BY).is_some() || draft.flag(&IS_FORWARDED)
}

/// Inserts the row if, and only if, the caller sees the message, in the channel that the
/// draft says, and may add this recipient to it.
fn insert_statement(
    caller: &Caller,
    stamp: Stamp,
    draft: &Draft,
    message: Uuid,
    is_forward: bool,
) -> Sql {
    let given = |property| optional(draft.or_default(property).as_ref(), literal);
    let mut sql = Sql::new(INSERT);
    sql.bind(
        "SELECT ?, m.tenant_id, m.id, m.channel_id, ?, ?, ?, ?, ?, ?, FALSE, ?, ?, ?, ? \
         FROM chat_messages AS m WHERE m.id = ? AND m.channel_id = ? AND ",
        [
            uuid(stamp.id),
            given(&RECIPIENT_ID),
            given(&RECIPIENT_ID),
            text(&caller.actor),
            Value::Timestamp(stamp.now),
            text(&caller.actor),
            Value::Timestamp(stamp.now),
            given(&IS_FAVORITE),
            given(&IS_FORWARDED),
            given(&IS_READ),
            given(&FORWARDED_BY),
            uuid(message),
            given(&CHANNEL_ID),
        ],
    );
    scope::visible(&mut sql, caller, &MESSAGE);
    // A failed insert would end the transaction; a row that comes in between still does,
    // and the next attempt finds it here.
    sql.bind(
        " AND NOT EXISTS (SELECT 1 FROM chat_recipients AS d WHERE d.tenant_id = m.tenant_id \
         AND d.message_id = m.id AND d.holder_id = ?)",
        [given(&RECIPIENT_ID)],
    );
    if !is_forward && draft.text(&RECIPIENT_ID) != Some(caller.actor.as_str()) {
        sql.push(" AND ");
        scope::own_or_moderated(&mut sql, caller, "m");
    }
    sql
}

fn why_not(
    transaction: &mut impl Transaction,
    caller: &Caller,
    draft: &Draft,
    message: Uuid,
    user: &str,
) -> Result<Refused, Error> {
    Ok(match target(transaction, caller, message)? {
        None => Refused::NoTarget,
        Some(target) if draft.text(&CHANNEL_ID) != Some(target.channel.as_str()) => {
            Refused::Fixed(&CHANNEL_ID)
        }
        Some(target) => match target.may_add || is_forward(draft) || user == caller.actor {
            true => Refused::Duplicate,
            false => Refused::Forbidden,
        },
    })
}
