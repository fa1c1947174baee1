//! A version of a plugin that serves, from its first instance to its last request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::apart::{Speaker, Word};
use super::pool::{Pool, Turnstile};
use super::stats::{Counts, Stats};
use super::{Answer, Call, Engine, Failure, Grants, Identity, LoadError, Loaded, Resources};
use crate::capability::events as json;
use crate::config;
use crate::contract::inspected;
use crate::telemetry::{self, Metrics};

/// A version of a plugin that serves. Its code and its instances are freed when the last
/// handle to it is dropped.
pub struct Version {
    identity: Identity,
    pool: Pool,
    /// Nothing is begun any more.
    retired: AtomicBool,
    /// What is being handled.
    requests: TaskTracker,
    /// Ends what is being handled.
    cut: CancellationToken,
    cut_requests: AtomicU64,
    stats: Stats,
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// The right to have one request handled. A version with leases is not freed, and a
/// retired one gives none.
#[derive(Debug)]
pub struct Lease {
    version: Arc<Version>,
    _counted: TaskTrackerToken,
}

impl Version {
    /// Checks and links a component, and makes its first instance, so that a version
    /// which can't start never becomes one that serves.
    ///
    /// # Errors
    /// It does not fit the world, or traps at its start.
    pub async fn start(
        engine: &Engine,
        identity: Identity,
        loaded: &Loaded,
        config: &config::Plugin,
        resources: Resources,
        turnstile: Arc<Turnstile>,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        loaded.granted(engine, &identity.name, &config.grants)?;
        let pre = loaded.link(engine)?;
        let grants = Grants::new(identity.clone(), resources, config, metrics);
        let pool = Pool::new(engine.clone(), pre, grants, config.isolation, turnstile);
        pool.warm_up(1).await?;
        Ok(Self {
            identity,
            pool,
            retired: AtomicBool::new(false),
            requests: TaskTracker::new(),
            cut: CancellationToken::new(),
            cut_requests: AtomicU64::new(0),
            stats: Stats::default(),
        })
    }

    /// Its name and version.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What is measured of it.
    #[must_use]
    pub fn measured(&self) -> &Arc<telemetry::Version> {
        self.pool.measured()
    }

    /// Makes instances until `count` are warm, or as many as may be at once.
    ///
    /// # Errors
    /// An instance could not be made.
    pub async fn warm_up(&self, count: usize) -> Result<(), Failure> {
        self.pool.warm_up(count).await
    }

    /// The right to have a request handled; none when the version is retired.
    pub fn lease(self: &Arc<Self>) -> Option<Lease> {
        // Counted first: whoever retires it sees either the count or no lease.
        let counted = self.requests.token();
        (!self.retired.load(Ordering::SeqCst)).then(|| Lease {
            version: Arc::clone(self),
            _counted: counted,
        })
    }

    /// Has one request handled, whether the version is retired or not: for the checks
    /// before it serves. Dropping the future ends the guest where it stands.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn handle(&self, call: Call) -> Result<Answer, Failure> {
        self.pool.handle(call).await
    }

    /// Gives no lease any more, and frees the instances that are idle.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.requests.close();
        self.pool.close();
    }

    /// Resolves when a retired version has nothing left to finish.
    pub async fn drained(&self) {
        self.requests.wait().await;
    }

    /// Requests that are being handled.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.requests.len()
    }

    /// Instances that wait for a request.
    #[must_use]
    pub fn warm(&self) -> usize {
        self.pool.warm()
    }

    /// Ends what is still being handled; its clients get 503.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// What it has answered so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.stats.counts()
    }

    /// Requests that were cut.
    #[must_use]
    pub fn cut_requests(&self) -> u64 {
        self.cut_requests.load(Ordering::Relaxed)
    }
}

impl Lease {
    /// Counts an answer that was none as a failure.
    pub fn count_malformed(&self) {
        self.version.stats.add_failure();
    }

    /// The version that handles the request.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Resolves when what is still being sent is to end, and counts it then.
    pub fn cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let version = Arc::clone(&self.version);
        async move {
            version.cut.cancelled().await;
            version.cut_requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands a report on content over, which `id` names in the log and in the audit record.
    /// The inner error is the plugin's own. Dropping the future ends the guest.
    ///
    /// # Errors
    /// See [`Failure`]. A version that takes no reports fails with a trap that says so.
    pub async fn report(
        &self,
        id: &str,
        tag: &str,
        report: &inspected::Report,
    ) -> Result<Result<(), String>, Failure> {
        tokio::select! {
            biased;
            outcome = self.version.pool.report(id, tag, report) => outcome,
            () = self.version.cut.cancelled() => Err(Failure::Retired),
        }
    }

    /// Hands over a frame that a client sent.
    ///
    /// # Errors
    /// See [`Failure`]: the frame is lost, the connection is not.
    pub async fn frame(
        &self,
        speaker: &Speaker,
        subject: &str,
        payload: &str,
    ) -> Result<Said, Failure> {
        let word = Word::Frame(speaker, subject, payload);
        Ok(match self.tell(word).await? {
            None => Said::Deaf,
            Some(None) => Said::Nothing,
            Some(Some(mut answer)) => match json::one_line(&mut answer) {
                Ok(()) => Said::Answer(answer),
                Err(_) => Said::Garbage,
            },
        })
    }

    /// Tells that the last connection of a subject is gone.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn closed(&self, subject: &str) -> Result<(), Failure> {
        self.tell(Word::Closed(subject)).await.map(drop)
    }

    async fn tell(&self, word: Word<'_>) -> Result<Option<Option<String>>, Failure> {
        tokio::select! {
            biased;
            outcome = self.version.pool.tell(word) => outcome,
            () = self.version.cut.cancelled() => Err(Failure::Retired),
        }
    }

    /// Has the request handled. Dropping the future ends the guest where it stands.
    ///
    /// # Errors
    /// See [`Failure`]: the request is lost, its neighbours are not.
    pub async fn handle(&self, call: Call) -> Result<Answer, Failure> {
        let version = &*self.version;
        let begun = Instant::now();
        let outcome = tokio::select! {
            biased;
            outcome = version.pool.handle(call) => outcome,
            () = version.cut.cancelled() => {
                version.cut_requests.fetch_add(1, Ordering::Relaxed);
                Err(Failure::Retired)
            }
        };
        let failed = match &outcome {
            Ok(response) => response.status >= 500,
            // A crowd, or the end of a version, says nothing of how well it works.
            Err(Failure::Busy | Failure::Retired) => return outcome,
            Err(_) => true,
        };
        version.stats.add(begun.elapsed(), failed);
        outcome
    }
}

/// What became of a frame.
#[derive(Debug)]
pub enum Said {
    /// This is the answer, on one line.
    Answer(String),
    /// There is none.
    Nothing,
    /// There is one, which is no JSON.
    Garbage,
    /// The plugin takes no frames.
    Deaf,
}

/// Why a version does not serve.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It can't be hosted.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its first instance could not be made.
    #[error("the first instance failed: {0}")]
    Instance(#[from] Failure),
}
