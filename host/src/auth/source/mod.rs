//! Keys that come from elsewhere and change there.
//!
//! A source is read by a task of its own: at an interval, and at once when a token names
//! a key that it does not have, though never twice within the floor. So an unknown `kid`
//! costs one read however many tokens name it, and what requests do or stop doing never
//! cuts a read. Keys stay in use while the source fails, up to a maximal age.

mod file;
mod http;
mod table;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::header::Header;
use super::key::Algorithm;
use super::key_set::{KeySet, Keys, NotASet};
use crate::capability::sql::ConnectError;
use crate::{config, contract};
use file::File;
use http::Http;
use table::Table;

pub use http::Error as OriginError;
pub(crate) use http::authorities;

/// Requests that may wait for one source; further ones are answered with what is known.
/// Far fewer than a gateway has places for, so that strange tokens take no place from
/// good ones.
const MAX_WAITING: usize = 64;

/// One place that keys come from. Dropped, it is read no more.
pub(super) struct Source {
    shared: Arc<Shared>,
    _reader: AbortOnDropHandle<()>,
}

struct Shared {
    origin: Origin,
    timing: config::Refresh,
    /// None before the first answer, and once the last one is too old.
    keys: RwLock<Option<Arc<KeySet>>>,
    progress: watch::Sender<Progress>,
    wanted: Notify,
    places: Semaphore,
}

/// How far the reader is.
#[derive(Debug, Clone, Copy)]
struct Progress {
    reading: bool,
    /// Reads that have ended, well or not.
    finished: u64,
    /// When the next read may begin.
    allowed: Instant,
}

/// What is read.
enum Origin {
    File(File),
    Http(Box<Http>),
    Table(Box<Table>),
}

/// Why a read brought nothing; for the log.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the file cannot be read: {0}")]
    File(std::io::Error),
    #[error("{0}")]
    Http(String),
    #[error("longer than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    NotASet(#[from] NotASet),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the table cannot be read: {0:?}")]
    Query(contract::sql::Error),
}

impl Origin {
    /// The setting that names it.
    fn setting(&self) -> &'static str {
        match self {
            Self::File(_) => "auth.jwks.file",
            Self::Http(_) => "auth.jwks.url",
            Self::Table(_) => "auth.database.url",
        }
    }

    async fn read(&self) -> Result<Keys, ReadError> {
        match self {
            Self::File(file) => file.read().await,
            Self::Http(http) => http.read().await,
            Self::Table(table) => table.read().await,
        }
    }
}

impl Source {
    /// The sources that are configured, each being read.
    pub(super) fn all(auth: &config::Auth) -> Result<Vec<Self>, OriginError> {
        let mut origins = Vec::new();
        if let Some(path) = &auth.jwks.file {
            origins.push(Origin::File(File::new(path, auth.jwks.max_bytes)));
        }
        if let Some(url) = &auth.jwks.url {
            let http = Http::new(url, auth.jwks.ca_file.as_deref(), auth.jwks.max_bytes)?;
            origins.push(Origin::Http(Box::new(http)));
        }
        if let Some(database) = &auth.database {
            let table = Table::new(database, auth.refresh.timeout);
            origins.push(Origin::Table(Box::new(table)));
        }
        let start = |origin| Self::start(origin, auth.refresh.clone());
        Ok(origins.into_iter().map(start).collect())
    }

    fn start(origin: Origin, timing: config::Refresh) -> Self {
        let shared = Arc::new(Shared {
            origin,
            timing,
            keys: RwLock::new(None),
            // The first read begins at once.
            progress: watch::Sender::new(Progress {
                reading: true,
                finished: 0,
                allowed: Instant::now(),
            }),
            wanted: Notify::new(),
            places: Semaphore::new(MAX_WAITING),
        });
        Self {
            _reader: AbortOnDropHandle::new(tokio::spawn(Arc::clone(&shared).keep_reading())),
            shared,
        }
    }

    /// The keys that are in force.
    pub(super) fn keys(&self) -> Option<Arc<KeySet>> {
        self.shared.keys.read().clone()
    }

    /// Whether reading the source once more could bring a key for such a token.
    pub(super) fn may_learn(&self, header: &Header) -> bool {
        let could_have = match self.shared.origin {
            Origin::Table(_) => header.algorithm == Algorithm::Rs256,
            _ => !header.algorithm.is_secret(),
        };
        could_have
            && match (self.keys(), &header.key_id) {
                (None, _) => true,
                (Some(keys), Some(id)) => !keys.knows(id),
                (Some(_), None) => false,
            }
    }

    /// Waits for the end of the read that is under way, or of one that may begin now.
    /// Returns at once when none may, or too many wait already.
    pub(super) async fn ask(&self) {
        let Ok(_place) = self.shared.places.try_acquire() else {
            return;
        };
        let mut progress = self.shared.progress.subscribe();
        let seen = *progress.borrow();
        if !seen.reading {
            if Instant::now() < seen.allowed {
                return;
            }
            self.shared.wanted.notify_one();
        }
        let finished = progress.wait_for(|now| now.finished != seen.finished);
        // Either way, the keys that are there now are what counts.
        let _ = timeout(self.shared.timing.timeout, finished).await;
    }
}

impl Shared {
    /// Reads for ever.
    async fn keep_reading(self: Arc<Self>) {
        let timing = &self.timing;
        let mut answered = None;
        let mut skipped = Vec::new();
        loop {
            let started = Instant::now();
            self.progress
                .send_modify(|progress| progress.reading = true);
            let pause = match self.read().await {
                Ok(keys) => {
                    answered = Some(started);
                    self.take(keys, &mut skipped);
                    timing.interval
                }
                Err(error) => {
                    let setting = self.origin.setting();
                    tracing::warn!(setting, %error, "the keys for tokens cannot be read");
                    self.forget_old(answered);
                    timing.interval.min(timing.floor)
                }
            };
            let allowed = started + timing.floor;
            self.progress.send_modify(|progress| {
                *progress = Progress {
                    reading: false,
                    finished: progress.finished + 1,
                    allowed,
                };
            });
            sleep_until(allowed).await;
            tokio::select! {
                () = sleep_until(started + pause) => {}
                () = self.wanted.notified() => {}
            }
        }
    }

    async fn read(&self) -> Result<Keys, ReadError> {
        let limit = self.timing.timeout;
        timeout(limit, self.origin.read())
            .await
            .unwrap_or(Err(ReadError::Timeout(limit)))
    }

    /// Puts keys in force. What is wrong with others is logged when it is news.
    fn take(&self, read: Keys, skipped: &mut Vec<String>) {
        let setting = self.origin.setting();
        if *skipped != read.skipped {
            for reason in &read.skipped {
                tracing::warn!(setting, "a key for tokens is skipped: {reason}");
            }
            *skipped = read.skipped;
        }
        let old = self.keys.read().clone();
        let new = KeySet::replacing(old.as_deref(), read.usable);
        if old.is_none() {
            tracing::info!(setting, keys = new.len(), "read the keys for tokens");
        }
        *self.keys.write() = Some(Arc::new(new));
    }

    /// Gives up keys whose source has not confirmed them for too long.
    fn forget_old(&self, answered: Option<Instant>) {
        let is_old = answered.is_some_and(|at| at.elapsed() >= self.timing.max_age);
        if is_old && self.keys.write().take().is_some() {
            let setting = self.origin.setting();
            tracing::error!(
                setting,
                "the keys for tokens are too old and no longer used"
            );
        }
    }
}
