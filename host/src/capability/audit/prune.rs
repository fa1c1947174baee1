//! Removes what is older than an operator keeps, and leaves the chains whole.
//!
//! The head of a chain holds where the chain begins since then: the last row that is gone,
//! and its hash. Each removal is an entry in the same chain, in the same transaction, that
//! names the same place; [`verify`](super::verify()) compares the two.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::{CHAINS, Hash, chain_of};
use super::walk::limits;
use super::{AUDIT, Entry, Outcome, Stamp, lock_head, write};
use crate::capability::sql::{Database, Transaction};
use crate::contract::sql::{Error, Kind, Value};
use crate::lifecycle::Shutdown;

/// Rows of one transaction: whoever records something waits as long as it takes.
const BATCH: i64 = 5_000;

/// How often a gateway looks for what is too old.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The action of the entry on a removal.
const PRUNE: &str = "audit.prune";

/// What the entry on a removal says of the chain that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    /// The last row that is gone.
    pub(super) through: i64,
    /// Its hash, in hexadecimal digits.
    pub(super) hash: String,
}

impl Anchor {
    /// What an entry says of a removal, if it is on one.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let is_one = entry.action == PRUNE && entry.entity == AUDIT;
        let details = entry.details.as_deref().filter(|_| is_one)?;
        serde_json::from_str(details).ok()
    }
}

/// Removes the rows that were written before a time, in microseconds since 1970, and tells
/// how many those were. A row that is newer keeps the ones behind it, whatever their time.
/// `actor` is who wants it, if a person does.
///
/// # Errors
/// When the database can't be used; what was removed by then is.
pub async fn prune(
    database: &Database,
    before: i64,
    actor: Option<&str>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<u64, Error> {
    let mut removed = 0;
    for chain in 0..CHAINS {
        loop {
            let count = prune_some(database, chain, before, actor).await?;
            if count == 0 {
                break;
            }
            removed += count;
            progress(removed);
        }
    }
    Ok(removed)
}

/// How many rows [`prune()`] would remove.
///
/// # Errors
/// When the database can't be read.
pub async fn prunable(database: &Database, before: i64) -> Result<u64, Error> {
    let mut count = 0;
    for chain in 0..CHAINS {
        let sql = "SELECT COUNT(*) FROM gateway_audit WHERE chain = ? AND seq < COALESCE(\
                   (SELECT MIN(seq) FROM gateway_audit WHERE chain = ? AND at >= ?), \
                   (SELECT seq + 1 FROM gateway_audit_heads WHERE chain = ?))";
        let number = Value::Integer(chain.into());
        let params = vec![
            number.clone(),
            number.clone(),
            Value::Timestamp(before),
            number,
        ];
        let rows = database
            .query_own(sql, params, &[Kind::Integer], &limits())
            .await?;
        if let Some([Value::Integer(rows)]) = rows.first().map(Vec::as_slice) {
            count += rows.unsigned_abs();
        }
    }
    Ok(count)
}

async fn prune_some(
    database: &Database,
    chain: u8,
    before: i64,
    actor: Option<&str>,
) -> Result<u64, Error> {
    let mut transaction = database.begin(&limits()).await?;
    let (last, _) = lock_head(&mut transaction, chain).await?;
    let number = Value::Integer(chain.into());
    let sql = "SELECT pruned_seq FROM gateway_audit_heads WHERE chain = ?";
    let pruned = integer(&mut transaction, sql, vec![number.clone()]).await?;
    let pruned = pruned.ok_or(Error::Other)?;
    let sql = "SELECT seq FROM gateway_audit WHERE chain = ? AND seq > ? AND at >= ? \
               ORDER BY seq LIMIT 1";
    let params = vec![
        number.clone(),
        Value::Integer(pruned),
        Value::Timestamp(before),
    ];
    let kept = integer(&mut transaction, sql, params).await?;
    let through = (kept.unwrap_or(last + 1) - 1).min(pruned + BATCH);
    if through <= pruned {
        return Ok(0);
    }
    let sql = "SELECT hash FROM gateway_audit WHERE chain = ? AND seq = ?";
    let params = vec![number.clone(), Value::Integer(through)];
    let rows = transaction.query_own(sql, params, &[Kind::Bytes]).await?;
    let hash = match rows.first().map(Vec::as_slice) {
        Some([Value::Bytes(hash)]) => Hash::try_from(hash.as_slice()).ok(),
        _ => None,
    };
    let Some(hash) = hash else {
        tracing::error!(
            chain,
            through,
            "the audit record is broken, and nothing of this chain is removed"
        );
        return Err(Error::Other);
    };
    let sql = "DELETE FROM gateway_audit WHERE chain = ? AND seq <= ?";
    let params = vec![number.clone(), Value::Integer(through)];
    let removed = transaction.execute_own(sql, params).await?;
    let sql = "UPDATE gateway_audit_heads SET pruned_seq = ?, pruned_hash = ? WHERE chain = ?";
    let params = vec![Value::Integer(through), Value::Bytes(hash.to_vec()), number];
    transaction.execute_own(sql, params).await?;
    let anchor = Anchor {
        through,
        hash: hex::encode(hash),
    };
    let entry = Entry {
        action: PRUNE.to_owned(),
        entity: AUDIT.to_owned(),
        entity_id: chain.to_string(),
        outcome: Outcome::Allowed,
        details: serde_json::to_string(&anchor).ok(),
    };
    write(&mut transaction, &stamp(chain, actor), entry).await?;
    transaction.commit().await?;
    Ok(removed)
}

async fn integer(
    transaction: &mut Transaction,
    sql: &str,
    params: Vec<Value>,
) -> Result<Option<i64>, Error> {
    let rows = transaction.query_own(sql, params, &[Kind::Integer]).await?;
    Ok(match rows.first().map(Vec::as_slice) {
        Some([Value::Integer(number)]) => Some(*number),
        _ => None,
    })
}

/// A stamp whose entries are in this chain, so that no second one has to be locked.
fn stamp(chain: u8, actor: Option<&str>) -> Stamp {
    let mut request = Uuid::now_v7().to_string();
    while chain_of(&request) != chain {
        request = Uuid::now_v7().to_string();
    }
    Stamp {
        actor: actor.map(str::to_owned),
        request,
        plugin: "gateway".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Stamp::default()
    }
}

/// Removes what is older than `retention`, now and every hour, until nothing new should be
/// begun.
pub async fn retain(database: Database, retention: Duration, shutdown: Shutdown) {
    let every_hour = async {
        let mut tick = tokio::time::interval(INTERVAL);
        loop {
            tick.tick().await;
            match prune(&database, micros_ago(retention), None, |_| ()).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "old rows of the audit record were removed"),
                Err(error) => {
                    tracing::warn!(?error, "old rows of the audit record could not be removed");
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.soft() => {}
        () = every_hour => {}
    }
}

/// A time that long ago, in microseconds since 1970.
#[must_use]
pub fn micros_ago(ago: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let then = now.unwrap_or_default().saturating_sub(ago);
    i64::try_from(then.as_micros()).unwrap_or(i64::MAX)
}
