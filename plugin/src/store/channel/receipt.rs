//! How far members have read, and what they want to hear.

use serde_json::{Value as Json, json};

use super::list::count_unread;
use super::{Done, Kept, look_up};
use crate::domain::caller::Caller;
use crate::domain::channel::{Channel, Membership, Unread};
use crate::ports::{Database, Error, Transaction, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::event;
use crate::store::run::Within;
use crate::store::sql::{Sql, optional, text};

/// How far somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) membership: Membership,
    pub(crate) unread: Unread,
    /// The last number of the channel when it was counted.
    pub(crate) last_seq: i64,
}

impl Read {
    pub(crate) fn shown(&self, channel: &str) -> Json {
        let (unread, more) = self.unread.shown();
        json!({
            "channelId": channel,
            "readSeq": self.membership.read_seq,
            "deliveredSeq": self.membership.delivered_seq,
            "unread": unread,
            "hasMoreUnread": more,
            "lastSeq": self.last_seq,
        })
    }
}

/// Everything up to a number is read. It only goes up; behind the last message there is
/// nothing to read.
pub(crate) fn read_up_to<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    seq: i64,
) -> Result<Done<Read>, Error> {
    step(db, caller, channel, |transaction, member, last| {
        let seq = seq.min(last);
        if seq <= member.read_seq {
            return Ok(false);
        }
        member.read_seq = seq;
        member.delivered_seq = member.delivered_seq.max(seq);
        mark(transaction, caller, channel, true, seq)?;
        Ok(true)
    })
}

/// A number and everything behind it are not read: the one way down.
pub(crate) fn mark_unread<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    seq: i64,
) -> Result<Done<Read>, Error> {
    step(db, caller, channel, |transaction, member, _| {
        if seq > member.read_seq {
            return Ok(false);
        }
        member.read_seq = seq - 1;
        mark(transaction, caller, channel, false, seq)?;
        Ok(true)
    })
}

/// Everything up to a number has reached a device of the caller's. It only goes up.
pub(crate) fn deliver<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    seq: i64,
) -> Result<Done<Read>, Error> {
    step(db, caller, channel, |_, member, last| {
        let seq = seq.min(last);
        if seq <= member.delivered_seq {
            return Ok(false);
        }
        member.delivered_seq = seq;
        Ok(true)
    })
}

fn step<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    mut apply: impl FnMut(&mut D::Transaction, &mut Membership, i64) -> Result<bool, Error>,
) -> Result<Done<Read>, Error> {
    attempt(db, |transaction| {
        let known = look_up(&mut Within(transaction), caller, channel, "")?;
        let Some((before, last_seq)) = known.and_then(|it| Some((it.member?, it.last_seq))) else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let mut after = before.clone();
        let changed = apply(transaction, &mut after, last_seq)?;
        if changed {
            update(transaction, caller, channel, (&before, &after))?;
        }
        let cursors = match after.read_seq < last_seq {
            true => vec![(channel, after.read_seq)],
            false => Vec::new(),
        };
        let mut counts = count_unread(&mut Within(transaction), caller, cursors)?;
        let read = Read {
            membership: after,
            unread: counts.remove(channel).unwrap_or_default(),
            last_seq,
        };
        if !changed {
            return Ok(Step::Abandon(Ok(read)));
        }
        let (tenant, user) = (&caller.tenant, &caller.actor);
        let data = read.shown(channel);
        event::to_user(transaction, tenant, user, "read.updated", &data)?;
        let data = read.membership.shown_of(channel, user);
        event::to_channel(transaction, tenant, channel, "receipt.updated", &data)?;
        Ok(Step::Commit(Ok(read)))
    })
}

/// Only from where it was read: of two at the same time one is run again.
fn update(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    (before, after): (&Membership, &Membership),
) -> Result<(), Error> {
    let mut sql = Sql::new("UPDATE chat_members SET read_seq = ");
    sql.bind(
        "?, delivered_seq = ? WHERE tenant_id = ? AND channel_id = ? AND user_id = ? \
         AND read_seq = ? AND delivered_seq = ?",
        [
            Value::Integer(after.read_seq),
            Value::Integer(after.delivered_seq),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
            Value::Integer(before.read_seq),
            Value::Integer(before.delivered_seq),
        ],
    );
    match sql.execute_in(transaction)? {
        0 => Err(Error::Conflict),
        _ => Ok(()),
    }
}

/// The `isRead` of the caller's recipient rows follows: up to a number, or from one on.
fn mark(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    read: bool,
    seq: i64,
) -> Result<(), Error> {
    let mut sql = Sql::new("UPDATE chat_recipients SET is_read = ");
    sql.bind(
        "? WHERE tenant_id = ? AND holder_id = ? AND channel_id = ? AND is_read = ? \
         AND EXISTS (SELECT 1 FROM chat_messages AS m WHERE m.id = chat_recipients.message_id",
        [
            Value::Boolean(read),
            text(&caller.tenant),
            text(&caller.actor),
            text(channel),
            Value::Boolean(!read),
        ],
    );
    sql.push(match read {
        true => " AND m.seq <= ",
        false => " AND m.seq >= ",
    });
    sql.bind("?)", [Value::Integer(seq)]);
    sql.execute_in(transaction)?;
    Ok(())
}

/// Keeps a channel quiet until a time (microseconds since 1970), or lets it be heard.
pub(crate) fn mute<D: Database>(
    db: &D,
    caller: &Caller,
    id: &str,
    until: Option<i64>,
) -> Result<Done<Channel>, Error> {
    let mut update = Sql::new("UPDATE chat_members SET muted_until = ");
    update.bind(
        "? WHERE tenant_id = ? AND channel_id = ? AND user_id = ?",
        [
            optional(until, Value::Timestamp),
            text(&caller.tenant),
            text(id),
            text(&caller.actor),
        ],
    );
    attempt(db, |transaction| {
        update.execute_in(transaction)?;
        let known = look_up(&mut Within(transaction), caller, id, "")?;
        let Some(channel) = known.filter(|it| it.member.is_some()) else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let member = channel.member.as_ref().map(Membership::shown);
        let data = json!({ "channelId": id, "membership": member });
        let (tenant, user) = (&caller.tenant, &caller.actor);
        event::to_user(transaction, tenant, user, "membership.updated", &data)?;
        Ok(Step::Commit(Ok(channel)))
    })
}
