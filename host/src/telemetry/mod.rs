//! What the gateway tells of itself: metrics and log lines.

mod logs;
pub mod metrics;

pub use logs::{TelemetryError, init};
pub use metrics::{Metrics, Swaps, Version};
