//! For each operation: whoever had a state before and applies the events since, has the
//! state that is read afterwards.

use serde_json::{Value as Json, json};

use super::Listener;
use super::id;
use super::state::State;
use crate::support::{Service, User};

/// Users with a group, a public channel and a direct conversation, and messages in them.
struct Scene {
    service: Service,
    group: String,
    public: String,
    direct: String,
    /// Messages of the group: ann's, with a file and a reply; bob's reply; eve's.
    first: String,
    reply: String,
    other: String,
    /// A row that ann has made for bob.
    row: String,
    report: String,
}

const USERS: [&str; 5] = ["ann", "bob", "eve", "mod", "zoe"];

impl Scene {
    fn new() -> Self {
        let service = Service::new();
        let (ann, bob, eve) = (
            service.user("ann"),
            service.user("bob"),
            service.user("eve"),
        );
        let group = ann.group("g", &["bob", "eve", "mod"]);
        let role = json!({"role": "moderator"});
        ann.done("PATCH", &format!("/channels/{group}/members/mod"), role);
        let public = id(&bob.done("POST", "/channels", json!({"kind": "public"})));
        bob.tell(&public, "p");
        let direct = json!({"kind": "direct", "userId": "bob"});
        let direct = id(&ann.done("POST", "/channels", direct));
        let first = id(&ann.tell(&group, "first"));
        let file = json!({"channelId": group, "messageId": first, "fileKey": "k"});
        ann.make("/attach-files", file);
        let reply = json!({"body": "reply", "parentMessageId": first});
        let reply = id(&bob.tell_with(&group, reply));
        let other = id(&eve.tell(&group, "other"));
        let row = json!({"channelId": group, "recipientId": "bob", "messageId": first});
        let row = id(&ann.make("/message-recipients", row));
        bob.done("PUT", &format!("/messages/{first}/reactions/a"), Json::Null);
        bob.done("PUT", &format!("/channels/{group}/read"), json!({"seq": 1}));
        ann.done("PUT", &format!("/messages/{reply}/pin"), Json::Null);
        let report = id(&bob.done("POST", &format!("/messages/{other}/reports"), Json::Null));
        bob.done("PUT", &format!("/channels/{public}/bans/x"), Json::Null);
        service.tick();
        Self {
            service,
            group,
            public,
            direct,
            first,
            reply,
            other,
            row,
            report,
        }
    }

    fn user(&self, name: &str) -> User {
        match name.strip_suffix('+') {
            Some(name) => self.service.user(name).moderator(),
            None => self.service.user(name),
        }
    }

    fn named(&self, text: &str) -> String {
        text.replace("GROUP", &self.group)
            .replace("PUBLIC", &self.public)
            .replace("DIRECT", &self.direct)
            .replace("FIRST", &self.first)
            .replace("REPLY", &self.reply)
            .replace("OTHER", &self.other)
            .replace("ROW", &self.row)
            .replace("REPORT", &self.report)
    }
}

/// Who does what: each operation that writes, the original's as well.
const OPERATIONS: &[(&str, &str, &str, &str)] = &[
    (
        "zoe",
        "POST",
        "/channels",
        r#"{"kind":"group","name":"n","members":["ann","bob"]}"#,
    ),
    ("zoe", "POST", "/channels", r#"{"kind":"public"}"#),
    (
        "zoe",
        "POST",
        "/channels",
        r#"{"kind":"direct","userId":"eve"}"#,
    ),
    (
        "ann",
        "PATCH",
        "/channels/GROUP",
        r#"{"name":"new","topic":"t","slowSeconds":1}"#,
    ),
    (
        "ann",
        "PATCH",
        "/channels/GROUP",
        r#"{"kind":"public","retentionSeconds":100000}"#,
    ),
    ("ann", "PUT", "/channels/GROUP/archive", ""),
    ("zoe", "POST", "/channels/PUBLIC/join", ""),
    ("eve", "POST", "/channels/GROUP/leave", ""),
    ("mod", "PUT", "/channels/GROUP/members/zoe", ""),
    (
        "ann",
        "PUT",
        "/channels/GROUP/members/zoe",
        r#"{"role":"owner"}"#,
    ),
    (
        "ann",
        "PATCH",
        "/channels/GROUP/members/bob",
        r#"{"role":"owner"}"#,
    ),
    ("ann", "DELETE", "/channels/GROUP/members/bob", ""),
    ("mod", "PUT", "/channels/GROUP/bans/eve", ""),
    ("bob", "PUT", "/channels/PUBLIC/bans/zoe", ""),
    ("bob", "PUT", "/channels/GROUP/mute", ""),
    ("bob", "PUT", "/channels/GROUP/read", r#"{"seq":2}"#),
    ("bob", "PUT", "/channels/GROUP/read", r#"{"seq":9}"#),
    ("bob", "PUT", "/channels/GROUP/unread", r#"{"seq":1}"#),
    ("eve", "PUT", "/channels/GROUP/delivered", r#"{"seq":2}"#),
    (
        "bob",
        "POST",
        "/channels/GROUP/messages",
        r#"{"body":"x","mentions":["ann"]}"#,
    ),
    (
        "bob",
        "POST",
        "/channels/GROUP/messages",
        r#"{"body":"x","parentMessageId":"FIRST"}"#,
    ),
    (
        "ann",
        "POST",
        "/channels/DIRECT/messages",
        r#"{"body":"x","clientMessageId":"c"}"#,
    ),
    (
        "ann",
        "POST",
        "/channels/GROUP/messages",
        r#"{"body":"x","recipients":["zoe","bob"]}"#,
    ),
    (
        "bob",
        "POST",
        "/channels/GROUP/messages",
        r#"{"body":"x","recipients":["zoe"]}"#,
    ),
    (
        "zoe",
        "POST",
        "/messages",
        r#"{"body":"x","channelId":"new","channelType":"g","toUserId":"ann"}"#,
    ),
    (
        "ann",
        "POST",
        "/messages",
        r#"{"body":"x","channelId":"GROUP","channelType":"g","toUserId":"zoe"}"#,
    ),
    (
        "ann",
        "POST",
        "/messages/FIRST/messages",
        r#"{"body":"x","channelId":"GROUP","channelType":"g"}"#,
    ),
    ("ann", "PATCH", "/messages/FIRST", r#"{"body":"edited"}"#),
    ("ann", "PATCH", "/messages/FIRST", r#"{"status":3}"#),
    (
        "ann",
        "PUT",
        "/messages/FIRST",
        r#"{"body":"put","channelId":"GROUP","channelType":"group"}"#,
    ),
    (
        "eve",
        "PATCH",
        "/messages/OTHER",
        r#"{"parentMessageId":"FIRST"}"#,
    ),
    (
        "eve",
        "PATCH",
        "/messages/OTHER",
        r#"{"body":"last one, edited"}"#,
    ),
    (
        "bob",
        "PUT",
        "/messages/REPLY",
        r#"{"body":"put","channelId":"GROUP","channelType":"group"}"#,
    ),
    (
        "ann+",
        "PATCH",
        "/messages?where={\"channelId\":\"GROUP\"}",
        r#"{"subject":"s"}"#,
    ),
    (
        "bob",
        "PATCH",
        "/messages/FIRST/messages?where={\"body\":\"reply\"}",
        r#"{"body":"y"}"#,
    ),
    ("ann", "DELETE", "/messages/FIRST", ""),
    ("bob", "DELETE", "/messages/REPLY", ""),
    ("mod", "DELETE", "/messages/OTHER", ""),
    (
        "bob",
        "DELETE",
        "/messages/FIRST/messages?where={\"body\":\"reply\"}",
        "",
    ),
    (
        "ann",
        "POST",
        "/message-recipients",
        r#"{"channelId":"GROUP","recipientId":"zoe","messageId":"FIRST"}"#,
    ),
    (
        "bob",
        "POST",
        "/message-recipients",
        r#"{"channelId":"GROUP","recipientId":"bob","messageId":"OTHER","isFavorite":true}"#,
    ),
    (
        "bob",
        "POST",
        "/message-recipients",
        r#"{"channelId":"GROUP","recipientId":"zoe","messageId":"FIRST","isForwarded":true}"#,
    ),
    (
        "bob",
        "POST",
        "/messages/OTHER/message-recipients",
        r#"{"channelId":"GROUP","recipientId":"bob"}"#,
    ),
    (
        "bob",
        "PATCH",
        "/message-recipients/ROW",
        r#"{"isFavorite":true}"#,
    ),
    (
        "bob",
        "PATCH",
        "/message-recipients?where={\"messageId\":\"FIRST\"}",
        r#"{"isFavorite":true}"#,
    ),
    (
        "bob",
        "PATCH",
        "/messages/FIRST/message-recipients?where={\"isRead\":true}",
        r#"{"isFavorite":true}"#,
    ),
    (
        "bob",
        "PUT",
        "/message-recipients/ROW",
        r#"{"channelId":"GROUP","recipientId":"bob","messageId":"FIRST","isFavorite":true}"#,
    ),
    ("bob", "DELETE", "/message-recipients/ROW", ""),
    (
        "ann",
        "DELETE",
        "/messages/FIRST/message-recipients?where={\"recipientId\":\"bob\"}",
        "",
    ),
    (
        "ann",
        "POST",
        "/attach-files",
        r#"{"channelId":"GROUP","messageId":"FIRST"}"#,
    ),
    (
        "ann",
        "POST",
        "/attach-files/bulk",
        r#"{"attachmentFiles":[{"messageId":"FIRST"},{"fileKey":"x"}]}"#,
    ),
    (
        "ann",
        "PATCH",
        "/attach-files?where={\"fileKey\":\"k\"}",
        r#"{"fileKey":"l"}"#,
    ),
    ("mod", "PUT", "/messages/FIRST/reactions/a", ""),
    ("eve", "PUT", "/messages/FIRST/reactions/a", ""),
    ("eve", "PUT", "/messages/FIRST/reactions/b", ""),
    ("bob", "DELETE", "/messages/FIRST/reactions/a", ""),
    ("mod", "PUT", "/messages/FIRST/pin", ""),
    ("mod", "DELETE", "/messages/REPLY/pin", ""),
    ("bob", "PUT", "/messages/FIRST/favorite", ""),
    ("bob", "PUT", "/messages/OTHER/favorite", ""),
    ("bob", "DELETE", "/messages/FIRST/favorite", ""),
    ("bob", "PUT", "/messages/OTHER/hidden", ""),
    ("bob", "PUT", "/messages/FIRST/hidden", ""),
    (
        "bob",
        "POST",
        "/messages/FIRST/forward",
        r#"{"channelId":"DIRECT"}"#,
    ),
    ("bob", "PUT", "/blocks/ann", ""),
    ("bob", "POST", "/messages/FIRST/reports", ""),
    ("mod", "PATCH", "/reports/REPORT", r#"{"state":"resolved"}"#),
    ("eve", "POST", "/users/eve/erasure", ""),
    ("ann+", "POST", "/users/bob/erasure", ""),
];

#[test]
fn events_lead_from_the_old_state_to_the_new() {
    for (actor, method, path, body) in OPERATIONS {
        let scene = Scene::new();
        let body = match scene.named(body) {
            body if body.is_empty() => Json::Null,
            body => serde_json::from_str(&body).unwrap(),
        };
        let place = format!("{actor} {method} {path} {body}");
        let told = scene.service.0.events.borrow().len();
        let users = USERS.map(|name| scene.user(name));
        let before: Vec<(State, Listener)> = users
            .iter()
            // Whoever listens first, and reads then, misses nothing in between.
            .map(|user| {
                let listener = user.listen();
                (State::read(user), listener)
            })
            .collect();
        let answer = scene.user(actor).ask(method, &scene.named(path), body);
        assert!(
            (200..300).contains(&answer.status),
            "{place}: {}",
            answer.text
        );
        assert!(
            scene.service.0.events.borrow().len() > told,
            "nothing was told: {place}"
        );
        for (user, (old, listener)) in users.iter().zip(before) {
            let heard = listener.heard();
            let mut state = old.clone();
            for (kind, data) in &heard {
                state.apply(user, kind, data);
            }
            let fresh = State::read(user);
            let (got, wanted) = (state.clone().like(&fresh), fresh.like(&state));
            assert_eq!(got, wanted, "{place}\n{heard:#?}");
        }
    }
}

/// One after the other, on one state.
#[test]
fn events_of_many_operations_add_up() {
    let scene = Scene::new();
    let users = USERS.map(|name| scene.user(name));
    let mut clients: Vec<_> = users
        .iter()
        .map(|user| (State::read(user), user.listen()))
        .collect();
    let mut done = 0;
    for (actor, method, path, body) in OPERATIONS {
        if path.contains("erasure") || path.contains("archive") {
            continue;
        }
        let body = match scene.named(body) {
            body if body.is_empty() => Json::Null,
            body => serde_json::from_str(&body).unwrap(),
        };
        scene.service.seconds(2);
        let answer = scene.user(actor).ask(method, &scene.named(path), body);
        done += usize::from(answer.status < 300);
        for (user, (state, listener)) in users.iter().zip(&mut clients) {
            for (kind, data) in listener.heard() {
                state.apply(user, &kind, &data);
            }
            listener.options = user.listen().options;
            listener.from = scene.service.0.events.borrow().len();
            let fresh = State::read(user);
            let (got, wanted) = (state.clone().like(&fresh), fresh.clone().like(state));
            assert_eq!(got, wanted, "{actor} {method} {path}");
            *state = fresh;
        }
    }
    assert!(done > 30, "{done}");
}
