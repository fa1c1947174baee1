//! Hands out the record as it is, the oldest rows first.

use std::collections::VecDeque;

use serde::Serialize;

use super::chain::CHAINS;
use super::found::Found;
use super::verify::end_of;
use super::walk::{self, Span};
use crate::capability::sql::Database;
use crate::contract::sql::Error;

/// Which rows are handed out.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// From this time on, in microseconds since 1970.
    pub since: i64,
    /// Before this time.
    pub until: Option<i64>,
    /// Of this plugin.
    pub plugin: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
}

/// A row, with everything that its hash is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// When, in RFC 3339 with microseconds.
    pub at: String,
    /// The chain that it is in.
    pub chain: u8,
    /// Its number there.
    pub seq: i64,
    /// Who.
    pub actor: Option<String>,
    /// Of which tenant.
    pub tenant: Option<String>,
    /// By what, such as a link.
    pub via: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// The id of the request.
    pub request: String,
    /// The plugin.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// What was attempted.
    pub action: String,
    /// The kind of thing.
    pub entity: String,
    /// Which one.
    pub entity_id: String,
    /// `allowed`, `denied` or `failed`, unless somebody else wrote the row.
    pub outcome: String,
    /// A JSON text, to the byte as it was recorded.
    pub details: Option<String>,
    /// The hash of the row before it, in hexadecimal digits.
    pub prev_hash: String,
    /// Its own.
    pub hash: String,
}

/// Tells `each` of the selected rows that were there when it began, ordered by their time,
/// and returns how many those are. A few hundred rows of each chain are in memory at once.
///
/// # Errors
/// When the database can't be read, or `each` fails.
pub async fn export<E: From<Error>>(
    database: &Database,
    selection: &Selection,
    mut each: impl FnMut(Exported) -> Result<(), E> + Send,
) -> Result<u64, E> {
    let mut chains = Vec::with_capacity(CHAINS.into());
    for chain in 0..CHAINS {
        let end = end_of(database, chain).await?;
        chains.push(Reading {
            left: end.map(|end| Span {
                chain,
                after: end.pruned,
                through: end.seq,
                since: Some(selection.since),
            }),
            read: VecDeque::new(),
        });
    }
    let mut count = 0;
    loop {
        for chain in &mut chains {
            chain.fill(database).await?;
        }
        let oldest = chains
            .iter()
            .enumerate()
            .filter_map(|(chain, reading)| Some((reading.read.front()?.at, chain)))
            .min();
        let Some((_, chain)) = oldest else {
            return Ok(count);
        };
        let found = chains
            .get_mut(chain)
            .and_then(|chain| chain.read.pop_front());
        let (Some(found), Ok(chain)) = (found, u8::try_from(chain)) else {
            return Ok(count);
        };
        if selection.has(&found) {
            each(Exported::new(chain, found))?;
            count += 1;
        }
    }
}

/// One chain, as far as it was read.
#[derive(Debug)]
struct Reading {
    left: Option<Span>,
    read: VecDeque<Found>,
}

impl Reading {
    async fn fill(&mut self, database: &Database) -> Result<(), Error> {
        let Some(span) = &mut self.left else {
            return Ok(());
        };
        if !self.read.is_empty() {
            return Ok(());
        }
        self.read = walk::page(database, *span).await?.into();
        match self.read.back() {
            Some(last) => span.after = last.seq,
            None => self.left = None,
        }
        Ok(())
    }
}

impl Selection {
    fn has(&self, found: &Found) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.until.is_none_or(|until| found.at < until)
            && is(&self.plugin, Some(&found.stamp.plugin))
            && is(&self.tenant, found.stamp.tenant.as_deref())
    }
}

impl Exported {
    fn new(chain: u8, found: Found) -> Self {
        let (stamp, entry) = (found.stamp, found.entry);
        Self {
            at: time(found.at),
            chain,
            seq: found.seq,
            actor: stamp.actor,
            tenant: stamp.tenant,
            via: stamp.via,
            address: stamp.address,
            agent: stamp.agent,
            request: stamp.request,
            plugin: stamp.plugin,
            version: stamp.version,
            action: entry.action,
            entity: entry.entity,
            entity_id: entry.entity_id,
            outcome: found.outcome,
            details: entry.details,
            prev_hash: hex::encode(found.previous),
            hash: hex::encode(found.hash),
        }
    }
}

/// A time in RFC 3339; what is before 1970 was never recorded by us, and is shown as 1970.
fn time(micros: i64) -> String {
    let since = std::time::Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    humantime::format_rfc3339_micros(std::time::UNIX_EPOCH + since).to_string()
}
