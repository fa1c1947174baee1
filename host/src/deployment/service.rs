//! A plugin on its mount: the version that serves, and the one beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::canary::{Canary, WHOLE};
use super::drain::Ends;
use super::roster::Roster;
use super::signature::Rules;
use super::store::{Pointer, Store};
use crate::capability::blob::{Blobs, Shelf};
use crate::capability::events::Events;
use crate::capability::sql::Database;
use crate::config;
use crate::plugin::{Counts, Engine, Identity, Lease, Turnstile, Version};
use crate::telemetry::Metrics;

/// A plugin on its mount.
pub struct Service {
    pub(super) name: String,
    pub(super) config: config::Plugin,
    pub(super) rules: Arc<ArcSwap<Rules>>,
    pub(super) engine: Engine,
    pub(super) database: Database,
    pub(super) blobs: Blobs,
    pub(super) events: Events,
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) turnstile: Arc<Turnstile>,
    pub(super) live: ArcSwapOption<Live>,
    /// One change at a time: whoever holds it may replace what is live.
    pub(super) changes: tokio::sync::Mutex<()>,
    pub(super) roster: Arc<Roster>,
    /// Versions that are about to be used, each as often as somebody is about to.
    pub(super) coming: Mutex<Vec<String>>,
    pub(super) ends: Arc<Mutex<Ends>>,
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
    pub(super) imports: Vec<String>,
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

impl Service {
    /// A plugin without a version, on its database.
    #[must_use]
    pub fn new(
        name: String,
        config: config::Plugin,
        database: Database,
        events: Events,
        shared: Shared,
    ) -> Self {
        Self {
            turnstile: Arc::new(Turnstile::new(&config.limits)),
            blobs: shared.blobs.of(&name, &config, database.clone()),
            events,
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

    /// Its event log.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
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

    /// Makes something else serve. What served before and does not any more finishes what
    /// it began.
    pub(super) fn replace(&self, pointer: Pointer, active: Arc<Running>, canary: Option<Beside>) {
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

    /// Counts a rollback that nobody asked for.
    pub(super) fn rolled_back(&self) {
        self.metrics.swaps().rollbacks.inc();
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
