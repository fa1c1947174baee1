//! Who may see and change what, as conditions on the thing `m`.

use super::sql::{Sql, text};
use crate::domain::caller::{Caller, Permission};
use crate::domain::model::{Entity, Model};

/// The alias of the model's own table in every statement.
const THING: &str = "m";
/// The alias of the message that a recipient or a file belongs to.
const MESSAGE: &str = "g";

/// Live messages of the caller's tenant that the caller may see, for statements that look
/// at many: the caller's channels are looked up once, not for each message.
pub(super) fn visible_of_many(sql: &mut Sql, caller: &Caller) {
    message_seen(sql, caller, THING, |sql| {
        sql.bind(
            "m.channel_id IN (SELECT p.channel_id FROM chat_members AS p \
             WHERE p.tenant_id = ? AND p.user_id = ?)",
            [text(&caller.tenant), text(&caller.actor)],
        );
    });
}

/// Live things of the caller's tenant that the caller may see.
pub(super) fn visible(sql: &mut Sql, caller: &Caller, model: &Model) {
    match model.entity {
        Entity::Message => message_visible(sql, caller, THING),
        Entity::Recipient => {
            live(sql, caller, THING);
            sql.push(
                " AND EXISTS (SELECT 1 FROM chat_messages AS g WHERE g.id = m.message_id AND ",
            );
            message_visible(sql, caller, MESSAGE);
            if !caller.may(Permission::ModerateMessage) {
                sql.bind(
                    " AND (m.recipient_id = ? OR m.created_by = ? OR g.created_by = ? OR ",
                    [
                        text(&caller.actor),
                        text(&caller.actor),
                        text(&caller.actor),
                    ],
                );
                leads(sql, caller, MESSAGE);
                sql.push(")");
            }
            sql.push(")");
        }
        Entity::File => {
            live(sql, caller, THING);
            sql.bind(
                " AND ((m.message_id IS NULL AND m.created_by = ?) OR EXISTS (SELECT 1 FROM \
                 chat_messages AS g WHERE g.id = m.message_id AND ",
                [text(&caller.actor)],
            );
            message_visible(sql, caller, MESSAGE);
            sql.push("))");
        }
    }
}

/// Things that the caller may change, all of which are visible to the caller.
///
/// Messages and files: the caller's own, the files of the caller's messages, and others'
/// where the caller owns the channel or moderates. Recipients: the caller's own row and no other, since it says what the caller
/// has read.
pub(super) fn changeable(sql: &mut Sql, caller: &Caller, model: &Model) {
    match model.entity {
        Entity::Message if caller.may(Permission::ModerateMessage) => {
            message_visible(sql, caller, THING);
        }
        Entity::Message => {
            live(sql, caller, THING);
            sql.push(" AND ");
            own_or_led(sql, caller, THING);
        }
        Entity::Recipient => {
            live(sql, caller, THING);
            sql.bind(
                " AND m.recipient_id = ? AND EXISTS (SELECT 1 FROM chat_messages AS g \
                 WHERE g.id = m.message_id AND ",
                [text(&caller.actor)],
            );
            live(sql, caller, MESSAGE);
            sql.push(")");
        }
        Entity::File => {
            live(sql, caller, THING);
            sql.bind(
                " AND ((m.message_id IS NULL AND m.created_by = ?) OR EXISTS (SELECT 1 FROM \
                 chat_messages AS g WHERE g.id = m.message_id AND ",
                [text(&caller.actor)],
            );
            message_visible(sql, caller, MESSAGE);
            if !caller.may(Permission::ModerateMessage) {
                sql.bind(" AND (m.created_by = ? OR ", [text(&caller.actor)]);
                own_or_led(sql, caller, MESSAGE);
                sql.push(")");
            }
            sql.push("))");
        }
    }
}

/// Things that the caller may delete: those that may be changed, messages of channels that
/// the caller moderates, and any recipient that the caller sees, be it the caller's own row
/// or one of the caller's message.
pub(super) fn deletable(sql: &mut Sql, caller: &Caller, model: &Model) {
    match model.entity {
        Entity::Recipient => visible(sql, caller, model),
        Entity::Message if !caller.may(Permission::ModerateMessage) => {
            live(sql, caller, THING);
            sql.bind(" AND (m.created_by = ? OR ", [text(&caller.actor)]);
            moderates(sql, caller, THING);
            sql.push(")");
        }
        Entity::Message | Entity::File => changeable(sql, caller, model),
    }
}

/// Live messages that the caller may see: those in channels whose member the caller is,
/// those that the caller sent, and those sent to the caller.
fn message_visible(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    message_seen(sql, caller, alias, |sql| {
        sql.bind(
            "EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = ? AND p.user_id = ? \
             AND p.channel_id = ",
            [text(&caller.tenant), text(&caller.actor)],
        );
        sql.push(alias).push(".channel_id)");
    });
}

/// `member` adds the condition that the caller is a member of the channel.
fn message_seen(
    sql: &mut Sql,
    caller: &Caller,
    alias: &'static str,
    member: impl FnOnce(&mut Sql),
) {
    live(sql, caller, alias);
    sql.push(" AND (");
    member(sql);
    sql.push(" OR ")
        .push(alias)
        .bind(".created_by = ? OR ", [text(&caller.actor)])
        .push(alias)
        .bind(
            ".to_user_id = ? OR EXISTS (SELECT 1 FROM chat_recipients AS r \
             WHERE r.tenant_id = ? AND r.holder_id = ? AND r.message_id = ",
            [
                text(&caller.actor),
                text(&caller.tenant),
                text(&caller.actor),
            ],
        )
        .push(alias)
        .push(".id))");
}

/// Live messages of one channel, for its members: a range of an index, or nothing at once.
pub(super) fn in_channel_of_member(sql: &mut Sql, caller: &Caller, channel: &str) {
    sql.bind(
        "m.tenant_id = ? AND m.channel_id = (SELECT p.channel_id FROM chat_members AS p \
         WHERE p.tenant_id = ? AND p.channel_id = ? AND p.user_id = ?) AND m.deleted = FALSE",
        [
            text(&caller.tenant),
            text(&caller.tenant),
            text(channel),
            text(&caller.actor),
        ],
    );
}

/// What somebody who is no member of a channel may see of it, to be read as `m`: each part
/// by an index of its own. Asked in one condition, the database would walk the channel.
pub(super) fn in_channel_of_others(sql: &mut Sql, caller: &Caller, channel: &str) {
    let mut part = |before| {
        sql.bind(
            before,
            [text(&caller.tenant), text(&caller.actor), text(channel)],
        );
    };
    part(
        "(SELECT s.* FROM chat_messages AS s \
         WHERE s.tenant_id = ? AND s.created_by = ? AND s.channel_id = ? AND s.deleted = FALSE",
    );
    part(
        " UNION SELECT t.* FROM chat_messages AS t \
         WHERE t.tenant_id = ? AND t.to_user_id = ? AND t.channel_id = ? AND t.deleted = FALSE",
    );
    part(
        " UNION SELECT g.* FROM chat_recipients AS r JOIN chat_messages AS g ON g.id = r.message_id \
         WHERE r.tenant_id = ? AND r.holder_id = ? AND r.channel_id = ?) AS m",
    );
}

/// Live, and of no channel whose member the caller is.
pub(super) fn live_of_others(sql: &mut Sql, caller: &Caller) {
    live(sql, caller, THING);
    sql.bind(
        " AND NOT EXISTS (SELECT 1 FROM chat_members AS p WHERE p.tenant_id = ? \
         AND p.channel_id = m.channel_id AND p.user_id = ?)",
        [text(&caller.tenant), text(&caller.actor)],
    );
}

/// Messages to which the caller may add files and recipients: those that the caller may
/// change. To be asked of messages that are visible.
pub(super) fn own_or_moderated(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    match caller.may(Permission::ModerateMessage) {
        true => sql.push("1 = 1"),
        false => {
            own_or_led(sql, caller, alias);
            sql
        }
    };
}

fn own_or_led(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    sql.push("(")
        .push(alias)
        .bind(".created_by = ? OR ", [text(&caller.actor)]);
    leads(sql, caller, alias);
    sql.push(")");
}

/// Messages of channels that the caller owns.
fn leads(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    sql.bind(
        "EXISTS (SELECT 1 FROM chat_members AS o WHERE o.tenant_id = ? AND o.user_id = ? \
         AND o.role = 'owner' AND o.channel_id = ",
        [text(&caller.tenant), text(&caller.actor)],
    );
    sql.push(alias).push(".channel_id)");
}

/// Messages of channels that the caller owns or moderates.
fn moderates(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    sql.bind(
        "EXISTS (SELECT 1 FROM chat_members AS o WHERE o.tenant_id = ? AND o.user_id = ? \
         AND o.role IN ('owner', 'moderator') AND o.channel_id = ",
        [text(&caller.tenant), text(&caller.actor)],
    );
    sql.push(alias).push(".channel_id)");
}

fn live(sql: &mut Sql, caller: &Caller, alias: &'static str) {
    sql.push(alias)
        .bind(".tenant_id = ? AND ", [text(&caller.tenant)])
        .push(alias)
        .push(".deleted = FALSE");
}
