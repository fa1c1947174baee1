//! Messages that are older than their channel keeps them.

use uuid::Uuid;

use super::attachment::purge;
use super::attempt::{Step, attempt};
use super::sql::{Sql, id, text, uuid};
use super::{audit, told};
use crate::domain::caller::Caller;
use crate::domain::model::MESSAGE;
use crate::ports::{Database, Error, Kind, Transaction, Value};

/// Messages that one use of a channel removes.
const ALONG: i64 = 50;

/// Removes some of the messages of a channel from before a time (microseconds since 1970):
/// along with another request of a member. True when there were any.
pub(crate) fn expire(
    db: &impl Database,
    caller: &Caller,
    channel: &str,
    (now, before): (i64, i64),
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT m.id FROM chat_messages AS m WHERE m.tenant_id = ");
    sql.bind(
        "? AND m.channel_id = ? AND m.deleted = FALSE AND m.created_on < ? \
         ORDER BY m.created_on LIMIT ?",
        [
            text(&caller.tenant),
            text(channel),
            Value::Timestamp(before),
            Value::Integer(ALONG),
        ],
    );
    let rows = sql.query(db, &[Kind::Uuid])?;
    let old: Vec<Uuid> = rows.iter(1).filter_map(|row| id(row.get(0))).collect();
    if old.is_empty() {
        return Ok(false);
    }
    let mut update = Sql::new("UPDATE chat_messages SET deleted = TRUE, deleted_on = ");
    update
        .bind(
            "? WHERE tenant_id = ? AND deleted = FALSE AND id IN ",
            [Value::Timestamp(now), text(&caller.tenant)],
        )
        .bind_list(old.iter().copied().map(uuid));
    // Nobody in particular has deleted them.
    let nobody = Caller::without_permissions("", &caller.tenant);
    attempt(db, |transaction| {
        let count = update.execute_in(transaction)?;
        if count == 0 {
            return Ok(Step::Abandon(()));
        }
        purge::of_messages(transaction, caller, &old)?;
        told::deleted(transaction, &nobody, &old)?;
        transaction.audit(&audit::deleted_many(&MESSAGE, count, Some(&old)))?;
        Ok(Step::Commit(()))
    })?;
    Ok(true)
}
