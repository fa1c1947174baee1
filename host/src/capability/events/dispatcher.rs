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
}

impl Dispatcher {
    pub(super) fn new(events: Events, asked: mpsc::Receiver<Ask>) -> Self {
        Self {
            early: vec![BTreeMap::new(); events.0.log.partitions],
            events,
            asked,
            waiting: Vec::new(),
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
            if is_time || self.has_early() || !self.waiting.is_empty() {
                self.look().await;
                next_look = Instant::now() + self.events.settings().poll;
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
            Err(error) => {
                let plugin = &self.events.0.plugin;
                tracing::warn!(plugin, ?error, "the event log can't be read");
            }
        }
    }

    async fn fetch(&mut self) -> Result<Vector, Error> {
        let events = self.events.clone();
        let inner = &events.0;
        let heads = table::heads(&inner.database, &inner.log).await?;
        for part in 0..inner.log.partitions {
            while inner.hub.at(part) < heads.at(part) {
                let after = inner.hub.at(part);
                let rows = table::following(&inner.database, &inner.log, part, after, PAGE).await?;
                if rows.first().is_none_or(|row| row.position != after + 1) {
                    self.skip(part, after).await?;
                    continue;
                }
                for row in rows {
                    self.place(row);
                }
            }
            if let Some(early) = self.early.get_mut(part) {
                early.retain(|position, _| *position > inner.hub.at(part));
            }
        }
        Ok(heads)
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
