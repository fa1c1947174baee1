//! Channels and their members, as far as messages make them.

use super::Stamp;
use crate::domain::caller::Caller;
use crate::ports::{Error, Transaction, Value};
use crate::store::sql::{Sql, text};

/// Makes a channel with its owner and its first members.
pub(super) fn create_channel(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    (channel_id, channel_type): (&str, &str),
    members: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let now = Value::Timestamp(stamp.now);
    let mut channel = Sql::new(
        "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) ",
    );
    channel.bind(
        "VALUES (?, ?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(channel_id),
            text(channel_type),
            text(&caller.actor),
            now.clone(),
        ],
    );
    channel.execute_in(transaction)?;

    let mut sql =
        Sql::new("INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) ");
    let mut member = |values, user: Value| {
        sql.bind(
            values,
            [text(&caller.tenant), text(channel_id), user, now.clone()],
        );
    };
    member("VALUES (?, ?, ?, 'owner', ?)", text(&caller.actor));
    for user in members {
        member(", (?, ?, ?, 'member', ?)", Value::Text(user));
    }
    sql.execute_in(transaction)?;
    Ok(())
}

/// Makes somebody a member, if the caller owns the channel: whom its owner addresses
/// belongs to it.
pub(super) fn invite(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    channel: &str,
    user: &str,
) -> Result<(), Error> {
    let mut sql =
        Sql::new("INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) ");
    sql.bind(
        "SELECT o.tenant_id, o.channel_id, ?, 'member', ? FROM chat_members AS o \
         WHERE o.tenant_id = ? AND o.channel_id = ? AND o.user_id = ? AND o.role = 'owner' \
         AND NOT EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = o.tenant_id \
         AND p.channel_id = o.channel_id AND p.user_id = ?)",
        [
            text(user),
            Value::Timestamp(stamp.now),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
            text(user),
        ],
    );
    sql.execute_in(transaction)?;
    Ok(())
}
