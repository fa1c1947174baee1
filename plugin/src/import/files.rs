//! A page of what clients know about files. The bytes are elsewhere, and stay there.

use uuid::Uuid;

use super::messages::taken;
use super::recipients::message_channels;
use super::row::{self, File, Rejected};
use super::source::Table;
use super::sql::{Record, insert, optional, tenants, text, uuid};
use super::state::State;
use super::{Failure, Import};
use crate::ports::{Clock, Database, Source, Value};

const INSERT: &str = "INSERT INTO chat_files (id, tenant_id, channel_id, file_key, message_id, \
                      meta_data, created_by, created_on, modified_by, modified_on, deleted, \
                      deleted_by, deleted_on)";

pub(super) fn write<P: Database + Source + Clock>(
    import: &Import<'_, P>,
    state: &mut State,
    transaction: &mut P::Transaction,
    rows: Vec<Record>,
) -> Result<(), Failure> {
    let tenant = &import.parameters.tenant;
    state.files.read += rows.len() as u64;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match row::file(row, &import.parameters.unknown_user) {
            Ok(file) => read.push(file),
            Err(rejected) => state.reject(Table::Files, rejected),
        }
    }
    let ids: Vec<Uuid> = read.iter().map(|file| file.id).collect();
    let there = tenants(transaction, "chat_files", &ids).map_err(Failure::Target)?;
    let messages = read.iter().filter_map(|file| file.message_id);
    let channels = message_channels(import, transaction, messages).map_err(Failure::Target)?;
    let mut new = Vec::with_capacity(read.len());
    for mut file in read {
        match there.get(&file.id) {
            None => {}
            Some(of) if of == tenant => {
                state.files.skipped += 1;
                continue;
            }
            Some(_) => {
                state.reject(Table::Files, taken(file.id));
                continue;
            }
        }
        if let Some(message) = file.message_id {
            let channel = match import.dry_run {
                true => file.message_channel.take(),
                false => channels.get(&message).cloned(),
            };
            let Some(channel) = channel else {
                let reason = format!("its message {message} was not imported");
                state.reject(Table::Files, Rejected::new(file.id, reason));
                continue;
            };
            if file
                .channel_id
                .as_ref()
                .is_some_and(|said| *said != channel)
            {
                state.channels_corrected += 1;
            }
            file.channel_id = Some(channel);
        }
        new.push(columns(tenant, &file));
    }
    state.files.imported += new.len() as u64;
    if import.dry_run {
        return Ok(());
    }
    insert(transaction, INSERT, &new).map_err(Failure::Target)
}

fn columns(tenant: &str, file: &File) -> Record {
    let mut row = vec![
        uuid(file.id),
        text(tenant),
        optional(file.channel_id.as_deref(), text),
        optional(file.file_key.as_deref(), text),
        optional(file.message_id, uuid),
        optional(file.meta_data.clone(), Value::Text),
    ];
    row.extend(file.audit.values());
    row
}
