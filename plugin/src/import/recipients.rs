//! A page of recipients.
//!
//! The original takes the same recipient of a message twice; here one live row says it.
//! Of those that say the same the earliest is kept, with the flags of all.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::channels::{self, Participation};
use super::messages::taken;
use super::row::{self, Recipient, Rejected};
use super::source::Table;
use super::sql::{Record, insert, list, optional, pairs, tenants, text, uuid};
use super::state::State;
use super::{Failure, Import};
use crate::ports::{Clock, Database, Error, Kind, Source, Transaction, Value};

const INSERT: &str = "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, \
                      recipient_id, holder_id, forwarded_by, is_favorite, is_forwarded, \
                      is_read, created_by, created_on, modified_by, modified_on, deleted, \
                      deleted_by, deleted_on)";

/// The live row of a message and a recipient.
struct Held {
    /// As it is to be.
    row: Recipient,
    /// The id under which it is there, and whether that row has to change.
    there: Option<(Uuid, bool)>,
}

pub(super) fn write<P: Database + Source + Clock>(
    import: &Import<'_, P>,
    state: &mut State,
    transaction: &mut P::Transaction,
    rows: Vec<Record>,
) -> Result<(), Failure> {
    let tenant = &import.parameters.tenant;
    state.recipients.read += rows.len() as u64;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match row::recipient(row, &import.parameters.unknown_user) {
            Ok(recipient) => read.push(recipient),
            Err(rejected) => state.reject(Table::Recipients, rejected),
        }
    }
    let new = not_there(import, state, transaction, read)?;
    let new = with_channels(import, state, transaction, new)?;

    let (live, deleted): (Vec<_>, Vec<_>) = new.into_iter().partition(|row| !row.audit.deleted);
    let mut held = held(import, transaction, &live).map_err(Failure::Target)?;
    state.recipients.imported += deleted.len() as u64;
    let mut participations = Vec::with_capacity(live.len());
    for recipient in in_time(live) {
        participations.push(Participation {
            channel_id: recipient.channel_id.clone().unwrap_or_default(),
            user_id: recipient.recipient_id.clone(),
            since: recipient.audit.created_on,
        });
        let key = (recipient.message_id, recipient.recipient_id.clone());
        match held.get_mut(&key) {
            None => {
                state.recipients.imported += 1;
                let row = Held {
                    row: recipient,
                    there: None,
                };
                held.insert(key, row);
            }
            Some(held) => {
                state.recipients.merged += 1;
                held.merge(recipient);
            }
        }
    }
    if import.dry_run {
        return Ok(());
    }
    store(tenant, transaction, &deleted, held.values())
        .and_then(|()| channels::add(import, transaction, &participations, state))
        .map_err(Failure::Target)
}

/// Leaves out those that the table has already.
fn not_there<P: Database>(
    import: &Import<'_, P>,
    state: &mut State,
    transaction: &mut P::Transaction,
    read: Vec<Recipient>,
) -> Result<Vec<Recipient>, Failure> {
    let ids: Vec<Uuid> = read.iter().map(|recipient| recipient.id).collect();
    let there = tenants(transaction, "chat_recipients", &ids).map_err(Failure::Target)?;
    let mut new = Vec::with_capacity(read.len());
    for recipient in read {
        match there.get(&recipient.id) {
            None => new.push(recipient),
            Some(of) if *of == import.parameters.tenant => state.recipients.skipped += 1,
            Some(_) => state.reject(Table::Recipients, taken(recipient.id)),
        }
    }
    Ok(new)
}

/// Gives each the channel of its message, and leaves out those whose message is not there.
fn with_channels<P: Database>(
    import: &Import<'_, P>,
    state: &mut State,
    transaction: &mut P::Transaction,
    rows: Vec<Recipient>,
) -> Result<Vec<Recipient>, Failure> {
    let messages = rows.iter().map(|row| row.message_id);
    let found = message_channels(import, transaction, messages).map_err(Failure::Target)?;
    let mut kept = Vec::with_capacity(rows.len());
    for mut row in rows {
        let channel = match import.dry_run {
            // What this run would have imported is not there.
            true => row.message_channel.take(),
            false => found.get(&row.message_id).cloned(),
        };
        let Some(channel) = channel else {
            let reason = format!("its message {} was not imported", row.message_id);
            state.reject(Table::Recipients, Rejected::new(row.id, reason));
            continue;
        };
        if row.channel_id.as_ref() != Some(&channel) {
            state.channels_corrected += 1;
        }
        row.channel_id = Some(channel);
        kept.push(row);
    }
    Ok(kept)
}

/// The channels of messages that are in the tenant.
pub(super) fn message_channels<P: Database>(
    import: &Import<'_, P>,
    transaction: &mut P::Transaction,
    ids: impl Iterator<Item = Uuid>,
) -> Result<BTreeMap<Uuid, String>, Error> {
    let ids: BTreeSet<Uuid> = ids.collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT id, channel_id FROM chat_messages WHERE tenant_id = ? AND id IN ({})",
        list("?", ids.len())
    );
    let mut params = vec![text(&import.parameters.tenant)];
    params.extend(ids.into_iter().map(uuid));
    let rows = transaction
        .query(&sql, &params, &[Kind::Uuid, Kind::Text])?
        .to_values(2);
    let of = |row: Record| match <[Value; 2]>::try_from(row) {
        Ok([Value::Uuid((high, low)), Value::Text(channel)]) => {
            Some((Uuid::from_u64_pair(high, low), channel))
        }
        _ => None,
    };
    Ok(rows.into_iter().filter_map(of).collect())
}

/// The earliest first, so that among those of a page the first is the one to be kept.
fn in_time(mut rows: Vec<Recipient>) -> Vec<Recipient> {
    rows.sort_by_key(Recipient::order);
    rows
}

impl Recipient {
    fn order(&self) -> (i64, Uuid) {
        (self.audit.created_on, self.id)
    }

    fn flags(&self) -> (bool, bool, bool, Option<&String>) {
        (
            self.is_favorite,
            self.is_forwarded,
            self.is_read,
            self.forwarded_by.as_ref(),
        )
    }
}

impl Held {
    /// Takes over the flags of another one, and all of it when it is the earlier one.
    fn merge(&mut self, mut other: Recipient) {
        let row = &mut self.row;
        let before = row.clone();
        if other.order() < row.order() {
            std::mem::swap(row, &mut other);
        }
        row.is_favorite |= other.is_favorite;
        row.is_forwarded |= other.is_forwarded;
        row.is_read |= other.is_read;
        if row.forwarded_by.is_none() {
            row.forwarded_by = other.forwarded_by;
        }
        let changed = row.id != before.id || row.flags() != before.flags();
        if let Some((_, changes)) = &mut self.there {
            *changes |= changed;
        }
    }
}

/// The live rows that the table has for the same messages and recipients.
fn held<P: Database>(
    import: &Import<'_, P>,
    transaction: &mut P::Transaction,
    rows: &[Recipient],
) -> Result<BTreeMap<(Uuid, String), Held>, Error> {
    let asked: BTreeSet<(Uuid, &str)> = rows
        .iter()
        .map(|row| (row.message_id, row.recipient_id.as_str()))
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT id, message_id, holder_id, forwarded_by, is_favorite, is_forwarded, is_read, \
         created_by, created_on, modified_by, modified_on FROM chat_recipients \
         WHERE tenant_id = ? AND (message_id, holder_id) IN {}",
        pairs(import.ports.dialect(), asked.len())
    );
    let mut params = vec![text(&import.parameters.tenant)];
    params.extend(
        asked
            .into_iter()
            .flat_map(|(message, recipient)| [uuid(message), text(recipient)]),
    );
    let kinds = [
        Kind::Uuid,
        Kind::Uuid,
        Kind::Text,
        Kind::Text,
        Kind::Boolean,
        Kind::Boolean,
        Kind::Boolean,
        Kind::Text,
        Kind::Timestamp,
        Kind::Text,
        Kind::Timestamp,
    ];
    let rows = transaction
        .query(&sql, &params, &kinds)?
        .to_values(kinds.len());
    rows.into_iter()
        .map(|row| {
            let row = live(row).ok_or(Error::Other)?;
            let held = Held {
                there: Some((row.id, false)),
                row,
            };
            Ok(((held.row.message_id, held.row.recipient_id.clone()), held))
        })
        .collect()
}

/// A row of `held`.
fn live(row: Record) -> Option<Recipient> {
    let [
        Value::Uuid(id),
        Value::Uuid(message_id),
        Value::Text(recipient_id),
        forwarded_by,
        Value::Boolean(is_favorite),
        Value::Boolean(is_forwarded),
        Value::Boolean(is_read),
        Value::Text(created_by),
        Value::Timestamp(created_on),
        Value::Text(modified_by),
        Value::Timestamp(modified_on),
    ] = <[Value; 11]>::try_from(row).ok()?
    else {
        return None;
    };
    Some(Recipient {
        id: Uuid::from_u64_pair(id.0, id.1),
        message_id: Uuid::from_u64_pair(message_id.0, message_id.1),
        channel_id: None,
        message_channel: None,
        recipient_id,
        forwarded_by: match forwarded_by {
            Value::Text(user) => Some(user),
            _ => None,
        },
        is_favorite,
        is_forwarded,
        is_read,
        audit: row::Audit {
            created_by,
            created_on,
            modified_by,
            modified_on,
            deleted: false,
            deleted_by: None,
            deleted_on: None,
        },
    })
}

fn store<'a>(
    tenant: &str,
    transaction: &mut impl Transaction,
    deleted: &[Recipient],
    held: impl Iterator<Item = &'a Held>,
) -> Result<(), Error> {
    let mut new: Vec<Record> = deleted.iter().map(|row| columns(tenant, row)).collect();
    for Held { row, there } in held {
        match there {
            None => new.push(columns(tenant, row)),
            Some((id, true)) => change(transaction, *id, row)?,
            Some((_, false)) => {}
        }
    }
    insert(transaction, INSERT, &new)
}

/// Makes a row that is there what it is to be.
fn change(transaction: &mut impl Transaction, id: Uuid, row: &Recipient) -> Result<(), Error> {
    transaction.execute(
        "UPDATE chat_recipients SET id = ?, forwarded_by = ?, is_favorite = ?, \
         is_forwarded = ?, is_read = ?, created_by = ?, created_on = ?, modified_by = ?, \
         modified_on = ? WHERE id = ?",
        &[
            uuid(row.id),
            optional(row.forwarded_by.as_deref(), text),
            Value::Boolean(row.is_favorite),
            Value::Boolean(row.is_forwarded),
            Value::Boolean(row.is_read),
            text(&row.audit.created_by),
            Value::Timestamp(row.audit.created_on),
            text(&row.audit.modified_by),
            Value::Timestamp(row.audit.modified_on),
            uuid(id),
        ],
    )?;
    Ok(())
}

fn columns(tenant: &str, recipient: &Recipient) -> Record {
    let holder = Some(recipient.recipient_id.as_str()).filter(|_| !recipient.audit.deleted);
    let mut row = vec![
        uuid(recipient.id),
        text(tenant),
        uuid(recipient.message_id),
        optional(recipient.channel_id.as_deref(), text),
        text(&recipient.recipient_id),
        optional(holder, text),
        optional(recipient.forwarded_by.as_deref(), text),
        Value::Boolean(recipient.is_favorite),
        Value::Boolean(recipient.is_forwarded),
        Value::Boolean(recipient.is_read),
    ];
    row.extend(recipient.audit.values());
    row
}
