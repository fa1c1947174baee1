//! LISTEN and NOTIFY of the PostgreSQL that the log is in.
//!
//! The notice is sent after the commit, on a connection of its own, and for all commits of a
//! moment together: a NOTIFY inside of the transactions would have all of their commits wait
//! for one lock.

use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection};

use super::{Ended, Message, Messenger, Out, batch};

/// The channel, of all logs in the database.
const CHANNEL: &str = "gateway_events";

/// The longest payload that a NOTIFY takes, in bytes, less the number of the log.
const MAX_PAYLOAD: usize = 7900;

/// Carries until the connection is lost, and tells why.
pub(super) async fn carry(messenger: &mut Messenger, url: &str) -> Ended {
    match carried(messenger, url).await {
        Ok(()) => "the connection was lost".into(),
        Err(error) => error.to_string().into(),
    }
}

async fn carried(messenger: &mut Messenger, url: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    // One that is gone is told, and not silently made anew.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    let mut sender = PgConnection::connect(url).await?;
    messenger.up();
    let prefix = format!("{:x} ", messenger.log().id);
    loop {
        tokio::select! {
            heard = listener.try_recv() => {
                let Some(notice) = heard? else {
                    return Ok(());
                };
                let Some(text) = notice.payload().strip_prefix(&prefix) else {
                    continue;
                };
                match serde_json::from_str::<Message>(text) {
                    Ok(message) => messenger.hear(message),
                    Err(error) => tracing::warn!(%error, "a notice that is none"),
                }
            }
            out = messenger.out.recv() => {
                let Some(first) = out else { return Ok(()) };
                for payload in payloads(messenger, first, &prefix) {
                    sqlx::query("SELECT pg_notify($1, $2)")
                        .bind(CHANNEL)
                        .bind(payload)
                        .execute(&mut sender)
                        .await?;
                }
            }
        }
    }
}

/// One for all that was committed, and one for each signal, as far as it has room.
fn payloads(messenger: &mut Messenger, first: Out, prefix: &str) -> Vec<String> {
    let mut ends = Message::of(messenger.gateway());
    let mut payloads = Vec::new();
    for out in batch(first, &mut messenger.out) {
        match out {
            Out::Rows(rows) => rows.iter().for_each(|row| ends.note(row)),
            Out::Signal(event) => {
                let mut message = Message::of(messenger.gateway());
                message.signals.push(event.into());
                payloads.push(format!("{prefix}{}", message.encode()));
            }
        }
    }
    if !ends.ends.is_empty() {
        payloads.push(format!("{prefix}{}", ends.encode()));
    }
    payloads.retain(|payload| {
        let has_room = payload.len() <= MAX_PAYLOAD;
        if !has_room {
            tracing::debug!(bytes = payload.len(), "a signal is too long for PostgreSQL");
        }
        has_room
    });
    payloads
}
