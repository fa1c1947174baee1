//! Channels and members, which the original does not have.
//!
//! A channel is made with its first message that comes by, and corrected when an earlier
//! one does: pages come in the order of ids, not of time. Channels that this import made
//! are noted until their owner is known. Channels that were there before keep their type
//! and their owner, and only get members.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Import;
use super::row::Message;
use super::sql::{Record, insert, list, pairs, text, uuid};
use super::state::State;
use crate::ports::{Clock, Database, Error, Kind, Source, Transaction, Value};

/// Channels whose owners are appointed in one step.
const OWNERS: i64 = 50;

/// Somebody who takes part in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Participation {
    pub(super) channel_id: String,
    pub(super) user_id: String,
    /// Microseconds since 1970.
    pub(super) since: i64,
}

/// A channel as it stands.
struct Standing {
    created_on: i64,
    /// The message that it was made of, if an unfinished import made it.
    first: Option<Uuid>,
}

/// Makes the channels of new messages, or moves their beginnings back.
pub(super) fn ensure(
    transaction: &mut impl Transaction,
    tenant: &str,
    messages: &[Message],
    state: &mut State,
) -> Result<(), Error> {
    let mut earliest: BTreeMap<&str, &Message> = BTreeMap::new();
    for message in messages {
        let first = earliest.entry(&message.channel_id).or_insert(message);
        if order(message) < order(first) {
            *first = message;
        }
    }
    let standing = standing(transaction, tenant, earliest.keys().copied())?;
    let (mut channels, mut marks) = (Vec::new(), Vec::new());
    for (channel, message) in earliest {
        match standing.get(channel) {
            None => {
                channels.push(vec![
                    text(tenant),
                    text(channel),
                    text(&message.channel_type),
                    text(&message.audit.created_by),
                    Value::Timestamp(message.audit.created_on),
                ]);
                marks.push(vec![text(tenant), text(channel), uuid(message.id)]);
            }
            Some(Standing {
                created_on,
                first: Some(first),
            }) if order(message) < (*created_on, *first) => {
                begin_earlier(transaction, tenant, message)?;
            }
            Some(_) => {}
        }
    }
    state.channels_made += channels.len() as u64;
    insert(
        transaction,
        "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on)",
        &channels,
    )?;
    insert(
        transaction,
        "INSERT INTO chat_import_channels (tenant_id, channel_id, first_message_id)",
        &marks,
    )
}

fn order(message: &Message) -> (i64, Uuid) {
    (message.audit.created_on, message.id)
}

fn standing<'a>(
    transaction: &mut impl Transaction,
    tenant: &str,
    channels: impl ExactSizeIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Standing>, Error> {
    if channels.len() == 0 {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT c.channel_id, c.created_on, i.first_message_id FROM chat_channels AS c \
         LEFT JOIN chat_import_channels AS i \
         ON i.tenant_id = c.tenant_id AND i.channel_id = c.channel_id \
         WHERE c.tenant_id = ? AND c.channel_id IN ({})",
        list("?", channels.len())
    );
    let mut params = vec![text(tenant)];
    params.extend(channels.map(text));
    let rows = transaction
        .query(&sql, &params, &[Kind::Text, Kind::Timestamp, Kind::Uuid])?
        .to_values(3);
    let of = |row: Record| match <[Value; 3]>::try_from(row) {
        Ok([Value::Text(channel), Value::Timestamp(created_on), first]) => {
            let first = match first {
                Value::Uuid((high, low)) => Some(Uuid::from_u64_pair(high, low)),
                _ => None,
            };
            Some((channel, Standing { created_on, first }))
        }
        _ => None,
    };
    Ok(rows.into_iter().filter_map(of).collect())
}

fn begin_earlier(
    transaction: &mut impl Transaction,
    tenant: &str,
    message: &Message,
) -> Result<(), Error> {
    transaction.execute(
        "UPDATE chat_channels SET channel_type = ?, created_by = ?, created_on = ? \
         WHERE tenant_id = ? AND channel_id = ?",
        &[
            text(&message.channel_type),
            text(&message.audit.created_by),
            Value::Timestamp(message.audit.created_on),
            text(tenant),
            text(&message.channel_id),
        ],
    )?;
    transaction.execute(
        "UPDATE chat_import_channels SET first_message_id = ? \
         WHERE tenant_id = ? AND channel_id = ?",
        &[uuid(message.id), text(tenant), text(&message.channel_id)],
    )?;
    Ok(())
}

/// Makes members of those who aren't.
pub(super) fn add<P: Database + Source + Clock>(
    import: &Import<'_, P>,
    transaction: &mut P::Transaction,
    participations: &[Participation],
    state: &mut State,
) -> Result<(), Error> {
    let tenant = &import.parameters.tenant;
    let mut since: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for one in participations {
        let known = since
            .entry((one.channel_id.as_str(), one.user_id.as_str()))
            .or_insert(one.since);
        *known = one.since.min(*known);
    }
    let there = members(import, transaction, since.keys())?;
    let new: Vec<Record> = since
        .iter()
        .filter(|((channel, user), _)| {
            !there.contains(&((*channel).to_owned(), (*user).to_owned()))
        })
        .map(|((channel, user), since)| {
            vec![
                text(tenant),
                text(channel),
                text(user),
                text("member"),
                Value::Timestamp(*since),
            ]
        })
        .collect();
    state.members += new.len() as u64;
    insert(
        transaction,
        "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on)",
        &new,
    )
}

/// Those of the pairs of channel and user that are members.
fn members<'a, P: Database>(
    import: &Import<'_, P>,
    transaction: &mut P::Transaction,
    asked: impl ExactSizeIterator<Item = &'a (&'a str, &'a str)>,
) -> Result<BTreeSet<(String, String)>, Error> {
    if asked.len() == 0 {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT channel_id, user_id FROM chat_members \
         WHERE tenant_id = ? AND (channel_id, user_id) IN {}",
        pairs(import.ports.dialect(), asked.len())
    );
    let mut params = vec![text(&import.parameters.tenant)];
    params.extend(asked.flat_map(|(channel, user)| [text(channel), text(user)]));
    let rows = transaction
        .query(&sql, &params, &[Kind::Text, Kind::Text])?
        .to_values(2);
    let of = |row: Record| match <[Value; 2]>::try_from(row) {
        Ok([Value::Text(channel), Value::Text(user)]) => Some((channel, user)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(of).collect())
}

/// Makes the first sender of some channels their owner, and all members ones from the
/// beginning, since in the original everybody saw everything. True while more are left.
pub(super) fn appoint_owners(
    transaction: &mut impl Transaction,
    tenant: &str,
) -> Result<bool, Error> {
    let rows = transaction.query(
        "SELECT channel_id FROM chat_import_channels WHERE tenant_id = ? \
         ORDER BY channel_id LIMIT ?",
        &[text(tenant), Value::Integer(OWNERS)],
        &[Kind::Text],
    )?;
    let rows = rows.to_values(1);
    if rows.is_empty() {
        return Ok(false);
    }
    let mut params = vec![text(tenant)];
    params.extend(rows.iter().flatten().cloned());
    let channels = list("?", rows.len());
    const CHANNEL: &str = "FROM chat_channels AS c WHERE c.tenant_id = chat_members.tenant_id \
                           AND c.channel_id = chat_members.channel_id";
    transaction.execute(
        &format!(
            "UPDATE chat_members SET joined_on = (SELECT c.created_on {CHANNEL}), \
             role = CASE WHEN user_id = (SELECT c.created_by {CHANNEL}) THEN 'owner' \
             ELSE role END WHERE tenant_id = ? AND channel_id IN ({channels})"
        ),
        &params,
    )?;
    transaction.execute(
        &format!(
            "DELETE FROM chat_import_channels WHERE tenant_id = ? AND channel_id IN ({channels})"
        ),
        &params,
    )?;
    Ok(true)
}
