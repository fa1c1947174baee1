//! Prometheus metrics of one gateway. There is no global state: two gateways in a process
//! count apart.
//!
//! What is measured of a plugin hangs on its [`Version`], which whoever handles requests
//! holds; `exposition` walks them all, and has every name.

mod exposition;
mod histogram;
mod live;
mod process;
mod swaps;
mod tally;
mod traffic;
mod version;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use parking_lot::RwLock;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use histogram::Histogram;
pub(crate) use histogram::WAITS;
pub use live::Live;
pub use swaps::Swaps;
pub use traffic::Traffic;
pub use version::Version;
pub(crate) use version::{Alive, Statement, error_word};

use self::tally::Tally;
use self::version::Route;
use super::access::Line;
use super::traces::{Span, Trace};
use crate::auth::Claims;
use crate::config;

/// The media type of the exposition.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Versions that are kept: those in use, and of the others the latest, so that what they
/// counted last is still read.
const MAX_VERSIONS: usize = 32;

/// Everything that one gateway measures. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: RwLock<Registry>,
    counts: Arc<Counts>,
    max_routes: usize,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.counts.fmt(f)
    }
}

/// What is counted.
#[derive(Debug)]
struct Counts {
    in_flight: Gauge,
    waiting: Gauge<u64, AtomicU64>,
    waits: Histogram,
    refusals: Tally<&'static str>,
    connections: Gauge,
    exports: Tally<&'static str>,
    swaps: Swaps,
    /// The oldest first.
    versions: RwLock<Vec<Arc<Version>>>,
    /// Requests that no plugin was called for.
    host: Route,
    databases: RwLock<Vec<(String, Arc<dyn Pools>)>>,
    /// One for each plugin.
    traffic: RwLock<Vec<Arc<Traffic>>>,
    /// One for each plugin.
    live: RwLock<Vec<Arc<Live>>>,
}

/// What tells how the connections to a database are used.
pub trait Pools: std::fmt::Debug + Send + Sync {
    /// Its pools, as they are now.
    fn pools(&self) -> Vec<Pool>;
}

/// How the connections of one pool are used.
#[derive(Debug)]
pub struct Pool {
    /// What it is for: `all`, or on SQLite `read` and `write`.
    pub name: &'static str,
    /// Connections that it may have.
    pub size: usize,
    /// Connections that are lent.
    pub in_use: usize,
    /// Connections that are open and lie idle.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// How long callers waited.
    pub waits: Histogram,
}

impl Metrics {
    /// Metrics that count nothing yet.
    #[must_use]
    pub fn new(config: &config::Metrics) -> Self {
        let counts = Arc::new(Counts {
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
            waits: Histogram::new(WAITS),
            refusals: Tally::default(),
            connections: Gauge::default(),
            exports: Tally::default(),
            swaps: Swaps::default(),
            versions: RwLock::default(),
            host: Route::new(""),
            databases: RwLock::default(),
            traffic: RwLock::default(),
            live: RwLock::default(),
        });
        process::started();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&counts)));
        Self(Arc::new(Inner {
            registry: RwLock::new(registry),
            counts,
            max_routes: config.max_routes,
        }))
    }

    /// Metrics for those who have nobody to tell: commands, benchmarks and tests.
    #[must_use]
    pub fn unread() -> Self {
        Self::new(&config::Metrics { max_routes: 1 })
    }

    /// All of them, as text that Prometheus reads: see [`OPEN_METRICS`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a text fails for want of memory only, which ends the process.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry.read());
        text
    }

    /// What is measured of a version; the same for the same names. Of versions that nobody
    /// uses any more, only the latest are kept.
    #[must_use]
    pub fn version(&self, plugin: &str, version: &str) -> Arc<Version> {
        let new = Arc::new(Version::new(plugin, version, self.0.max_routes));
        let mut versions = self.0.counts.versions.write();
        let same =
            |known: &&Arc<Version>| known.plugin == new.plugin && known.version == new.version;
        if let Some(known) = versions.iter().find(same) {
            return Arc::clone(known);
        }
        if versions.len() >= MAX_VERSIONS {
            let unused = versions
                .iter()
                .position(|known| Arc::strong_count(known) == 1);
            unused.map(|index| versions.remove(index));
        }
        versions.push(Arc::clone(&new));
        new
    }

    /// Tells of a database's connections from now on, as those of `name`.
    pub fn watch(&self, name: &str, database: Arc<dyn Pools>) {
        let mut databases = self.0.counts.databases.write();
        databases.push((name.to_owned(), database));
    }

    /// What is measured of a plugin's blobs; the same for the same plugin.
    #[must_use]
    pub fn traffic(&self, plugin: &str) -> Arc<Traffic> {
        let mut traffic = self.0.counts.traffic.write();
        if let Some(known) = traffic.iter().find(|known| known.plugin == plugin) {
            return Arc::clone(known);
        }
        let new = Arc::new(Traffic::new(plugin));
        traffic.push(Arc::clone(&new));
        new
    }

    /// What is measured of a plugin's event log; the same for the same plugin.
    #[must_use]
    pub fn live(&self, plugin: &str) -> Arc<Live> {
        let mut live = self.0.counts.live.write();
        if let Some(known) = live.iter().find(|known| known.plugin == plugin) {
            return Arc::clone(known);
        }
        let new = Arc::new(Live::new(plugin));
        live.push(Arc::clone(&new));
        new
    }

    /// The changes between versions.
    #[must_use]
    pub fn swaps(&self) -> &Swaps {
        &self.0.counts.swaps
    }

    /// A connection was opened; it counts for as long as what is returned lives.
    #[must_use]
    pub fn connected(&self) -> Connected {
        self.0.counts.connections.inc();
        Connected(self.0.counts.connections.clone())
    }

    /// Requests that wait for a place.
    pub(crate) fn waiting(&self) -> &AtomicU64 {
        self.0.counts.waiting.inner()
    }

    /// A request had to wait for a place, for `time`.
    pub(crate) fn waited(&self, time: Duration) {
        self.0.counts.waits.observe(time);
    }

    /// The gateway answered in place of a plugin.
    pub(crate) fn refused(&self, cause: &'static str) {
        self.0.counts.refusals.add(cause);
    }

    /// A batch of spans was sent to a collector, or was not.
    pub(crate) fn exported(&self, outcome: &'static str) {
        self.0.counts.exports.add(outcome);
    }

    /// A request came; what is returned counts it when it is dropped.
    pub(crate) fn request(&self, method: &Method) -> Request {
        self.0.counts.in_flight.inc();
        Request {
            counts: Arc::clone(&self.0.counts),
            start: Instant::now(),
            method: version::method(method),
            version: None,
            route: None,
            status: None,
            access: None,
            span: None,
        }
    }
}

/// One connection that is open.
#[derive(Debug)]
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// One request in hand. Dropped without an answer, its client did not wait for one.
#[derive(Debug)]
pub(crate) struct Request {
    counts: Arc<Counts>,
    start: Instant,
    method: usize,
    version: Option<Arc<Version>>,
    route: Option<Arc<Route>>,
    status: Option<StatusCode>,
    access: Option<Box<Line>>,
    span: Option<(Method, Span)>,
}

impl Request {
    /// Has a line of the access log written at its end.
    pub(crate) fn logged(&mut self, line: Line) {
        self.access = Some(Box::new(line));
    }

    /// Has this span ended with it.
    pub(crate) fn traced(&mut self, method: &Method, span: Option<Span>) {
        self.span = span.map(|span| (method.clone(), span));
    }

    /// Where spans are begun below that of the request.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.span.as_ref().map(|(_, span)| span.inside())
    }

    /// Who asks.
    pub(crate) fn asked_by(&mut self, claims: Option<&Arc<Claims>>) {
        if let Some(line) = &mut self.access {
            line.claims = claims.cloned();
        }
    }

    /// The version that it is handed to.
    pub(crate) fn handed_to(&mut self, version: &Arc<Version>) {
        self.version = Some(Arc::clone(version));
    }

    /// The route that the plugin says it took.
    pub(crate) fn took(&mut self, route: Option<&str>) {
        self.route = self
            .version
            .as_ref()
            .map(|version| version.routes.get(route));
    }

    /// The answer is ready.
    pub(crate) fn answered(&mut self, status: StatusCode, bytes: Option<u64>) {
        self.status = Some(status);
        if let Some(line) = &mut self.access {
            line.bytes = bytes;
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            plugin: self.version.as_ref().map(|version| &*version.plugin),
            version: self.version.as_ref().map(|version| &*version.version),
            route: self.route.as_ref().map(|route| &*route.name),
            status: self.status,
            time: self.start.elapsed(),
        }
    }
}

/// How a request went.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) plugin: Option<&'a str>,
    pub(crate) version: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) time: Duration,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.counts.in_flight.dec();
        let time = self.start.elapsed();
        match (&self.route, &self.version) {
            (Some(route), _) => route.answered(self.method, self.status, time),
            (None, Some(version)) => {
                let route = version.routes.get(None);
                route.answered(self.method, self.status, time);
            }
            (None, None) => self.counts.host.answered(self.method, self.status, time),
        }
        if let Some(line) = &self.access {
            line.write(&self.facts());
        }
        if let Some((method, span)) = &self.span {
            span.answered(method.as_str(), &self.facts());
        }
    }
}
