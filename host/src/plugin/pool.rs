//! The instances of one plugin: how many there are, who gets one, and which are kept.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Grants;
use super::apart::{self, Word};
use super::engine::Engine;
use super::failure::Failure;
use super::instance::{Answer, Call, Instance, State};
use crate::capability::blob::Excuse;
use crate::config::{Isolation, Limits};
use crate::contract::{ServicePre, frames, inspected};
use crate::telemetry::Version;
use crate::telemetry::traces::Span;

pub(super) struct Pool {
    /// Without its ticker no guest would ever be interrupted.
    engine: Engine,
    pre: ServicePre<State>,
    /// Where frames go, if the plugin takes any.
    frames: Option<frames::GuestIndices>,
    grants: Grants,
    isolation: Isolation,
    turnstile: Arc<Turnstile>,
    /// Instances that come back are not kept any more.
    closed: AtomicBool,
    /// The one used last is taken first: its memory is still in the cache, and those
    /// beyond the usual load grow cold at the bottom.
    warm: Mutex<Vec<Instance>>,
}

impl Pool {
    pub(super) fn new(
        engine: Engine,
        pre: ServicePre<State>,
        grants: Grants,
        isolation: Isolation,
        turnstile: Arc<Turnstile>,
    ) -> Self {
        Self {
            turnstile,
            closed: AtomicBool::new(false),
            warm: Mutex::new(Vec::new()),
            engine,
            frames: frames::GuestIndices::new(pre.instance_pre()).ok(),
            pre,
            grants,
            isolation,
        }
    }

    /// Has one request handled. Dropping the future ends the guest where it stands.
    pub(super) async fn handle(&self, mut call: Call) -> Result<Answer, Failure> {
        let waiting = call
            .trace
            .as_ref()
            .map(|trace| trace.begin("instance wait"));
        let _place = self.turnstile.enter(&self.grants.measured).await?;
        let mut instance = self.instance().await?;
        drop(waiting);
        let guest = call.trace.as_ref().map(|trace| trace.begin("guest call"));
        call.trace = guest.as_ref().map(Span::inside);
        let measured = Arc::clone(&self.grants.measured);
        let _busy = measured.busy();
        let limit = self.grants.limits.wall_time;
        let excuse = instance.excuse();
        let outcome = within(limit, &excuse, instance.handle(call)).await;
        measured.used(instance.cpu(), instance.memory());
        let outcome = match outcome {
            Ok(Ok(response)) => {
                self.give_back(instance);
                Ok(response)
            }
            Ok(Err(error)) => Err(Failure::of_trap(error, instance.memory_denied())),
            Err(Late) => Err(Failure::Deadline(limit)),
        };
        if let (Some(guest), Err(failure)) = (guest, &outcome) {
            guest.failed(failure.kind());
        }
        outcome
    }

    /// Hands a report on content over, in an instance of its own. Dropping the future ends
    /// the guest where it stands.
    pub(super) async fn report(
        &self,
        id: &str,
        tag: &str,
        report: &inspected::Report,
    ) -> Result<Result<(), String>, Failure> {
        let _place = self.turnstile.enter(&self.grants.measured).await?;
        let measured = Arc::clone(&self.grants.measured);
        let _busy = measured.busy();
        let limit = self.grants.limits.wall_time;
        let (ticks, what) = (self.engine.ticks(), (id, tag, report));
        let reported = apart::report(&self.pre, ticks, &self.grants, what);
        let Ok((outcome, usage)) = tokio::time::timeout(limit, reported).await else {
            return Err(Failure::Deadline(limit));
        };
        measured.used(usage.cpu, usage.memory);
        outcome.map_err(|error| Failure::of_trap(error, usage.memory_denied))
    }

    /// Tells the plugin something beside requests, in an instance of its own; none when it
    /// does not take that. Dropping the future ends the guest where it stands.
    pub(super) async fn tell(&self, word: Word<'_>) -> Result<Option<Option<String>>, Failure> {
        let Some(frames) = &self.frames else {
            return Ok(None);
        };
        let _place = self.turnstile.enter(&self.grants.measured).await?;
        let measured = Arc::clone(&self.grants.measured);
        let _busy = measured.busy();
        let limit = self.grants.limits.wall_time;
        let told = apart::tell(&self.pre, frames, self.engine.ticks(), &self.grants, word);
        let Ok((outcome, usage)) = tokio::time::timeout(limit, told).await else {
            return Err(Failure::Deadline(limit));
        };
        measured.used(usage.cpu, usage.memory);
        outcome
            .map(Some)
            .map_err(|error| Failure::of_trap(error, usage.memory_denied))
    }

    pub(super) fn measured(&self) -> &Arc<Version> {
        &self.grants.measured
    }

    /// Makes instances until `count` are kept, or as many as may be at once.
    pub(super) async fn warm_up(&self, count: usize) -> Result<(), Failure> {
        let missing = count
            .min(self.grants.limits.instances)
            .saturating_sub(self.warm.lock().len());
        for _ in 0..missing {
            let instance = self.create().await?;
            self.give_back(instance);
        }
        Ok(())
    }

    async fn instance(&self) -> Result<Instance, Failure> {
        if let Some(warm) = self.warm.lock().pop() {
            return Ok(warm);
        }
        self.create().await
    }

    async fn create(&self) -> Result<Instance, Failure> {
        let ticks = self.engine.ticks();
        Instance::create(&self.pre, ticks, &self.grants)
            .await
            .map_err(Failure::Instantiate)
    }

    fn give_back(&self, mut instance: Instance) {
        let clean = instance.end();
        let kept = self.isolation == Isolation::Reuse
            && clean
            && instance.uses() < self.grants.limits.uses
            // Memory never shrinks: one that grew to most of its limit has no room for
            // the next request, and would keep the peak of the last one for ever.
            && instance.memory() <= self.grants.limits.memory / 2;
        if kept {
            let mut warm = self.warm.lock();
            // Asked under the lock that `close` takes: none is put in after it.
            if !self.closed.load(Ordering::Relaxed) {
                warm.push(instance);
            }
        }
    }

    /// Drops the idle instances, and keeps none of those that come back.
    pub(super) fn close(&self) {
        let idle = {
            let mut warm = self.warm.lock();
            self.closed.store(true, Ordering::Relaxed);
            std::mem::take(&mut *warm)
        };
        drop(idle);
    }

    /// Instances that wait for a request.
    pub(super) fn warm(&self) -> usize {
        self.warm.lock().len()
    }
}

/// A call took too long.
struct Late;

/// Waits for a call for as long as it may take, and as long as its client is excused for.
async fn within<T>(
    limit: Duration,
    excuse: &Excuse,
    call: impl Future<Output = T>,
) -> Result<T, Late> {
    let begun = Instant::now();
    let mut call = pin!(call);
    loop {
        let left = (limit + excuse.total()).saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(Late);
        }
        if let Ok(outcome) = tokio::time::timeout(left, call.as_mut()).await {
            return Ok(outcome);
        }
    }
}

/// The places for the requests of a plugin, all its versions together: while one takes
/// over from another, no more is handled at once than before.
#[derive(Debug)]
pub struct Turnstile {
    places: Semaphore,
    waiting: AtomicU64,
    limits: Limits,
}

impl Turnstile {
    /// As many places as the plugin may have instances.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            places: Semaphore::new(limits.instances),
            waiting: AtomicU64::new(0),
            limits: limits.clone(),
        }
    }

    async fn enter(&self, measured: &Version) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::enter(&self.waiting, self.limits.queue).ok_or(Failure::Busy)?;
        let _shown = Waiting::enter(measured.waiting(), usize::MAX);
        let since = Instant::now();
        let place = tokio::time::timeout(self.limits.queue_timeout, self.places.acquire()).await;
        measured.waited(since.elapsed());
        place.map_err(|_| Failure::Busy)?.map_err(|_| Failure::Busy)
    }
}

/// One that waits in a bounded queue; leaves it when dropped.
pub(crate) struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    /// None when the queue holds `most` already.
    pub(crate) fn enter(count: &'a AtomicU64, most: usize) -> Option<Self> {
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < most as u64).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
