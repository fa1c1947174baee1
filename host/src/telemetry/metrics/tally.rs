//! Counts of what happens seldom, by a fixed word.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Counts by words of the host's own or the operator's, so that there are only as many as
/// stand in its code or in the configuration.
#[derive(Debug)]
pub(super) struct Tally<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone> Tally<K> {
    pub(super) fn add(&self, word: K) {
        *self.0.lock().entry(word).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Vec<(K, u64)> {
        let counts = self.0.lock();
        counts
            .iter()
            .map(|(word, count)| (word.clone(), *count))
            .collect()
    }
}
