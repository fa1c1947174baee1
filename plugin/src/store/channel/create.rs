//! Making channels.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::list::entry_in;
use super::member::{admitted, insert};
use super::{Done, Entry, Kept, record};
use crate::domain::caller::Caller;
use crate::domain::channel::{Kind, Role, distinct};
use crate::ports::{Database, Error, Kind as Column, Transaction, Value};
use crate::store::attachment::hex;
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, optional, text};
use crate::store::{Stamp, event};

/// A direct conversation, and whether it is new.
pub(crate) type Opened = (Entry, bool);

/// What a new channel is.
struct New<'a> {
    id: String,
    kind: Kind,
    name: Option<&'a str>,
    topic: Option<&'a str>,
}

/// Makes a channel whose owner the caller is.
pub(crate) fn create<D: Database>(
    db: &D,
    caller: &Caller,
    stamp: Stamp,
    (kind, name, topic): (Kind, Option<&str>, Option<&str>),
    members: &[String],
) -> Result<Entry, Error> {
    attempt(db, |transaction| {
        let new = New {
            id: stamp.id.to_string(),
            kind,
            name,
            topic,
        };
        let mut all = vec![(caller.actor.as_str(), Role::Owner)];
        let others = members.iter().filter(|user| **user != caller.actor);
        all.extend(others.map(|user| (user.as_str(), Role::Member)));
        make(transaction, caller, stamp, &new, &all).map(Step::Commit)
    })
}

/// The conversation of the caller with another user, which is made when there is none.
/// Two who ask at the same time get the same: the key of the pair is unique, and the
/// slower transaction is run again.
pub(crate) fn direct<D: Database>(
    db: &D,
    caller: &Caller,
    stamp: Stamp,
    user: &str,
) -> Result<Done<Opened>, Error> {
    let key = hex(&Sha256::digest(distinct(&caller.actor, user)));
    attempt(db, |transaction| {
        let mut sql = Sql::new("SELECT channel_id FROM chat_directs ");
        sql.bind(
            "WHERE tenant_id = ? AND distinct_key = ?",
            [text(&caller.tenant), text(&key)],
        );
        let rows = sql.query_in(transaction, &[Column::Text])?;
        if let Some(channel) = rows.first().and_then(|row| super::word(&row, 0)) {
            let entry = entry_in(transaction, caller, &channel)?;
            let entry = entry.ok_or(Error::Conflict)?;
            return Ok(Step::Abandon(Ok((entry, false))));
        }
        if is_blocked(transaction, &caller.tenant, &caller.actor, user)? {
            return Ok(Step::Abandon(Err(Kept::Blocked)));
        }
        let new = New {
            id: stamp.id.to_string(),
            kind: Kind::Direct,
            name: None,
            topic: None,
        };
        let mut insert = Sql::new("INSERT INTO chat_directs ");
        insert.bind(
            "(tenant_id, distinct_key, channel_id) VALUES (?, ?, ?)",
            [text(&caller.tenant), text(&key), text(&new.id)],
        );
        insert.execute_in(transaction)?;
        let mut both = vec![(caller.actor.as_str(), Role::Member)];
        // With oneself: a place for notes.
        if user != caller.actor {
            both.push((user, Role::Member));
        }
        let entry = make(transaction, caller, stamp, &new, &both)?;
        Ok(Step::Commit(Ok((entry, true))))
    })
}

/// Whether one of two users has blocked the other.
pub(in crate::store) fn is_blocked(
    transaction: &mut impl Transaction,
    tenant: &str,
    one: &str,
    other: &str,
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT 1 FROM chat_blocks ");
    sql.bind(
        "WHERE tenant_id = ? AND ((user_id = ? AND blocked_id = ?) \
         OR (user_id = ? AND blocked_id = ?))",
        [text(tenant), text(one), text(other), text(other), text(one)],
    );
    Ok(!sql.query_in(transaction, &[Column::Integer])?.is_empty())
}

fn make(
    transaction: &mut impl Transaction,
    caller: &Caller,
    stamp: Stamp,
    new: &New<'_>,
    members: &[(&str, Role)],
) -> Result<Entry, Error> {
    let mut sql = Sql::new(
        "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, kind, name, topic, \
         created_by, created_on) ",
    );
    sql.bind(
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(&new.id),
            text(new.kind.word()),
            text(new.kind.word()),
            optional(new.name, text),
            optional(new.topic, text),
            text(&caller.actor),
            Value::Timestamp(stamp.now),
        ],
    );
    sql.execute_in(transaction)?;
    for (user, role) in members {
        insert(transaction, caller, (&new.id, user), *role, (stamp.now, 0))?;
    }
    let mut own = None;
    for (user, _) in members {
        let member = Caller::without_permissions(user, &caller.tenant);
        let entry = entry_in(transaction, &member, &new.id)?.ok_or(Error::Conflict)?;
        admitted(transaction, caller, &entry, user)?;
        if *user == caller.actor {
            own = Some(entry);
        }
    }
    let data = json!({ "channelId": new.id, "kind": new.kind.word(), "members": members.len() });
    event::to_user(
        transaction,
        &caller.tenant,
        &caller.actor,
        "channel.created",
        &data,
    )?;
    record(transaction, "create", &new.id, None)?;
    own.ok_or(Error::Conflict)
}
