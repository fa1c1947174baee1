//! Who may see and change what, as conditions on the message `m`.

use super::sql::{Sql, text};
use crate::domain::caller::{Caller, Permission};

/// Live messages of the caller's tenant that the caller may see: those in channels
/// whose member the caller is, those that the caller sent, and those sent to the
/// caller. `channel` is the only channel that the rest of the statement lets through,
/// where that is known: then the database looks for the membership once, not for each
/// row.
pub(super) fn visible(sql: &mut Sql, caller: &Caller, channel: Option<&str>) {
    live(sql, caller);
    sql.push(" AND (");
    match channel {
        Some(channel) => sql.bind(
            "EXISTS (SELECT 1 FROM chat_members AS p \
             WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id = ?)",
            [text(&caller.tenant), text(channel), text(&caller.actor)],
        ),
        None => sql.bind(
            "EXISTS (SELECT 1 FROM chat_members AS p \
             WHERE p.tenant_id = ? AND p.channel_id = m.channel_id AND p.user_id = ?)",
            [text(&caller.tenant), text(&caller.actor)],
        ),
    };
    sql.bind(
        " OR m.created_by = ? OR m.to_user_id = ?)",
        [text(&caller.actor), text(&caller.actor)],
    );
}

/// Messages that the caller may change, all of which are visible to the caller: the
/// caller's own, and others' where the caller owns the channel or moderates.
pub(super) fn changeable(sql: &mut Sql, caller: &Caller) {
    if caller.may(Permission::ModerateMessage) {
        return visible(sql, caller, None);
    }
    live(sql, caller);
    sql.bind(
        " AND (m.created_by = ? OR EXISTS (SELECT 1 FROM chat_members AS p \
         WHERE p.tenant_id = ? AND p.channel_id = m.channel_id AND p.user_id = ? \
         AND p.role = 'owner'))",
        [
            text(&caller.actor),
            text(&caller.tenant),
            text(&caller.actor),
        ],
    );
}

fn live(sql: &mut Sql, caller: &Caller) {
    sql.bind(
        "m.tenant_id = ? AND m.deleted = FALSE",
        [text(&caller.tenant)],
    );
}
