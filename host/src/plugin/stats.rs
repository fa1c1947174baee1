//! What a version has answered, counted for the comparison with another one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the first bucket of latencies and of each further one: they grow by a
/// quarter, from 100 microseconds to more than five minutes.
const BUCKETS: usize = 68;

/// Counts since a version began to serve. Adding is a few atomic additions.
#[derive(Debug)]
pub struct Stats {
    requests: AtomicU64,
    failures: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// The counts at one time; two of them give what happened in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were answered, or failed.
    pub requests: u64,
    /// Of those: traps, time-outs and answers from 500 on.
    pub failures: u64,
    buckets: [u64; BUCKETS],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: 0,
            failures: 0,
            buckets: [0; BUCKETS],
        }
    }
}

impl Stats {
    /// Counts one request.
    pub fn add(&self, took: Duration, failed: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if failed {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bucket) = self.buckets.get(bucket(took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that has been counted as one that failed after all.
    pub fn add_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            buckets: std::array::from_fn(|index| {
                self.buckets
                    .get(index)
                    .map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
        }
    }
}

impl Counts {
    /// What was counted since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let of = |counts: &Self, index: usize| counts.buckets.get(index).copied().unwrap_or(0);
        Self {
            requests: self.requests.saturating_sub(before.requests),
            failures: self.failures.saturating_sub(before.failures),
            buckets: std::array::from_fn(|index| of(self, index).saturating_sub(of(before, index))),
        }
    }

    /// The part of the requests that failed, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    pub fn failure_rate(&self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }

    /// How many requests took how long: the upper end of a bucket, and what is in it, where
    /// there is anything.
    pub fn latencies(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.buckets
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(index, count)| (end(index), *count))
    }

    /// The time that 99 in 100 requests took at most, with an error of up to a quarter;
    /// zero when there were none.
    #[must_use]
    pub fn p99(&self) -> Duration {
        let all: u64 = self.buckets.iter().sum();
        let beyond = all / 100;
        let mut slower = 0;
        for (index, count) in self.buckets.iter().enumerate().rev() {
            slower += count;
            if slower > beyond {
                return end(index);
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn bucket(took: Duration) -> usize {
    let steps = (took.as_secs_f64() / FIRST).ln() / STEP.ln();
    (steps.ceil().max(0.0) as usize).min(BUCKETS - 1)
}

/// The upper end of a bucket.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn end(index: usize) -> Duration {
    Duration::from_secs_f64(FIRST * STEP.powf(index as f64))
}

/// The upper end of the first bucket, in seconds.
const FIRST: f64 = 100e-6;

/// From the end of one bucket to that of the next.
const STEP: f64 = 1.25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_found_to_a_quarter() {
        let stats = Stats::default();
        for _ in 0..980 {
            stats.add(Duration::from_millis(2), false);
        }
        let before = stats.counts();
        assert!(before.p99() >= Duration::from_millis(2));
        assert!(before.p99() <= Duration::from_micros(2500));
        for _ in 0..20 {
            stats.add(Duration::from_millis(80), true);
        }
        let all = stats.counts();
        assert!(all.p99() >= Duration::from_millis(80) && all.p99() <= Duration::from_millis(100));
        assert!((all.failure_rate() - 0.02).abs() < 1e-9);
        let since = all.since(&before);
        assert_eq!((since.requests, since.failures), (20, 20));
    }

    #[test]
    fn nothing_is_not_slow() {
        assert_eq!(Counts::default().p99(), Duration::ZERO);
        assert!(Counts::default().failure_rate().abs() < 1e-9);
    }

    #[test]
    fn the_ends_of_the_scale_are_counted() {
        let stats = Stats::default();
        stats.add(Duration::ZERO, false);
        stats.add(Duration::from_secs(3600), false);
        assert_eq!(stats.counts().requests, 2);
        assert!(stats.counts().p99() > Duration::from_secs(300));
    }
}
