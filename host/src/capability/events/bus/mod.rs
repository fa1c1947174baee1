//! How gateways tell each other what is new.
//!
//! A bus carries speed and nothing else: what it loses, repeats or brings in the wrong order
//! is found in the table, at the latest when the dispatcher looks by itself.

mod nats;
mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::sleep;

pub use self::nats::Nats;
use super::dispatcher::Ask;
use super::frame::Frame;
use super::log::Log;
use super::table::Row;
use super::{Events, now};
use crate::config::{BusKind, Config};
use crate::contract::events::Event;
use crate::lifecycle::Shutdown;

/// What waits to be told to the others; what is beyond it they find themselves.
const OUTBOX: usize = 4096;

/// The pauses between tries to reach the bus.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Over what gateways tell each other.
#[derive(Clone)]
pub enum Bus {
    /// Over nothing: there is one gateway, or they look by themselves.
    None,
    /// Over the PostgreSQL that the log is in, at this address.
    Postgres(String),
    /// Over NATS.
    Nats(Nats),
}

impl Bus {
    /// The one that is configured for the log of a plugin.
    #[must_use]
    pub fn of(config: &Config, plugin: &str) -> Self {
        let own = config
            .plugins
            .get(plugin)
            .and_then(|plugin| plugin.database.as_ref());
        let url = &own.unwrap_or(&config.database).url;
        let is_postgres = url.starts_with("postgres:") || url.starts_with("postgresql:");
        let nats = config.events.nats.as_ref();
        match (config.events.bus, nats) {
            (BusKind::None, _) => Self::None,
            (BusKind::Auto | BusKind::Nats, Some(nats)) => Self::Nats(Nats {
                url: nats.url.0.clone(),
                prefix: nats.prefix.clone(),
                credentials: nats.credentials.clone(),
                ca: nats.ca.clone(),
            }),
            (BusKind::Auto | BusKind::Postgres | BusKind::Nats, _) => match is_postgres {
                true => Self::Postgres(url.clone()),
                false => Self::None,
            },
        }
    }

    /// For the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Postgres(_) => "postgres",
            Self::Nats(_) => "nats",
        }
    }
}

/// Without the addresses, which may hold passwords.
impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What is to be told to the others.
#[derive(Debug)]
pub(super) enum Out {
    Rows(Vec<Row>),
    Signal(Event),
}

/// The near end of a bus.
#[derive(Debug)]
pub(super) struct Line {
    outbox: mpsc::Sender<Out>,
    /// Whether the others can be heard.
    is_up: AtomicBool,
    /// Names this gateway, which hears itself, too.
    gateway: u64,
}

impl Line {
    pub(super) fn new() -> (Self, mpsc::Receiver<Out>) {
        let (outbox, out) = mpsc::channel(OUTBOX);
        let line = Self {
            outbox,
            is_up: AtomicBool::new(false),
            gateway: rand::random(),
        };
        (line, out)
    }

    /// Has the others told, as far as that is possible at once.
    pub(super) fn tell(&self, out: impl FnOnce() -> Out) {
        if self.is_up()
            && let Ok(place) = self.outbox.try_reserve()
        {
            place.send(out());
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }
}

/// A bus, until it is run.
#[derive(Debug)]
pub struct Messenger {
    pub(super) events: Events,
    pub(super) bus: Bus,
    pub(super) out: mpsc::Receiver<Out>,
}

impl Messenger {
    pub(super) fn new(events: Events, bus: Bus, out: mpsc::Receiver<Out>) -> Self {
        Self { events, bus, out }
    }

    /// Carries until nothing new should be begun, and comes back when the bus does.
    pub async fn run(mut self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.soft() => {}
            () = self.carry() => {}
        }
    }

    async fn carry(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = match self.bus.clone() {
                Bus::None => return,
                Bus::Postgres(url) => postgres::carry(self, &url).await,
                Bus::Nats(nats) => nats::carry(self, &nats).await,
            };
            let was_up = self.down();
            if was_up {
                pause = FIRST_PAUSE;
            }
            let (plugin, bus) = (&self.events.0.plugin, self.bus.name());
            tracing::warn!(plugin, bus, error = %ended, "the bus of events is away");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The others are heard from now on: what they said before has to be looked for.
    pub(super) fn up(&self) {
        let line = &self.events.0.line;
        // What was meant for the others before, they find.
        self.events.0.measured.bus(true);
        if !line.is_up.swap(true, Ordering::Relaxed) {
            let (plugin, bus) = (&self.events.0.plugin, self.bus.name());
            tracing::info!(plugin, bus, "the bus of events is there");
        }
        self.events.hear(Ask::Look);
    }

    /// The others are not heard any more. Whether they were.
    pub(super) fn down(&self) -> bool {
        let was_up = self.events.0.line.is_up.swap(false, Ordering::Relaxed);
        self.events.0.measured.bus(false);
        if was_up {
            self.events.hear(Ask::Look);
        }
        was_up
    }

    pub(super) fn log(&self) -> Log {
        self.events.0.log
    }

    pub(super) fn gateway(&self) -> u64 {
        self.events.0.line.gateway
    }

    /// Takes what another gateway, or this one, has told.
    pub(super) fn hear(&self, message: Message) {
        if message.gateway == self.gateway() {
            return;
        }
        // Before the ends, which have the dispatcher look for what it does not have.
        if !message.rows.is_empty() {
            self.events.hear(Ask::Rows(message.rows));
        }
        for (part, position) in message.ends {
            self.events.hear(Ask::Notice { part, position });
        }
        for signal in message.signals {
            let event = signal.into();
            let frame = Frame::of_signal(&event, now());
            self.events.0.hub.signal(&event.topic, frame);
        }
    }
}

/// What gateways tell each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) gateway: u64,
    /// How far partitions are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) ends: BTreeMap<usize, u64>,
    /// What was committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rows: Vec<Row>,
    /// What is not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) signals: Vec<Signal>,
}

impl Message {
    pub(super) fn of(gateway: u64) -> Self {
        Self {
            gateway,
            ends: BTreeMap::new(),
            rows: Vec::new(),
            signals: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, row: &Row) {
        let end = self.ends.entry(row.part).or_default();
        *end = row.position.max(*end);
    }

    pub(super) fn encode(&self) -> String {
        // There is nothing in it that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An event that is not stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signal {
    topic: String,
    kind: String,
    payload: String,
}

impl From<Event> for Signal {
    fn from(event: Event) -> Self {
        let Event {
            topic,
            kind,
            payload,
        } = event;
        Self {
            topic,
            kind,
            payload,
        }
    }
}

impl From<Signal> for Event {
    fn from(signal: Signal) -> Self {
        let Signal {
            topic,
            kind,
            payload,
        } = signal;
        Self {
            topic,
            kind,
            payload,
        }
    }
}

/// Everything that waits, beginning with what is there.
pub(super) fn batch(first: Out, out: &mut mpsc::Receiver<Out>) -> Vec<Out> {
    let mut all = vec![first];
    while let Ok(more) = out.try_recv() {
        all.push(more);
    }
    all
}

/// An error of a bus, which is told once.
pub(super) type Ended = Arc<str>;
