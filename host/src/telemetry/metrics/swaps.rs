//! What happens when one version takes over from another.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Counts of the changes between versions, of all plugins.
#[derive(Debug, Default)]
pub struct Swaps {
    /// A version became the active one.
    pub activations: Counter,
    /// Of those, the ones that went back to an earlier version.
    pub rollbacks: Counter,
    /// An old version had nothing in flight any more, and was freed.
    pub drained: Counter,
    /// Requests that were cut because the drain deadline came first.
    pub cut: Counter,
    /// Old versions that still have requests in flight.
    pub draining: Gauge,
}
