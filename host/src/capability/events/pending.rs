//! What one transaction publishes, until its commit.

use super::table::{self, Entry, Verb};
use super::{Events, now};
use crate::capability::sql::Transaction;
use crate::config;
use crate::contract::events::Event;
use crate::contract::sql::Error;

/// Entries of a transaction that wait for its commit. They are written last: the partitions
/// are locked from then on, and nothing of the plugin's happens meanwhile.
#[derive(Debug)]
pub(crate) struct Pending {
    events: Events,
    entries: Vec<Entry>,
}

/// What a commit has to tell the dispatcher.
#[derive(Debug)]
pub(crate) struct Written {
    events: Events,
    rows: Vec<table::Row>,
}

impl Pending {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            events,
            entries: Vec::new(),
        }
    }

    /// Keeps an event; or tells which limit it breaks.
    pub(crate) fn publish(&mut self, event: Event) -> Result<(), String> {
        let event = checked(event, self.events.settings())?;
        self.add(Entry {
            verb: Verb::Publish,
            topic: event.topic,
            kind: event.kind,
            payload: event.payload,
            subject: None,
        })
    }

    /// Keeps who is to receive a topic from now on.
    pub(crate) fn admit(&mut self, topic: String, subject: String) -> Result<(), String> {
        self.control(Verb::Admit, topic, Some(subject))
    }

    /// Keeps who is not to receive it any more.
    pub(crate) fn revoke(&mut self, topic: String, subject: Option<String>) -> Result<(), String> {
        self.control(Verb::Revoke, topic, subject)
    }

    fn control(
        &mut self,
        verb: Verb,
        topic: String,
        subject: Option<String>,
    ) -> Result<(), String> {
        let limit = self.events.settings().topic_bytes;
        check_name("topic", &topic, limit)?;
        if let Some(subject) = &subject {
            check_name("subject", subject, limit)?;
        }
        self.add(Entry {
            verb,
            topic,
            kind: String::new(),
            payload: String::new(),
            subject,
        })
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let most = self.events.settings().transaction;
        if self.entries.len() >= most {
            return Err(format!("more than {most} events in one transaction"));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Writes them in the transaction that is about to commit.
    pub(crate) async fn write(self, transaction: &mut Transaction) -> Result<Written, Error> {
        let Self { events, entries } = self;
        let rows = table::append(transaction, &events.0.log, entries, now()).await?;
        Ok(Written { events, rows })
    }
}

impl Written {
    /// Has them delivered, now that they are committed.
    pub(crate) fn deliver(self) {
        self.events.committed(self.rows);
    }
}

/// The longest kind, in bytes.
const MAX_KIND: usize = 64;

/// An event that keeps to the limits, its payload on one line.
pub(super) fn checked(mut event: Event, limits: &config::Events) -> Result<Event, String> {
    check_name("topic", &event.topic, limits.topic_bytes)?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let kind = event.kind.as_str();
    if !(1..=MAX_KIND).contains(&kind.len()) || !kind.bytes().all(is_letter) {
        return Err(format!(
            "a kind has 1 to {MAX_KIND} letters, digits, dots, hyphens or underscores"
        ));
    }
    // What a client would take for the host's.
    if kind.starts_with("sync.") || ["close", "hello"].contains(&kind) {
        return Err(format!("the kind {kind} is the host's"));
    }
    let most = limits.payload_bytes;
    if event.payload.len() > most {
        return Err(format!("a payload has at most {most} bytes"));
    }
    one_line(&mut event.payload)?;
    Ok(event)
}

/// Checks that a text is JSON, and puts it on one line: between its tokens a line end is as
/// good as a space, and in its texts there is none.
pub(crate) fn one_line(json: &mut String) -> Result<(), String> {
    serde_json::from_str::<serde::de::IgnoredAny>(json)
        .map_err(|error| format!("a payload must be JSON: {error}"))?;
    if json.contains(['\n', '\r']) {
        *json = json.replace(['\n', '\r'], " ");
    }
    Ok(())
}

/// A topic, or a subject.
pub(super) fn check_name(what: &str, name: &str, limit: usize) -> Result<(), String> {
    if name.is_empty() || name.len() > limit || name.chars().any(char::is_control) {
        return Err(format!(
            "a {what} has 1 to {limit} bytes, none of them a control character"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_put_on_one_line_and_nothing_else_is_taken() {
        let mut text = "{\n\"a\": \"x\\ny\",\r\n\"b\": 1 }".to_owned();
        let before: serde_json::Value = serde_json::from_str(&text).unwrap();
        one_line(&mut text).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            before
        );
        for bad in ["", "{", "\"a\nb\"", "1 2"] {
            assert!(one_line(&mut bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
