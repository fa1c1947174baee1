//! Channels and their members, as far as messages make them.

use super::Stamp;
use crate::domain::caller::Caller;
use crate::ports::{Error, Transaction, Value};
use crate::store::channel::arrive;
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

/// Makes somebody a member, if the caller owns the channel and nothing speaks against it:
/// whom its owner addresses belongs to it. What was said before the last `news` messages is
/// read.
pub(super) fn invite(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    (channel, user): (&str, &str),
    news: i64,
) -> Result<(), Error> {
    // Whoever changes who belongs to a channel locks it.
    let mut lock = Sql::new("UPDATE chat_channels SET last_seq = last_seq ");
    lock.bind(
        "WHERE tenant_id = ? AND channel_id = ?",
        [text(&caller.tenant), text(channel)],
    );
    lock.execute_in(transaction)?;
    let mut sql = Sql::new(
        "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on, read_seq, \
         delivered_seq) ",
    );
    sql.bind(
        "SELECT o.tenant_id, o.channel_id, ?, 'member', ?, c.last_seq - ?, c.last_seq - ? \
         FROM chat_members AS o JOIN chat_channels AS c ON c.tenant_id = o.tenant_id \
         AND c.channel_id = o.channel_id WHERE o.tenant_id = ? AND o.channel_id = ? \
         AND o.user_id = ? AND o.role = 'owner' AND c.archived_on IS NULL \
         AND NOT EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = o.tenant_id \
         AND p.channel_id = o.channel_id AND p.user_id = ?) \
         AND NOT EXISTS (SELECT 1 FROM chat_bans AS b WHERE b.tenant_id = o.tenant_id \
         AND b.channel_id = o.channel_id AND b.user_id = ?)",
        [
            text(user),
            Value::Timestamp(stamp.now),
            Value::Integer(news),
            Value::Integer(news),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
            text(user),
            text(user),
        ],
    );
    if sql.execute_in(transaction)? > 0 {
        arrive(transaction, caller, channel, user)?;
    }
    Ok(())
}
