//! Connections that are kept open and lent out.
//!
//! sqlx has a pool of its own. This one exists for what that one can't do: it asks the
//! server nothing when a connection comes back (sqlx pings, which doubles the messages
//! of a short statement), and it knows whether a statement was cut in its middle, so
//! that such a connection is ended on the server too and never lent again.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{Instant, timeout, timeout_at};

use super::backend::{Backend, Failure};
use crate::contract::sql::{Dialect, Error};
use crate::telemetry::metrics::{self, Histogram};

/// Callers that may wait for a connection; further ones are sent away at once.
const MAX_WAITING: usize = 1024;
/// A connection that lay idle for this long is asked whether it still lives.
const TEST_AFTER: Duration = Duration::from_secs(1);
/// How long rolling back or ending a connection may take in the background.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Connections to one database. Clones share them.
pub(super) struct Pool<B: Backend>(Arc<Inner<B>>);

struct Inner<B: Backend> {
    options: B::Options,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// The one used last is at the end, so that the others can grow old.
    idle: Mutex<Vec<Idle<B>>>,
    acquire_timeout: Duration,
    size: usize,
    waits: Histogram,
}

struct Idle<B> {
    connection: B,
    since: Instant,
}

impl<B: Backend> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Backend> Pool<B> {
    /// A pool that opens connections when they are asked for.
    pub(super) fn new(
        options: B::Options,
        connections: u32,
        acquire_timeout: Duration,
        idle_timeout: Duration,
    ) -> Self {
        let inner = Arc::new(Inner {
            options,
            permits: Arc::new(Semaphore::new(connections as usize)),
            waiting: AtomicUsize::new(0),
            idle: Mutex::new(Vec::new()),
            acquire_timeout,
            size: connections as usize,
            waits: Histogram::new(metrics::WAITS),
        });
        tokio::spawn(close_idle(Arc::downgrade(&inner), idle_timeout));
        Self(inner)
    }

    /// Whether the two share their connections.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How connections are made.
    pub(super) fn options(&self) -> &B::Options {
        &self.0.options
    }

    /// How long making a connection may take.
    pub(super) fn acquire_timeout(&self) -> Duration {
        self.0.acquire_timeout
    }

    /// A connection, within the acquire timeout.
    pub(super) async fn acquire(&self) -> Result<Lease<B>, Failure> {
        self.measured(true).await
    }

    /// A connection, or `None` when all are in use. It may have to be made, which takes
    /// the acquire timeout at most.
    pub(super) async fn try_acquire(&self) -> Result<Option<Lease<B>>, Failure> {
        match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => self.lend(permit, self.deadline(), true).await.map(Some),
            Err(TryAcquireError::NoPermits) => Ok(None),
            Err(TryAcquireError::Closed) => Err(Failure::clean(Error::Unavailable)),
        }
    }

    /// A connection that nobody used before; the others are given up as well, since
    /// what broke one of them mostly broke all.
    pub(super) async fn acquire_fresh(&self) -> Result<Lease<B>, Failure> {
        drop(std::mem::take(&mut *self.0.idle()));
        self.measured(false).await
    }

    async fn measured(&self, reuse: bool) -> Result<Lease<B>, Failure> {
        let since = Instant::now();
        let deadline = since + self.0.acquire_timeout;
        let lease = match self.permit(deadline).await {
            Ok(permit) => self.lend(permit, deadline, reuse).await,
            Err(failure) => Err(failure),
        };
        self.0.waits.observe(since.elapsed());
        lease
    }

    /// How its connections are used.
    pub(super) fn state(&self, name: &'static str) -> metrics::Pool {
        metrics::Pool {
            name,
            size: self.0.size,
            in_use: self
                .0
                .size
                .saturating_sub(self.0.permits.available_permits()),
            idle: self.0.idle().len(),
            waiting: self.0.waiting.load(Ordering::Relaxed),
            waits: self.0.waits.clone(),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.0.acquire_timeout
    }

    async fn permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => Ok(permit),
            Err(_) => self.wait(deadline).await,
        }
    }

    async fn lend(
        &self,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
        reuse: bool,
    ) -> Result<Lease<B>, Failure> {
        let lease = |connection| Lease {
            connection: Some(connection),
            state: State::Ready,
            was_in_transaction: false,
            permit: Some(permit),
            pool: self.clone(),
        };
        if reuse && let Some(connection) = self.idle().await {
            return Ok(lease(connection));
        }
        match timeout_at(deadline, B::open(&self.0.options)).await {
            Ok(Ok(connection)) => Ok(lease(connection)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "can't connect to the database");
                Err(Failure::clean(Error::Unavailable))
            }
            Err(_) => {
                tracing::warn!("the database didn't answer in time");
                Err(Failure::clean(Error::Unavailable))
            }
        }
    }

    /// An idle connection that works, if there is one.
    async fn idle(&self) -> Option<B> {
        loop {
            let Idle {
                mut connection,
                since,
            } = self.0.idle().pop()?;
            if since.elapsed() < TEST_AFTER {
                return Some(connection);
            }
            // The test gets half of the time, so that a new connection can still be made.
            let half = self.0.acquire_timeout / 2;
            if matches!(timeout(half, connection.ping()).await, Ok(Ok(()))) {
                return Some(connection);
            }
            // What broke one of them mostly broke all.
            drop(std::mem::take(&mut *self.0.idle()));
        }
    }

    /// Ends the idle connections, lets the others end as they come back, and lends none
    /// any more.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for Idle { connection, .. } in idle {
            timeout(CLEAN_UP, connection.close()).await.ok();
        }
    }

    async fn wait(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        let _waiting = Waiting::new(&self.0.waiting).ok_or_else(|| {
            tracing::warn!("too many wait for a database connection");
            Failure::clean(Error::Unavailable)
        })?;
        match timeout_at(deadline, Arc::clone(&self.0.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("no database connection became free in time");
                Err(Failure::clean(Error::Unavailable))
            }
        }
    }
}

impl<B: Backend> Inner<B> {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle<B>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, connection: B) {
        if self.permits.is_closed() {
            return;
        }
        self.idle().push(Idle {
            connection,
            since: Instant::now(),
        });
    }
}

/// Ends connections that lay idle for too long, until the pool is gone.
async fn close_idle<B: Backend>(pool: Weak<Inner<B>>, idle_timeout: Duration) {
    let mut tick = tokio::time::interval(idle_timeout.max(Duration::from_secs(2)) / 2);
    loop {
        tick.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        let old = {
            let mut idle = pool.idle();
            let count = idle.partition_point(|one| one.since.elapsed() > idle_timeout);
            idle.drain(..count).collect::<Vec<_>>()
        };
        drop(pool);
        for Idle { connection, .. } in old {
            timeout(CLEAN_UP, connection.close()).await.ok();
        }
    }
}

/// One who waits; dropped, it waits no more.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a lent connection is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing.
    Ready,
    /// A transaction, between two statements.
    Transaction,
    /// A call. Seen when the lease is dropped, the call was cut.
    Busy,
    /// It can't be used again.
    Lost,
}

/// A lent connection. Dropped, it goes back; or it is rolled back first, or ended,
/// depending on what it was in the middle of.
pub(super) struct Lease<B: Backend> {
    connection: Option<B>,
    state: State,
    was_in_transaction: bool,
    permit: Option<OwnedSemaphorePermit>,
    pool: Pool<B>,
}

impl<B: Backend> Lease<B> {
    /// The connection, for one call; [`Self::finish`] must be told how it went.
    pub(super) fn start(&mut self) -> Result<&mut B, Failure> {
        self.was_in_transaction = self.state == State::Transaction;
        self.state = State::Busy;
        self.connection
            .as_mut()
            .ok_or(Failure::lost(Error::Unavailable))
    }

    /// Ends a call: `None` for one that didn't end in time. `in_transaction` is what a
    /// success leads to; after an error a transaction may be open still, or already.
    pub(super) fn finish<T>(
        &mut self,
        outcome: Option<Result<T, Failure>>,
        in_transaction: bool,
    ) -> Result<T, Failure> {
        match outcome {
            // Busy: the statement may still run on the server.
            None => Err(Failure::lost(Error::Timeout)),
            Some(Err(failure)) if failure.lost => {
                self.state = State::Lost;
                Err(failure)
            }
            Some(outcome) => {
                let open = in_transaction || (outcome.is_err() && self.was_in_transaction);
                self.state = if open {
                    State::Transaction
                } else {
                    State::Ready
                };
                outcome
            }
        }
    }
}

impl<B: Backend> Drop for Lease<B> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        // Held until the clean-up is done: the server has no more of our connections
        // than it was meant to have.
        let permit = self.permit.take();
        let pool = self.pool.clone();
        let state = match self.state {
            // The thread runs ahead of the rows that were read, and may be at it still.
            State::Lost if B::DIALECT == Dialect::Sqlite => State::Busy,
            state => state,
        };
        match (state, Handle::try_current()) {
            (State::Ready, _) => pool.0.put_back(connection),
            (State::Transaction, Ok(runtime)) => {
                runtime.spawn(async move {
                    let rollback = connection.batch(sqlx::SqlStr::from_static("ROLLBACK"));
                    if matches!(timeout(CLEAN_UP, rollback).await, Ok(Ok(()))) {
                        pool.0.put_back(connection);
                    }
                    drop(permit);
                });
            }
            (State::Busy, Ok(runtime)) => {
                let options = pool.options().clone();
                runtime.spawn(end(connection, options, permit, CLEAN_UP));
            }
            // Closing the connection rolls back.
            (State::Lost, _) | (_, Err(_)) => drop(connection),
        }
    }
}

/// Ends a connection that may be in the middle of a statement, and only then lets
/// another one have its place. On SQLite the statement runs on a thread of ours, and
/// what a single function does there can't be interrupted, so that `limit` is no end.
async fn end<B: Backend>(
    connection: B,
    options: B::Options,
    permit: Option<OwnedSemaphorePermit>,
    limit: Duration,
) {
    let mut ended = pin!(connection.abandon(options));
    if timeout(limit, &mut ended).await.is_err() {
        tracing::warn!("a cut statement could not be ended in time");
        if B::DIALECT == Dialect::Sqlite {
            ended.await;
        }
    }
    drop(permit);
}

impl<B: Backend> std::fmt::Debug for Lease<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> std::fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("dialect", &B::DIALECT)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
