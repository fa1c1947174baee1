//! Content on its way between clients and the blob store.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use super::tally::Tally;

/// What is counted of the blobs of one plugin.
#[derive(Debug)]
pub struct Traffic {
    pub(super) plugin: String,
    /// Bodies that are arriving.
    pub(crate) uploading: Gauge,
    /// Downloads that are open.
    pub(crate) downloading: Gauge,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) uploads: Tally<&'static str>,
    pub(super) downloads: Tally<&'static str>,
    /// By inspector and outcome.
    pub(super) inspections: Tally<(String, &'static str)>,
    pub(super) collected: AtomicU64,
    pub(super) collected_bytes: AtomicU64,
}

impl Traffic {
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            uploading: Gauge::default(),
            downloading: Gauge::default(),
            received: AtomicU64::default(),
            sent: AtomicU64::default(),
            uploads: Tally::default(),
            downloads: Tally::default(),
            inspections: Tally::default(),
            collected: AtomicU64::default(),
            collected_bytes: AtomicU64::default(),
        }
    }

    /// Bytes were written to the store.
    pub(crate) fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A body came to its end, in one of the host's words.
    pub(crate) fn uploaded(&self, outcome: &'static str) {
        self.uploads.add(outcome);
    }

    /// A download came to its end, in one of the host's words.
    pub(crate) fn downloaded(&self, how: &'static str, bytes: u64) {
        self.downloads.add(how);
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An inspector came to an end with some content, in one of the host's words.
    pub(crate) fn inspected(&self, inspector: &str, outcome: &'static str) {
        self.inspections.add((inspector.to_owned(), outcome));
    }

    /// Blobs that nobody needed were removed.
    pub(crate) fn collected(&self, blobs: u64, bytes: u64) {
        self.collected.fetch_add(blobs, Ordering::Relaxed);
        self.collected_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
