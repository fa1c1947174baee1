//! Looks for rows that were changed, taken out, put in or moved.

use std::fmt;

use super::chain::{CHAINS, Hash, START};
use super::prune::Anchor;
use super::walk::{self, Span, limits};
use crate::capability::sql::Database;
use crate::contract::sql::{Error, Kind, Value};

/// Faults that a report names; further ones are counted.
const MAX_NAMED: usize = 100;

/// What [`verify`] found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rows that were looked at.
    pub rows: u64,
    /// Rows that were removed as too old, which leaves the chains whole.
    pub pruned: u64,
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
    for seq in end.first.into_iter().filter(|seq| *seq <= end.pruned) {
        report.add(chain, seq, What::Added);
    }
    for seq in end.last.into_iter().filter(|seq| *seq > end.seq) {
        report.add(chain, seq, What::Added);
    }
    let (mut seq, mut previous) = (end.pruned, end.pruned_hash);
    let mut anchor = None;
    while seq < end.seq {
        let span = Span {
            chain,
            after: seq,
            through: end.seq,
            since: None,
        };
        let page = walk::page(database, span).await?;
        for found in &page {
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
            anchor = Anchor::of(&found.entry).or(anchor);
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
    if end.pruned > 0 {
        let recorded = anchor.is_some_and(|anchor| {
            anchor.through == end.pruned && anchor.hash == hex::encode(end.pruned_hash)
        });
        if !recorded {
            report.add(
                chain,
                1,
                What::Missing {
                    through: end.pruned,
                },
            );
        }
        report.pruned += end.pruned.unsigned_abs();
    }
    Ok(())
}

/// The ends of a chain: what its head says, and the first and the last row that there
/// are. One statement, so that all are of the same moment.
#[derive(Debug)]
pub(super) struct End {
    /// The last row, and its hash.
    pub(super) seq: i64,
    pub(super) hash: Hash,
    /// The last row of those that were removed as too old, and its hash.
    pub(super) pruned: i64,
    pub(super) pruned_hash: Hash,
    first: Option<i64>,
    last: Option<i64>,
}

/// None when the chain has no head.
pub(super) async fn end_of(database: &Database, chain: u8) -> Result<Option<End>, Error> {
    let sql = "SELECT seq, hash, pruned_seq, pruned_hash, \
               (SELECT MIN(seq) FROM gateway_audit WHERE chain = ?), \
               (SELECT MAX(seq) FROM gateway_audit WHERE chain = ?) \
               FROM gateway_audit_heads WHERE chain = ?";
    let params = vec![Value::Integer(chain.into()); 3];
    let columns = [
        Kind::Integer,
        Kind::Bytes,
        Kind::Integer,
        Kind::Bytes,
        Kind::Integer,
        Kind::Integer,
    ];
    let rows = database.query_own(sql, params, &columns, &limits()).await?;
    let Some(
        [
            Value::Integer(seq),
            Value::Bytes(hash),
            Value::Integer(pruned),
            pruned_hash,
            first,
            last,
        ],
    ) = rows.first().map(Vec::as_slice)
    else {
        return Ok(None);
    };
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    };
    // What has a wrong length fits no row.
    let hash_of = |bytes: &[u8]| Hash::try_from(bytes).unwrap_or([0xff; 32]);
    Ok(Some(End {
        seq: *seq,
        hash: hash_of(hash),
        pruned: *pruned,
        pruned_hash: match pruned_hash {
            Value::Bytes(hash) => hash_of(hash),
            _ => START,
        },
        first: number(first),
        last: number(last),
    }))
}
