//! Who may not come in.

use serde_json::json;

use super::member::{self, depart, leads};
use super::{Done, Kept, locked, rank, record, time, word};
use crate::domain::caller::{Caller, Permission};
use crate::domain::channel::{Kind, Role};
use crate::ports::{Database, Error, Kind as Column, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::event;
use crate::store::sql::{Sql, optional, text};

/// Somebody who may not come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    pub(crate) user: String,
    pub(crate) reason: Option<String>,
    pub(crate) by: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
}

/// Keeps somebody out, member or not: for moderators, against those with a lower role.
pub(crate) fn ban<D: Database>(
    db: &D,
    caller: &Caller,
    now: i64,
    (channel, user): (&str, &str),
    reason: Option<&str>,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        if let Some(kept) = refusal(db, transaction, caller, channel)? {
            return Ok(Step::Abandon(Err(kept)));
        }
        let known = locked(db, transaction, caller, channel)?;
        let rank = known
            .and_then(|it| rank(caller, &it))
            .unwrap_or(Role::Member);
        let there = member::find(transaction, caller, channel, user)?;
        if there.as_ref().is_some_and(|it| !leads(rank, it.role)) || user == caller.actor {
            return Ok(Step::Abandon(Err(Kept::Forbidden)));
        }
        let mut insert = Sql::new(
            "INSERT INTO chat_bans (tenant_id, channel_id, user_id, reason, banned_by, banned_on) ",
        );
        insert.bind(
            "SELECT c.tenant_id, c.channel_id, ?, ?, ?, ? FROM chat_channels AS c \
             WHERE c.tenant_id = ? AND c.channel_id = ? AND NOT EXISTS (SELECT 1 \
             FROM chat_bans AS b WHERE b.tenant_id = c.tenant_id \
             AND b.channel_id = c.channel_id AND b.user_id = ?)",
            [
                text(user),
                optional(reason, text),
                text(&caller.actor),
                Value::Timestamp(now),
                text(&caller.tenant),
                text(channel),
                text(user),
            ],
        );
        if insert.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Ok(())));
        }
        if there.is_some() {
            depart(transaction, caller, channel, user, "banned")?;
        } else {
            record(transaction, "ban", channel, Some(user))?;
        }
        let data = json!({ "channelId": channel, "userId": user });
        event::to_channel(transaction, &caller.tenant, channel, "member.banned", &data)?;
        Ok(Step::Commit(Ok(())))
    })
}

/// Lets somebody in again.
pub(crate) fn unban<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    user: &str,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        if let Some(kept) = refusal(db, transaction, caller, channel)? {
            return Ok(Step::Abandon(Err(kept)));
        }
        let mut delete = Sql::new("DELETE FROM chat_bans ");
        delete.bind(
            "WHERE tenant_id = ? AND channel_id = ? AND user_id = ?",
            [text(&caller.tenant), text(channel), text(user)],
        );
        if delete.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        }
        let data = json!({ "channelId": channel, "userId": user });
        event::to_channel(
            transaction,
            &caller.tenant,
            channel,
            "member.unbanned",
            &data,
        )?;
        record(transaction, "unban", channel, Some(user))?;
        Ok(Step::Commit(Ok(())))
    })
}

fn refusal<D: Database>(
    db: &D,
    transaction: &mut D::Transaction,
    caller: &Caller,
    channel: &str,
) -> Result<Option<Kept>, Error> {
    let known = locked(db, transaction, caller, channel)?;
    let Some((rank, kind)) = known.and_then(|it| Some((rank(caller, &it)?, it.kind))) else {
        return Ok(Some(Kept::Missing));
    };
    Ok(match kind {
        Kind::Direct => Some(Kept::Direct),
        _ if rank < Role::Moderator => Some(Kept::Forbidden),
        _ => None,
    })
}

/// Those who may not come in, in the order of their ids: for moderators of the channel.
pub(crate) fn bans(
    db: &impl Database,
    caller: &Caller,
    channel: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Ban>, Error> {
    let mut sql = Sql::new("SELECT b.user_id, b.reason, b.banned_by, b.banned_on ");
    sql.bind(
        "FROM chat_bans AS b WHERE b.tenant_id = ? AND b.channel_id = ? AND EXISTS (SELECT 1 \
         FROM chat_members AS p WHERE p.tenant_id = b.tenant_id \
         AND p.channel_id = b.channel_id AND p.user_id = ?",
        [text(&caller.tenant), text(channel), text(&caller.actor)],
    );
    if !caller.may(Permission::ModerateMessage) {
        sql.push(" AND p.role IN ('owner', 'moderator')");
    }
    sql.push(")");
    if let Some(after) = after {
        sql.bind(" AND b.user_id > ?", [text(after)]);
    }
    sql.bind(" ORDER BY b.user_id LIMIT ?", [Value::Integer(limit)]);
    let kinds = [Column::Text, Column::Text, Column::Text, Column::Timestamp];
    let rows = sql.query(db, &kinds)?;
    let bans = rows.iter(kinds.len()).filter_map(|row| {
        Some(Ban {
            user: word(&row, 0)?,
            reason: word(&row, 1),
            by: word(&row, 2)?,
            on: time(&row, 3)?,
        })
    });
    Ok(bans.collect())
}
