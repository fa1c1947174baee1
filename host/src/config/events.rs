//! How events are kept and delivered.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::error::ConfigError;
use super::layers::Layers;
use super::{Secret, keys};

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
    /// The longest frame that a client may send, in bytes. Default 16 KiB.
    pub frame_bytes: usize,
    /// Frames that one client may send in a second, on average. Default 10.
    pub frame_rate: NonZeroU32,
    /// How many of them may come at once. Default 20.
    pub frame_burst: NonZeroU32,
    /// How often a client hears from an idle connection. Default 25 s.
    pub heartbeat: Duration,
    /// How often the log is looked at for what no notice told. Default 500 ms.
    pub poll: Duration,
    /// The same while the other gateways can be heard. Default 1 s.
    pub bus_poll: Duration,
    /// How long a long poll may wait at most. Default 60 s.
    pub wait: Duration,
    /// When a client should come back that lost its connection. Default 2 s.
    pub retry: Duration,
    /// How long an event is kept. Default 7 d.
    pub retention: Duration,
    /// How many events of one partition are kept. Default 1,000,000.
    pub retention_count: u64,
    /// How often what is older, or more, is removed. Default 1 min.
    pub sweep_interval: Duration,
    /// Over what gateways tell each other of events.
    pub bus: BusKind,
    /// NATS, if there is one.
    #[serde(skip)]
    pub nats: Option<Nats>,
}

/// Over what gateways tell each other of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// NATS when there is one, or else a PostgreSQL that has the log.
    Auto,
    /// Nothing: each looks by itself.
    None,
    /// The PostgreSQL that has the log.
    Postgres,
    /// NATS.
    Nats,
}

/// A NATS server, or several of one cluster.
#[derive(Debug, Clone)]
pub struct Nats {
    /// Their addresses, separated by commas.
    pub url: Secret,
    /// What the subjects begin with. Default `gateway`.
    pub prefix: String,
    /// A file of credentials, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// The authorities, in PEM, that sign the servers' certificates.
    pub ca: Option<PathBuf>,
}

/// Whether the key says something of NATS, which is put together here.
pub(super) fn is_part(key: &str) -> bool {
    key.starts_with("events.nats.")
}

/// The NATS that the settings name.
pub(super) fn nats(layers: &Layers, events: &Events) -> Result<Option<Nats>, ConfigError> {
    let refuse = |key: &str, reason: &str| {
        Err(ConfigError::Conflict {
            place: layers.name(key),
            reason: reason.to_owned(),
        })
    };
    let path = |key: &str| layers.text(key).map(PathBuf::from);
    let url = keys::text_or_file(layers, "events.nats.url", "events.nats.url_file")?;
    let (credentials, ca) = (
        path("events.nats.credentials_file"),
        path("events.nats.ca_file"),
    );
    let Some(url) = url else {
        if events.bus == BusKind::Nats {
            return refuse(
                "events.bus",
                "nats needs events.nats.url or events.nats.url_file",
            );
        }
        if credentials.is_some() {
            return refuse(
                "events.nats.credentials_file",
                "it does nothing without events.nats.url",
            );
        }
        if ca.is_some() {
            return refuse(
                "events.nats.ca_file",
                "it does nothing without events.nats.url",
            );
        }
        return Ok(None);
    };
    let is_address = |address: &str| {
        let scheme = address.split_once("://").map(|(scheme, _)| scheme);
        matches!(scheme, Some("nats" | "tls")) && Url::parse(address).is_ok()
    };
    if !url.0.split(',').map(str::trim).all(is_address) {
        return refuse(
            "events.nats.url",
            "an address is nats://HOST:PORT or tls://HOST:PORT",
        );
    }
    for (key, file) in [
        ("events.nats.credentials_file", &credentials),
        ("events.nats.ca_file", &ca),
    ] {
        if let Some(file) = file {
            super::file::read_text(&layers.name(key), file)?;
        }
    }
    let prefix = layers.text("events.nats.prefix").unwrap_or_default();
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_prefix = prefix
        .split('.')
        .all(|token| !token.is_empty() && token.bytes().all(is_letter));
    if !is_prefix || prefix.len() > 64 {
        return refuse(
            "events.nats.prefix",
            "a prefix has at most 64 letters, digits, hyphens and underscores, and dots between them",
        );
    }
    Ok(Some(Nats {
        url,
        prefix: prefix.to_owned(),
        credentials,
        ca,
    }))
}
