//! The message that changed things are to name.

use uuid::Uuid;

use super::change::unset_or;
use super::sql::{Sql, uuid};
use super::target::{Target, target};
use crate::domain::caller::Caller;
use crate::domain::filter::Literal;
use crate::domain::model::{CHANNEL_ID, Entity, FILE_CHANNEL_ID, Model};
use crate::ports::{Error, Transaction};

/// The message that things are to name.
pub(super) enum Link {
    To {
        message: Uuid,
        channel: String,
    },
    /// The caller sees no such message.
    Nowhere,
    /// The caller sees the message, and may not add to it.
    Forbidden,
}

impl Link {
    /// The things whose channel is the message's.
    pub(super) fn channel(&self, sql: &mut Sql, model: &Model) {
        match self {
            // When the caller sees no such message, the reason may still be that the
            // caller doesn't see the thing either: that comes first.
            Self::Nowhere | Self::Forbidden => {
                sql.push("(1 = 0)");
            }
            Self::To { channel, .. } => {
                let property = match model.entity {
                    Entity::File => &FILE_CHANNEL_ID,
                    Entity::Message | Entity::Recipient => &CHANNEL_ID,
                };
                unset_or(sql, property, &Literal::Text(channel.clone()));
            }
        }
    }

    /// The things that can be linked to the message: no message answers itself, and what has
    /// bytes has all of them.
    pub(super) fn condition(&self, sql: &mut Sql, model: &Model) {
        self.channel(sql, model);
        match (self, model.entity) {
            (Self::To { message, .. }, Entity::Message) => {
                sql.bind(" AND m.id <> ?", [uuid(*message)]);
            }
            // What is still arriving, or is kept back, belongs to no message.
            (_, Entity::File) => {
                sql.push(" AND (m.state IS NULL OR m.state = 'ready')");
            }
            _ => {}
        }
    }
}

pub(super) fn link(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &Model,
    message: Option<Uuid>,
) -> Result<Option<Link>, Error> {
    let Some(message) = message else {
        return Ok(None);
    };
    Ok(Some(match target(transaction, caller, message)? {
        None => Link::Nowhere,
        // To answer is for everybody who sees the message, to add to it is not.
        Some(Target { may_add: false, .. }) if model.entity == Entity::File => Link::Forbidden,
        Some(Target { channel, .. }) => Link::To { message, channel },
    }))
}
