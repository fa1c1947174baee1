//! A page of messages.

use uuid::Uuid;

use super::channels::{self, Participation};
use super::row::{self, Message, Rejected};
use super::source::Table;
use super::sql::{Record, insert, optional, tenants, text, uuid};
use super::state::State;
use super::{Failure, Import};
use crate::ports::{Clock, Database, Source, Value};

const INSERT: &str = "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, \
                      status, subject, to_user_id, parent_message_id, created_by, created_on, \
                      modified_by, modified_on, deleted, deleted_by, deleted_on)";

pub(super) fn write<P: Database + Source + Clock>(
    import: &Import<'_, P>,
    state: &mut State,
    transaction: &mut P::Transaction,
    rows: Vec<Record>,
) -> Result<(), Failure> {
    let tenant = &import.parameters.tenant;
    state.messages.read += rows.len() as u64;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match row::message(row, &import.parameters.unknown_user) {
            Ok(message) => read.push(message),
            Err(rejected) => state.reject(Table::Messages, rejected),
        }
    }
    let ids: Vec<Uuid> = read.iter().map(|message| message.id).collect();
    let there = tenants(transaction, "chat_messages", &ids).map_err(Failure::Target)?;
    let mut new = Vec::with_capacity(read.len());
    for message in read {
        match there.get(&message.id) {
            None => new.push(message),
            Some(of) if of == tenant => state.messages.skipped += 1,
            Some(_) => state.reject(Table::Messages, taken(message.id)),
        }
    }
    state.messages.imported += new.len() as u64;
    state.parents_cut += new.iter().filter(|message| message.parent_cut).count() as u64;
    if import.dry_run {
        return Ok(());
    }
    let participations: Vec<Participation> = new.iter().flat_map(participations).collect();
    channels::ensure(transaction, tenant, &new, state)
        .and_then(|()| channels::add(import, transaction, &participations, state))
        .and_then(|()| {
            let rows: Vec<Record> = new.iter().map(|message| columns(tenant, message)).collect();
            insert(transaction, INSERT, &rows)
        })
        .map_err(Failure::Target)
}

/// Ids are unique in all tenants.
pub(super) fn taken(id: Uuid) -> Rejected {
    Rejected::new(id, "another tenant has a row of this id")
}

/// Who takes part in a channel by a message. One that was deleted makes nobody a member
/// but the one who wrote it.
fn participations(message: &Message) -> impl Iterator<Item = Participation> {
    let to = message
        .to_user_id
        .clone()
        .filter(|_| !message.audit.deleted);
    [Some(message.audit.created_by.clone()), to]
        .into_iter()
        .flatten()
        .map(|user_id| Participation {
            channel_id: message.channel_id.clone(),
            user_id,
            since: message.audit.created_on,
        })
}

fn columns(tenant: &str, message: &Message) -> Record {
    let mut row = vec![
        uuid(message.id),
        text(tenant),
        text(&message.channel_id),
        text(&message.channel_type),
        text(&message.body),
        Value::Integer(message.status.into()),
        optional(message.subject.as_deref(), text),
        optional(message.to_user_id.as_deref(), text),
        optional(message.parent, uuid),
    ];
    row.extend(message.audit.values());
    row
}
