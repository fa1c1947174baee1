//! Components: compiled once, checked against the contract, instantiated often.

mod apart;
mod check;
mod engine;
mod failure;
mod inspect;
mod inspector;
mod instance;
mod load;
mod meter;
mod pool;
mod stats;
mod task;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use apart::Speaker;
pub use check::contract;
pub use engine::Engine;
pub use failure::Failure;
pub use inspect::{Inspection, Role, inspect};
pub use inspector::{Inspector, Seen, Source, Unreadable};
pub use instance::{Answer, Body, Call, Content};
pub use load::{Facts, LoadError, Loaded};
pub use pool::Turnstile;
pub(crate) use pool::Waiting;
pub use stats::{Counts, Stats};
pub use task::{Runner, Task};
pub use version::{Lease, Said, StartError, Version};

use crate::capability::blob::Blobs;
use crate::capability::events::Events;
use crate::capability::sql;
use crate::config;
use crate::telemetry::{self, Metrics};

/// What every instance of a plugin is given.
#[derive(Debug, Clone)]
struct Grants {
    identity: Identity,
    database: sql::Database,
    blobs: Option<Blobs>,
    events: Option<Events>,
    limits: Arc<config::Limits>,
    settings: Arc<BTreeMap<String, String>>,
    measured: Arc<telemetry::Version>,
}

impl Grants {
    fn new(
        identity: Identity,
        resources: Resources,
        config: &config::Plugin,
        metrics: &Metrics,
    ) -> Self {
        let Resources {
            database,
            blobs,
            events,
        } = resources;
        Self {
            measured: metrics.version(&identity.name, &identity.version),
            identity,
            database,
            blobs,
            events,
            limits: Arc::new(config.limits.clone()),
            settings: Arc::new(config.settings.clone()),
        }
    }
}

/// What is a plugin's own, whichever of its versions uses it.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Its database.
    pub database: sql::Database,
    /// The content that it keeps; none for a task.
    pub blobs: Option<Blobs>,
    /// Its event log.
    pub events: Option<Events>,
}

/// How a running version is named in logs and in the audit record.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name that the operator gave it.
    pub name: String,
    /// The version in its metadata; without one, the beginning of its digest.
    pub version: String,
}

impl Identity {
    /// What a component is called as long as nobody gave it another version.
    #[must_use]
    pub fn of(name: &str, facts: &Facts) -> Self {
        Self {
            name: name.to_owned(),
            version: facts.version.clone().unwrap_or_else(|| {
                let digest = hex::encode(facts.digest);
                digest.get(..12).unwrap_or(&digest).to_owned()
            }),
        }
    }
}
