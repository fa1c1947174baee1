//! Events for clients that stay connected, and the log that they are read from.
//!
//! A log is rows in the plugin's own database, written by the transactions that publish, so
//! that there is no event without its commit and no commit without its events. A topic is
//! in one of a few partitions, in each of which the positions count without a gap in the
//! order of the commits. Partitions, and not a counter for each topic: the place of a client
//! is a short vector however many topics it has, and a gateway sees what it missed by a few
//! numbers.
//!
//! Each gateway has one `dispatcher` for a log. It hands rows to the `hub` in order,
//! whichever way it learns of them: from the commits here, from a notice of another gateway,
//! or because it looked. Only the table is believed; everything else is for speed.

mod bus;
mod cursor;
mod dispatcher;
mod frame;
mod hub;
mod log;
mod outlet;
mod pending;
mod replay;
mod subscription;
mod sweep;
mod table;
mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use self::bus::{Line, Out};
use self::cursor::Vector;
use self::dispatcher::{Ask, Dispatcher};
use self::hub::Hub;
use self::log::Log;
use crate::capability::sql::Database;
use crate::config;
use crate::contract::events::Error;
use crate::contract::sql;
use crate::lifecycle::Shutdown;
use crate::telemetry::metrics::Live;

pub use bus::{Bus, Messenger, Nats};
pub use frame::Frame;
pub use outlet::{Close, Item};
pub(crate) use pending::{Pending, one_line};
pub use subscription::Subscription;
pub use view::{Capability, View};

/// What commits have told and the dispatcher has not yet looked at; what is beyond it is
/// found in the table.
const BACKLOG: usize = 4096;

/// The event log of one plugin, on this gateway. Clones share it.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plugin: String,
    log: Log,
    database: Database,
    settings: Arc<config::Events>,
    hub: Hub,
    line: Line,
    measured: Arc<Live>,
    asks: mpsc::Sender<Ask>,
    /// Subjects whose last connection has ended.
    gone: mpsc::Sender<Arc<str>>,
    /// Those of all plugins of this gateway.
    connections: Connections,
}

/// How many connections there are, of all plugins of a gateway together.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<AtomicUsize>);

/// One counted connection; dropped, it counts no more.
#[derive(Debug)]
struct Counted(Connections);

impl Connections {
    fn count(&self, most: usize) -> Option<Counted> {
        let counted = Counted(self.clone());
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A log, and what has to be run for it.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub events: Events,
    /// Hands out what is published.
    pub dispatcher: Dispatcher,
    /// Tells other gateways, and hears them.
    pub messenger: Messenger,
    /// The subjects whose last connection here has ended.
    pub gone: mpsc::Receiver<Arc<str>>,
}

/// What a log is opened with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What holds for all of them.
    pub settings: Arc<config::Events>,
    /// Those of the gateway.
    pub connections: Connections,
    /// How the gateways hear of each other.
    pub bus: Bus,
    /// Where it is measured.
    pub measured: Arc<Live>,
}

impl Events {
    /// The log of a plugin, which is made when it is missing. Nothing is delivered until the
    /// parts of it are run.
    ///
    /// # Errors
    /// The database can't be used, or the gateway's migrations have not run.
    pub async fn open(
        plugin: &str,
        database: Database,
        parts: Parts,
    ) -> Result<Opened, sql::Error> {
        let Parts {
            settings,
            connections,
            bus,
            measured,
        } = parts;
        let log = Log::open(plugin, &database, settings.partitions).await?;
        let vector = table::heads(&database, &log).await?;
        let (asks, asked) = mpsc::channel(BACKLOG);
        let (gone, are_gone) = mpsc::channel(BACKLOG);
        let (line, out) = Line::new();
        let events = Self(Arc::new(Inner {
            plugin: plugin.to_owned(),
            hub: Hub::new(log, vector, Arc::clone(&settings), Arc::clone(&measured)),
            line,
            measured,
            log,
            database,
            settings,
            asks,
            gone,
            connections,
        }));
        Ok(Opened {
            dispatcher: Dispatcher::new(events.clone(), asked),
            messenger: Messenger::new(events.clone(), bus, out),
            events,
            gone: are_gone,
        })
    }

    /// Ends the connections, with the advice to come back elsewhere, when nothing new should
    /// be begun.
    pub async fn close_with(self, shutdown: Shutdown) {
        shutdown.soft().await;
        self.0.hub.close_all(&Close::Stopping);
    }

    /// What holds for its connections.
    #[must_use]
    pub fn settings(&self) -> &config::Events {
        &self.0.settings
    }

    /// Tells the dispatcher, and the other gateways, what was committed here.
    fn committed(&self, rows: Vec<table::Row>) {
        self.0.measured.published(rows.len());
        self.0.line.tell(|| Out::Rows(rows.clone()));
        self.hear(Ask::Rows(rows));
    }

    /// Asks the dispatcher, which looks for what finds no room here.
    fn hear(&self, ask: Ask) {
        let _full = self.0.asks.try_send(ask);
    }

    /// Resolves when everything was dispatched that was committed before, and tells how far
    /// that is.
    async fn caught_up(&self) -> Result<Vector, Error> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let asked = async {
            self.0.asks.send(Ask::CatchUp(answer)).await.ok()?;
            answered.await.ok()
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Some(vector)) => Ok(vector),
            Ok(None) | Err(_) => Err(Error::Unavailable),
        }
    }
}

/// How long a request waits for the dispatcher.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rows of one statement at most.
const MAX_ROWS: usize = 20_000;

/// What a statement of the host's own may do.
static OWN: config::SqlLimits = config::SqlLimits {
    rows: MAX_ROWS,
    bytes: 64 * 1024 * 1024,
    statement_timeout: Duration::from_secs(10),
    transactions: 1,
};

/// What a plugin is told when the log can't be read.
fn failed(error: &sql::Error) -> Error {
    tracing::error!(?error, "the event log can't be read");
    Error::Unavailable
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
