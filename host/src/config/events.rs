//! How events are kept and delivered.

use std::time::Duration;

use serde::Deserialize;

/// How events are kept and delivered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Partitions of a log that is made now. Default 16.
    pub partitions: usize,
    /// The longest topic, and the longest subject, in bytes. Default 512.
    pub topic_bytes: usize,
    /// The longest payload of an event, in bytes. Default 16 KiB.
    pub payload_bytes: usize,
    /// Events of one transaction, who is let in and turned out included. Default 1,000.
    pub transaction: usize,
    /// Topics of one connection. Default 1,000.
    pub topics: usize,
    /// Connections of all plugins together. Default 100,000.
    pub connections: usize,
    /// Connections of one subject. Default 64.
    pub caller_connections: usize,
    /// Frames that may wait for a client. Default 256.
    pub queue: usize,
    /// Events that a client which comes back is sent; of more it is told only that they were.
    /// Default 1,000.
    pub replay: usize,
    /// How often a client hears from an idle connection. Default 25 s.
    pub heartbeat: Duration,
    /// How often the log is looked at for what no notice told. Default 500 ms.
    pub poll: Duration,
    /// How long a long poll may wait at most. Default 60 s.
    pub wait: Duration,
    /// When a client should come back that lost its connection. Default 2 s.
    pub retry: Duration,
    /// How long an event is kept. Default 7 d.
    pub retention: Duration,
    /// How many events of one partition are kept. Default 1,000,000.
    pub retention_count: u64,
}
