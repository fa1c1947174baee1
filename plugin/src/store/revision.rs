//! What messages said before they were edited, and which threads a change is about.

use uuid::Uuid;

use super::sql::Sql;
use super::told;
use crate::domain::caller::Caller;
use crate::domain::draft::Changes;
use crate::domain::model::{BODY, Entity, Model, PARENT_MESSAGE_ID, SUBJECT};
use crate::ports::{Error, Transaction};

/// Whether a change is one of what a message says.
pub(super) fn is_edit(model: &Model, changes: &Changes) -> bool {
    let mut set = changes.set.iter().map(|(property, _)| *property);
    model.entity == Entity::Message && set.any(|it| *it == BODY || *it == SUBJECT)
}

/// Keeps what is about to be changed, of the messages that a condition on `m` names.
pub(super) fn keep(
    transaction: &mut impl Transaction,
    model: &Model,
    changes: &Changes,
    wanted: impl FnOnce(&mut Sql),
) -> Result<(), Error> {
    if !is_edit(model, changes) {
        return Ok(());
    }
    let mut sql = Sql::new(
        "INSERT INTO chat_message_versions (tenant_id, message_id, version, body, subject, \
         written_by, written_on) SELECT m.tenant_id, m.id, m.version, m.body, m.subject, \
         m.modified_by, m.modified_on FROM chat_messages AS m WHERE ",
    );
    wanted(&mut sql);
    sql.execute_in(transaction)?;
    Ok(())
}

/// The messages that some messages answer, if a change is about that.
pub(super) fn parents(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &Model,
    changes: &Changes,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, Error> {
    let mut set = changes.set.iter().map(|(property, _)| *property);
    if model.entity != Entity::Message || !set.any(|it| *it == PARENT_MESSAGE_ID) {
        return Ok(Vec::new());
    }
    let before = told::read_all(transaction, caller, ids)?;
    let mut parents: Vec<_> = before.iter().filter_map(|(it, _)| it.parent).collect();
    parents.extend(changes.link);
    Ok(parents)
}
