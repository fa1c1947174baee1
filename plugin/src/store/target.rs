//! The message that another thing is to belong to.

use uuid::Uuid;

use super::scope;
use super::sql::{Sql, uuid};
use crate::domain::caller::Caller;
use crate::domain::model::MESSAGE;
use crate::ports::{Error, Kind, Transaction, ValueRef};

/// A live message that the caller sees.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) channel: String,
    /// Whether the caller may add files and recipients to it.
    pub(super) may_add: bool,
}

/// Looks a message up. None when it isn't there, or isn't there for the caller.
pub(super) fn target(
    transaction: &mut impl Transaction,
    caller: &Caller,
    message: Uuid,
) -> Result<Option<Target>, Error> {
    let mut sql = Sql::new("SELECT m.channel_id, CASE WHEN ");
    scope::own_or_moderated(&mut sql, caller, "m");
    sql.bind(
        " THEN 1 ELSE 0 END FROM chat_messages AS m WHERE m.id = ? AND ",
        [uuid(message)],
    );
    scope::visible(&mut sql, caller, &MESSAGE);
    let rows = sql.query_in(transaction, &[Kind::Text, Kind::Integer])?;
    let target = rows.first().and_then(|row| match row.get(0) {
        ValueRef::Text(channel) => Some(Target {
            channel: channel.to_owned(),
            may_add: row.get(1) != ValueRef::Integer(0),
        }),
        _ => None,
    });
    Ok(target)
}
