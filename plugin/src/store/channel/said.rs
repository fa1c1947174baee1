//! One message, as a member of its channel works with it.

use uuid::Uuid;

use super::{message, word};
use crate::domain::caller::{Caller, Permission};
use crate::domain::channel::{Kind, Role};
use crate::domain::message::Message;
use crate::ports::{Error, Transaction};
use crate::store::sql::{Sql, text, uuid};

/// A live message of a channel whose member the caller is.
#[derive(Clone, Debug)]
pub(in crate::store) struct Said {
    pub(in crate::store) message: Message,
    pub(in crate::store) kind: Kind,
    /// What the caller is there; a token that moderates counts.
    pub(in crate::store) rank: Role,
}

/// Looks it up. None when it isn't there, or the caller is no member.
pub(in crate::store) fn said(
    transaction: &mut impl Transaction,
    caller: &Caller,
    id: Uuid,
) -> Result<Option<Said>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.push(message::COLUMNS).bind(
        ", c.kind, p.role FROM chat_messages AS m JOIN chat_members AS p \
         ON p.tenant_id = m.tenant_id AND p.channel_id = m.channel_id JOIN chat_channels AS c \
         ON c.tenant_id = m.tenant_id AND c.channel_id = m.channel_id WHERE m.id = ? \
         AND m.tenant_id = ? AND m.deleted = FALSE AND p.user_id = ?",
        [uuid(id), text(&caller.tenant), text(&caller.actor)],
    );
    let mut kinds = message::KINDS.to_vec();
    kinds.extend([crate::ports::Kind::Text; 2]);
    let rows = sql.query_in(transaction, &kinds)?;
    Ok(rows.first().and_then(|row| {
        let role = Role::from_word(&word(&row, 18)?)?;
        let is_moderator = caller.may(Permission::ModerateMessage);
        Some(Said {
            message: message::read(&row)?,
            kind: Kind::from_word(&word(&row, 17)?)?,
            rank: if is_moderator {
                role.max(Role::Moderator)
            } else {
                role
            },
        })
    }))
}
