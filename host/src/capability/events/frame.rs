//! What is sent to clients, in the form of each transport: made once, however many it goes to.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;

use super::table::Row;
use crate::contract::events::Event;

/// One thing that a client is told.
#[derive(Debug)]
pub struct Frame {
    kind: Box<str>,
    /// Where a client is that has seen it; none of what is not stored.
    cursor: Option<Arc<str>>,
    json: Bytes,
    sse: OnceLock<Bytes>,
}

impl Frame {
    /// An event of the log, with the place that a client is at which has it.
    pub(super) fn of_row(row: &Row, cursor: Arc<str>) -> Self {
        let entry = &row.entry;
        let mut json = String::with_capacity(entry.payload.len() + entry.topic.len() + 192);
        // Writing to a text does not fail.
        let _ = write!(
            json,
            "{{\"id\":\"{}-{}\",\"cursor\":\"{cursor}\",\"topic\":{},\"type\":\"{}\",\"at\":\"{}\",\"data\":{}}}",
            row.part,
            row.position,
            quoted(&entry.topic),
            entry.kind,
            time(row.at),
            entry.payload,
        );
        Self::new(&entry.kind, Some(cursor), json)
    }

    /// What is not stored.
    pub(super) fn of_signal(event: &Event, at: i64) -> Self {
        let json = format!(
            "{{\"topic\":{},\"type\":\"{}\",\"at\":\"{}\",\"data\":{}}}",
            quoted(&event.topic),
            event.kind,
            time(at),
            event.payload,
        );
        Self::new(&event.kind, None, json)
    }

    /// Everything that was missed has come.
    pub(super) fn ready(cursor: Arc<str>) -> Self {
        let json = format!("{{\"type\":\"sync.ready\",\"cursor\":\"{cursor}\"}}");
        Self::new("sync.ready", Some(cursor), json)
    }

    /// What was missed can't be had: the client is at `cursor` from now on, and has to find
    /// out by other means how it got there.
    pub(super) fn reset(reason: &str, cursor: Arc<str>) -> Self {
        let json =
            format!("{{\"type\":\"sync.reset\",\"reason\":\"{reason}\",\"cursor\":\"{cursor}\"}}");
        Self::new("sync.reset", Some(cursor), json)
    }

    /// What a plugin answers to a frame of a client; a JSON text.
    #[must_use]
    pub fn answer(json: String) -> Self {
        Self::new("", None, json)
    }

    fn new(kind: &str, cursor: Option<Arc<str>>, json: String) -> Self {
        Self {
            kind: kind.into(),
            cursor,
            json: json.into(),
            sse: OnceLock::new(),
        }
    }

    /// Where a client is that has seen it.
    #[must_use]
    pub fn cursor(&self) -> Option<&Arc<str>> {
        self.cursor.as_ref()
    }

    /// Whether it says that what was missed can't be had.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        &*self.kind == "sync.reset"
    }

    /// Whether it is an event, and not what the host says of its own.
    #[must_use]
    pub fn is_event(&self) -> bool {
        !self.kind.starts_with("sync.")
    }

    /// The JSON object.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// The same as one of the Server-Sent Events.
    #[must_use]
    pub fn sse(&self) -> Bytes {
        let sse = self.sse.get_or_init(|| {
            let mut text = String::with_capacity(self.json.len() + 160);
            if let Some(cursor) = &self.cursor {
                let _ = writeln!(text, "id: {cursor}");
            }
            let _ = write!(text, "event: {}\ndata: ", self.kind);
            let mut bytes = text.into_bytes();
            bytes.extend_from_slice(&self.json);
            bytes.extend_from_slice(b"\n\n");
            bytes.into()
        });
        sse.clone()
    }
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::String(text.to_owned())
}

fn time(micros: i64) -> humantime::Rfc3339Timestamp {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::super::table::{Entry, Verb};
    use super::*;

    #[test]
    fn an_event_is_one_object_and_one_event() {
        let row = Row {
            part: 3,
            position: 1021,
            entry: Entry {
                verb: Verb::Publish,
                topic: "a \"b\"".to_owned(),
                kind: "note.made".to_owned(),
                payload: "{\"n\":1}".to_owned(),
                subject: None,
            },
            at: 1_500_000,
        };
        let frame = Frame::of_row(&row, "v1.c".into());
        let json = "{\"id\":\"3-1021\",\"cursor\":\"v1.c\",\"topic\":\"a \\\"b\\\"\",\
                    \"type\":\"note.made\",\"at\":\"1970-01-01T00:00:01.500Z\",\"data\":{\"n\":1}}";
        assert_eq!(frame.json(), json);
        assert_eq!(
            frame.sse(),
            format!("id: v1.c\nevent: note.made\ndata: {json}\n\n")
        );
        let signal = Event {
            topic: "t".to_owned(),
            kind: "typing".to_owned(),
            payload: "1".to_owned(),
        };
        let frame = Frame::of_signal(&signal, 0);
        assert!(frame.sse().starts_with(b"event: typing\ndata: {\"topic\""));
    }
}
