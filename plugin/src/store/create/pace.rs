//! When a member may send the next message.

use super::Refused;
use crate::domain::caller::{Caller, Permission};
use crate::domain::channel::{Kind, Role};
use crate::ports::{Error, Kind as Column, Transaction, Value, ValueRef};
use crate::store::channel::Slot;
use crate::store::sql::{Sql, text};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// Why the channel takes no message of the caller's now, if it doesn't. `per_minute` is for
/// all channels together; 0 is no limit.
pub(super) fn refusal(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    channel: &str,
    (slot, per_minute): (&Slot, i64),
) -> Result<Option<Refused>, Error> {
    if slot.is_archived {
        return Ok(Some(Refused::Archived));
    }
    if slot.kind == Kind::Direct && is_blocked(transaction, caller, channel)? {
        return Ok(Some(Refused::Blocked));
    }
    let is_member = slot.role == Role::Member && !caller.may(Permission::ModerateMessage);
    if slot.slow_seconds > 0 && is_member {
        let free = slot.sent_on.map_or(0, |on| on + slot.slow_seconds * SECOND);
        if now < free {
            return Ok(Some(Refused::Slow(seconds(free - now))));
        }
        let mut sql = Sql::new("UPDATE chat_members SET sent_on = ");
        sql.bind(
            "? WHERE tenant_id = ? AND channel_id = ? AND user_id = ?",
            [
                Value::Timestamp(now),
                text(&caller.tenant),
                text(channel),
                text(&caller.actor),
            ],
        );
        sql.execute_in(transaction)?;
    }
    match per_minute {
        0 => Ok(None),
        most => rate(transaction, caller, now, most),
    }
}

/// Full seconds, so that whoever waits them may send.
fn seconds(micros: i64) -> i64 {
    (micros + SECOND - 1) / SECOND
}

fn is_blocked(
    transaction: &mut impl Transaction,
    caller: &Caller,
    channel: &str,
) -> Result<bool, Error> {
    let mut sql = Sql::new("SELECT 1 FROM chat_members AS p JOIN chat_blocks AS b ");
    sql.bind(
        "ON b.tenant_id = p.tenant_id AND ((b.user_id = p.user_id AND b.blocked_id = ?) \
         OR (b.user_id = ? AND b.blocked_id = p.user_id)) \
         WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id <> ?",
        [
            text(&caller.actor),
            text(&caller.actor),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
        ],
    );
    Ok(!sql.query_in(transaction, &[Column::Integer])?.is_empty())
}

/// Counts in whole minutes of the clock: the row is locked by whoever counts, so that two
/// messages at the same time count as two.
fn rate(
    transaction: &mut impl Transaction,
    caller: &Caller,
    now: i64,
    most: i64,
) -> Result<Option<Refused>, Error> {
    let window = now - now.rem_euclid(MINUTE);
    let mut update = Sql::new("UPDATE chat_rates SET sent = CASE WHEN window_on = ");
    update.bind(
        "? THEN sent + 1 ELSE 1 END, window_on = ? WHERE tenant_id = ? AND user_id = ?",
        [
            Value::Timestamp(window),
            Value::Timestamp(window),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
    if update.execute_in(transaction)? == 0 {
        let mut insert = Sql::new("INSERT INTO chat_rates (tenant_id, user_id, window_on, sent) ");
        insert.bind(
            "VALUES (?, ?, ?, 1)",
            [
                text(&caller.tenant),
                text(&caller.actor),
                Value::Timestamp(window),
            ],
        );
        insert.execute_in(transaction)?;
    }
    let mut sql = Sql::new("SELECT sent FROM chat_rates ");
    sql.bind(
        "WHERE tenant_id = ? AND user_id = ?",
        [text(&caller.tenant), text(&caller.actor)],
    );
    let rows = sql.query_in(transaction, &[Column::Integer])?;
    let sent = rows.first().map(|row| row.get(0));
    let is_over = matches!(sent, Some(ValueRef::Integer(sent)) if sent > most);
    Ok(is_over.then(|| Refused::TooMany(seconds(window + MINUTE - now))))
}
