//! NATS.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use tokio::time::{interval, timeout};

use super::{Ended, Message, Messenger, Out, batch};

/// How long one message may wait for the connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The largest message that every server takes with its defaults, in bytes.
const MAX_MESSAGE: usize = 512 * 1024;

/// Where the servers are, and as whom to go there.
#[derive(Clone)]
pub struct Nats {
    /// Their addresses, separated by commas.
    pub url: String,
    /// What the subjects begin with.
    pub prefix: String,
    /// A file of credentials.
    pub credentials: Option<PathBuf>,
    /// The authorities that sign the servers' certificates, beside those of the system.
    pub ca: Option<PathBuf>,
}

/// Without the password in the address.
impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Nats {
    /// The user and the password in the first address, if it has them.
    fn login(&self) -> Option<(String, String)> {
        let first = self.url.split(',').next()?.trim();
        let url = url::Url::parse(first).ok()?;
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text);
            text.decode_utf8_lossy().into_owned()
        };
        Some((decoded(url.username()), decoded(url.password()?)))
    }

    async fn connect(&self) -> Result<Client, Ended> {
        let mut options = ConnectOptions::new().name("gateway");
        // The client leaves what an address says of that aside.
        if let Some((user, password)) = self.login() {
            options = options.user_and_password(user, password);
        }
        if let Some(file) = &self.credentials {
            let read = options.credentials_file(file).await;
            options = read.map_err(|error| format!("{}: {error}", file.display()))?;
        }
        if let Some(file) = &self.ca {
            options = options.add_root_certificates(file.clone());
        }
        let addresses: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let connected = timeout(PATIENCE, options.connect(addresses)).await;
        match connected {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(error.to_string().into()),
            Err(_) => Err("no answer".into()),
        }
    }
}

/// Carries until the connection is lost, and tells why.
pub(super) async fn carry(messenger: &mut Messenger, nats: &Nats) -> Ended {
    match carried(messenger, nats).await {
        Ok(()) => "the connection was lost".into(),
        Err(error) => error,
    }
}

async fn carried(messenger: &mut Messenger, nats: &Nats) -> Result<(), Ended> {
    let client = nats.connect().await?;
    let failed = |error: &dyn std::error::Error| Ended::from(error.to_string());
    let place = format!("{}.{:x}", nats.prefix, messenger.log().id);
    let subscribed = client.subscribe(format!("{place}.>")).await;
    let mut subscription = subscribed.map_err(|error| failed(&error))?;
    // What is subscribed is so at the server when it has answered.
    let flushed = timeout(PATIENCE, client.flush()).await;
    flushed
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    messenger.up();
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            heard = subscription.next() => {
                let Some(heard) = heard else { return Ok(()) };
                match serde_json::from_slice::<Message>(&heard.payload) {
                    Ok(message) => messenger.hear(message),
                    Err(error) => tracing::warn!(%error, "a message that is none"),
                }
            }
            out = messenger.out.recv() => {
                let Some(first) = out else { return Ok(()) };
                for (subject, payload) in messages(messenger, first, &place) {
                    let sent = timeout(PATIENCE, client.publish(subject, payload.into())).await;
                    sent.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
                }
            }
            // The client would come back by itself; what was said meanwhile is lost, so that
            // it is better to begin anew.
            _ = look.tick() => if client.connection_state() != State::Connected {
                return Ok(());
            },
        }
    }
}

/// With the events inline, a message for each partition of a commit, as far as there is room.
fn messages(messenger: &mut Messenger, first: Out, place: &str) -> Vec<(String, String)> {
    let gateway = messenger.gateway();
    let mut messages = Vec::new();
    for out in batch(first, &mut messenger.out) {
        match out {
            Out::Rows(rows) => {
                let mut rows = rows.into_iter().peekable();
                while let Some(first) = rows.next() {
                    let part = first.part;
                    let mut message = Message::of(gateway);
                    message.note(&first);
                    message.rows.push(first);
                    while let Some(row) = rows.next_if(|row| row.part == part) {
                        message.note(&row);
                        message.rows.push(row);
                    }
                    let mut payload = message.encode();
                    if payload.len() > MAX_MESSAGE {
                        message.rows.clear();
                        payload = message.encode();
                    }
                    messages.push((format!("{place}.{part}"), payload));
                }
            }
            Out::Signal(event) => {
                let mut message = Message::of(gateway);
                message.signals.push(event.into());
                messages.push((format!("{place}.signal"), message.encode()));
            }
        }
    }
    messages
}
