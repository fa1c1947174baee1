//! What is measured of one version of a plugin, with everything that a request needs
//! resolved beforehand: it adds to atomics, and formats nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::{Method, StatusCode};
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::histogram::{self, Histogram};
use super::tally::Tally;
use crate::contract::sql::Error;

/// The longest name of a route and of a version, in bytes.
const MAX_LABEL: usize = 100;

/// The route of everything that has none of its own.
pub(super) const OTHER: &str = "other";

/// The methods that are told apart; others are counted together.
pub(super) const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", OTHER,
];

/// How requests end. The last is that of a client that did not wait for its answer.
pub(super) const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];

/// What is measured of one version of a plugin.
#[derive(Debug)]
pub struct Version {
    pub(super) plugin: Box<str>,
    pub(super) version: Box<str>,
    pub(super) routes: Routes,
    pub(super) warm: Gauge,
    pub(super) busy: Gauge,
    pub(super) created: Counter,
    pub(super) waiting: Gauge<u64, AtomicU64>,
    pub(super) waits: Histogram,
    pub(super) failures: Tally<&'static str>,
    pub(super) cpu: Histogram,
    pub(super) memory: AtomicU64,
    pub(super) statements: [Histogram; Statement::ALL.len()],
    pub(super) sql_errors: Tally<(&'static str, &'static str)>,
}

impl Version {
    pub(super) fn new(plugin: &str, version: &str, max_routes: usize) -> Self {
        Self {
            plugin: plugin.into(),
            version: cut(version).into(),
            routes: Routes::new(max_routes),
            warm: Gauge::default(),
            busy: Gauge::default(),
            created: Counter::default(),
            waiting: Gauge::default(),
            waits: Histogram::new(histogram::WAITS),
            failures: Tally::default(),
            cpu: Histogram::new(histogram::CPU),
            memory: AtomicU64::new(0),
            statements: std::array::from_fn(|_| Histogram::new(histogram::STATEMENTS)),
            sql_errors: Tally::default(),
        }
    }

    /// Requests that wait for an instance.
    pub(crate) fn waiting(&self) -> &AtomicU64 {
        self.waiting.inner()
    }

    /// A request had to wait for an instance, for `time`.
    pub(crate) fn waited(&self, time: Duration) {
        self.waits.observe(time);
    }

    /// An instance was made; it counts for as long as what is returned lives.
    pub(crate) fn created(&self) -> Alive {
        self.created.inc();
        self.warm.inc();
        Alive(self.warm.clone())
    }

    /// An instance handles a request until what is returned is dropped.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.warm.dec();
        self.busy.inc();
        Busy(self)
    }

    /// What one request used: the CPU time of the guest's own code, and the linear memory
    /// that its instance had afterwards.
    pub(crate) fn used(&self, cpu: Duration, memory: usize) {
        self.cpu.observe(cpu);
        self.memory.fetch_max(memory as u64, Ordering::Relaxed);
    }

    /// A call came to nothing.
    pub(crate) fn failed(&self, kind: &'static str) {
        self.failures.add(kind);
    }

    /// A statement was executed, or was not.
    pub(crate) fn statement(&self, kind: Statement, time: Duration, error: Option<&Error>) {
        if let Some(histogram) = self.statements.get(kind as usize) {
            histogram.observe(time);
        }
        if let Some(error) = error {
            self.sql_errors.add((kind.word(), error_word(error)));
        }
    }
}

/// One instance that exists.
#[derive(Debug)]
pub(crate) struct Alive(Gauge);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// One instance that handles a request.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a Version);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.dec();
        self.0.warm.inc();
    }
}

/// What a guest asks of its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statement {
    Query,
    Execute,
    Begin,
    Commit,
    Rollback,
}

impl Statement {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 5] = [
        Self::Query,
        Self::Execute,
        Self::Begin,
        Self::Commit,
        Self::Rollback,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Execute => "execute",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
        }
    }
}

/// The kind of an error; what it says more may hold values.
pub(crate) fn error_word(error: &Error) -> &'static str {
    match error {
        Error::Unavailable => "unavailable",
        Error::Timeout => "timeout",
        Error::TooLarge => "too-large",
        Error::UniqueViolation(_) => "unique-violation",
        Error::ForeignKeyViolation(_) => "foreign-key-violation",
        Error::NotNullViolation(_) => "not-null-violation",
        Error::CheckViolation(_) => "check-violation",
        Error::Conflict => "conflict",
        Error::InvalidStatement(_) => "invalid-statement",
        Error::Other => "other",
    }
}

/// The routes of a version, no more than are allowed.
#[derive(Debug)]
pub(super) struct Routes {
    known: RwLock<HashMap<Box<str>, Arc<Route>>>,
    /// Of a plugin that names none, and of those that are too many.
    other: Arc<Route>,
    none: Arc<Route>,
    most: usize,
}

impl Routes {
    fn new(most: usize) -> Self {
        Self {
            known: RwLock::default(),
            other: Arc::new(Route::new(OTHER)),
            none: Arc::new(Route::new("")),
            most,
        }
    }

    /// The route of this name, or what stands for it.
    pub(super) fn get(&self, name: Option<&str>) -> Arc<Route> {
        let Some(name) = name else {
            return Arc::clone(&self.none);
        };
        if let Some(route) = self.known.read().get(name) {
            return Arc::clone(route);
        }
        if name.is_empty() || name.len() > MAX_LABEL {
            return Arc::clone(&self.other);
        }
        let mut known = self.known.write();
        if known.len() >= self.most && !known.contains_key(name) {
            return Arc::clone(&self.other);
        }
        let route = known
            .entry(name.into())
            .or_insert_with(|| Arc::new(Route::new(name)));
        Arc::clone(route)
    }

    pub(super) fn all(&self) -> Vec<Arc<Route>> {
        let known = self.known.read();
        let special = [&self.none, &self.other];
        special.into_iter().chain(known.values()).cloned().collect()
    }
}

/// What is measured of a route. Nothing is told of what never happened.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Box<str>,
    pub(super) methods: [OnceLock<Answers>; METHODS.len()],
}

/// What is measured of a method of a route.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) duration: Histogram,
    pub(super) statuses: [AtomicU64; STATUSES.len()],
}

impl Route {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            methods: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    /// Counts a request. Without a status, its client did not wait for the answer.
    pub(super) fn answered(&self, method: usize, status: Option<StatusCode>, time: Duration) {
        let Some(answers) = self.methods.get(method) else {
            return;
        };
        let answers = answers.get_or_init(|| Answers {
            duration: Histogram::new(histogram::REQUESTS),
            statuses: std::array::from_fn(|_| AtomicU64::new(0)),
        });
        let class = status.map_or(STATUSES.len() - 1, |status| {
            usize::from(status.as_u16() / 100).saturating_sub(1)
        });
        if let Some(count) = answers.statuses.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        answers.duration.observe(time);
    }
}

/// The number of a method in [`METHODS`].
pub(super) fn method(method: &Method) -> usize {
    let known = METHODS.iter().position(|name| *name == method.as_str());
    known.unwrap_or(METHODS.len() - 1)
}

/// A label of at most [`MAX_LABEL`] bytes.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_LABEL))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use hyper::{Method, StatusCode};

    use super::{Routes, method};

    #[test]
    fn a_plugin_has_no_more_routes_than_it_may() {
        let routes = Routes::new(2);
        for (given, counted) in [
            (Some("/a"), "/a"),
            (Some("/b"), "/b"),
            (Some("/c"), "other"),
            (Some("/a"), "/a"),
            (Some(""), "other"),
            (None, ""),
        ] {
            assert_eq!(&*routes.get(given).name, counted, "{given:?}");
        }
        let routes = Routes::new(2);
        assert_eq!(&*routes.get(Some(&"x".repeat(101))).name, "other");
        assert_eq!(routes.get(Some(&"x".repeat(100))).name.len(), 100);
        assert_eq!(routes.all().len(), 3);
    }

    #[test]
    fn an_answer_is_counted_by_method_and_class() {
        let route = Routes::new(1).get(Some("/a"));
        let list = method(&Method::from_bytes(b"PROPFIND").unwrap());
        route.answered(list, Some(StatusCode::NOT_FOUND), Duration::ZERO);
        route.answered(list, None, Duration::ZERO);
        let answers = route.methods.last().unwrap().get().unwrap();
        let counts = answers.statuses.each_ref();
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [0, 0, 0, 1, 0, 1]);
        assert!(route.methods[0].get().is_none());
    }
}
