//! Components: compiled once, checked against the contract, instantiated often.

mod check;
mod engine;
mod failure;
mod inspect;
mod instance;
mod load;
mod meter;
mod pool;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use check::contract;
pub use engine::Engine;
pub use failure::Failure;
pub use inspect::{Inspection, inspect};
pub use instance::{Body, Call};
pub use load::{Facts, LoadError, Loaded};
pub(crate) use pool::Waiting;
pub use task::{Runner, Task};

use crate::capability::sql;
use crate::config;
use crate::contract::http;
use pool::Pool;

/// What every instance of a plugin is given.
#[derive(Debug, Clone)]
struct Grants {
    identity: Identity,
    database: sql::Database,
    limits: Arc<config::Limits>,
    settings: Arc<BTreeMap<String, String>>,
}

impl Grants {
    fn new(identity: Identity, database: sql::Database, config: &config::Plugin) -> Self {
        Self {
            identity,
            database,
            limits: Arc::new(config.limits.clone()),
            settings: Arc::new(config.settings.clone()),
        }
    }
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
    fn of(name: &str, facts: &Facts) -> Self {
        Self {
            name: name.to_owned(),
            version: facts.version.clone().unwrap_or_else(|| {
                let digest = hex::encode(facts.digest);
                digest.get(..12).unwrap_or(&digest).to_owned()
            }),
        }
    }
}

/// A plugin that serves.
pub struct Plugin {
    identity: Identity,
    config: config::Plugin,
    pool: Pool,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Checks and links a component, and makes its first instance, so that a version
    /// which can't start never becomes one that serves.
    ///
    /// # Errors
    /// It does not fit the world, or traps at its start.
    pub async fn start(
        engine: &Engine,
        name: &str,
        loaded: &Loaded,
        config: config::Plugin,
        database: sql::Database,
    ) -> Result<Self, StartError> {
        let identity = Identity::of(name, loaded.facts());
        loaded.granted(engine, name, &config.grants)?;
        let pre = loaded.link(engine)?;
        let grants = Grants::new(identity.clone(), database, &config);
        let pool = Pool::new(engine.clone(), pre, grants, config.isolation);
        pool.warm_up(1).await?;
        Ok(Self {
            identity,
            config,
            pool,
        })
    }

    /// Its name and version.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it is mounted, and its limits.
    #[must_use]
    pub fn config(&self) -> &config::Plugin {
        &self.config
    }

    /// Makes instances until `count` are warm, or as many as may be at once.
    ///
    /// # Errors
    /// An instance could not be made.
    pub async fn warm_up(&self, count: usize) -> Result<(), Failure> {
        self.pool.warm_up(count).await
    }

    /// Has one request handled. Dropping the future ends the guest where it stands.
    ///
    /// # Errors
    /// See [`Failure`]: the request is lost, its neighbours are not.
    pub async fn handle(&self, call: Call) -> Result<http::Response, Failure> {
        self.pool.handle(call).await
    }
}

/// Why a plugin does not serve.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't be hosted.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its first instance could not be made.
    #[error("the first instance failed: {0}")]
    Instance(#[from] Failure),
}
