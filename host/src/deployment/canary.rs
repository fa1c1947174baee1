//! A version that serves a part of the traffic, and when it gets more or none.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::plugin::Counts;

/// All of the traffic, in the unit of a share: hundredths of a percent.
pub const WHOLE: u16 = 10_000;

/// Failures below which nothing is concluded.
const FEW_FAILURES: u64 = 3;

/// A latency below which a tail is not compared: scheduling alone may double it.
const NOISE: Duration = Duration::from_millis(20);

/// A version that serves a part of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The version.
    pub version: String,
    /// Its part of the traffic, in hundredths of a percent.
    pub share: u16,
    /// Whether a caller always gets the same of the two versions.
    pub sticky: bool,
    /// The shares that follow, [`WHOLE`] at the end when it is to take over; none when it
    /// stays as it is until somebody decides.
    pub steps: Vec<u16>,
    /// How long a step takes at least, in milliseconds.
    pub step_millis: u64,
    /// What it is held to.
    pub band: Band,
    /// When this step began, in microseconds since 1970.
    pub since: i64,
}

/// How far a canary may be from the version beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Band {
    /// How much larger its part of failed requests may be: 0.01 is one in a hundred.
    pub failures: f64,
    /// How many times as slow its 99th percentile may be.
    pub p99: f64,
    /// Requests that both must have answered in a step before anything is concluded from
    /// there being few failures. No data is no promotion.
    pub requests: u64,
}

impl Default for Band {
    fn default() -> Self {
        Self {
            failures: 0.01,
            p99: 2.0,
            requests: 100,
        }
    }
}

/// What follows from the counts of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing yet.
    Wait,
    /// The next share.
    Promote(u16),
    /// Back to the other version, and why.
    RollBack(String),
}

impl Canary {
    /// Whether a request goes to the canary. `caller` names who asked, for stickiness;
    /// without one, or when it is not sticky, `chance` decides.
    #[must_use]
    pub fn takes(&self, plugin: &str, caller: Option<&str>, chance: u16) -> bool {
        let place = match caller {
            Some(caller) if self.sticky => place(plugin, caller),
            _ => chance % WHOLE,
        };
        place < self.share
    }

    /// What follows from what both versions answered in this step.
    #[must_use]
    pub fn judge(&self, canary: &Counts, active: &Counts, elapsed: Duration) -> Verdict {
        let rate = canary.failure_rate();
        if canary.failures >= FEW_FAILURES && rate > active.failure_rate() + self.band.failures {
            return Verdict::RollBack(format!(
                "{} of {} requests failed, {:.2} %; beside it {:.2} %",
                canary.failures,
                canary.requests,
                rate * 100.0,
                active.failure_rate() * 100.0
            ));
        }
        if canary.requests < self.band.requests || active.requests < self.band.requests {
            return Verdict::Wait;
        }
        let (its, other) = (canary.p99(), active.p99());
        if its > NOISE && its > other.mul_f64(self.band.p99) {
            return Verdict::RollBack(format!(
                "its 99th percentile is {its:.1?}; beside it {other:.1?}"
            ));
        }
        match self.steps.first() {
            Some(next) if elapsed >= Duration::from_millis(self.step_millis) => {
                Verdict::Promote(*next)
            }
            _ => Verdict::Wait,
        }
    }
}

/// Where a caller stands, from 0 to [`WHOLE`]: the same on every gateway and in every
/// release, so that a rising share only adds callers.
fn place(plugin: &str, caller: &str) -> u16 {
    let digest = Sha256::new()
        .chain_update(plugin)
        .chain_update([0])
        .chain_update(caller)
        .finalize();
    let head = digest.first_chunk::<8>().copied().unwrap_or_default();
    u16::try_from(u64::from_be_bytes(head) % u64::from(WHOLE)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Stats;

    fn canary(share: u16) -> Canary {
        Canary {
            version: "2.0.0".into(),
            share,
            sticky: true,
            steps: vec![5_000, WHOLE],
            step_millis: 1_000,
            band: Band::default(),
            since: 0,
        }
    }

    fn counts(requests: u64, failures: u64, took: Duration) -> Counts {
        let stats = Stats::default();
        for nth in 0..requests {
            stats.add(took, nth < failures);
        }
        stats.counts()
    }

    const FAST: Duration = Duration::from_millis(5);
    const LATER: Duration = Duration::from_secs(2);

    #[test]
    fn a_caller_stays_where_it_is_and_a_rising_share_only_adds() {
        let callers: Vec<String> = (0..10_000).map(|n| format!("caller {n}")).collect();
        let of = |share: u16| -> Vec<&String> {
            let canary = canary(share);
            let takes = |caller: &&String| canary.takes("notes", Some(caller), 0);
            callers.iter().filter(takes).collect()
        };
        let (few, more) = (of(500), of(2_500));
        assert!((400..600).contains(&few.len()), "{}", few.len());
        assert!((2_300..2_700).contains(&more.len()), "{}", more.len());
        assert!(few.iter().all(|caller| more.contains(caller)));
        assert_eq!(of(WHOLE).len(), callers.len());
        assert!(of(0).is_empty());
    }

    #[test]
    fn without_a_caller_chance_decides() {
        assert!(canary(500).takes("notes", None, 499));
        assert!(!canary(500).takes("notes", None, 500));
        let free = Canary {
            sticky: false,
            ..canary(500)
        };
        assert!(free.takes("notes", Some("caller"), 0));
        assert!(!free.takes("notes", Some("caller"), 9_999));
    }

    #[test]
    fn no_data_is_no_promotion() {
        let judge = |canary_has, active_has| {
            canary(500).judge(
                &counts(canary_has, 0, FAST),
                &counts(active_has, 0, FAST),
                LATER,
            )
        };
        assert_eq!(judge(0, 0), Verdict::Wait);
        assert_eq!(judge(99, 1_000), Verdict::Wait);
        assert_eq!(judge(1_000, 99), Verdict::Wait);
        assert_eq!(judge(100, 100), Verdict::Promote(5_000));
    }

    #[test]
    fn a_step_takes_its_time() {
        let both = counts(1_000, 0, FAST);
        let early = canary(500).judge(&both, &both, Duration::from_millis(999));
        assert_eq!(early, Verdict::Wait);
    }

    #[test]
    fn failures_beyond_the_band_end_it_however_few_requests_there_were() {
        let active = counts(1_000, 1, FAST);
        let judge = |requests, failures| {
            canary(500).judge(&counts(requests, failures, FAST), &active, LATER)
        };
        assert!(matches!(judge(30, 3), Verdict::RollBack(_)));
        assert_eq!(judge(20, 2), Verdict::Wait);
        // Within the band.
        assert_eq!(judge(1_000, 10), Verdict::Promote(5_000));
        // Both are as bad.
        let bad = counts(1_000, 100, FAST);
        assert_eq!(
            canary(500).judge(&bad, &bad, LATER),
            Verdict::Promote(5_000)
        );
    }

    #[test]
    fn a_longer_tail_ends_it() {
        let active = counts(1_000, 0, Duration::from_millis(15));
        let slow = counts(1_000, 0, Duration::from_millis(60));
        let judged = canary(500).judge(&slow, &active, LATER);
        assert!(matches!(judged, Verdict::RollBack(_)), "{judged:?}");
        // Three times as slow, and still too fast to matter.
        let (quick, slower) = (Duration::from_millis(1), Duration::from_millis(3));
        let judged = canary(500).judge(&counts(1_000, 0, slower), &counts(1_000, 0, quick), LATER);
        assert_eq!(judged, Verdict::Promote(5_000));
    }
}
