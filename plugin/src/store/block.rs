//! Whom somebody wants no direct messages from.

use serde_json::json;

use crate::domain::caller::Caller;
use crate::ports::{Database, Error, Kind, Transaction, Value};
use crate::store::attempt::{Step, attempt};
use crate::store::channel::{time, word};
use crate::store::event;
use crate::store::sql::{Sql, text};

/// Users that somebody blocks, at most.
pub(crate) const MAX_BLOCKS: i64 = 1_000;

/// Somebody who is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) user: String,
    /// Microseconds since 1970.
    pub(crate) on: i64,
}

/// Those whom the caller has blocked, in the order of their ids, behind one of them.
pub(crate) fn blocks(
    db: &impl Database,
    caller: &Caller,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Block>, Error> {
    let mut sql = Sql::new("SELECT blocked_id, created_on FROM chat_blocks ");
    sql.bind(
        "WHERE tenant_id = ? AND user_id = ?",
        [text(&caller.tenant), text(&caller.actor)],
    );
    if let Some(after) = after {
        sql.bind(" AND blocked_id > ?", [text(after)]);
    }
    sql.bind(" ORDER BY blocked_id LIMIT ?", [Value::Integer(limit)]);
    let rows = sql.query(db, &[Kind::Text, Kind::Timestamp])?;
    let blocks = rows.iter(2).filter_map(|row| {
        Some(Block {
            user: word(&row, 0)?,
            on: time(&row, 1)?,
        })
    });
    Ok(blocks.collect())
}

/// Blocks a user; false when there are too many.
pub(crate) fn block(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    user: &str,
) -> Result<bool, Error> {
    attempt(db, |transaction| {
        let mut sql = Sql::new("SELECT blocked_id FROM chat_blocks ");
        sql.bind(
            "WHERE tenant_id = ? AND user_id = ?",
            [text(&caller.tenant), text(&caller.actor)],
        );
        let rows = sql.query_in(transaction, &[Kind::Text])?;
        let mut known = rows.iter(1).filter_map(|row| word(&row, 0));
        if known.any(|it| it == user) {
            return Ok(Step::Abandon(true));
        }
        if rows.iter(1).len() as i64 >= MAX_BLOCKS {
            return Ok(Step::Abandon(false));
        }
        let mut insert =
            Sql::new("INSERT INTO chat_blocks (tenant_id, user_id, blocked_id, created_on) ");
        insert.bind(
            "VALUES (?, ?, ?, ?)",
            [
                text(&caller.tenant),
                text(&caller.actor),
                text(user),
                Value::Timestamp(now),
            ],
        );
        insert.execute_in(transaction)?;
        tell(transaction, caller, "block.added", user)?;
        Ok(Step::Commit(true))
    })
}

/// Takes a block back; false when there was none.
pub(crate) fn unblock(db: &impl Database, caller: &Caller, user: &str) -> Result<bool, Error> {
    attempt(db, |transaction| {
        let mut delete = Sql::new("DELETE FROM chat_blocks ");
        delete.bind(
            "WHERE tenant_id = ? AND user_id = ? AND blocked_id = ?",
            [text(&caller.tenant), text(&caller.actor), text(user)],
        );
        if delete.execute_in(transaction)? == 0 {
            return Ok(Step::Abandon(false));
        }
        tell(transaction, caller, "block.removed", user)?;
        Ok(Step::Commit(true))
    })
}

fn tell(
    transaction: &mut impl Transaction,
    caller: &Caller,
    kind: &str,
    user: &str,
) -> Result<(), Error> {
    let data = json!({ "userId": user });
    event::to_user(transaction, &caller.tenant, &caller.actor, kind, &data)
}
