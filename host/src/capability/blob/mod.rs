//! Content that is too large for a database: what clients upload and download.
//!
//! The bytes are in a [`store`]; what is known of them is in the host's own tables, in the
//! database of the plugin, so that a plugin's transaction can say what it needs. A row
//! is there before the first byte and until the last one is gone: nothing in the store is
//! without an owner.

mod collect;
mod contents;
mod download;
mod inspection;
mod record;
mod running;
pub mod store;
mod upload;
mod view;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::running::Running;
use self::store::Store;
use crate::capability::sql::Database;
use crate::config;
use crate::contract::blob::Error;
use crate::contract::sql::{Kind, Value};
use crate::telemetry::metrics::{Metrics, Traffic};

pub use collect::{Collected, Collector};
pub use download::{Body, Download};
pub use inspection::{Content, Job};
pub(crate) use inspection::{inspect, permitted as may_inspect};
pub(crate) use record::{end_downloads, link, unlink};
pub use view::{Capability, Excuse, View};

/// What one plugin may use of the store. Clones share the limits.
#[derive(Debug, Clone)]
pub struct Blobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plugin: String,
    database: Database,
    store: Store,
    settings: config::Blob,
    limits: config::BlobLimits,
    uploads: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    running: Running,
    traffic: Arc<Traffic>,
    /// What has to be done before the database is closed: ends that are still to be
    /// written, uploads that are still to be thrown away.
    tasks: TaskTracker,
}

/// The store, and what holds for all plugins that use it.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// Where the bytes are.
    pub store: Store,
    /// What holds for everybody.
    pub settings: config::Blob,
    /// Where the traffic is counted.
    pub metrics: Metrics,
}

impl Shelf {
    /// The blobs of a plugin.
    #[must_use]
    pub fn of(&self, plugin: &str, config: &config::Plugin, database: Database) -> Blobs {
        let limits = config.limits.blob.clone();
        Blobs(Arc::new(Inner {
            plugin: plugin.to_owned(),
            database,
            store: self.store.clone(),
            settings: self.settings.clone(),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            downloads: Arc::new(Semaphore::new(limits.downloads)),
            limits,
            running: Running::default(),
            traffic: self.metrics.traffic(plugin),
            tasks: TaskTracker::new(),
        }))
    }
}

impl Blobs {
    /// Resolves when nothing is left to be written, at most after `limit`.
    pub async fn settle(&self, limit: Duration) {
        self.0.tasks.close();
        let _timed_out = tokio::time::timeout(limit, self.0.tasks.wait()).await;
    }

    async fn query(
        &self,
        sql: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self.0.database.query_own(sql, params, columns, &OWN);
        rows.await.map_err(|error| failed(&error))
    }

    async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64, Error> {
        let matched = self.0.database.execute_own(sql, params, &OWN);
        matched.await.map_err(|error| failed(&error))
    }
}

/// Rows of one statement of ours at most; also the parts of one blob.
const MAX_ROWS: usize = 10_000;

/// What a statement of the host's own may do.
static OWN: config::SqlLimits = config::SqlLimits {
    rows: MAX_ROWS,
    bytes: 16 * 1024 * 1024,
    statement_timeout: Duration::from_secs(10),
    transactions: 1,
};

/// What a plugin is told when the host's own tables fail.
fn failed(error: &crate::contract::sql::Error) -> Error {
    use crate::contract::sql::Error as Sql;
    tracing::error!(?error, "the table of blobs can't be used");
    match error {
        Sql::Unavailable | Sql::Timeout | Sql::Conflict => Error::Unavailable,
        _ => Error::Other,
    }
}

/// What a plugin is told when the store fails.
fn store_failed(error: &store::Error) -> Error {
    tracing::error!(%error, "the blob store failed");
    match error {
        store::Error::Full(_) => Error::Full,
        store::Error::Unavailable(_) | store::Error::Timeout(_) => Error::Unavailable,
        store::Error::NotFound(_) | store::Error::Other(_) => Error::Other,
    }
}

fn uuid(id: Uuid) -> Value {
    Value::Uuid(id.as_u64_pair())
}

/// An id as a plugin says it.
fn parse(id: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(id).map_err(|_| Error::NoSuchBlob)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Microseconds since 1970, `ago` before now.
fn before_now(ago: Duration) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let then = now.saturating_sub(ago).as_micros();
    Value::Timestamp(i64::try_from(then).unwrap_or(i64::MAX))
}

fn now() -> Value {
    before_now(Duration::ZERO)
}
