//! Running a plugin's long work, one bounded step after another.

use wasmtime::Store;
use wasmtime::component::Linker;

use super::engine::Engine;
use super::instance::{Instance, State};
use super::{Failure, Grants, Identity, LoadError, Loaded, Resources};
use crate::capability::events::Events;
use crate::capability::sql;
use crate::config;
use crate::contract::ServicePre;
use crate::contract::task::{self, StepReport, TaskInfo};
use crate::telemetry::Metrics;

/// How many ticks a component may take to tell its tasks: five seconds.
const TELL_TICKS: u64 = 500;

/// What a run of a task is.
#[derive(Debug, Clone)]
pub struct Task {
    /// The task's name.
    pub name: String,
    /// What the operator said, a JSON object of texts.
    pub parameters: String,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Names the run in the log and in the audit record.
    pub run: String,
}

/// An instance apart from those that serve, under the same limits for each step.
pub struct Runner {
    engine: Engine,
    pre: ServicePre<State>,
    grants: Grants,
    source: Option<sql::Database>,
    instance: Option<Instance>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("identity", &self.grants.identity)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Asks a component for its tasks, in an instance that can reach nothing.
    ///
    /// # Errors
    /// It does not fit the world, traps, or calls what it may not.
    pub async fn tasks(&self, engine: &Engine) -> Result<Vec<TaskInfo>, LoadError> {
        // A component without tasks says so best as a misfit.
        self.link(engine)?;
        self.tell(engine).await.map_err(|source| LoadError::Tasks {
            path: self.path().to_owned(),
            source,
        })
    }

    async fn tell(&self, engine: &Engine) -> wasmtime::Result<Vec<TaskInfo>> {
        let mut linker = Linker::<()>::new(engine.wasmtime());
        linker.define_unknown_imports_as_traps(self.component())?;
        let mut store = Store::new(engine.wasmtime(), ());
        store.set_epoch_deadline(TELL_TICKS);
        store.epoch_deadline_trap();
        let pre = linker.instantiate_pre(self.component())?;
        let task = task::GuestIndices::new(&pre)?;
        let instance = pre.instantiate_async(&mut store).await?;
        let task = task.load(&mut store, &instance)?;
        task.call_tasks(&mut store).await
    }
}

impl Runner {
    /// Links a component to the databases that its task works on.
    ///
    /// # Errors
    /// It does not fit the world, or imports what it is not granted.
    pub fn new(
        engine: &Engine,
        name: &str,
        loaded: &Loaded,
        config: &config::Plugin,
        database: sql::Database,
        events: Option<Events>,
        source: Option<sql::Database>,
    ) -> Result<Self, LoadError> {
        let identity = Identity::of(name, loaded.facts());
        loaded.granted(engine, name, &config.grants)?;
        let resources = Resources {
            database,
            blobs: None,
            events,
        };
        Ok(Self {
            engine: engine.clone(),
            pre: loaded.link(engine)?,
            grants: Grants::new(identity, resources, config, &Metrics::unread()),
            source,
            instance: None,
        })
    }

    /// Runs one step. Dropping the future ends the guest where it stands, and rolls back
    /// what it did not commit.
    ///
    /// # Errors
    /// See [`Failure`]: the step came to nothing. The inner error is the plugin's own.
    pub async fn step(
        &mut self,
        task: &Task,
        state: Option<&str>,
    ) -> Result<Result<StepReport, String>, Failure> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.create().await?,
        };
        let limit = self.grants.limits.wall_time;
        match tokio::time::timeout(limit, instance.step(task, state)).await {
            Ok(Ok(outcome)) => {
                // As in the pool: one that kept something, or grew, is not used again.
                let clean = instance.end();
                if clean && instance.memory() <= self.grants.limits.memory / 2 {
                    self.instance = Some(instance);
                }
                Ok(outcome)
            }
            Ok(Err(error)) => Err(Failure::of_trap(error, instance.memory_denied())),
            Err(_) => Err(Failure::Deadline(limit)),
        }
    }

    async fn create(&self) -> Result<Instance, Failure> {
        let mut instance = Instance::create(&self.pre, self.engine.ticks(), &self.grants)
            .await
            .map_err(Failure::Instantiate)?;
        instance.set_source(self.source.clone());
        Ok(instance)
    }
}
