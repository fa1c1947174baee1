//! Reads the record of one kind of thing back, the newest entries first.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::found::{self, Found};
use super::own_limits;
use crate::capability::sql::Database;
use crate::contract::sql::{Error, Value};

/// One entry of the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: Option<String>,
    /// The id of the request.
    pub request: String,
    /// What.
    pub action: String,
    /// To which thing.
    pub entity_id: String,
    /// The version that it is about.
    pub version: String,
    /// `allowed`, `denied` or `failed`.
    pub outcome: String,
    /// What else is known of it.
    pub details: Option<serde_json::Value>,
    /// Where it is.
    #[serde(skip)]
    pub place: Place,
}

/// The place of an entry among all: by its time, and by its row within one microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(super) at: i64,
    pub(super) chain: i64,
    pub(super) seq: i64,
}

/// Keeps the entries from before a place. Written out: MySQL compares rows without an
/// index.
pub(super) const BEFORE: &str = "AND at <= ? AND (at < ? OR chain < ? OR (chain = ? AND seq < ?)) ";

impl Place {
    /// What [`BEFORE`] has to be given.
    pub(super) fn params(self) -> [Value; 5] {
        let Self { at, chain, seq } = self;
        let at = Value::Timestamp(at);
        let [chain, seq] = [chain, seq].map(Value::Integer);
        [at.clone(), at, chain.clone(), chain, seq]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at, self.chain, self.seq)
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Option<Vec<i64>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[at, chain, seq]) if [at, chain, seq].iter().all(|number| *number >= 0) => {
                Ok(Self { at, chain, seq })
            }
            _ => Err("not a place in the record"),
        }
    }
}

/// The entries on things of a kind that belong to no tenant, from the newest or from
/// before a place on; at most `limit`.
///
/// # Errors
/// When the database can't be read.
pub async fn history(
    database: &Database,
    entity: &str,
    before: Option<Place>,
    limit: usize,
) -> Result<Vec<Recorded>, Error> {
    let further = before.map_or("", |_| BEFORE);
    let rest = format!(
        "WHERE tenant IS NULL AND entity = ? {further}\
         ORDER BY at DESC, chain DESC, seq DESC LIMIT ?"
    );
    let mut params = vec![Value::Text(entity.to_owned())];
    params.extend(before.into_iter().flat_map(Place::params));
    params.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = found::query(database, &rest, params, &own_limits(limit)).await?;
    Ok(rows.into_iter().map(Recorded::from).collect())
}

impl From<Found> for Recorded {
    fn from(found: Found) -> Self {
        let place = found.place();
        let Found { stamp, entry, .. } = found;
        Self {
            at: found.at,
            actor: stamp.actor,
            request: stamp.request,
            action: entry.action,
            entity_id: entry.entity_id,
            version: stamp.version,
            outcome: found.outcome,
            // Whoever may write the table can put anything in.
            details: entry
                .details
                .map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))),
            place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_it_says() {
        let place = Place {
            at: 1_700_000_000_000_000,
            chain: 15,
            seq: 3,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for other in ["", "1.2", "1.2.3.4", "1.2.x", "-1.2.3", "1..3"] {
            assert!(other.parse::<Place>().is_err(), "{other}");
        }
    }
}
