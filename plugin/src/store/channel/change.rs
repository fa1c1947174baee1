//! Changing a channel itself.

use super::{Done, Kept, locked, rank, record};
use crate::domain::caller::Caller;
use crate::domain::channel::{Channel, Edit, Kind, Role};
use crate::ports::{Database, Error, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::event;
use crate::store::sql::{Sql, optional, text};

/// Changes what a channel is called and what holds in it: for moderators, and some of it
/// for owners alone.
pub(crate) fn edit<D: Database>(
    db: &D,
    caller: &Caller,
    id: &str,
    edit: &Edit,
) -> Result<Done<Channel>, Error> {
    let least = match edit.is_for_owners() {
        true => Role::Owner,
        false => Role::Moderator,
    };
    change(db, caller, id, least, "update", |channel| {
        if let Some(name) = &edit.name {
            channel.name.clone_from(name);
        }
        if let Some(topic) = &edit.topic {
            channel.topic.clone_from(topic);
        }
        if let Some(kind) = edit.kind {
            channel.kind = kind;
        }
        if let Some(seconds) = edit.slow_seconds {
            channel.slow_seconds = seconds;
        }
        if let Some(seconds) = edit.retention_seconds {
            channel.retention_seconds = seconds;
        }
    })
}

/// Closes a channel for new messages and members, or opens it again: for owners.
pub(crate) fn archive<D: Database>(
    db: &D,
    caller: &Caller,
    id: &str,
    on: Option<i64>,
) -> Result<Done<Channel>, Error> {
    let verb = if on.is_some() { "archive" } else { "unarchive" };
    change(db, caller, id, Role::Owner, verb, |channel| {
        // What is archived stays so since then.
        channel.archived_on = on.map(|on| channel.archived_on.unwrap_or(on));
    })
}

fn change<D: Database>(
    db: &D,
    caller: &Caller,
    id: &str,
    least: Role,
    verb: &str,
    apply: impl Fn(&mut Channel),
) -> Result<Done<Channel>, Error> {
    attempt(db, |transaction| {
        let Some(mut channel) = locked(db, transaction, caller, id)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        match rank(caller, &channel) {
            None => return Ok(Step::Abandon(Err(Kept::Forbidden))),
            Some(_) if channel.kind == Kind::Direct => {
                return Ok(Step::Abandon(Err(Kept::Direct)));
            }
            Some(rank) if rank < least => return Ok(Step::Abandon(Err(Kept::Forbidden))),
            Some(_) => {}
        }
        let before = channel.clone();
        apply(&mut channel);
        if channel == before {
            return Ok(Step::Abandon(Ok(channel)));
        }
        let mut update = Sql::new("UPDATE chat_channels SET kind = ");
        update.bind(
            "?, name = ?, topic = ?, slow_seconds = ?, retention_seconds = ?, archived_on = ? \
             WHERE tenant_id = ? AND channel_id = ?",
            [
                text(channel.kind.word()),
                optional(channel.name.as_deref(), text),
                optional(channel.topic.as_deref(), text),
                Value::Integer(channel.slow_seconds),
                optional(channel.retention_seconds, Value::Integer),
                optional(channel.archived_on, Value::Timestamp),
                text(&caller.tenant),
                text(id),
            ],
        );
        update.execute_in(transaction)?;
        let data = channel.shown();
        event::to_channel(transaction, &caller.tenant, id, "channel.updated", &data)?;
        record(transaction, verb, id, None)?;
        Ok(Step::Commit(Ok(channel)))
    })
}
