//! Attachments: how they come in, who gets them, and what stays on record.

mod download;
mod inspect;
mod link;
mod send;
mod tus;
mod upload;

use chat::api::Body;
use chat::ports::Outcome;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Service, User, join};

const PATH: &str = "/attachments";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on";
const ENTITY: &str = "attachment-content";

fn announce(user: &User, name: &str, size: usize) -> Answer {
    let body = json!({"channelId": "c", "name": name, "size": size, "type": "image/png"});
    user.post(PATH, body)
}

fn text(answer: &Answer, name: &str) -> String {
    answer.json[name].as_str().unwrap_or_default().to_owned()
}

fn put(user: &User, id: &str, bytes: &[u8]) -> Answer {
    user.send("PUT", &content(id), Body::Bytes(bytes.to_vec()))
}

fn content(id: &str) -> String {
    format!("{PATH}/{id}/content")
}

/// An attachment of the channel `c` that is complete.
fn upload(user: &User, name: &str, bytes: &[u8]) -> String {
    let made = announce(user, name, bytes.len());
    assert_eq!(made.status, 201, "{}", made.text);
    let id = text(&made, "id");
    let put = put(user, &id, bytes);
    assert_eq!(put.status, 200, "{}", put.text);
    id
}

fn send(user: &User, ids: &[&str]) -> String {
    user.say_with("c", "see", json!({"attachmentIds": ids}))
}

/// Ann owns the channel, bob and cat are members, eve is a stranger.
struct Scene {
    service: Service,
    ann: User,
    bob: User,
    cat: User,
    eve: User,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&'static str, &str)]) -> Self {
        let service = Service::new();
        let set = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        service.0.settings.borrow_mut().extend(set);
        let user = |name| service.user(name);
        let (ann, bob, cat, eve) = (user("ann"), user("bob"), user("cat"), user("eve"));
        ann.say("c", "first");
        join(&service, "c", "bob", "member");
        join(&service, "c", "cat", "member");
        Self {
            service,
            ann,
            bob,
            cat,
            eve,
        }
    }

    /// Entries of downloads, as outcome and reason.
    fn record(&self, id: &str) -> Vec<(Outcome, String)> {
        let audit = self.service.0.audit.borrow();
        let entries = audit.iter();
        let entries = entries.filter(|it| it.entity == ENTITY && it.entity_id == id);
        entries
            .map(|it| {
                let details: Json = serde_json::from_str(it.details.as_ref().unwrap()).unwrap();
                let reason = details["reason"].as_str().unwrap_or_default();
                (it.outcome, reason.to_owned())
            })
            .collect()
    }

    fn number(&self, sql: &str) -> i64 {
        let connection = &self.service.0.connection;
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn links(&self) -> i64 {
        self.number("SELECT COALESCE(SUM(links), 0) FROM host_blobs")
    }

    fn used(&self, user: &str) -> i64 {
        let sql =
            format!("SELECT COALESCE(SUM(used_bytes), 0) FROM chat_usage WHERE user_id = '{user}'");
        self.number(&sql)
    }
}

fn form(user: &User, fields: &[(&str, &str)], name: &str, content: &str) -> Answer {
    let mut body = String::new();
    for (name, value) in fields {
        body +=
            &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
    );
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    user.send_with("POST", PATH, &headers, Body::Bytes(body.into_bytes()))
}

fn tus(user: &User, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut all = vec![("tus-resumable", "1.0.0")];
    all.extend(headers);
    let answer = user.send_with(method, path, &all, Body::Bytes(body.to_vec()));
    assert_eq!(answer.header("tus-resumable"), Some("1.0.0"));
    answer
}
