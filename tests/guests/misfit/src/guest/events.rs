//! Events: what is published, and who listens.

use super::blobs::asked;
use super::contract::exports::gateway::plugin::frames::Guest;
use super::contract::exports::gateway::plugin::handler::{Request, Response};
use super::contract::gateway::plugin::events::{self, Error, Event, SubscribeOptions};
use super::contract::gateway::plugin::http::{RequestBody, ResponseBody};
use super::contract::gateway::plugin::identity;
use super::contract::gateway::plugin::sql::{self, Transaction, Value};
use super::{Misfit, answer, database, field, resources, tell_of_panics};

/// The lines of the body, each taken apart at its spaces.
fn lines(body: &RequestBody) -> Vec<Vec<String>> {
    let RequestBody::Bytes(bytes) = body else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(bytes);
    let words = |line: &str| line.splitn(4, ' ').map(str::to_owned).collect();
    text.lines().map(words).collect()
}

fn event(topic: &str, kind: &str, payload: &str) -> Event {
    Event {
        topic: topic.to_owned(),
        kind: kind.to_owned(),
        payload: payload.to_owned(),
    }
}

/// One transaction: `publish TOPIC KIND PAYLOAD`, `admit TOPIC SUBJECT`, `revoke TOPIC
/// [SUBJECT]`, a line each. With `rollback` it comes to nothing; `note` writes a row, too.
pub(super) fn transact(request: &Request) -> Response {
    let done = Transaction::begin().and_then(|transaction| {
        if let Some(note) = asked(request, "note") {
            let row = [
                Value::Integer(database::some_id()),
                Value::Text(note.to_owned()),
            ];
            transaction.execute("INSERT INTO misfit_rows (id, note) VALUES (?, ?)", &row)?;
        }
        for line in lines(&request.body) {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["publish", topic, kind, payload] => {
                    transaction.publish(&event(topic, kind, payload))?;
                }
                ["admit", topic, subject] => transaction.admit(topic, subject)?,
                ["revoke", topic, subject] => transaction.revoke(topic, Some(subject))?,
                ["revoke", topic] => transaction.revoke(topic, None)?,
                _ => return Err(sql::Error::InvalidStatement(format!("{words:?}"))),
            }
        }
        if asked(request, "rollback").is_none() {
            Transaction::commit(transaction)?;
        }
        Ok(())
    });
    match done {
        Ok(()) => answer(200, "done"),
        Err(sql::Error::InvalidStatement(text)) => answer(400, text),
        Err(sql::Error::Unavailable | sql::Error::Timeout) => answer(503, "unavailable"),
        Err(error) => answer(500, format!("{error:?}")),
    }
}

/// Listens as `subject` to `topics`; `spin` lets some milliseconds pass in between, as if
/// they had been read from the database.
pub(super) fn listen(request: &Request) -> Response {
    let topics = asked(request, "topics").unwrap_or_default();
    let header = request
        .headers
        .iter()
        .find(|field| field.name == "last-event-id");
    let after = asked(request, "cursor").or(header.map(|field| field.value.as_str()));
    let options = SubscribeOptions {
        subject: asked(request, "subject").unwrap_or_default().to_owned(),
        topics: topics
            .split(',')
            .filter(|topic| !topic.is_empty())
            .map(str::to_owned)
            .collect(),
        after: after.map(str::to_owned),
        expires: asked(request, "expires").and_then(|at| at.parse().ok()),
    };
    if let Some(millis) = asked(request, "spin").and_then(|millis| millis.parse().ok()) {
        resources::spin_for(millis);
    }
    match events::subscribe(&options) {
        Ok(_) if asked(request, "drop").is_some() => answer(200, "dropped"),
        Ok(subscription) => Response {
            status: 201,
            headers: vec![field("content-type", "text/plain"), field("x-kept", "kept")],
            body: ResponseBody::Events(subscription),
        },
        Err(error) => refused(error),
    }
}

pub(super) fn head() -> Response {
    match events::head() {
        Ok(cursor) => answer(200, cursor),
        Err(error) => refused(error),
    }
}

/// Signals what the body says: `TOPIC KIND PAYLOAD`, a line each.
pub(super) fn signal(request: &Request) -> Response {
    for line in lines(&request.body) {
        let [topic, kind, payload] = line.as_slice() else {
            return answer(400, format!("{line:?}"));
        };
        if let Err(error) = events::signal(&event(topic, kind, payload)) {
            return refused(error);
        }
    }
    answer(200, "done")
}

fn refused(error: Error) -> Response {
    match error {
        Error::Limit(text) => answer(429, text),
        Error::Unavailable => answer(503, "unavailable"),
        Error::Invalid(text) => answer(400, text),
    }
}

/// Answers with what came and from whom, unless it is to be silent; `trap` and `spin` are
/// what they say.
impl Guest for Misfit {
    fn frame(subject: String, payload: String) -> Option<String> {
        tell_of_panics();
        match payload.as_str() {
            "\"trap\"" => core::arch::wasm32::unreachable(),
            "\"spin\"" => resources::spin(),
            "\"silent\"" => return None,
            "\"garbage\"" => return Some("{".to_owned()),
            _ => {}
        }
        let claims = identity::claims().unwrap_or_else(|| "null".to_owned());
        Some(format!(
            "{{\"type\":\"answer\",\"subject\":{subject:?},\"claims\":{claims},\"payload\":{payload:?}}}"
        ))
    }

    fn closed(subject: String) {
        tell_of_panics();
        let row = [
            Value::Integer(database::some_id()),
            Value::Text(format!("closed {subject}")),
        ];
        let insert = "INSERT INTO misfit_rows (id, note) VALUES (?, ?)";
        // A test looks for the row.
        let _ = sql::execute(insert, &row);
    }
}
