//! Who belongs to a channel. Whoever changes that has its row locked, so that no two owners
//! leave at the same time.

use serde_json::{Value as Json, json};

use super::list::entry_in;
use super::{Done, Entry, Kept, locked, number, rank, read_membership, record, word};
use crate::domain::caller::Caller;
use crate::domain::channel::{Channel, Kind, Membership, Role};
use crate::ports::{Database, Error, Kind as Column, Transaction, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::sql::{Sql, text};
use crate::store::{event, member_tag};

/// A member in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) user: String,
    pub(crate) membership: Membership,
}

/// Members of a channel of the caller's, in the order of their ids, behind one of them.
pub(crate) fn members(
    db: &impl Database,
    caller: &Caller,
    channel: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let mut sql = Sql::new(
        "SELECT o.user_id, o.role, o.joined_on, o.read_seq, o.delivered_seq, o.muted_until ",
    );
    sql.bind(
        "FROM chat_members AS o WHERE o.tenant_id = ? AND o.channel_id = ? \
         AND EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = o.tenant_id \
         AND p.channel_id = o.channel_id AND p.user_id = ?)",
        [text(&caller.tenant), text(channel), text(&caller.actor)],
    );
    if let Some(after) = after {
        sql.bind(" AND o.user_id > ?", [text(after)]);
    }
    sql.bind(" ORDER BY o.user_id LIMIT ?", [Value::Integer(limit)]);
    let kinds = [
        Column::Text,
        Column::Text,
        Column::Timestamp,
        Column::Integer,
        Column::Integer,
        Column::Timestamp,
    ];
    let rows = sql.query(db, &kinds)?;
    let listed = rows.iter(kinds.len()).filter_map(|row| {
        Some(Listed {
            user: word(&row, 0)?,
            membership: read_membership(&row, 1)?,
        })
    });
    Ok(listed.collect())
}

/// Brings somebody in: for moderators, and with a higher role for owners. Whoever is there
/// stays what that one is; true when somebody came.
pub(crate) fn add<D: Database>(
    db: &D,
    caller: &Caller,
    now: i64,
    (channel, user, role): (&str, &str, Role),
    most: i64,
) -> Result<Done<bool>, Error> {
    attempt(db, |transaction| {
        let known = locked(db, transaction, caller, channel)?;
        let Some((known, rank)) = known
            .and_then(|it| Some((rank(caller, &it)?, it)))
            .map(flip)
        else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        if known.kind == Kind::Direct {
            return Ok(Step::Abandon(Err(Kept::Direct)));
        }
        if rank < Role::Moderator || (role > Role::Member && rank < Role::Owner) {
            return Ok(Step::Abandon(Err(Kept::Forbidden)));
        }
        come(transaction, caller, now, &known, (user, role), most)
    })
}

fn flip<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

/// The caller joins a public channel; true when the caller wasn't there before.
pub(crate) fn join<D: Database>(
    db: &D,
    caller: &Caller,
    now: i64,
    channel: &str,
    most: i64,
) -> Result<Done<bool>, Error> {
    attempt(db, |transaction| {
        let Some(known) = locked(db, transaction, caller, channel)? else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        come(
            transaction,
            caller,
            now,
            &known,
            (&caller.actor, Role::Member),
            most,
        )
    })
}

/// What holds for all who come, whoever asks for it.
fn come(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    channel: &Channel,
    (user, role): (&str, Role),
    most: i64,
) -> Result<Step<Done<bool>>, Error> {
    if find(transaction, caller, &channel.id, user)?.is_some() {
        return Ok(Step::Abandon(Ok(false)));
    }
    if channel.archived_on.is_some() {
        return Ok(Step::Abandon(Err(Kept::Archived)));
    }
    if is_banned(transaction, caller, &channel.id, user)? {
        return Ok(Step::Abandon(Err(Kept::Banned)));
    }
    if count(transaction, caller, &channel.id, None)? >= most {
        return Ok(Step::Abandon(Err(Kept::Full)));
    }
    let place = (channel.id.as_str(), user);
    insert(transaction, caller, place, role, (now, channel.last_seq))?;
    arrive(transaction, caller, &channel.id, user)?;
    record(transaction, "join", &channel.id, Some(user))?;
    Ok(Step::Commit(Ok(true)))
}

/// Ends a membership: one's own, or another's for those with a higher role, and for owners.
pub(crate) fn leave<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    user: &str,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let known = locked(db, transaction, caller, channel)?;
        let Some((known, rank)) = known
            .and_then(|it| Some((rank(caller, &it)?, it)))
            .map(flip)
        else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let is_own = user == caller.actor;
        let there = find(transaction, caller, channel, user)?;
        if !is_own && rank < Role::Moderator {
            return Ok(Step::Abandon(Err(Kept::Forbidden)));
        }
        let Some(there) = there else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        if !is_own && !leads(rank, there.role) {
            return Ok(Step::Abandon(Err(Kept::Forbidden)));
        }
        if known.kind == Kind::Direct {
            return Ok(Step::Abandon(Err(Kept::Direct)));
        }
        if there.role == Role::Owner && is_last_owner(transaction, caller, channel)? {
            return Ok(Step::Abandon(Err(Kept::LastOwner)));
        }
        let reason = if is_own { "left" } else { "removed" };
        depart(transaction, caller, channel, user, reason)?;
        Ok(Step::Commit(Ok(())))
    })
}

/// Takes somebody out of all channels, some at a time; true when there may be more. Where
/// that one is the last owner, the member who came first becomes one; direct conversations
/// end as well.
pub(in crate::store) fn depart_all<D: Database>(
    db: &D,
    transaction: &mut D::Transaction,
    caller: &Caller,
    user: &str,
) -> Result<bool, Error> {
    const STEP: i64 = 20;
    let mut sql = Sql::new("SELECT channel_id FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND user_id = ? ORDER BY channel_id LIMIT ?",
        [text(&caller.tenant), text(user), Value::Integer(STEP)],
    );
    let rows = sql.query_in(transaction, &[Column::Text])?;
    let channels: Vec<_> = rows.iter(1).filter_map(|row| word(&row, 0)).collect();
    let member = Caller::without_permissions(user, &caller.tenant);
    for channel in &channels {
        let Some(known) = locked(db, transaction, &member, channel)? else {
            continue;
        };
        let is_owner = known.member.is_some_and(|it| it.role == Role::Owner);
        if is_owner && is_last_owner(transaction, caller, channel)? {
            promote(transaction, caller, channel, user)?;
        }
        depart(transaction, caller, channel, user, "erased")?;
    }
    Ok(channels.len() as i64 == STEP)
}

/// Makes the moderator, or else the member, who came first an owner.
fn promote(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    but: &str,
) -> Result<(), Error> {
    let mut sql = Sql::new("SELECT user_id FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND channel_id = ? AND user_id <> ? \
         ORDER BY CASE WHEN role = 'moderator' THEN 0 ELSE 1 END, joined_on, user_id LIMIT 1",
        [text(&caller.tenant), text(channel), text(but)],
    );
    let rows = sql.query_in(transaction, &[Column::Text])?;
    let Some(heir) = rows.first().and_then(|row| word(&row, 0)) else {
        return Ok(());
    };
    let mut update = Sql::new("UPDATE chat_members SET role = 'owner'");
    this(&mut update, caller, channel, &heir);
    update.execute_in(transaction)?;
    let there = find(transaction, caller, channel, &heir)?;
    let data = there.map_or(Json::Null, |it| it.shown_of(channel, &heir));
    event::to_channel(
        transaction,
        &caller.tenant,
        channel,
        "member.updated",
        &data,
    )
}

/// Whether a role may send another one away.
pub(super) fn leads(rank: Role, other: Role) -> bool {
    rank == Role::Owner || (rank >= Role::Moderator && other < Role::Moderator)
}

/// Makes a member something else: for owners.
pub(crate) fn set_role<D: Database>(
    db: &D,
    caller: &Caller,
    channel: &str,
    user: &str,
    role: Role,
) -> Result<Done, Error> {
    attempt(db, |transaction| {
        let known = locked(db, transaction, caller, channel)?;
        let Some((kind, own)) = known.and_then(|it| Some((it.kind, it.member?.role))) else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        let there = find(transaction, caller, channel, user)?;
        if kind == Kind::Direct {
            return Ok(Step::Abandon(Err(Kept::Direct)));
        }
        if own < Role::Owner {
            return Ok(Step::Abandon(Err(Kept::Forbidden)));
        }
        let Some(there) = there else {
            return Ok(Step::Abandon(Err(Kept::Missing)));
        };
        if there.role == role {
            return Ok(Step::Abandon(Ok(())));
        }
        if there.role == Role::Owner && is_last_owner(transaction, caller, channel)? {
            return Ok(Step::Abandon(Err(Kept::LastOwner)));
        }
        let mut update = Sql::new("UPDATE chat_members SET role = ");
        update.bind("?", [text(role.word())]);
        this(&mut update, caller, channel, user);
        update.execute_in(transaction)?;
        let data = Membership { role, ..there }.shown_of(channel, user);
        event::to_channel(
            transaction,
            &caller.tenant,
            channel,
            "member.updated",
            &data,
        )?;
        record(transaction, role.word(), channel, Some(user))?;
        Ok(Step::Commit(Ok(())))
    })
}

/// Takes somebody out: at once, running downloads and live events included.
pub(super) fn depart(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    user: &str,
    reason: &str,
) -> Result<(), Error> {
    let mut delete = Sql::new("DELETE FROM chat_members");
    this(&mut delete, caller, channel, user);
    delete.execute_in(transaction)?;
    transaction.end_downloads(&member_tag(&caller.tenant, channel, user))?;
    let data = json!({
        "channelId": channel, "userId": user, "reason": reason, "by": caller.actor,
    });
    let tenant = &caller.tenant;
    event::to_channel(transaction, tenant, channel, "member.left", &data)?;
    event::revoke(transaction, tenant, channel, user)?;
    let data = json!({ "channelId": channel, "reason": reason });
    event::to_user(transaction, tenant, user, "channel.left", &data)?;
    record(transaction, reason, channel, Some(user))
}

/// Tells everybody that somebody has come.
pub(in crate::store) fn arrive(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    user: &str,
) -> Result<(), Error> {
    let member = Caller::without_permissions(user, &caller.tenant);
    let entry = entry_in(transaction, &member, channel)?.ok_or(Error::Conflict)?;
    admitted(transaction, caller, &entry, user)
}

/// The same, where it is known what the one who comes sees.
pub(in crate::store) fn admitted(
    transaction: &mut impl Transaction,
    caller: &Caller,
    entry: &Entry,
    user: &str,
) -> Result<(), Error> {
    let (tenant, channel) = (&caller.tenant, &entry.channel.id);
    event::admit(transaction, tenant, channel, user)?;
    event::to_user(transaction, tenant, user, "channel.joined", &entry.shown())?;
    let member = entry.channel.member.as_ref();
    let data = member.map_or(Json::Null, |it| it.shown_of(channel, user));
    event::to_channel(transaction, tenant, channel, "member.joined", &data)
}

pub(super) fn insert(
    transaction: &mut impl Transaction,
    caller: &Caller,
    (channel, user): (&str, &str),
    role: Role,
    (joined_on, read_seq): (i64, i64),
) -> Result<(), Error> {
    let mut sql = Sql::new(
        "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on, read_seq, \
         delivered_seq) ",
    );
    sql.bind(
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(channel),
            text(user),
            text(role.word()),
            Value::Timestamp(joined_on),
            Value::Integer(read_seq),
            Value::Integer(read_seq),
        ],
    );
    sql.execute_in(transaction)?;
    Ok(())
}

pub(super) fn find(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    user: &str,
) -> Result<Option<Membership>, Error> {
    let mut sql = Sql::new("SELECT role, joined_on, read_seq, delivered_seq, muted_until");
    sql.push(" FROM chat_members");
    this(&mut sql, caller, channel, user);
    let kinds = [
        Column::Text,
        Column::Timestamp,
        Column::Integer,
        Column::Integer,
        Column::Timestamp,
    ];
    let rows = sql.query_in(transaction, &kinds)?;
    Ok(rows.first().and_then(|row| read_membership(&row, 0)))
}

fn this(sql: &mut Sql, caller: &Caller, channel: &str, user: &str) {
    sql.bind(
        " WHERE tenant_id = ? AND channel_id = ? AND user_id = ?",
        [text(&caller.tenant), text(channel), text(user)],
    );
}

fn is_banned(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    user: &str,
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT 1 FROM chat_bans");
    this(&mut sql, caller, channel, user);
    Ok(!sql.query_in(transaction, &[Column::Integer])?.is_empty())
}

fn count(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
    role: Option<Role>,
) -> Result<i64, Error> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM chat_members ");
    sql.bind(
        "WHERE tenant_id = ? AND channel_id = ?",
        [text(&caller.tenant), text(channel)],
    );
    if let Some(role) = role {
        sql.bind(" AND role = ?", [text(role.word())]);
    }
    let rows = sql.query_in(transaction, &[Column::Integer])?;
    Ok(rows
        .first()
        .and_then(|row| number(&row, 0))
        .unwrap_or_default())
}

fn is_last_owner(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
) -> Result<bool, Error> {
    Ok(count(transaction, caller, channel, Some(Role::Owner))? <= 1)
}
