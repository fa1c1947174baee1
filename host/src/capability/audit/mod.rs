//! The audit record: who did what, in rows that are chained by their hashes.
//!
//! A row is written in the transaction of what it records, or in one of its own. Rows
//! form 16 chains; each row holds the hash of the one before it, and `heads` the last
//! hash of each chain, so that [`verify()`] finds rows that were changed, taken out, put
//! in or moved. Someone who may write both tables can still cut a chain's end: keep
//! copies of the heads elsewhere if that matters. What an operator no longer keeps is
//! removed by [`prune()`], which leaves the rest as verifiable as it was.

mod chain;
mod ending;
mod export;
mod found;
mod history;
mod prune;
mod recall;
mod verify;
mod view;
mod walk;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::sql::{Database, Transaction};
use crate::config;
use crate::contract::audit::Error;
use crate::contract::sql::{self, Dialect, Kind, Value};
use chain::{Hash, Row, chain_of};

pub use crate::contract::audit::{Entry, Outcome};
pub use ending::{Ending, How};
pub use export::{Exported, Selection, export};
pub use history::{Place, Recorded, history};
pub use prune::{micros_ago, prunable, prune, retain};
pub use verify::{Fault, Report, What, verify};
pub use view::{Audit, View};

/// Entries of one transaction at most.
const MAX_ENTRIES: usize = 100;

/// What entries on the gateway's own doings are about: versions that were deployed, and
/// which of them serves.
pub const OWN: &str = "plugin";

/// What an entry is about that closes another one: see [`Ending`].
const DOWNLOAD: &str = "download";

/// What an entry is about that tells of the record itself.
const AUDIT: &str = "audit";

/// What the host adds to every entry; a plugin can't forge it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Who asked, if a token said so, or on whose behalf.
    pub actor: Option<String>,
    /// The tenant of the one who asked.
    pub tenant: Option<String>,
    /// By what a plugin knew on whose behalf a request without a token was made.
    pub via: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// What the client calls itself, cut at 256 bytes.
    pub agent: Option<String>,
    /// The id of the request.
    pub request: String,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
}

/// Writes one entry in a transaction of its own.
///
/// # Errors
/// `invalid` when the entry breaks a limit, `unavailable` when it could not be written.
pub async fn record(database: &Database, stamp: &Stamp, entry: Entry) -> Result<(), Error> {
    let mut pending = Pending::new(stamp.clone());
    pending.add(entry).map_err(Error::Invalid)?;
    let written = async {
        let mut transaction = database.begin(&own_limits(1)).await?;
        pending.write(&mut transaction).await?;
        transaction.commit().await
    };
    written.await.map_err(|error: sql::Error| {
        tracing::error!(?error, "an audit entry could not be written");
        Error::Unavailable
    })
}

/// What a statement of the host's own may do that gives so many rows.
fn own_limits(rows: usize) -> config::SqlLimits {
    config::SqlLimits {
        rows,
        bytes: 16 * 1024 * 1024,
        statement_timeout: Duration::from_secs(10),
        transactions: 1,
    }
}

/// Writes one entry in a transaction that does more, at once rather than with the commit;
/// tells where it is.
///
/// # Errors
/// `invalid-statement` when the entry breaks a limit; otherwise as for every statement.
pub async fn write(
    transaction: &mut Transaction,
    stamp: &Stamp,
    entry: Entry,
) -> Result<Place, sql::Error> {
    let mut pending = Pending::new(stamp.clone());
    pending.add(entry).map_err(sql::Error::InvalidStatement)?;
    pending.write(transaction).await
}

/// Entries of one transaction that wait for its commit.
#[derive(Debug)]
pub(super) struct Pending {
    stamp: Stamp,
    entries: Vec<Entry>,
}

impl Pending {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            entries: Vec::new(),
        }
    }

    /// Keeps an entry; or tells which limit it breaks.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), String> {
        check(&entry)?;
        if self.entries.len() == MAX_ENTRIES {
            return Err(format!(
                "more than {MAX_ENTRIES} audit entries in one transaction"
            ));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Appends the entries to their chain, whose head stays locked until the commit. Tells
    /// where the last one is.
    pub(super) async fn write(self, transaction: &mut Transaction) -> Result<Place, sql::Error> {
        let Self { stamp, entries } = self;
        let chain = chain_of(&stamp.request);
        let (mut seq, mut head) = lock_head(transaction, chain).await?;
        let at = now();
        let (count, mut params) = (entries.len(), Vec::with_capacity(entries.len() * COLUMNS));
        for entry in entries {
            seq += 1;
            let row = Row {
                chain,
                seq,
                at,
                stamp: &stamp,
                entry: &entry,
            };
            let hash = row.hash(&head);
            params.extend(row_params(&row, &head, &hash));
            head = hash;
        }
        transaction.execute_own(&insert(count), params).await?;
        let params = vec![
            Value::Integer(seq),
            Value::Bytes(head.to_vec()),
            Value::Integer(chain.into()),
        ];
        let sql = "UPDATE gateway_audit_heads SET seq = ?, hash = ? WHERE chain = ?";
        transaction.execute_own(sql, params).await?;
        Ok(Place {
            at,
            chain: chain.into(),
            seq,
        })
    }
}

/// What a plugin may not record: operators would read of changes that nobody made.
///
/// # Errors
/// Why it may not.
pub(super) fn permitted(entry: &Entry) -> Result<(), String> {
    let name = entry.entity.as_str();
    match [OWN, DOWNLOAD, AUDIT].contains(&name) {
        true => Err(format!(
            "audit: entity must not be {name}, which is for the gateway's own entries"
        )),
        false => Ok(()),
    }
}

/// The limits of the contract; they keep a row below what every database can index.
fn check(entry: &Entry) -> Result<(), String> {
    let bounded = [
        ("action", &entry.action, 64),
        ("entity", &entry.entity, 64),
        ("entity-id", &entry.entity_id, 128),
    ];
    for (field, text, limit) in bounded {
        if text.is_empty() || text.len() > limit || text.contains('\0') {
            return Err(format!(
                "audit: {field} must have 1 to {limit} bytes, none of them NUL"
            ));
        }
    }
    let Some(details) = &entry.details else {
        return Ok(());
    };
    if details.len() > 8 * 1024 {
        return Err("audit: details must have at most 8192 bytes".to_owned());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(details)
        .map(drop)
        .map_err(|error| format!("audit: details must be JSON: {error}"))
}

async fn lock_head(transaction: &mut Transaction, chain: u8) -> Result<(i64, Hash), sql::Error> {
    // SQLite has one writer, and that is us.
    let sql = match transaction.dialect() {
        Dialect::Sqlite => "SELECT seq, hash FROM gateway_audit_heads WHERE chain = ?",
        _ => "SELECT seq, hash FROM gateway_audit_heads WHERE chain = ? FOR UPDATE",
    };
    let params = vec![Value::Integer(chain.into())];
    let rows = transaction
        .query_own(sql, params, &[Kind::Integer, Kind::Bytes])
        .await?;
    if let Some([Value::Integer(seq), Value::Bytes(hash)]) = rows.first().map(Vec::as_slice)
        && let Ok(hash) = Hash::try_from(hash.as_slice())
    {
        return Ok((*seq, hash));
    }
    tracing::error!(
        chain,
        "the audit chain has no head; have the gateway's migrations run?"
    );
    Err(sql::Error::Other)
}

/// Columns of a row, in the order of [`row_params`].
const COLUMNS: usize = 18;

/// An insert of `rows` rows.
fn insert(rows: usize) -> String {
    let row = format!("({})", ["?"; COLUMNS].join(", "));
    format!(
        "INSERT INTO gateway_audit (chain, seq, at, actor, tenant, request, plugin, version, \
         action, entity, entity_id, outcome, details, via, address, agent, prev_hash, hash) \
         VALUES {}",
        vec![row; rows].join(", ")
    )
}

fn row_params(row: &Row<'_>, previous: &Hash, hash: &Hash) -> [Value; COLUMNS] {
    let text = |text: &String| Value::Text(text.clone());
    let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
    let (stamp, entry) = (row.stamp, row.entry);
    [
        Value::Integer(row.chain.into()),
        Value::Integer(row.seq),
        Value::Timestamp(row.at),
        optional(&stamp.actor),
        optional(&stamp.tenant),
        text(&stamp.request),
        text(&stamp.plugin),
        text(&stamp.version),
        text(&entry.action),
        text(&entry.entity),
        text(&entry.entity_id),
        Value::Text(chain::outcome_name(entry.outcome).to_owned()),
        optional(&entry.details),
        optional(&stamp.via),
        optional(&stamp.address),
        optional(&stamp.agent),
        Value::Bytes(previous.to_vec()),
        Value::Bytes(hash.to_vec()),
    ]
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
