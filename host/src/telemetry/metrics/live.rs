//! Live connections and what goes over them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use super::tally::Tally;

/// What is counted of the event log of one plugin, on this gateway.
#[derive(Debug)]
pub struct Live {
    pub(super) plugin: String,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    pub(super) published: AtomicU64,
    pub(super) dispatched: AtomicU64,
    pub(super) delivered: AtomicU64,
    /// By what a client that came back was told.
    pub(super) replays: Tally<&'static str>,
    /// Connections that the host ended, by why.
    pub(super) closes: Tally<&'static str>,
    /// Rows that were fetched, since no notice brought them.
    pub(super) fetched: AtomicU64,
    pub(super) lag: AtomicU64,
    pub(super) is_bus_up: AtomicBool,
    pub(super) removed: AtomicU64,
}

impl Live {
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            connections: Gauge::default(),
            published: AtomicU64::default(),
            dispatched: AtomicU64::default(),
            delivered: AtomicU64::default(),
            replays: Tally::default(),
            closes: Tally::default(),
            fetched: AtomicU64::default(),
            lag: AtomicU64::default(),
            is_bus_up: AtomicBool::default(),
            removed: AtomicU64::default(),
        }
    }

    /// Rows were committed here.
    pub(crate) fn published(&self, rows: usize) {
        self.published.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// A row was handed to so many connections.
    pub(crate) fn dispatched(&self, connections: usize) {
        self.dispatched.fetch_add(1, Ordering::Relaxed);
        self.delivered
            .fetch_add(connections as u64, Ordering::Relaxed);
    }

    /// A client came back with a cursor, and was told that, in one of the host's words.
    pub(crate) fn replayed(&self, outcome: &'static str) {
        self.replays.add(outcome);
    }

    /// The host ended a connection, in one of its words.
    pub(crate) fn closed(&self, why: &'static str) {
        self.closes.add(why);
    }

    /// A look at the log found so many rows that were not known.
    pub(crate) fn fetched(&self, rows: usize) {
        self.fetched.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// How many rows the log had that were not dispatched, when it was last looked at.
    pub(crate) fn lags(&self, rows: u64) {
        self.lag.store(rows, Ordering::Relaxed);
    }

    /// Whether the other gateways can be heard.
    pub(crate) fn bus(&self, is_up: bool) {
        self.is_bus_up.store(is_up, Ordering::Relaxed);
    }

    /// Rows were removed that are not kept any more.
    pub(crate) fn removed(&self, rows: u64) {
        self.removed.fetch_add(rows, Ordering::Relaxed);
    }
}
