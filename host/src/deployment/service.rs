//! A plugin on its mount: the version that serves, the one beside it, those that finish.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::canary::{Canary, WHOLE};
use super::check::{self, Imports, Report};
use super::roster::{CONTRACTING, Roster};
use super::signature::{Rules, SignatureError};
use super::store::{Actor, Change, Deployment, Pointer, Store, StoreError, now};
use crate::capability::audit::Outcome;
use crate::capability::blob::{Blobs, Shelf};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::lifecycle::Migration;
use crate::migrate;
use crate::plugin::{
    Counts, Engine, Identity, Lease, LoadError, Loaded, Resources, StartError, Turnstile, Version,
};
use crate::telemetry::Metrics;

/// Versions that finished, of which the end is remembered.
const REMEMBERED: usize = 20;

/// A plugin on its mount.
pub struct Service {
    name: String,
    config: config::Plugin,
    pub(super) rules: Arc<ArcSwap<Rules>>,
    engine: Engine,
    pub(super) database: Database,
    blobs: Blobs,
    store: Store,
    metrics: Metrics,
    turnstile: Arc<Turnstile>,
    live: ArcSwapOption<Live>,
    /// One change at a time: whoever holds it may replace what is live.
    pub(super) changes: tokio::sync::Mutex<()>,
    pub(super) roster: Arc<Roster>,
    /// Versions that are about to be used, each as often as somebody is about to.
    coming: Mutex<Vec<String>>,
    ends: Arc<Mutex<Ends>>,
}

/// What the plugins of a gateway have in common.
#[derive(Clone)]
pub struct Shared {
    /// How versions take over from each other, now.
    pub rules: Arc<ArcSwap<Rules>>,
    /// What compiles and runs them.
    pub engine: Engine,
    /// Where they are kept.
    pub store: Store,
    /// The content that plugins keep.
    pub blobs: Shelf,
    /// Which gateways use which of them.
    pub roster: Arc<Roster>,
    /// Where they are measured.
    pub metrics: Metrics,
}

/// A version that is about to be used; dropped when it is used, or not any more.
pub(super) struct Coming<'a> {
    service: &'a Service,
    version: String,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut coming = self.service.coming.lock();
        if let Some(place) = coming.iter().position(|it| *it == self.version) {
            coming.swap_remove(place);
        }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What serves, and by which pointer.
pub(super) struct Live {
    pub(super) pointer: Pointer,
    pub(super) active: Arc<Running>,
    pub(super) canary: Option<Beside>,
}

/// A version that serves, and what is known of it.
pub(super) struct Running {
    pub(super) version: Arc<Version>,
    imports: Vec<String>,
}

/// A version that serves a part of the traffic.
pub(super) struct Beside {
    pub(super) running: Arc<Running>,
    pub(super) plan: Canary,
    /// What both had answered when this step began.
    pub(super) canary_before: Counts,
    pub(super) active_before: Counts,
    pub(super) begun: Instant,
}

/// The versions that finish, and the last that did.
#[derive(Debug, Default)]
struct Ends {
    draining: Vec<Draining>,
    ended: Vec<Ended>,
}

#[derive(Debug)]
struct Draining {
    version: Arc<Version>,
    since: Instant,
}

/// A version that does not serve any more, and finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// The version.
    pub version: String,
    /// From its retirement to the end of its last request, in milliseconds.
    pub took_millis: u64,
    /// Requests that were cut because the time was over; their clients got 503.
    pub cut: u64,
}

/// A version that finishes what it began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finishing {
    /// The version.
    pub version: String,
    /// Requests that it still handles.
    pub in_flight: usize,
    /// How long it has been doing so, in milliseconds.
    pub for_millis: u64,
    /// When what is left is cut, in milliseconds from its retirement.
    pub limit_millis: u64,
}

/// What a version that serves has answered so far, on this gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// The version.
    pub version: String,
    /// Its part of the traffic.
    pub percent: f64,
    /// Requests that were answered, or failed.
    pub requests: u64,
    /// Of those: traps, time-outs and answers from 500 on.
    pub failures: u64,
    /// The time that 99 in 100 requests took at most, in milliseconds.
    pub p99_millis: f64,
    /// How many requests took how long: the upper end of a bucket in milliseconds, and what
    /// is in it. Two such lists give the times in between.
    pub latencies: Vec<(f64, u64)>,
    /// Requests that it handles now.
    pub in_flight: usize,
    /// Instances that wait for a request.
    pub warm: usize,
}

/// Why a change did not happen. Nothing is different from before, but for migrations that
/// only add, which the report names.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The checks speak against it.
    #[error("refused: {}{}", .0.refused.join("; "), stays(.0))]
    Refused(Box<Report>),
    /// It failed after its migrations had begun.
    #[error("{source}; in the database stays: {}", .report.left())]
    Incomplete {
        /// Why.
        source: Box<ChangeError>,
        /// What was found, with what stays.
        report: Box<Report>,
    },
    /// There is no such version.
    #[error("plugin {plugin} has no version {version}")]
    NoVersion {
        /// The plugin.
        plugin: String,
        /// The version.
        version: String,
    },
    /// It is not what the caller may ask for now.
    #[error("{0}")]
    Conflict(String),
    /// It is no component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its first instance could not be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The schema could not be extended.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The versions could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signature is not as it has to be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The task that compiles died.
    #[error("compiling failed: {0}")]
    Compile(#[from] tokio::task::JoinError),
}

/// The end of a sentence that says what stays in the database.
fn stays(report: &Report) -> String {
    match report.left().as_str() {
        "" => String::new(),
        left => format!("; in the database stays: {left}"),
    }
}

impl Service {
    /// A plugin without a version, on its database.
    #[must_use]
    pub fn new(name: String, config: config::Plugin, database: Database, shared: Shared) -> Self {
        Self {
            turnstile: Arc::new(Turnstile::new(&config.limits)),
            blobs: shared.blobs.of(&name, &config, database.clone()),
            name,
            config,
            rules: shared.rules,
            engine: shared.engine,
            database,
            store: shared.store,
            metrics: shared.metrics,
            live: ArcSwapOption::empty(),
            changes: tokio::sync::Mutex::new(()),
            roster: shared.roster,
            coming: Mutex::default(),
            ends: Arc::default(),
        }
    }

    /// The content that it keeps.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is mounted, and its limits.
    #[must_use]
    pub fn config(&self) -> &config::Plugin {
        &self.config
    }

    /// Where its versions are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The versions that are used here: those that serve, finish, or are about to serve.
    pub(super) fn used(&self) -> BTreeSet<String> {
        // In the order in which a version goes through them, so that none is missed.
        let mut used: BTreeSet<String> = self.coming.lock().iter().cloned().collect();
        used.extend(self.serving().into_iter().map(|it| it.version));
        let ends = self.ends.lock();
        let draining = ends.draining.iter();
        used.extend(draining.map(|it| it.version.identity().version.clone()));
        used
    }

    /// Says to all gateways that this one is about to use a version, for as long as the
    /// answer is kept.
    pub(super) async fn announce(&self, version: &str) -> Result<Coming<'_>, ChangeError> {
        self.coming.lock().push(version.to_owned());
        let coming = Coming {
            service: self,
            version: version.to_owned(),
        };
        self.roster.announce(&self.name, version).await?;
        Ok(coming)
    }

    /// Says that this gateway is about to use what the pointer says, and reads it again:
    /// whoever took something away meanwhile did not see this gateway yet.
    async fn settle(
        &self,
        mut pointer: Pointer,
    ) -> Result<(Pointer, Vec<Coming<'_>>), ChangeError> {
        loop {
            let mut coming = vec![self.announce(&pointer.active).await?];
            if let Some(canary) = &pointer.canary {
                coming.push(self.announce(&canary.version).await?);
            }
            match self.store.pointer(&self.name).await? {
                Some(next) if next.revision != pointer.revision => pointer = next,
                _ => return Ok((pointer, coming)),
            }
        }
    }

    /// Refuses a change while a gateway takes away what some version needs.
    async fn none_contracts(&self) -> Result<(), ChangeError> {
        let timeout = self.rules.load().deploy.gateway_timeout;
        let seen = self.roster.seen(&self.name, timeout).await?;
        match seen.iter().find(|it| it.version == CONTRACTING) {
            Some(it) => Err(ChangeError::Conflict(format!(
                "gateway {} applies migrations that take away; repeat it when that is done",
                it.gateway
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// The versions that serve.
    #[must_use]
    pub fn serving(&self) -> Vec<Identity> {
        let Some(live) = self.live() else {
            return Vec::new();
        };
        let canary = live.canary.as_ref().map(|beside| &beside.running);
        [Some(&live.active), canary]
            .into_iter()
            .flatten()
            .map(|running| running.version.identity().clone())
            .collect()
    }

    /// What the versions that serve have answered so far, on this gateway.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let Some(live) = self.live() else {
            return Vec::new();
        };
        let of = |running: &Running, share: u16| {
            let counts = running.version.counts();
            Figures {
                version: running.version.identity().version.clone(),
                percent: f64::from(share) / 100.0,
                requests: counts.requests,
                failures: counts.failures,
                p99_millis: counts.p99().as_secs_f64() * 1e3,
                latencies: counts
                    .latencies()
                    .map(|(end, count)| (end.as_secs_f64() * 1e3, count))
                    .collect(),
                in_flight: running.version.in_flight(),
                warm: running.version.warm(),
            }
        };
        match &live.canary {
            None => vec![of(&live.active, WHOLE)],
            Some(beside) => vec![
                of(&live.active, WHOLE - beside.plan.share),
                of(&beside.running, beside.plan.share),
            ],
        }
    }

    /// The right to have a request handled by the version that is to handle it; none when
    /// none serves. `caller` tells who asks, for a canary.
    pub fn lease(&self, caller: impl Fn() -> Option<String>) -> Option<Lease> {
        loop {
            let live = self.live.load();
            let live = live.as_ref()?;
            let running = match &live.canary {
                Some(beside)
                    if beside.plan.takes(
                        &self.name,
                        caller().as_deref(),
                        rand::random_range(0..WHOLE),
                    ) =>
                {
                    &beside.running
                }
                _ => &live.active,
            };
            // A version gives none once another has taken its place, which is there then.
            if let Some(lease) = running.version.lease() {
                return Some(lease);
            }
        }
    }

    /// Brings up what the pointer says at the start of a gateway. `file` is the component
    /// that the configuration names: one that was never deployed becomes the version that
    /// serves.
    ///
    /// # Errors
    /// See [`ChangeError`]. The plugin has no version then.
    pub async fn open(
        &self,
        file: Loaded,
        signature: Option<&[u8]>,
        apply: bool,
    ) -> Result<(), ChangeError> {
        let _alone = self.changes.lock().await;
        let digest = hex::encode(file.facts().digest);
        let pointer = self.store.pointer(&self.name).await?;
        let known = self.store.by_digest(&self.name, &digest).await?;
        if let (Some(pointer), Some(_)) = (&pointer, &known) {
            return self.resume(pointer.clone(), file, &digest, apply).await;
        }
        // Before its migrations: one that is refused leaves nothing behind.
        file.granted(&self.engine, &self.name, &self.config.grants)?;
        let actor = Actor::gateway("start");
        let rules = self.rules.load_full();
        let signed = rules.signatures.check(file.bytes(), signature)?;
        let mut new = match &known {
            Some(known) => known.clone(),
            None => {
                let note = "from the file of the configuration";
                self.describe(&file, None, note, &actor)
            }
        };
        let _coming = self.announce(&new.version).await?;
        self.none_contracts().await?;
        let mut running = self.run(&new, &file, 1).await?;
        let migrations = self.migrations(&file).await?;
        // As in `extend`.
        migrate::note_expansions(&self.database, &self.name, &migrations).await?;
        migrate::at_start(&self.database, &self.name, &migrations, apply).await?;
        let deployment = match known {
            Some(known) => known,
            None => {
                new.sign(signed);
                let name = new.version.clone();
                let added = self.add_under_a_free_name(new, &file, &actor).await?;
                if added.version != name {
                    running = self.run(&added, &file, 1).await?;
                }
                added
            }
        };
        let next = Pointer {
            revision: 0,
            active: deployment.version.clone(),
            previous: pointer.as_ref().map(|pointer| pointer.active.clone()),
            canary: None,
            changed_at: 0,
            changed_by: String::new(),
        };
        let change = Change {
            action: "plugin.activate",
            actor: &actor,
            details: serde_json::json!({ "version": deployment.version, "at": "start" }),
        };
        let seen = pointer.map(|pointer| pointer.revision);
        let pointer = self.store.point(&self.name, seen, next, &change).await?;
        self.replace(pointer, Arc::new(running), None);
        Ok(())
    }

    /// Serves what an earlier run of some gateway made the version that serves.
    async fn resume(
        &self,
        pointer: Pointer,
        file: Loaded,
        digest: &str,
        apply: bool,
    ) -> Result<(), ChangeError> {
        let (pointer, _coming) = self.settle(pointer).await?;
        let mut file = Some(file);
        let deployment = self.deployment(&pointer.active).await?;
        let loaded = match file.take() {
            Some(file) if deployment.digest == digest => file,
            _ => self.load(&deployment).await?,
        };
        let active = Arc::new(self.run(&deployment, &loaded, 1).await?);
        let migrations = self.migrations(&loaded).await?;
        if apply {
            let outlook = migrate::outlook(&self.database, &self.name, &migrations).await?;
            migrate::expand(&self.database, &self.name, &migrations).await?;
            if let Some((left, _)) = outlook
                .iter()
                .find(|(_, phase)| *phase == migrate::Phase::Contract)
            {
                tracing::info!(
                    plugin = self.name,
                    migration = left.version,
                    name = left.name,
                    "a migration that takes away is left: `gateway plugin contract` applies it, \
                     once no gateway uses an older version"
                );
            }
        } else if let Some((left, migrate::Phase::Expand)) =
            migrate::outlook(&self.database, &self.name, &migrations)
                .await?
                .into_iter()
                .next()
        {
            return Err(ChangeError::Migrate(migrate::Error::Pending {
                owner: self.name.clone(),
                version: left.version,
                name: left.name,
            }));
        }
        let canary = match &pointer.canary {
            Some(plan) => self
                .beside(plan, &active, None)
                .await
                .unwrap_or_else(|error| {
                    tracing::error!(plugin = self.name, version = plan.version, %error,
                    "the canary does not serve here");
                    None
                }),
            None => None,
        };
        self.replace(pointer, active, canary);
        Ok(())
    }

    /// Follows a pointer that another gateway moved.
    ///
    /// # Errors
    /// See [`ChangeError`]. What serves goes on.
    pub async fn follow(&self) -> Result<(), ChangeError> {
        let _alone = self.changes.lock().await;
        let Some(pointer) = self.store.pointer(&self.name).await? else {
            return Ok(());
        };
        let live = self.live();
        if live
            .as_ref()
            .is_some_and(|live| live.pointer.revision == pointer.revision)
        {
            return Ok(());
        }
        let (pointer, _coming) = self.settle(pointer).await?;
        let active = self.running(&pointer.active, live.as_deref()).await?;
        let canary = match &pointer.canary {
            Some(plan) => self.beside(plan, &active, live.as_deref()).await?,
            None => None,
        };
        tracing::info!(
            plugin = self.name,
            version = pointer.active,
            revision = pointer.revision,
            by = pointer.changed_by,
            "followed the pointer"
        );
        self.replace(pointer, active, canary);
        Ok(())
    }

    /// Adds a version; nothing serves otherwise than before.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn deploy(
        &self,
        component: bytes::Bytes,
        wanted: New,
        actor: &Actor,
    ) -> Result<(Deployment, Report), ChangeError> {
        let begun = Instant::now();
        let rules = self.rules.load_full();
        let signed = rules
            .signatures
            .check(&component, wanted.signature.as_deref())?;
        let loaded = self.compile(component).await?;
        let mut new = self.describe(&loaded, wanted.version, &wanted.note, actor);
        new.sign(signed);
        let mut report = self.report(&new);
        self.examine(&mut report, &loaded).await?;
        report.millis = millis(begun.elapsed());
        if !report.accepted() {
            self.refused("plugin.deploy", actor, &report).await;
            return Err(ChangeError::Refused(Box::new(report)));
        }
        if wanted.dry_run {
            return Ok((new, report));
        }
        let deployment = match wanted.free_name {
            true => self.add_under_a_free_name(new, &loaded, actor).await?,
            false => self.store.add(&new, loaded.bytes(), actor).await?,
        };
        report.version.clone_from(&deployment.version);
        Ok((deployment, report))
    }

    /// Makes a version the one that serves, or one that serves a part of the traffic,
    /// after every check.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn activate(
        &self,
        version: &str,
        canary: Option<Canary>,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<(Pointer, Report), ChangeError> {
        let _alone = self.changes.lock().await;
        let begun = Instant::now();
        let deployment = self.deployment(version).await?;
        let pointer = self.store.pointer(&self.name).await?;
        if canary.is_some() && pointer.as_ref().is_none_or(|at| at.active == version) {
            return Err(ChangeError::Conflict(format!(
                "version {version} can't have a part of the traffic: no other version serves"
            )));
        }
        // Before the checks, which are of no use if something is taken away meanwhile.
        let _coming = match dry_run {
            true => None,
            false => {
                let coming = self.announce(version).await?;
                self.none_contracts().await?;
                Some(coming)
            }
        };
        let loaded = self.load(&deployment).await?;
        let mut report = self.report(&deployment);
        let started = self
            .prepare(&mut report, &loaded, &deployment, dry_run)
            .await;
        report.millis = millis(begun.elapsed());
        let started = match started {
            Ok(started) => started,
            Err(error) => return Err(self.failed(error, report, &loaded, actor).await),
        };
        let Some(running) = started.filter(|_| report.accepted()) else {
            if !report.accepted() {
                if !dry_run {
                    self.note_left_behind(&mut report, &loaded).await;
                }
                self.refused("plugin.activate", actor, &report).await;
                return Err(ChangeError::Refused(Box::new(report)));
            }
            let pointer = pointer.unwrap_or_else(|| unmoved(version));
            return Ok((pointer, report));
        };
        let next = self.next(pointer.as_ref(), version, canary.as_ref());
        let change = Change {
            action: match canary {
                Some(_) => "plugin.canary",
                None => "plugin.activate",
            },
            actor,
            details: serde_json::json!({
                "version": version,
                "from": pointer.as_ref().map(|pointer| &pointer.active),
                "share": canary.as_ref().map(|canary| f64::from(canary.share) / 100.0),
                "millis": report.millis,
            }),
        };
        let seen = pointer.map(|pointer| pointer.revision);
        let pointer = match self.store.point(&self.name, seen, next, &change).await {
            Ok(pointer) => pointer,
            Err(error) => return Err(self.failed(error.into(), report, &loaded, actor).await),
        };
        let running = Arc::new(running);
        match (&pointer.canary, self.live()) {
            (Some(plan), Some(live)) => {
                let beside = begin(plan, running, &live.active);
                self.replace(pointer.clone(), Arc::clone(&live.active), Some(beside));
            }
            _ => self.replace(pointer.clone(), running, None),
        }
        Ok((pointer, report))
    }

    /// Goes back: ends a canary, or else makes the version serve that served before.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn roll_back(
        &self,
        reason: &str,
        actor: &Actor,
    ) -> Result<(Pointer, Option<Report>), ChangeError> {
        let pointer = self.store.pointer(&self.name).await?;
        let Some(pointer) = pointer else {
            return Err(ChangeError::Conflict("no version has served yet".into()));
        };
        self.metrics.swaps().rollbacks.inc();
        if let Some(canary) = &pointer.canary {
            let details = serde_json::json!({
                "version": canary.version, "to": pointer.active, "reason": reason,
            });
            let next = Pointer {
                canary: None,
                ..pointer.clone()
            };
            let pointer = self
                .step(pointer.revision, next, "plugin.rollback", details, actor)
                .await?;
            return Ok((pointer, None));
        }
        let Some(previous) = &pointer.previous else {
            return Err(ChangeError::Conflict(format!(
                "version {} is the first: there is none to go back to",
                pointer.active
            )));
        };
        let (pointer, report) = self.activate(previous, None, false, actor).await?;
        Ok((pointer, Some(report)))
    }

    /// Moves the pointer between versions that serve already: a canary's next share, or
    /// its end.
    pub(super) async fn step(
        &self,
        seen: i64,
        next: Pointer,
        action: &'static str,
        details: serde_json::Value,
        actor: &Actor,
    ) -> Result<Pointer, ChangeError> {
        let _alone = self.changes.lock().await;
        let change = Change {
            action,
            actor,
            details,
        };
        let pointer = self
            .store
            .point(&self.name, Some(seen), next, &change)
            .await?;
        let live = self.live();
        let active = self.running(&pointer.active, live.as_deref()).await?;
        let canary = match &pointer.canary {
            Some(plan) => self.beside(plan, &active, live.as_deref()).await?,
            None => None,
        };
        self.replace(pointer.clone(), active, canary);
        Ok(pointer)
    }

    /// Counts a rollback that nobody asked for.
    pub(super) fn rolled_back(&self) {
        self.metrics.swaps().rollbacks.inc();
    }

    /// Takes a version away that does not serve, here or as the one to go back to.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn remove(&self, version: &str, actor: &Actor) -> Result<Deployment, ChangeError> {
        let _alone = self.changes.lock().await;
        let deployment = self.deployment(version).await?;
        if let Some(pointer) = self.store.pointer(&self.name).await? {
            let role = if pointer.active == version {
                Some("serves")
            } else if pointer
                .canary
                .is_some_and(|canary| canary.version == version)
            {
                Some("serves a part of the traffic")
            } else if pointer.previous.as_deref() == Some(version) {
                Some("is the one that a rollback leads to")
            } else {
                None
            };
            if let Some(role) = role {
                return Err(ChangeError::Conflict(format!("version {version} {role}")));
            }
        }
        self.store.remove(&deployment, actor).await?;
        Ok(deployment)
    }

    /// The versions that finish what they began, and the last that did.
    #[must_use]
    pub fn drains(&self) -> (Vec<Finishing>, Vec<Ended>) {
        let limit = millis(self.rules.load().deploy.drain_timeout);
        let ends = self.ends.lock();
        let finishing = ends.draining.iter().map(|one| Finishing {
            version: one.version.identity().version.clone(),
            in_flight: one.version.in_flight(),
            for_millis: millis(one.since.elapsed()),
            limit_millis: limit,
        });
        (finishing.collect(), ends.ended.clone())
    }

    /// Every check, the migrations that only add, and the first instances. None when it
    /// was refused, or nothing was to be begun.
    async fn prepare(
        &self,
        report: &mut Report,
        loaded: &Loaded,
        deployment: &Deployment,
        dry_run: bool,
    ) -> Result<Option<Running>, ChangeError> {
        let migrations = self.examine(report, loaded).await?;
        if !report.accepted() {
            return Ok(None);
        }
        // Before anything is written: whatever can be refused without its tables is.
        let live = self.live();
        // As many as the version has that it takes over from: its first requests must not
        // all wait for an instance.
        let warm = live.as_ref().map_or(1, |live| live.active.version.warm());
        let running = self.run(deployment, loaded, warm.max(1)).await?;
        report.warm = running.version.warm();
        let requests = loaded.smoke(&self.engine).await?;
        check::sendable(report, &requests);
        if !report.accepted() {
            return Ok(None);
        }
        if dry_run && !report.migrations.is_empty() {
            report
                .skipped
                .push("smoke requests and routes: they need the pending migrations".to_owned());
            return Ok(None);
        }
        if !dry_run && let Err(error) = self.extend(live.is_some(), &migrations).await {
            // What the component brings is wrong, or else the database.
            if matches!(
                error,
                migrate::Error::Database(_) | migrate::Error::Locked { .. }
            ) {
                return Err(error.into());
            }
            report.refused.push(error.to_string());
            return Ok(None);
        }
        let limit = self.rules.load().deploy.check_timeout;
        check::smoke(report, &running.version, requests, limit).await;
        if let Some(live) = &live {
            report.routes = check::routes(&running.version, &live.active.version).await;
        }
        Ok((!dry_run).then_some(running))
    }

    /// Applies what is pending: what only adds, while another version serves.
    async fn extend(
        &self,
        beside_another: bool,
        migrations: &[Migration],
    ) -> Result<(), migrate::Error> {
        // Before they run: a gateway that dies in between must find that they fit the
        // version which serves still.
        migrate::note_expansions(&self.database, &self.name, migrations).await?;
        match beside_another {
            true => migrate::expand(&self.database, &self.name, migrations).await?,
            false => migrate::run(&self.database, &self.name, migrations).await?,
        };
        Ok(())
    }

    /// Notes in the report of a version that does not serve what stays of its migrations.
    async fn note_left_behind(&self, report: &mut Report, loaded: &Loaded) {
        if report.migrations.is_empty() {
            return;
        }
        let found = async {
            let migrations = self.migrations(loaded).await?;
            let left = check::left_behind(report, &self.database, &self.name, &migrations);
            Ok::<_, ChangeError>(left.await?)
        };
        match found.await {
            Ok(left) => report.left_behind = left,
            Err(error) => report.skipped.push(format!(
                "what stays of the migrations in the database: {error}"
            )),
        }
    }

    /// The checks that begin nothing.
    async fn examine(
        &self,
        report: &mut Report,
        loaded: &Loaded,
    ) -> Result<Vec<Migration>, ChangeError> {
        if let Ok(misfits) = loaded.misfits(&self.engine) {
            report.refused.extend(misfits);
        }
        let all = check::imports(&self.engine, loaded);
        let new = match self.live() {
            Some(live) => check::difference(&all, &live.active.imports),
            None => Vec::new(),
        };
        for import in self.config.grants.missing(&all) {
            report.refused.push(format!(
                "imports {import}, which plugin.{}.grants does not list",
                self.name
            ));
        }
        report.imports = Imports { all, new };
        if !report.accepted() {
            return Ok(Vec::new());
        }
        let migrations = self.migrations(loaded).await?;
        check::migrations(report, &self.database, &self.name, &migrations).await?;
        Ok(migrations)
    }

    fn report(&self, deployment: &Deployment) -> Report {
        Report {
            plugin: self.name.clone(),
            version: deployment.version.clone(),
            digest: deployment.digest.clone(),
            running: self.live().map(|live| live.pointer.active.clone()),
            ..Report::default()
        }
    }

    /// The error of an activation, with what stays in the database although it failed; if
    /// anything does, that is recorded.
    async fn failed(
        &self,
        error: ChangeError,
        mut report: Report,
        loaded: &Loaded,
        actor: &Actor,
    ) -> ChangeError {
        self.note_left_behind(&mut report, loaded).await;
        if report.left_behind.is_empty() {
            return error;
        }
        let change = Change {
            action: "plugin.activate",
            actor,
            details: serde_json::json!({
                "version": report.version,
                "sha256": report.digest,
                "reason": error.to_string().chars().take(300).collect::<String>(),
                "left_behind": left_behind(&report),
            }),
        };
        self.store
            .record(&self.name, &change, Outcome::Failed)
            .await;
        ChangeError::Incomplete {
            source: Box::new(error),
            report: Box::new(report),
        }
    }

    async fn refused(&self, action: &'static str, actor: &Actor, report: &Report) {
        let change = Change {
            action,
            actor,
            details: serde_json::json!({
                "version": report.version,
                "sha256": report.digest,
                "refused": report.refused.iter().take(10).map(|reason| {
                    reason.chars().take(300).collect::<String>()
                }).collect::<Vec<_>>(),
                "left_behind": left_behind(report),
            }),
        };
        self.store
            .record(&self.name, &change, Outcome::Denied)
            .await;
    }

    /// Where the pointer goes for a version that has been checked.
    fn next(&self, pointer: Option<&Pointer>, version: &str, canary: Option<&Canary>) -> Pointer {
        match (pointer, canary) {
            (Some(pointer), Some(canary)) => Pointer {
                canary: Some(Canary {
                    since: now(),
                    ..canary.clone()
                }),
                ..pointer.clone()
            },
            (Some(pointer), None) => Pointer {
                previous: match pointer.active == version {
                    true => pointer.previous.clone(),
                    false => Some(pointer.active.clone()),
                },
                active: version.to_owned(),
                canary: None,
                ..pointer.clone()
            },
            (None, _) => unmoved(version),
        }
    }

    /// Makes something else serve. What served before and does not any more finishes what
    /// it began.
    fn replace(&self, pointer: Pointer, active: Arc<Running>, canary: Option<Beside>) {
        let live = Arc::new(Live {
            pointer,
            active,
            canary,
        });
        let before = self.live.swap(Some(Arc::clone(&live)));
        let Some(before) = before else { return };
        if !Arc::ptr_eq(&before.active, &live.active) {
            self.metrics.swaps().activations.inc();
        }
        let goes_on = |running: &Arc<Running>| {
            let beside = live.canary.as_ref().map(|beside| &beside.running);
            [Some(&live.active), beside]
                .into_iter()
                .flatten()
                .any(|one| Arc::ptr_eq(one, running))
        };
        let beside = before.canary.as_ref().map(|beside| &beside.running);
        for running in [Some(&before.active), beside].into_iter().flatten() {
            if !goes_on(running) {
                self.drain(Arc::clone(&running.version));
            }
        }
    }

    /// Lets a version finish, and cuts what is left when its time is over. It is freed
    /// with the last handle, which is the one here.
    fn drain(&self, version: Arc<Version>) {
        version.retire();
        let (ends, limit, plugin) = (
            Arc::clone(&self.ends),
            self.rules.load().deploy.drain_timeout,
            self.name.clone(),
        );
        let (since, metrics) = (Instant::now(), self.metrics.clone());
        metrics.swaps().draining.inc();
        ends.lock().draining.push(Draining {
            version: Arc::clone(&version),
            since,
        });
        tokio::spawn(async move {
            if tokio::time::timeout(limit, version.drained())
                .await
                .is_err()
            {
                tracing::warn!(
                    plugin,
                    version = version.identity().version,
                    left = version.in_flight(),
                    ?limit,
                    "cutting what a retired version did not finish in time"
                );
                version.cut();
                version.drained().await;
            }
            let ended = Ended {
                version: version.identity().version.clone(),
                took_millis: millis(since.elapsed()),
                cut: version.cut_requests(),
            };
            tracing::info!(
                plugin,
                version = ended.version,
                took_ms = ended.took_millis,
                cut = ended.cut,
                "a version is drained"
            );
            let swaps = metrics.swaps();
            swaps.draining.dec();
            swaps.drained.inc();
            swaps.cut.inc_by(ended.cut);
            let mut ends = ends.lock();
            ends.draining
                .retain(|one| !Arc::ptr_eq(&one.version, &version));
            ends.ended.insert(0, ended);
            ends.ended.truncate(REMEMBERED);
        });
    }

    /// A version that serves already, or else one that is brought up.
    async fn running(
        &self,
        version: &str,
        live: Option<&Live>,
    ) -> Result<Arc<Running>, ChangeError> {
        let there = live.and_then(|live| {
            let beside = live.canary.as_ref().map(|beside| &beside.running);
            [Some(&live.active), beside]
                .into_iter()
                .flatten()
                .find(|running| running.version.identity().version == version)
                .cloned()
        });
        if let Some(there) = there {
            return Ok(there);
        }
        let deployment = self.deployment(version).await?;
        let loaded = self.load(&deployment).await?;
        let warm = live.map_or(1, |live| live.active.version.warm()).max(1);
        Ok(Arc::new(self.run(&deployment, &loaded, warm).await?))
    }

    async fn beside(
        &self,
        plan: &Canary,
        active: &Arc<Running>,
        live: Option<&Live>,
    ) -> Result<Option<Beside>, ChangeError> {
        let running = self.running(&plan.version, live).await?;
        Ok(Some(begin(plan, running, active)))
    }

    async fn run(
        &self,
        deployment: &Deployment,
        loaded: &Loaded,
        warm: usize,
    ) -> Result<Running, ChangeError> {
        let identity = Identity {
            name: self.name.clone(),
            version: deployment.version.clone(),
        };
        let version = Version::start(
            &self.engine,
            identity,
            loaded,
            &self.config,
            Resources {
                database: self.database.clone(),
                blobs: Some(self.blobs.clone()),
            },
            Arc::clone(&self.turnstile),
            &self.metrics,
        )
        .await?;
        version.warm_up(warm).await.map_err(StartError::Instance)?;
        Ok(Running {
            version: Arc::new(version),
            imports: check::imports(&self.engine, loaded),
        })
    }

    pub(super) async fn migrations(&self, loaded: &Loaded) -> Result<Vec<Migration>, ChangeError> {
        let dialect = self.database.dialect();
        Ok(loaded.migrations(&self.engine, dialect).await?)
    }

    pub(super) async fn deployment(&self, version: &str) -> Result<Deployment, ChangeError> {
        let found = self.store.find(&self.name, version).await?;
        found.ok_or_else(|| ChangeError::NoVersion {
            plugin: self.name.clone(),
            version: version.to_owned(),
        })
    }

    pub(super) async fn load(&self, deployment: &Deployment) -> Result<Loaded, ChangeError> {
        let component = self.store.component(&deployment.digest).await?;
        // Again: whoever can write the table could have put another one there.
        let signature = deployment.signature.as_deref().map(str::as_bytes);
        let rules = self.rules.load_full();
        rules.signatures.check(&component, signature)?;
        self.compile(component.into()).await
    }

    /// Compiles on a thread that may block, or takes the compiled code from the cache.
    async fn compile(&self, component: bytes::Bytes) -> Result<Loaded, ChangeError> {
        let engine = self.engine.clone();
        let compiled = tokio::task::spawn_blocking(move || {
            Loaded::from_bytes(&engine, Path::new("the component"), component)
        });
        Ok(compiled.await??)
    }

    fn describe(
        &self,
        loaded: &Loaded,
        version: Option<String>,
        note: &str,
        actor: &Actor,
    ) -> Deployment {
        let facts = loaded.facts();
        let digest = hex::encode(facts.digest);
        let told = facts
            .version
            .clone()
            .filter(|told| semver::Version::parse(told).is_ok());
        Deployment {
            plugin: self.name.clone(),
            version: version.or(told).unwrap_or_else(|| marked("0.0.0", &digest)),
            digest,
            size: facts.size,
            note: note.to_owned(),
            signed_by: None,
            signature: None,
            created_at: now(),
            created_by: actor.name.clone(),
        }
    }

    /// Adds a version whose name may be another component's: then it is marked with its
    /// digest. For builds of somebody who has not thought of a number yet.
    async fn add_under_a_free_name(
        &self,
        mut new: Deployment,
        loaded: &Loaded,
        actor: &Actor,
    ) -> Result<Deployment, ChangeError> {
        match self.store.add(&new, loaded.bytes(), actor).await {
            Err(StoreError::Taken { .. }) => {
                new.version = marked(&new.version, &new.digest);
                Ok(self.store.add(&new, loaded.bytes(), actor).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}

/// What stays in the database, for the record; none when nothing does.
fn left_behind(report: &Report) -> Option<Vec<String>> {
    let lines = report
        .left_behind
        .iter()
        .take(10)
        .map(check::Leftover::line);
    (!report.left_behind.is_empty()).then(|| lines.collect())
}

/// What is asked for with a new component.
#[derive(Debug, Clone, Default)]
pub struct New {
    /// Its version; none for the one in its metadata.
    pub version: Option<String>,
    /// What the operator wrote about it.
    pub note: String,
    /// Its signature, as it is or in base64.
    pub signature: Option<Vec<u8>>,
    /// Whether a version that another component has is marked instead of refused.
    pub free_name: bool,
    /// Whether it is only looked at.
    pub dry_run: bool,
}

fn begin(plan: &Canary, running: Arc<Running>, active: &Arc<Running>) -> Beside {
    Beside {
        canary_before: running.version.counts(),
        active_before: active.version.counts(),
        running,
        plan: plan.clone(),
        begun: Instant::now(),
    }
}

/// The pointer of a plugin that had none.
fn unmoved(version: &str) -> Pointer {
    Pointer {
        revision: 0,
        active: version.to_owned(),
        previous: None,
        canary: None,
        changed_at: 0,
        changed_by: String::new(),
    }
}

/// A version with the beginning of its digest as build metadata.
fn marked(version: &str, digest: &str) -> String {
    let joint = if version.contains('+') { '.' } else { '+' };
    format!("{version}{joint}{}", digest.get(..12).unwrap_or(digest))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
