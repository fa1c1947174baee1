//! Looks for rows that were changed, taken out, put in or moved.

use std::fmt;
use std::time::Duration;

use super::chain::{CHAINS, Hash, Row, START, outcome_of};
use super::{Entry, Stamp};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::sql::{Error, Kind, Value};

/// Rows read at once: some 2 MiB at most.
const PAGE: i64 = 200;
/// Faults that a report names; further ones are counted.
const MAX_NAMED: usize = 100;

/// What [`verify`] found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rows that were looked at.
    pub rows: u64,
    /// The first faults.
    pub faults: Vec<Fault>,
    /// All faults, named or not.
    pub count: u64,
}

/// One fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The chain; those of ours are 0 to 15.
    pub chain: i64,
    /// The number of the row in its chain; they count from 1.
    pub seq: i64,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Its content isn't what was written.
    Changed,
    /// It, and all up to this one, are gone.
    Missing {
        /// The last one that is gone.
        through: i64,
    },
    /// It doesn't follow on the row before it: one of them was moved, or put in.
    Misplaced,
    /// It is outside of its chain, or in a chain that we don't have.
    Added,
    /// The chain has no head, so nobody knows where it ended.
    NoHead,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, chain: impl Into<i64>, seq: i64, what: What) {
        self.count += 1;
        if self.faults.len() < MAX_NAMED {
            self.faults.push(Fault {
                chain: chain.into(),
                seq,
                what,
            });
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, seq, what } = self;
        match what {
            What::Changed => write!(f, "chain {chain}: row {seq} was changed"),
            What::Missing { through } if through == seq => {
                write!(f, "chain {chain}: row {seq} is missing")
            }
            What::Missing { through } => {
                write!(f, "chain {chain}: rows {seq} to {through} are missing")
            }
            What::Misplaced => write!(
                f,
                "chain {chain}: row {seq} doesn't follow on the one before"
            ),
            What::Added => write!(f, "chain {chain}: row {seq} was put in"),
            What::NoHead => write!(f, "chain {chain}: its head is missing"),
        }
    }
}

/// Reads every row, page by page, and tells `progress` how many it has read.
///
/// Rows that are written meanwhile are left for the next time.
///
/// # Errors
/// When the database can't be read.
pub async fn verify(
    database: &Database,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Report, Error> {
    let mut report = Report::default();
    for chain in 0..CHAINS {
        verify_chain(database, chain, &mut report, &mut progress).await?;
    }
    let sql = "SELECT chain, seq FROM gateway_audit WHERE chain < 0 OR chain >= ? LIMIT 1";
    let params = vec![Value::Integer(CHAINS.into())];
    let strays = database
        .query_own(sql, params, &[Kind::Integer; 2], &limits())
        .await?;
    if let Some([Value::Integer(chain), Value::Integer(seq)]) = strays.first().map(Vec::as_slice) {
        report.add(*chain, *seq, What::Added);
    }
    Ok(report)
}

async fn verify_chain(
    database: &Database,
    chain: u8,
    report: &mut Report,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<(), Error> {
    let Some(end) = end_of(database, chain).await? else {
        report.add(chain, 0, What::NoHead);
        return Ok(());
    };
    for seq in end.first.into_iter().filter(|seq| *seq < 1) {
        report.add(chain, seq, What::Added);
    }
    for seq in end.last.into_iter().filter(|seq| *seq > end.seq) {
        report.add(chain, seq, What::Added);
    }
    let (mut seq, mut previous) = (0, START);
    while seq < end.seq {
        let page = page(database, chain, seq, end.seq).await?;
        for values in &page {
            let Some(found) = Found::read(values) else {
                return Err(Error::Other);
            };
            if found.seq != seq + 1 {
                report.add(
                    chain,
                    seq + 1,
                    What::Missing {
                        through: found.seq - 1,
                    },
                );
            }
            // Behind a gap the row's own word is all that there is.
            let follows = found.seq != seq + 1 || found.previous == previous;
            if !follows {
                report.add(chain, found.seq, What::Misplaced);
            } else if found.own_hash(chain) != Some(found.hash) {
                report.add(chain, found.seq, What::Changed);
            }
            (seq, previous) = (found.seq, found.hash);
            report.rows += 1;
        }
        progress(report.rows);
        if page.is_empty() {
            report.add(chain, seq + 1, What::Missing { through: end.seq });
            return Ok(());
        }
    }
    if previous != end.hash {
        report.add(chain, seq, What::Changed);
    }
    Ok(())
}

/// The ends of a chain: what its head says, and the first and the last row that there
/// are. One statement, so that all are of the same moment.
struct End {
    seq: i64,
    hash: Hash,
    first: Option<i64>,
    last: Option<i64>,
}

async fn end_of(database: &Database, chain: u8) -> Result<Option<End>, Error> {
    let sql = "SELECT seq, hash, \
               (SELECT MIN(seq) FROM gateway_audit WHERE chain = ?), \
               (SELECT MAX(seq) FROM gateway_audit WHERE chain = ?) \
               FROM gateway_audit_heads WHERE chain = ?";
    let params = vec![Value::Integer(chain.into()); 3];
    let columns = [Kind::Integer, Kind::Bytes, Kind::Integer, Kind::Integer];
    let rows = database.query_own(sql, params, &columns, &limits()).await?;
    let Some([Value::Integer(seq), Value::Bytes(hash), first, last]) =
        rows.first().map(Vec::as_slice)
    else {
        return Ok(None);
    };
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    };
    // A head of a wrong length fits no row.
    let hash = Hash::try_from(hash.as_slice()).unwrap_or([0xff; 32]);
    Ok(Some(End {
        seq: *seq,
        hash,
        first: number(first),
        last: number(last),
    }))
}

async fn page(
    database: &Database,
    chain: u8,
    after: i64,
    through: i64,
) -> Result<Vec<Vec<Value>>, Error> {
    let sql = "SELECT seq, at, actor, tenant, request, plugin, version, action, entity, \
               entity_id, outcome, details, via, address, agent, prev_hash, hash FROM gateway_audit \
               WHERE chain = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?";
    let params = [i64::from(chain), after, through, PAGE]
        .map(Value::Integer)
        .to_vec();
    let columns = [
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
    database.query_own(sql, params, &columns, &limits()).await
}

fn limits() -> config::SqlLimits {
    config::SqlLimits {
        rows: PAGE as usize,
        bytes: 64 * 1024 * 1024,
        statement_timeout: Duration::from_secs(60),
        transactions: 1,
    }
}

/// A row as it was found.
struct Found {
    seq: i64,
    at: i64,
    stamp: Stamp,
    entry: Option<Entry>,
    previous: Hash,
    hash: Hash,
}

impl Found {
    fn read(values: &[Value]) -> Option<Self> {
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
        ] = values
        else {
            return None;
        };
        let optional = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        let stamp = Stamp {
            actor: optional(actor),
            tenant: optional(tenant),
            via: optional(via),
            address: optional(address),
            agent: optional(agent),
            request: request.clone(),
            plugin: plugin.clone(),
            version: version.clone(),
        };
        let entry = outcome_of(outcome).map(|outcome| Entry {
            action: action.clone(),
            entity: entity.clone(),
            entity_id: entity_id.clone(),
            outcome,
            details: optional(details),
        });
        // What isn't 32 bytes long was never a hash of ours, and fits no row.
        let hash_of = |bytes: &[u8], other| Hash::try_from(bytes).unwrap_or([other; 32]);
        let (previous, hash) = (hash_of(previous, 0xfe), hash_of(hash, 0xff));
        Some(Self {
            seq: *seq,
            at: *at,
            stamp,
            entry,
            previous,
            hash,
        })
    }

    /// The hash that the content has; none when the outcome isn't one.
    fn own_hash(&self, chain: u8) -> Option<Hash> {
        let Self {
            seq,
            at,
            stamp,
            entry,
            previous,
            ..
        } = self;
        let entry = entry.as_ref()?;
        Some(
            Row {
                chain,
                seq: *seq,
                at: *at,
                stamp,
                entry,
            }
            .hash(previous),
        )
    }
}
