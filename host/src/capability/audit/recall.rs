//! What was recorded of one thing, for the plugin whose thing it is.

use std::collections::HashMap;
use std::iter;

use super::chain::outcome_of;
use super::found::{self, Found};
use super::history::BEFORE;
use super::{DOWNLOAD, Ending, Place, own_limits};
use crate::capability::sql::Database;
use crate::contract::audit::{self, Error, Recorded};
use crate::contract::sql::{self, Kind, Value};

/// Entries of one page at most.
const MAX_PAGE: u32 = 100;

/// A thing that entries are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing<'a> {
    pub(super) plugin: &'a str,
    pub(super) tenant: Option<&'a str>,
    pub(super) entity: &'a str,
    pub(super) id: &'a str,
}

/// The entries on a thing, the newest first, and how the downloads among them ended.
pub(super) async fn history(
    database: &Database,
    thing: Thing<'_>,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Recorded>, Error> {
    let before = before.map(str::parse::<Place>).transpose();
    let before = before.map_err(|error| Error::Invalid(format!("audit: before: {error}")))?;
    let read = async {
        let mut entries = entries(database, thing, before, limit.clamp(1, MAX_PAGE)).await?;
        let endings = endings(database, thing, &entries).await?;
        for entry in &mut entries {
            entry.ending = endings.get(&entry.place).cloned();
        }
        Ok(entries)
    };
    read.await.map_err(|error: sql::Error| {
        tracing::error!(?error, "the audit record could not be read");
        Error::Unavailable
    })
}

/// The condition that the tenant is this one, or that there is none.
fn of_tenant(tenant: Option<&str>) -> (&'static str, Option<Value>) {
    match tenant {
        Some(tenant) => ("tenant = ?", Some(Value::Text(tenant.to_owned()))),
        None => ("tenant IS NULL", None),
    }
}

async fn entries(
    database: &Database,
    thing: Thing<'_>,
    before: Option<Place>,
    limit: u32,
) -> Result<Vec<Recorded>, sql::Error> {
    let (of_tenant, tenant) = of_tenant(thing.tenant);
    let further = before.map_or("", |_| BEFORE);
    let rest = format!(
        "WHERE {of_tenant} AND entity = ? AND entity_id = ? AND plugin = ? {further}\
         ORDER BY at DESC, chain DESC, seq DESC LIMIT ?"
    );
    let mut params: Vec<_> = tenant.into_iter().collect();
    params.extend([thing.entity, thing.id, thing.plugin].map(|text| Value::Text(text.to_owned())));
    params.extend(before.into_iter().flat_map(Place::params));
    params.push(Value::Integer(limit.into()));
    let rows = found::query(database, &rest, params, &own_limits(limit as usize)).await?;
    rows.into_iter()
        .map(|row| recorded(row).ok_or(sql::Error::Other))
        .collect()
}

/// None for a row whose outcome is none of ours.
fn recorded(found: Found) -> Option<Recorded> {
    let place = found.place().to_string();
    let Found { stamp, entry, .. } = found;
    Some(Recorded {
        at: found.at,
        actor: stamp.actor,
        via: stamp.via,
        address: stamp.address,
        agent: stamp.agent,
        request: stamp.request,
        version: stamp.version,
        action: entry.action,
        outcome: outcome_of(&found.outcome)?,
        details: entry.details,
        ending: None,
        place,
    })
}

/// How those of the entries that are downloads ended, by their places.
async fn endings(
    database: &Database,
    thing: Thing<'_>,
    entries: &[Recorded],
) -> Result<HashMap<String, audit::Ending>, sql::Error> {
    if entries.is_empty() {
        return Ok(HashMap::new());
    }
    let (of_tenant, tenant) = of_tenant(thing.tenant);
    let places = iter::repeat_n("?", entries.len()).collect::<Vec<_>>();
    let sql = format!(
        "SELECT at, entity_id, details FROM gateway_audit WHERE {of_tenant} AND entity = ? \
         AND plugin = ? AND entity_id IN ({})",
        places.join(", ")
    );
    let mut params: Vec<_> = tenant.into_iter().collect();
    params.extend([DOWNLOAD, thing.plugin].map(|text| Value::Text(text.to_owned())));
    let places = entries.iter().map(|entry| entry.place.clone());
    params.extend(places.map(Value::Text));
    let columns = [Kind::Timestamp, Kind::Text, Kind::Text];
    // Two gateways may both have closed what they thought was lost.
    let limits = own_limits(entries.len() * 4);
    let rows = database.query_own(&sql, params, &columns, &limits).await?;
    Ok(rows.into_iter().filter_map(read_ending).collect())
}

fn read_ending(row: Vec<Value>) -> Option<(String, audit::Ending)> {
    let [
        Value::Timestamp(at),
        Value::Text(place),
        Value::Text(details),
    ] = <[Value; 3]>::try_from(row).ok()?
    else {
        return None;
    };
    let Ending { sent, how } = serde_json::from_str(&details).ok()?;
    let how = how.name().to_owned();
    Some((place, audit::Ending { at, sent, how }))
}
