//! What sees to it that every row is handed to the hub, once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::Events;
use super::cursor::Vector;
use super::table::{self, Row};
use crate::contract::sql::Error;
use crate::lifecycle::Shutdown;

/// How long a row that came before its turn waits for those before it: their commits were
/// earlier, and are told a moment later.
const TURN: Duration = Duration::from_millis(2);

/// Rows that wait for their turn, in each partition.
const MAX_EARLY: usize = 1024;

/// Rows that are fetched at once.
const PAGE: usize = 500;

/// What the dispatcher is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// These rows were committed.
    Rows(Vec<Row>),
    /// A partition has rows up to there.
    Notice {
        /// Which.
        part: usize,
        /// The last.
        position: u64,
    },
    /// To look now.
    Look,
    /// To dispatch everything that was committed before, and to tell how far that is. Not
    /// answered when the log can't be read.
    CatchUp(oneshot::Sender<Vector>),
}

/// Reads a log for one gateway.
#[derive(Debug)]
pub struct Dispatcher {
    events: Events,
    asked: mpsc::Receiver<Ask>,
    /// Rows that came before their turn, by partition.
    early: Vec<BTreeMap<u64, Row>>,
    waiting: Vec<oneshot::Sender<Vector>>,
    /// How far partitions are said to be.
    said: BTreeMap<usize, u64>,
    is_asked_to_look: bool,
}

impl Dispatcher {
    pub(super) fn new(events: Events, asked: mpsc::Receiver<Ask>) -> Self {
        Self {
            early: vec![BTreeMap::new(); events.0.log.partitions],
            events,
            asked,
            waiting: Vec::new(),
            said: BTreeMap::new(),
            is_asked_to_look: false,
        }
    }

    /// Dispatches until nothing new should be begun: the end of another shutdown than that
    /// of requests, which may ask for it.
    pub async fn run(mut self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.soft() => {}
            () = self.dispatch() => {}
        }
    }

    async fn dispatch(&mut self) {
        let mut next_look = Instant::now();
        loop {
            let is_time = tokio::select! {
                asked = self.asked.recv() => match asked {
                    Some(ask) => {
                        self.take(ask);
                        false
                    }
                    None => return,
                },
                () = sleep_until(next_look) => true,
            };
            self.take_all();
            if self.has_early() {
                sleep(TURN).await;
                self.take_all();
            }
            let is_asked = std::mem::take(&mut self.is_asked_to_look);
            if is_time || is_asked || !self.waiting.is_empty() {
                self.look().await;
                let settings = self.events.settings();
                let pause = match self.events.0.line.is_up() {
                    true => settings.bus_poll,
                    false => settings.poll,
                };
                next_look = Instant::now() + pause;
            } else if let Err(error) = self.fill().await {
                self.failed(&error);
            }
        }
    }

    fn take_all(&mut self) {
        while let Ok(ask) = self.asked.try_recv() {
            self.take(ask);
        }
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::CatchUp(answer) => self.waiting.push(answer),
            Ask::Look => self.is_asked_to_look = true,
            Ask::Notice { part, position } => {
                if position > self.events.0.hub.at(part) {
                    let said = self.said.entry(part).or_default();
                    *said = position.max(*said);
                }
            }
            Ask::Rows(rows) => {
                for row in rows {
                    self.place(row);
                }
            }
        }
    }

    /// Dispatches a row and those that waited for it, or lets it wait.
    fn place(&mut self, row: Row) {
        let hub = &self.events.0.hub;
        let Some(early) = self.early.get_mut(row.part) else {
            return;
        };
        let part = row.part;
        if hub.dispatch(&row) {
            while let Some(next) = early.first_entry() {
                match next.key().cmp(&(hub.at(part) + 1)) {
                    std::cmp::Ordering::Greater => break,
                    std::cmp::Ordering::Equal => {
                        hub.dispatch(&next.remove());
                    }
                    std::cmp::Ordering::Less => {
                        next.remove();
                    }
                }
            }
        } else if row.position > hub.at(part) && early.len() < MAX_EARLY {
            early.insert(row.position, row);
        }
    }

    fn has_early(&self) -> bool {
        self.early.iter().any(|early| !early.is_empty())
    }

    /// Dispatches everything that is in the table. What fails is tried again with the next
    /// look; who waits for it is sent away.
    async fn look(&mut self) {
        // Who asks from now on may mean what is committed from now on.
        let waiting = std::mem::take(&mut self.waiting);
        match self.fetch().await {
            Ok(heads) => {
                for answer in waiting {
                    // Gone when the request is.
                    let _gone = answer.send(heads.clone());
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &Error) {
        let plugin = &self.events.0.plugin;
        tracing::warn!(plugin, ?error, "the event log can't be read");
    }

    /// Dispatches what is before rows that came too early, and what partitions are said to
    /// have.
    async fn fill(&mut self) -> Result<(), Error> {
        let mut ends = std::mem::take(&mut self.said);
        for (part, early) in self.early.iter().enumerate() {
            if let Some(last) = early.keys().next_back() {
                let end = ends.entry(part).or_default();
                *end = (*last).max(*end);
            }
        }
        for (part, end) in ends {
            self.fetch_part(part, end).await?;
        }
        Ok(())
    }

    async fn fetch(&mut self) -> Result<Vector, Error> {
        let events = self.events.clone();
        let inner = &events.0;
        let heads = table::heads(&inner.database, &inner.log).await?;
        self.said.clear();
        let parts = 0..inner.log.partitions;
        let behind = parts
            .clone()
            .map(|part| heads.at(part).saturating_sub(inner.hub.at(part)));
        inner.measured.lags(behind.sum());
        for part in parts {
            self.fetch_part(part, heads.at(part)).await?;
        }
        Ok(heads)
    }

    /// Dispatches the rows of a partition up to one of them.
    async fn fetch_part(&mut self, part: usize, end: u64) -> Result<(), Error> {
        let events = self.events.clone();
        let inner = &events.0;
        while part < inner.log.partitions && inner.hub.at(part) < end {
            let after = inner.hub.at(part);
            let rows = table::following(&inner.database, &inner.log, part, after, PAGE).await?;
            if rows.first().is_none_or(|row| row.position != after + 1) {
                self.skip(part, after).await?;
                continue;
            }
            inner.measured.fetched(rows.len());
            for row in rows {
                self.place(row);
            }
        }
        if let Some(early) = self.early.get_mut(part) {
            early.retain(|position, _| *position > inner.hub.at(part));
        }
        Ok(())
    }

    /// Goes on behind what was removed before it was dispatched here.
    async fn skip(&self, part: usize, after: u64) -> Result<(), Error> {
        let inner = &self.events.0;
        let floor = table::floors(&inner.database, &inner.log).await?.at(part);
        if floor <= after {
            tracing::error!(part, after, "the event log has a gap");
            return Err(Error::Other);
        }
        tracing::warn!(
            part,
            after,
            floor,
            "events were removed before they were sent"
        );
        inner.hub.lose(part, floor);
        Ok(())
    }
}
