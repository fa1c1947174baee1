//! Who listens here, and who is handed what.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::cursor::Vector;
use super::frame::Frame;
use super::log::Log;
use super::outlet::{Close, Outlet};
use super::table::{Row, Verb};
use crate::config;
use crate::contract::events::Error;
use crate::telemetry::metrics::Live;

/// How long an `admit` or a `revoke` is remembered for requests that began before it; longer
/// than any of them takes.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// As many of them are remembered.
const MAX_REMEMBERED: usize = 100_000;

/// The connections of one log on this gateway.
#[derive(Debug)]
pub(super) struct Hub {
    log: Log,
    settings: Arc<config::Events>,
    measured: Arc<Live>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What was dispatched.
    vector: Vector,
    /// The same as it is handed out, as long as it has not changed.
    cursor: Option<Arc<str>>,
    /// In the order of their ids.
    topics: HashMap<Arc<str>, Vec<Arc<Outlet>>>,
    subjects: HashMap<Arc<str>, Vec<Arc<Outlet>>>,
    /// The rows that say who receives what, the oldest first, since `complete`.
    controls: VecDeque<(Instant, Control)>,
    complete: Instant,
    next: u64,
    /// Nobody may listen any more.
    closed: Option<Close>,
}

/// Who is to receive a topic, or not any more.
#[derive(Debug, Clone)]
struct Control {
    verb: Verb,
    topic: Arc<str>,
    subject: Option<Arc<str>>,
}

impl Hub {
    pub(super) fn new(
        log: Log,
        vector: Vector,
        settings: Arc<config::Events>,
        measured: Arc<Live>,
    ) -> Self {
        Self {
            log,
            settings,
            measured,
            state: Mutex::new(State {
                vector,
                cursor: None,
                topics: HashMap::new(),
                subjects: HashMap::new(),
                controls: VecDeque::new(),
                complete: Instant::now(),
                next: 0,
                closed: None,
            }),
        }
    }

    /// What was dispatched of a partition.
    pub(super) fn at(&self, part: usize) -> u64 {
        self.state.lock().vector.at(part)
    }

    /// What was dispatched, as it is handed out.
    pub(super) fn cursor(&self) -> Arc<str> {
        self.state.lock().cursor(&self.log)
    }

    /// Hands a row to those who receive its topic, if it is the next of its partition; tells
    /// whether it was. Queues that were full are closed then.
    pub(super) fn dispatch(&self, row: &Row) -> bool {
        let mut state = self.state.lock();
        if state.vector.at(row.part) + 1 != row.position {
            return false;
        }
        state.vector.set(row.part, row.position);
        state.cursor = None;
        let mut receivers = 0;
        match row.entry.verb {
            Verb::Publish => {
                if state.topics.contains_key(row.entry.topic.as_str()) {
                    let frame = Frame::of_row(row, state.cursor(&self.log));
                    receivers = state.send(&row.entry.topic, &Arc::new(frame));
                }
            }
            Verb::Admit | Verb::Revoke => {
                let control = Control {
                    verb: row.entry.verb,
                    topic: row.entry.topic.as_str().into(),
                    subject: row.entry.subject.as_deref().map(Arc::from),
                };
                state.apply(&control);
                state.remember(control);
            }
        }
        drop(state);
        self.measured.dispatched(receivers);
        true
    }

    /// Sends what is not stored to those who receive its topic.
    pub(super) fn signal(&self, topic: &str, frame: Frame) {
        let state = self.state.lock();
        state.send(topic, &Arc::new(frame));
    }

    /// Rows of a partition are gone that were not dispatched: everybody has to begin anew.
    pub(super) fn lose(&self, part: usize, floor: u64) {
        let mut state = self.state.lock();
        state.vector.set(part, floor);
        state.cursor = None;
        // Who receives what can't be known from before, either.
        state.complete = Instant::now();
        state.controls.clear();
        let reset = Arc::new(Frame::reset("expired", state.cursor(&self.log)));
        for outlet in state.subjects.values().flatten() {
            outlet.push(&reset);
        }
    }

    /// A connection from here on; tells also what was dispatched before. What was said of the
    /// subject since its request began is added to `topics`, and taken away.
    pub(super) fn join(
        &self,
        subject: &str,
        topics: Vec<String>,
        begun: Instant,
    ) -> Result<(Arc<Outlet>, Vector), Error> {
        let mut state = self.state.lock();
        if state.complete > begun {
            return Err(Error::Unavailable);
        }
        let subject: Arc<str> = subject.into();
        let most = self.settings.caller_connections;
        let same = state.subjects.get(&subject).map_or(0, Vec::len);
        if same >= most {
            return Err(Error::Limit(format!(
                "more than {most} connections of one subject"
            )));
        }
        state.next += 1;
        let outlet = Outlet::new(state.next, Arc::clone(&subject), self.settings.queue);
        let outlet = Arc::new(outlet);
        let listeners = state.subjects.entry(subject).or_default();
        listeners.push(Arc::clone(&outlet));
        for topic in topics {
            state.let_in(topic.into(), &outlet);
        }
        let since = state.controls.partition_point(|(at, _)| *at < begun);
        let missed: Vec<Control> = state
            .controls
            .range(since..)
            .filter(|(_, control)| control.concerns(&outlet.subject))
            .map(|(_, control)| control.clone())
            .collect();
        for control in &missed {
            match control.verb {
                Verb::Admit => state.let_in(Arc::clone(&control.topic), &outlet),
                Verb::Publish | Verb::Revoke => state.turn_out(&control.topic, &outlet),
            }
        }
        if let Some(why) = state.closed {
            outlet.close(why);
        }
        Ok((outlet, state.vector.clone()))
    }

    /// Ends a connection; true when it was the last one of its subject.
    pub(super) fn leave(&self, outlet: &Outlet) -> bool {
        let mut state = self.state.lock();
        let topics = std::mem::take(&mut *outlet.topics.lock());
        for topic in topics {
            state.remove(&topic, outlet);
        }
        let Some(listeners) = state.subjects.get_mut(&outlet.subject) else {
            return false;
        };
        listeners.retain(|one| one.id != outlet.id);
        let is_last = listeners.is_empty();
        if is_last {
            state.subjects.remove(&outlet.subject);
        }
        is_last
    }

    /// Ends all connections, and those that are still to come.
    pub(super) fn close_all(&self, why: &Close) {
        let mut state = self.state.lock();
        state.closed = Some(*why);
        for outlet in state.subjects.values().flatten() {
            outlet.close(*why);
        }
    }
}

impl Control {
    fn concerns(&self, subject: &Arc<str>) -> bool {
        self.subject.as_ref().is_none_or(|one| one == subject)
    }
}

impl State {
    fn cursor(&mut self, log: &Log) -> Arc<str> {
        let vector = &self.vector;
        let cursor = self.cursor.get_or_insert_with(|| vector.encode(log).into());
        Arc::clone(cursor)
    }

    /// Puts a frame into the queues of a topic; tells how many these are.
    fn send(&self, topic: &str, frame: &Arc<Frame>) -> usize {
        let receivers = self.topics.get(topic).map_or(&[][..], Vec::as_slice);
        for outlet in receivers {
            if !outlet.push(frame) {
                tracing::debug!(subject = %outlet.subject, "a client is too slow");
            }
        }
        receivers.len()
    }

    fn remember(&mut self, control: Control) {
        let now = Instant::now();
        self.controls.push_back((now, control));
        while let Some((at, _)) = self.controls.front()
            && (self.controls.len() > MAX_REMEMBERED || now.duration_since(*at) > REMEMBERED)
        {
            self.complete = *at;
            self.controls.pop_front();
        }
    }

    /// Changes what the subject's connections receive.
    fn apply(&mut self, control: &Control) {
        match (control.verb, &control.subject) {
            (Verb::Admit, Some(subject)) => {
                for outlet in self.subjects.get(subject).cloned().unwrap_or_default() {
                    self.let_in(Arc::clone(&control.topic), &outlet);
                }
            }
            (Verb::Revoke, Some(subject)) => {
                for outlet in self.subjects.get(subject).cloned().unwrap_or_default() {
                    self.turn_out(&control.topic, &outlet);
                }
            }
            (Verb::Revoke, None) => {
                for outlet in self.topics.get(&control.topic).cloned().unwrap_or_default() {
                    self.turn_out(&control.topic, &outlet);
                }
            }
            (Verb::Admit, None) | (Verb::Publish, _) => {}
        }
    }

    fn let_in(&mut self, topic: Arc<str>, outlet: &Arc<Outlet>) {
        // One text for all who receive it.
        let topic = match self.topics.get_key_value(&topic) {
            Some((known, _)) => Arc::clone(known),
            None => topic,
        };
        let receivers = self.topics.entry(Arc::clone(&topic)).or_default();
        if let Err(place) = receivers.binary_search_by_key(&outlet.id, |one| one.id) {
            receivers.insert(place, Arc::clone(outlet));
            outlet.topics.lock().push(topic);
        }
    }

    /// Whoever is left with nothing is told so.
    fn turn_out(&mut self, topic: &Arc<str>, outlet: &Outlet) {
        self.remove(topic, outlet);
        let mut topics = outlet.topics.lock();
        let before = topics.len();
        topics.retain(|one| one != topic);
        if topics.is_empty() && before > 0 {
            outlet.close(Close::Revoked);
        }
    }

    fn remove(&mut self, topic: &Arc<str>, outlet: &Outlet) {
        let Some(receivers) = self.topics.get_mut(topic) else {
            return;
        };
        if let Ok(place) = receivers.binary_search_by_key(&outlet.id, |one| one.id) {
            receivers.remove(place);
        }
        if receivers.is_empty() {
            self.topics.remove(topic);
        }
    }
}
