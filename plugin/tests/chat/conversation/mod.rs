//! Channels, and what is said there.

mod channels;
mod limits;
mod live;
mod members;
mod messages;
mod notes;
mod oracle;
mod receipts;
mod state;

use chat::ports::Subscribe;
use serde_json::{Value as Json, json};

use crate::listen::heard;
use crate::support::{Answer, Service, User};

impl User {
    /// Asks what has to succeed, and gives its answer.
    fn done(&self, method: &str, path: &str, body: Json) -> Json {
        let answer = self.ask(method, path, body);
        let is_good = (200..300).contains(&answer.status);
        assert!(is_good, "{method} {path}: {}", answer.text);
        answer.json
    }

    /// Asks; without a body where that is null.
    fn ask(&self, method: &str, path: &str, body: Json) -> Answer {
        let body = match body {
            Json::Null => chat::api::Body::Empty,
            body => chat::api::Body::Bytes(body.to_string().into_bytes()),
        };
        self.send(method, path, body)
    }

    /// The status and the code of a refusal.
    fn refused(&self, method: &str, path: &str, body: Json) -> (u16, String) {
        let answer = self.ask(method, path, body);
        let code = &answer.json["error"]["code"];
        (answer.status, code.as_str().unwrap_or_default().to_owned())
    }

    /// Makes a group with some members, and gives its id.
    fn group(&self, name: &str, members: &[&str]) -> String {
        let new = json!({"kind": "group", "name": name, "members": members});
        id(&self.done("POST", "/channels", new))
    }

    /// Sends a message to a channel, a millisecond after the last.
    fn tell(&self, channel: &str, body: &str) -> Json {
        self.tell_with(channel, json!({"body": body}))
    }

    fn tell_with(&self, channel: &str, message: Json) -> Json {
        self.service.tick();
        self.done("POST", &format!("/channels/{channel}/messages"), message)
    }

    /// The entry of a channel in the caller's list.
    fn entry(&self, channel: &str) -> Json {
        self.read(&format!("/channels/{channel}"))
    }

    /// The bodies of the newest messages.
    fn said(&self, channel: &str) -> Vec<String> {
        let history = self.read(&format!("/channels/{channel}/messages?limit=100"));
        let messages = history["messages"].as_array().unwrap().iter();
        messages
            .map(|it| it["body"].as_str().unwrap().to_owned())
            .collect()
    }

    fn listen(&self) -> Listener {
        let answer = self.get("/events");
        Listener {
            options: answer.subscription.expect("a stream"),
            from: self.service.0.events.borrow().len(),
            service: self.service.clone(),
        }
    }
}

impl Service {
    /// A millisecond goes by.
    fn tick(&self) {
        let now = &self.0.now;
        now.set(now.get() + 1_000);
    }

    fn seconds(&self, seconds: i64) {
        let now = &self.0.now;
        now.set(now.get() + seconds * 1_000_000);
    }
}

fn id(json: &Json) -> String {
    json["id"].as_str().unwrap().to_owned()
}

/// Somebody who is connected.
struct Listener {
    options: Subscribe,
    from: usize,
    service: Service,
}

impl Listener {
    /// All that was heard so far.
    fn heard(&self) -> Vec<(String, Json)> {
        heard(&self.service, &self.options, self.from)
    }

    /// The kinds of it.
    fn kinds(&self) -> Vec<String> {
        self.heard().into_iter().map(|(kind, _)| kind).collect()
    }
}
