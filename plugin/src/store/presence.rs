//! Who is there, and was there when.

use crate::domain::caller::Caller;
use crate::domain::topic;
use crate::ports::{Database, Error, Kind, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::channel::{time, word};
use crate::store::sql::{Sql, text};

/// Channels in which somebody's coming and going is told: the most recent ones.
const CHANNELS: i64 = 50;
/// Members of the largest channel in which it is.
const MEMBERS: i64 = 100;

/// When somebody was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) user: String,
    pub(crate) status: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
}

/// The caller is there, or not any more.
pub(crate) fn see(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    status: &str,
) -> Result<(), Error> {
    let mut update = Sql::new("UPDATE chat_presence SET seen_on = ");
    update.bind(
        "?, status = ? WHERE tenant_id = ? AND user_id = ?",
        [
            Value::Timestamp(now),
            text(status),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
    let mut insert = Sql::new("INSERT INTO chat_presence (tenant_id, user_id, seen_on, status) ");
    insert.bind(
        "VALUES (?, ?, ?, ?)",
        [
            text(&caller.tenant),
            text(&caller.actor),
            Value::Timestamp(now),
            text(status),
        ],
    );
    attempt(db, |transaction| {
        if update.execute_in(transaction)? == 0 {
            insert.execute_in(transaction)?;
        }
        Ok(Step::Commit(()))
    })
}

/// The last connection of the caller's on a gateway has ended: seen until now, if ever.
pub(crate) fn gone(db: &impl Database, caller: &Caller, now: i64) -> Result<(), Error> {
    let mut update = Sql::new("UPDATE chat_presence SET seen_on = ");
    update.bind(
        "? WHERE tenant_id = ? AND user_id = ?",
        [
            Value::Timestamp(now),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
    attempt(db, |transaction| {
        update.execute_in(transaction)?;
        Ok(Step::Commit(()))
    })
}

/// The topics of channels where it is told: small ones, the most recent first.
pub(crate) fn audience(db: &impl Database, caller: &Caller) -> Result<Vec<String>, Error> {
    let mut sql = Sql::new("SELECT c.channel_id FROM chat_members AS p JOIN chat_channels AS c ");
    sql.bind(
        "ON c.tenant_id = p.tenant_id AND c.channel_id = p.channel_id WHERE p.tenant_id = ? \
         AND p.user_id = ? AND c.archived_on IS NULL AND (SELECT COUNT(*) \
         FROM chat_members AS o WHERE o.tenant_id = p.tenant_id \
         AND o.channel_id = p.channel_id) <= ? \
         ORDER BY COALESCE(c.active_on, c.created_on) DESC, c.channel_id LIMIT ?",
        [
            text(&caller.tenant),
            text(&caller.actor),
            Value::Integer(MEMBERS),
            Value::Integer(CHANNELS),
        ],
    );
    let rows = sql.query(db, &[Kind::Text])?;
    let channels = rows.iter(1).filter_map(|row| word(&row, 0));
    Ok(channels
        .map(|it| topic::channel(&caller.tenant, &it))
        .collect())
}

/// When some users were there, as far as the caller shares a channel with them.
pub(crate) fn seen(
    db: &impl Database,
    caller: &Caller,
    users: &[String],
) -> Result<Vec<Seen>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT s.user_id, s.status, s.seen_on FROM chat_presence AS s ");
    sql.bind(
        "WHERE s.tenant_id = ? AND EXISTS (SELECT 1 FROM chat_members AS p \
         JOIN chat_members AS o ON o.tenant_id = p.tenant_id AND o.channel_id = p.channel_id \
         WHERE p.tenant_id = ? AND p.user_id = ? AND o.user_id = s.user_id) AND s.user_id IN ",
        [
            text(&caller.tenant),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    )
    .bind_list(users.iter().map(|user| text(user)));
    sql.push(" ORDER BY s.user_id");
    let rows = sql.query(db, &[Kind::Text, Kind::Text, Kind::Timestamp])?;
    let seen = rows.iter(3).filter_map(|row| {
        Some(Seen {
            user: word(&row, 0)?,
            status: word(&row, 1)?,
            on: time(&row, 2)?,
        })
    });
    Ok(seen.collect())
}

/// The channels that a user hears: all of them.
pub(crate) fn heard(db: &impl Database, caller: &Caller) -> Result<Vec<String>, Error> {
    let mut sql = Sql::new("SELECT p.channel_id FROM chat_members AS p ");
    sql.bind(
        "WHERE p.tenant_id = ? AND p.user_id = ?",
        [text(&caller.tenant), text(&caller.actor)],
    );
    let rows = sql.query(db, &[Kind::Text])?;
    let channels = rows.iter(1).filter_map(|row| word(&row, 0));
    Ok(channels
        .map(|it| topic::channel(&caller.tenant, &it))
        .collect())
}
