//! What the gateway tells of itself: metrics, traces and log lines.

pub(crate) mod access;
mod logs;
pub mod metrics;
pub mod traces;

pub use logs::{TelemetryError, init};
pub(crate) use logs::{filter, set_filter};
pub use metrics::{Metrics, Swaps, Version};
pub use traces::{TraceError, Traces};
