//! Channels, their members, and the numbers of their messages.

mod ban;
mod change;
mod create;
mod list;
mod member;
mod message;
mod receipt;
mod said;
mod sequence;

use super::audit;
use super::run::{Alone, Run, Within};
use super::sql::{Sql, text};
use crate::domain::caller::{Caller, Permission};
use crate::domain::channel::{Channel, Kind, Membership, Role};
use crate::ports::{Database, Dialect, Error, Kind as Column, Row, Transaction, ValueRef};

pub(crate) use ban::{ban, bans, unban};
pub(crate) use change::{archive, edit};
pub(crate) use create::{create as create_channel, direct};
pub(crate) use list::{Entry, Place, entry, list, public};
pub(crate) use member::{add, join, leave, members, set_role};
pub(super) use member::{admitted, arrive, depart_all};
pub(super) use message::{
    COLUMNS as MESSAGE_COLUMNS, KINDS as MESSAGE_KINDS, not_hidden, read as read_message,
};
pub(crate) use message::{Span, history, message};
pub(crate) use receipt::{Read, deliver, mark_unread, mute, read_up_to};
pub(super) use said::said;
pub(crate) use sequence::ensure;
pub(super) use sequence::{Slot, next};

const COLUMNS: &str = "c.channel_id, c.kind, c.channel_type, c.name, c.topic, c.created_by, \
     c.created_on, COALESCE(c.active_on, c.created_on), c.archived_on, c.last_seq, \
     c.slow_seconds, c.retention_seconds, p.role, p.joined_on, p.read_seq, p.delivered_seq, \
     p.muted_until";
const KINDS: [Column; 17] = [
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Text,
    Column::Timestamp,
    Column::Timestamp,
    Column::Timestamp,
    Column::Integer,
    Column::Integer,
    Column::Integer,
    Column::Text,
    Column::Timestamp,
    Column::Integer,
    Column::Integer,
    Column::Timestamp,
];

/// Why nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// There is no such channel or member, or not for the caller.
    Missing,
    /// The caller sees it, and may not.
    Forbidden,
    /// A channel has an owner.
    LastOwner,
    /// Nothing is written to an archived channel.
    Archived,
    /// A direct conversation stays what it is.
    Direct,
    /// The user may not come in.
    Banned,
    /// One of the two has blocked the other.
    Blocked,
    /// It has as many members as it may.
    Full,
}

/// What has become of something that was asked for.
pub(crate) type Done<T = ()> = Result<T, Kept>;

/// A channel that the caller sees: one whose member the caller is, or a public one.
pub(crate) fn find_channel(
    db: &impl Database,
    caller: &Caller,
    id: &str,
) -> Result<Option<Channel>, Error> {
    look_up(&mut Alone(db), caller, id, "")
}

/// The same in a transaction.
pub(super) fn channel_in(
    transaction: &mut impl Transaction,
    caller: &Caller,
    id: &str,
) -> Result<Option<Channel>, Error> {
    look_up(&mut Within(transaction), caller, id, "")
}

/// The same, which nobody else changes before the transaction ends.
fn locked<D: Database>(
    db: &D,
    transaction: &mut D::Transaction,
    caller: &Caller,
    id: &str,
) -> Result<Option<Channel>, Error> {
    let lock = match db.dialect() {
        // One writer at a time anyway.
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE OF c",
        Dialect::Mysql => " FOR UPDATE",
    };
    look_up(&mut Within(transaction), caller, id, lock)
}

fn look_up(
    run: &mut impl Run,
    caller: &Caller,
    id: &str,
    lock: &'static str,
) -> Result<Option<Channel>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS);
    sql.bind(
        " FROM chat_channels AS c LEFT JOIN chat_members AS p ON p.tenant_id = c.tenant_id \
         AND p.channel_id = c.channel_id AND p.user_id = ? WHERE c.tenant_id = ? \
         AND c.channel_id = ? AND (p.user_id IS NOT NULL OR c.kind = 'public')",
        [text(&caller.actor), text(&caller.tenant), text(id)],
    )
    .push(lock);
    let rows = run.run(&sql, &KINDS)?;
    Ok(rows.first().and_then(|row| read_channel(&row)))
}

fn read_channel(row: &Row<'_>) -> Option<Channel> {
    Some(Channel {
        id: word(row, 0)?,
        kind: Kind::from_word(&word(row, 1)?)?,
        channel_type: word(row, 2)?,
        name: word(row, 3),
        topic: word(row, 4),
        created_by: word(row, 5)?,
        created_on: time(row, 6)?,
        active_on: time(row, 7)?,
        archived_on: time(row, 8),
        last_seq: number(row, 9)?,
        slow_seconds: number(row, 10)?,
        retention_seconds: number(row, 11),
        member: read_membership(row, 12),
    })
}

fn read_membership(row: &Row<'_>, place: usize) -> Option<Membership> {
    Some(Membership {
        role: Role::from_word(&word(row, place)?)?,
        joined_on: time(row, place + 1)?,
        read_seq: number(row, place + 2)?,
        delivered_seq: number(row, place + 3)?,
        muted_until: time(row, place + 4),
    })
}

pub(super) fn word(row: &Row<'_>, place: usize) -> Option<String> {
    match row.get(place) {
        ValueRef::Text(text) => Some(text.to_owned()),
        _ => None,
    }
}

pub(super) fn number(row: &Row<'_>, place: usize) -> Option<i64> {
    match row.get(place) {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

pub(super) fn time(row: &Row<'_>, place: usize) -> Option<i64> {
    match row.get(place) {
        ValueRef::Timestamp(time) => Some(time),
        _ => None,
    }
}

/// What the caller is in a channel: a member whose token moderates is a moderator there.
/// None for those who are no members.
fn rank(caller: &Caller, channel: &Channel) -> Option<Role> {
    let role = channel.member.as_ref()?.role;
    let is_moderator = caller.may(Permission::ModerateMessage);
    Some(if is_moderator {
        role.max(Role::Moderator)
    } else {
        role
    })
}

/// Whether the caller moderates a channel; none when the caller is no member.
pub(crate) fn may_moderate(
    db: &impl Database,
    caller: &Caller,
    id: &str,
) -> Result<Option<bool>, Error> {
    let channel = find_channel(db, caller, id)?;
    let rank = channel.and_then(|it| rank(caller, &it));
    Ok(rank.map(|rank| rank >= Role::Moderator))
}

/// Records what was done with a channel, or with a user in it.
fn record(
    transaction: &mut impl Transaction,
    verb: &str,
    channel: &str,
    user: Option<&str>,
) -> Result<(), Error> {
    transaction.audit(&audit::channel(verb, channel, user))
}
