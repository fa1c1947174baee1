//! Reads rows of one chain in their order.

use std::time::Duration;

use super::chain::{Hash, Row, outcome_name, outcome_of};
use super::{Entry, Outcome, Stamp};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::sql::{Error, Kind, Value};

/// Rows read at once: some 2 MiB at most.
pub(super) const PAGE: i64 = 200;

/// Which rows of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) chain: u8,
    /// Rows after this one.
    pub(super) after: i64,
    /// Rows up to this one.
    pub(super) through: i64,
    /// Rows that were written then or later, in microseconds since 1970.
    pub(super) since: Option<i64>,
}

/// The first rows of a span, at most [`PAGE`].
pub(super) async fn page(database: &Database, span: Span) -> Result<Vec<Found>, Error> {
    let since = span.since.map_or("", |_| "AND at >= ? ");
    let sql = format!(
        "SELECT seq, at, actor, tenant, request, plugin, version, action, entity, entity_id, \
         outcome, details, via, address, agent, prev_hash, hash FROM gateway_audit \
         WHERE chain = ? AND seq > ? AND seq <= ? {since}ORDER BY seq LIMIT ?"
    );
    let bounds = [i64::from(span.chain), span.after, span.through];
    let mut params = bounds.map(Value::Integer).to_vec();
    params.extend(span.since.map(Value::Timestamp));
    params.push(Value::Integer(PAGE));
    let mut columns = vec![Kind::Integer, Kind::Timestamp];
    columns.extend([Kind::Text; 13]);
    columns.extend([Kind::Bytes; 2]);
    let rows = database
        .query_own(&sql, params, &columns, &limits())
        .await?;
    rows.into_iter()
        .map(|row| Found::read(row).ok_or(Error::Other))
        .collect()
}

/// What a statement over the whole record may do.
pub(super) fn limits() -> config::SqlLimits {
    config::SqlLimits {
        rows: PAGE as usize,
        bytes: 64 * 1024 * 1024,
        statement_timeout: Duration::from_secs(60),
        transactions: 1,
    }
}

/// A row as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seq: i64,
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
        ] = <[Value; 17]>::try_from(row).ok()?
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
            seq,
            at,
            stamp,
            entry,
            outcome,
            previous: hash_of(previous, 0xfe),
            hash: hash_of(hash, 0xff),
        })
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
