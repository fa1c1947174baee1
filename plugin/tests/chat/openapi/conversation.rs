//! What the document says of channels is what the service does.

use chat::api::Body;
use serde_json::{Value as Json, json};

use super::schema::Document;
use super::{NOBODYS, Operation, document};
use crate::support::{Answer, Service, User};

impl Document {
    /// Those that are about channels and what is said there.
    pub(super) fn conversations(&self) -> impl Iterator<Item = Operation<'_>> {
        let all = self.all_operations();
        all.filter(|it| it.description["tags"][0] == "ChannelController")
    }
}

/// Who asks what, with which body, and the status of the answer. `C`, `P` and `D` stand for
/// a group, a public channel and a direct conversation, `M` for a message, and `R` for a
/// report.
const STEPS: &[(&str, &str, &str, &str, u16)] = &[
    (
        "ann",
        "POST",
        "/channels",
        r#"{"kind":"group","members":["bob"]}"#,
        201,
    ),
    (
        "ann",
        "POST",
        "/channels",
        r#"{"kind":"direct","userId":"bob"}"#,
        200,
    ),
    ("ann", "POST", "/channels", r#"{"kind":"direct"}"#, 422),
    ("ann", "GET", "/channels", "", 200),
    ("ann", "GET", "/channels?limit=0", "", 400),
    ("zoe", "GET", "/channels?public=true", "", 200),
    ("ann", "GET", "/channels/{C}", "", 200),
    ("zoe", "GET", "/channels/{P}", "", 200),
    ("zoe", "GET", "/channels/{C}", "", 404),
    (
        "ann",
        "PATCH",
        "/channels/{C}",
        r#"{"name":"n","retentionSeconds":1000}"#,
        200,
    ),
    ("bob", "PATCH", "/channels/{C}", r#"{"name":"n"}"#, 403),
    ("ann", "PATCH", "/channels/{D}", r#"{"name":"n"}"#, 409),
    ("ann", "PUT", "/channels/{C}/archive", "", 200),
    (
        "ann",
        "POST",
        "/channels/{C}/messages",
        r#"{"body":"x"}"#,
        409,
    ),
    ("ann", "DELETE", "/channels/{C}/archive", "", 200),
    ("ann", "DELETE", "/channels/{D}/archive", "", 409),
    ("zoe", "POST", "/channels/{P}/join", "", 200),
    ("zoe", "POST", "/channels/{C}/join", "", 404),
    ("zoe", "POST", "/channels/{P}/leave", "", 204),
    ("ann", "POST", "/channels/{C}/leave", "", 409),
    ("ann", "GET", "/channels/{C}/members", "", 200),
    ("zoe", "GET", "/channels/{C}/members", "", 404),
    ("ann", "PUT", "/channels/{C}/members/zoe", "", 204),
    (
        "ann",
        "PUT",
        "/channels/{C}/members/eve",
        r#"{"role":"moderator"}"#,
        204,
    ),
    (
        "ann",
        "PATCH",
        "/channels/{C}/members/eve",
        r#"{"role":"member"}"#,
        204,
    ),
    (
        "ann",
        "PATCH",
        "/channels/{C}/members/ann",
        r#"{"role":"member"}"#,
        409,
    ),
    ("ann", "DELETE", "/channels/{C}/members/zoe", "", 204),
    ("ann", "DELETE", "/channels/{C}/members/zoe", "", 404),
    (
        "ann",
        "PUT",
        "/channels/{C}/bans/zoe",
        r#"{"reason":"r"}"#,
        204,
    ),
    ("ann", "PUT", "/channels/{C}/members/zoe", "", 403),
    ("ann", "GET", "/channels/{C}/bans", "", 200),
    ("bob", "GET", "/channels/{C}/bans", "", 403),
    ("ann", "DELETE", "/channels/{C}/bans/zoe", "", 204),
    (
        "bob",
        "PUT",
        "/channels/{C}/mute",
        r#"{"until":"2030-01-01T00:00:00Z"}"#,
        200,
    ),
    ("bob", "DELETE", "/channels/{C}/mute", "", 200),
    ("bob", "PUT", "/channels/{C}/read", r#"{"seq":1}"#, 200),
    ("bob", "PUT", "/channels/{C}/unread", r#"{"seq":1}"#, 200),
    ("bob", "PUT", "/channels/{C}/delivered", r#"{"seq":1}"#, 200),
    ("bob", "PUT", "/channels/{C}/read", r#"{"seq":0}"#, 422),
    ("bob", "GET", "/channels/{C}/messages", "", 200),
    ("bob", "GET", "/channels/{C}/messages?around=1", "", 200),
    ("bob", "GET", "/channels/{C}/messages?before=x", "", 400),
    (
        "ann",
        "POST",
        "/channels/{C}/messages",
        r#"{"body":"x","clientMessageId":"c"}"#,
        200,
    ),
    (
        "ann",
        "POST",
        "/channels/{C}/messages",
        r#"{"body":"y","clientMessageId":"c"}"#,
        409,
    ),
    (
        "ann",
        "POST",
        "/channels/{C}/messages",
        r#"{"body":""}"#,
        422,
    ),
    (
        "ann",
        "POST",
        "/channels/{C}/messages",
        r#"{"body":"y","channelId":"d"}"#,
        422,
    ),
    ("ann", "GET", "/events", "", 200),
    ("ann", "POST", "/events/tickets", "", 201),
    ("ann", "GET", "/sync", "", 200),
    ("ann", "POST", "/channels/{C}/typing", "", 204),
    ("zoe", "POST", "/channels/{C}/typing", "", 404),
    ("ann", "PUT", "/presence", r#"{"status":"away"}"#, 204),
    ("bob", "GET", "/presence?ids=ann", "", 200),
    ("bob", "GET", "/presence", "", 400),
    ("bob", "PUT", "/messages/{M}/reactions/x", "", 204),
    ("bob", "GET", "/messages/{M}/reactions", "", 200),
    ("zoe", "GET", "/messages/{M}/reactions", "", 404),
    ("bob", "DELETE", "/messages/{M}/reactions/x", "", 204),
    ("ann", "PUT", "/messages/{M}/pin", "", 204),
    ("bob", "PUT", "/messages/{M}/pin", "", 403),
    ("bob", "GET", "/channels/{C}/pins", "", 200),
    ("ann", "DELETE", "/messages/{M}/pin", "", 204),
    ("bob", "PUT", "/messages/{M}/favorite", "", 204),
    ("bob", "GET", "/favorites", "", 200),
    ("bob", "DELETE", "/messages/{M}/favorite", "", 204),
    ("bob", "PUT", "/messages/{M}/hidden", "", 204),
    ("bob", "DELETE", "/messages/{M}/hidden", "", 204),
    ("ann", "PATCH", "/messages/{M}", r#"{"body":"edited"}"#, 204),
    ("bob", "GET", "/messages/{M}/versions", "", 200),
    ("bob", "GET", "/messages/{M}/thread", "", 200),
    (
        "bob",
        "POST",
        "/messages/{M}/forward",
        r#"{"channelId":"{D}"}"#,
        200,
    ),
    (
        "bob",
        "POST",
        "/messages/{M}/forward",
        r#"{"channelId":"{X}"}"#,
        404,
    ),
    ("bob", "GET", "/mentions", "", 200),
    ("bob", "GET", "/search?q=edited", "", 200),
    ("bob", "GET", "/search", "", 400),
    (
        "bob",
        "POST",
        "/messages/{M}/reports",
        r#"{"reason":"r"}"#,
        200,
    ),
    ("ann", "GET", "/channels/{C}/reports", "", 200),
    (
        "ann",
        "PATCH",
        "/reports/{R}",
        r#"{"state":"dismissed"}"#,
        204,
    ),
    ("zoe", "PATCH", "/reports/{R}", r#"{"state":"open"}"#, 404),
    ("bob", "PUT", "/blocks/ann", "", 204),
    (
        "ann",
        "POST",
        "/channels/{D}/messages",
        r#"{"body":"x"}"#,
        403,
    ),
    ("bob", "GET", "/blocks", "", 200),
    ("bob", "DELETE", "/blocks/ann", "", 204),
    ("bob", "DELETE", "/blocks/ann", "", 404),
    ("bob", "GET", "/export", "", 200),
    ("bob", "POST", "/users/ann/erasure", "", 403),
    ("bob", "POST", "/users/bob/erasure", "", 200),
];

/// The operation of a path as a step writes it.
fn operation<'d>(document: &'d Document, method: &str, path: &str) -> Operation<'d> {
    let path = path.split('?').next().unwrap();
    let fits = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern
                .zip(path)
                .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    let mut all = document.all_operations();
    let found = all.find(|it| it.method == method && fits(it.path));
    found.unwrap_or_else(|| panic!("no {method} {path}"))
}

fn send(user: &User, method: &str, path: &str, body: &str) -> Answer {
    let body = match body.is_empty() {
        true => Body::Empty,
        false => Body::Bytes(body.as_bytes().to_vec()),
    };
    user.send(method, path, body)
}

#[test]
fn every_answer_about_channels_is_documented() {
    let document = document();
    let service = Service::new();
    let ann = service.user("ann");
    let id = |answer: &Answer| answer.json["id"].as_str().unwrap().to_owned();
    let new = |kind: Json| id(&ann.post("/channels", kind));
    let group = new(json!({"kind": "group", "members": ["bob"]}));
    let public = new(json!({"kind": "public"}));
    let direct = new(json!({"kind": "direct", "userId": "bob"}));
    let first = json!({"body": "x", "mentions": ["bob"]});
    let message = id(&ann.post(&format!("/channels/{group}/messages"), first));
    let mut report = String::new();
    let mut asked = Vec::new();
    for (user, method, path, body, status) in STEPS {
        let named = |text: &str| {
            let text = text.replace("{C}", &group).replace("{P}", &public);
            let text = text.replace("{D}", &direct).replace("{M}", &message);
            text.replace("{R}", &report).replace("{X}", NOBODYS)
        };
        let answer = send(&service.user(user), method, &named(path), &named(body));
        let place = format!("{user} {method} {path} {body}: {}", answer.text);
        assert_eq!(answer.status, *status, "{place}");
        let operation = operation(&document, method, &named(path));
        match answer.subscription {
            Some(_) => assert!(operation.description["responses"]["200"].is_object()),
            None => document.expect(&operation, &answer),
        }
        if path.ends_with("/reports") && *method == "POST" {
            report = id(&answer);
        }
        asked.push((operation.method.clone(), operation.path));
    }
    for operation in document.conversations() {
        let known = (operation.method.clone(), operation.path);
        assert!(asked.contains(&known), "{known:?}");
    }
}

#[test]
fn every_refusal_about_channels_is_documented() {
    let document = document();
    let mut count = 0;
    for operation in document.conversations() {
        count += 1;
        let service = Service::new();
        let user = service.user("ann");
        let channel = id_of(&user);
        let about_channel = operation.path.starts_with("/channels/");
        let id = if about_channel {
            channel.as_str()
        } else {
            NOBODYS
        };
        let path = operation.path.replace("{id}", id).replace("{userId}", "y");
        let path = path.replace("{emoji}", "z");
        let refused = |answer: Answer, status: u16| {
            assert_eq!(
                answer.status, status,
                "{} {path}: {}",
                operation.method, answer.text
            );
            document.expect(&operation, &answer);
        };
        let method = operation.method.as_str();
        refused(send(&service.nobody(), method, &path, ""), 401);
        let powerless = user.clone().claim("permissions", json!([]));
        refused(send(&powerless, method, &path, ""), 403);
        if let Some(body) = operation.description.get("requestBody") {
            if body["required"] == true {
                refused(send(&user, method, &path, ""), 400);
            }
            refused(send(&user, method, &path, "{"), 400);
            refused(send(&user, method, &path, "[]"), 422);
            refused(send(&user, method, &path, r#"{"nothing":1}"#), 422);
            refused(user.send(method, &path, Body::Long), 413);
            let text = [("content-type", "text/plain")];
            let text = user.send_with(method, &path, &text, Body::Bytes(b"{}".to_vec()));
            refused(text, 415);
            // Each value that the schema allows is one.
            let schema = &body["content"]["application/json"]["schema"];
            for sample in document.samples(schema) {
                // The samples don't know all bounds of numbers.
                if document.check(schema, &sample).is_err() {
                    continue;
                }
                let answer = send(&user, method, &path, &sample.to_string());
                document.expect(&operation, &answer);
                let is_known = matches!(answer.status, 200..=204 | 403 | 404 | 409)
                    || [
                        "\"const\"",
                        "\"attachment\"",
                        "\"maxItems\"",
                        "missingProperty",
                        "additional",
                    ]
                    .iter()
                    .any(|it| answer.text.contains(it));
                assert!(is_known, "{method} {path} {sample}: {}", answer.text);
            }
        }
        if method == "GET" {
            let head = user.send("HEAD", &path, Body::Empty);
            let get = user.get(&path);
            assert_eq!((head.status, head.text), (get.status, get.text), "{path}");
        }
    }
    assert!(count >= 50, "{count}");
}

fn id_of(user: &User) -> String {
    let made = user.post("/channels", json!({"kind": "group"}));
    made.json["id"].as_str().unwrap().to_owned()
}
