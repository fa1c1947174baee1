//! Rows of the record, as whoever reads it finds them.

use super::chain::{Hash, Row, outcome_name, outcome_of};
use super::{Entry, Outcome, Place, Stamp};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::sql::{Error, Kind, Value};

const COLUMNS: &str = "chain, seq, at, actor, tenant, request, plugin, version, action, entity, \
     entity_id, outcome, details, via, address, agent, prev_hash, hash";
const KINDS: [Kind; 18] = [
    Kind::Integer,
    Kind::Integer,
    Kind::Timestamp,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Bytes,
    Kind::Bytes,
];

/// The rows that `rest` names: all that follows on the table in the statement.
pub(super) async fn query(
    database: &Database,
    rest: &str,
    params: Vec<Value>,
    limits: &config::SqlLimits,
) -> Result<Vec<Found>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM gateway_audit {rest}");
    let rows = database.query_own(&sql, params, &KINDS, limits).await?;
    rows.into_iter()
        .map(|row| Found::read(row).ok_or(Error::Other))
        .collect()
}

/// A row as it was found. Whoever may write the table can put anything in.
#[derive(Debug)]
pub(super) struct Found {
    /// Those of ours are 0 to 15.
    pub(super) chain: i64,
    pub(super) seq: i64,
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) stamp: Stamp,
    pub(super) entry: Entry,
    /// As it was found. Is it none of ours, `entry` says that it failed.
    pub(super) outcome: String,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
}

impl Found {
    fn read(row: Vec<Value>) -> Option<Self> {
        let [
            Value::Integer(chain),
            Value::Integer(seq),
            Value::Timestamp(at),
            actor,
            tenant,
            Value::Text(request),
            Value::Text(plugin),
            Value::Text(version),
            Value::Text(action),
            Value::Text(entity),
            Value::Text(entity_id),
            Value::Text(outcome),
            details,
            via,
            address,
            agent,
            Value::Bytes(previous),
            Value::Bytes(hash),
        ] = <[Value; 18]>::try_from(row).ok()?
        else {
            return None;
        };
        let optional = |value: Value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let stamp = Stamp {
            actor: optional(actor),
            tenant: optional(tenant),
            via: optional(via),
            address: optional(address),
            agent: optional(agent),
            request,
            plugin,
            version,
        };
        let entry = Entry {
            action,
            entity,
            entity_id,
            outcome: outcome_of(&outcome).unwrap_or(Outcome::Failed),
            details: optional(details),
        };
        // What isn't 32 bytes long was never a hash of ours, and fits no row.
        let hash_of = |bytes: Vec<u8>, other| Hash::try_from(bytes).unwrap_or([other; 32]);
        Some(Self {
            chain,
            seq,
            at,
            stamp,
            entry,
            outcome,
            previous: hash_of(previous, 0xfe),
            hash: hash_of(hash, 0xff),
        })
    }

    /// Where it is.
    pub(super) fn place(&self) -> Place {
        Place {
            at: self.at,
            chain: self.chain,
            seq: self.seq,
        }
    }

    /// The hash that the content has; none when the outcome isn't one.
    pub(super) fn own_hash(&self, chain: u8) -> Option<Hash> {
        let row = Row {
            chain,
            seq: self.seq,
            at: self.at,
            stamp: &self.stamp,
            entry: &self.entry,
        };
        let is_ours = outcome_name(self.entry.outcome) == self.outcome;
        is_ours.then(|| row.hash(&self.previous))
    }
}
