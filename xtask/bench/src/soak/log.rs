//! What the clients saw, and what they wrote.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::clients::Kind;

/// Failures that are told in full; more are counted.
const TOLD: usize = 3;

/// What became of a request that was not answered as it should have been.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was an answer, and it was another one.
    Wrong(String),
    /// There was none.
    Lost(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// What was seen of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests, whatever became of them.
    pub(super) sent: usize,
    pub(super) wrong: usize,
    pub(super) lost: usize,
    times: Vec<Duration>,
}

impl Tally {
    /// The latency that `share` of the answers do not exceed.
    pub(super) fn time(&self, share: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list that fits memory"
        )]
        let index = (times.len() as f64 * share) as usize;
        let last = times.len().saturating_sub(1);
        times.get(index.min(last)).copied().unwrap_or_default()
    }
}

/// Everything that was written, whether it was answered or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    /// The ids of messages, by their bodies, which are unique; none without an answer.
    pub(super) messages: HashMap<String, Option<String>>,
    /// Whether rows of transactions were answered, by their ids.
    pub(super) rows: HashMap<u64, bool>,
    /// Attachments whose content was answered, by their ids: the numbers that it was made of.
    pub(super) attachments: HashMap<String, u64>,
}

impl Books {
    /// Adds what another wrote.
    pub(super) fn add(&mut self, other: Self) {
        self.messages.extend(other.messages);
        self.rows.extend(other.rows);
        self.attachments.extend(other.attachments);
    }
}

/// What clients saw.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) tallies: BTreeMap<Kind, Tally>,
    pub(super) books: Books,
    /// The first failures.
    pub(super) told: Vec<String>,
}

impl Log {
    /// Notes what became of a request.
    pub(super) fn note(&mut self, kind: Kind, outcome: Result<(), Failure>, time: Duration) {
        let tally = self.tallies.entry(kind).or_default();
        tally.sent += 1;
        let text = match outcome {
            Ok(()) => {
                tally.times.push(time);
                return;
            }
            Err(Failure::Wrong(text)) => {
                tally.wrong += 1;
                text
            }
            Err(Failure::Lost(error)) => {
                tally.lost += 1;
                format!("{error:#}")
            }
        };
        if self.told.len() < TOLD {
            self.told.push(format!("{}: {text}", kind.name()));
        }
    }

    /// Adds what another client saw.
    pub(super) fn merge(&mut self, other: Self) {
        for (kind, theirs) in other.tallies {
            let ours = self.tallies.entry(kind).or_default();
            ours.sent += theirs.sent;
            ours.wrong += theirs.wrong;
            ours.lost += theirs.lost;
            ours.times.extend(theirs.times);
        }
        self.books.add(other.books);
        self.told.extend(other.told);
        self.told.truncate(TOLD);
    }

    /// A sum over all kinds.
    pub(super) fn sum(&self, of: impl Fn(&Tally) -> usize) -> usize {
        self.tallies.values().map(of).sum()
    }
}
