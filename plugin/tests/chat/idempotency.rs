//! `Idempotency-Key`.

use chat::api::Body;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Service, User};

/// A day, in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn post(user: &User, path: &str, key: &str, body: &Json) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    user.send_with(
        "POST",
        path,
        &headers,
        Body::Bytes(body.to_string().into_bytes()),
    )
}

fn message(body: &str) -> Json {
    json!({"body": body, "channelId": "c", "channelType": "group"})
}

fn kept(service: &Service) -> i64 {
    let count = "SELECT COUNT(*) FROM chat_idempotency";
    service
        .0
        .connection
        .query_row(count, [], |row| row.get(0))
        .unwrap()
}

#[test]
fn every_post_is_done_once() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "first");
    let file = json!({"fileKey": "k"});
    let recipient = json!({"recipientId": "bob", "channelId": "c", "messageId": id});
    let below = json!({"recipientId": "eve", "channelId": "c"});
    for (number, (path, body)) in [
        ("/messages".to_owned(), message("x")),
        (format!("/messages/{id}/messages"), message("reply")),
        ("/message-recipients".to_owned(), recipient),
        (format!("/messages/{id}/message-recipients"), below),
        ("/attach-files".to_owned(), file.clone()),
        (
            "/attach-files/bulk".to_owned(),
            json!({"attachmentFiles": [file, {}]}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("key-{number}");
        let first = post(&ann, &path, &key, &body);
        assert_eq!(
            (first.status, first.header("idempotency-replayed")),
            (200, None),
            "{path}: {}",
            first.text
        );
        let recorded = service.0.audit.borrow().len();
        let again = post(&ann, &path, &format!("\"{key}\""), &body);
        assert_eq!((again.status, &again.text), (200, &first.text), "{path}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(service.0.audit.borrow().len(), recorded);
    }
    assert_eq!(ann.count(json!({})), 3);
}

#[test]
fn a_key_stands_for_one_request_of_one_user() {
    let service = Service::new();
    let ann = service.user("ann");
    assert_eq!(post(&ann, "/messages", "k", &message("x")).status, 200);
    for (path, body) in [("/messages", message("y")), ("/messages?a=1", message("x"))] {
        let other = post(&ann, path, "k", &body);
        assert_eq!(other.status, 409);
        assert_eq!(other.json["error"]["code"], "IDEMPOTENCY_KEY_REUSED");
    }
    let elsewhere = json!({"body": "x", "channelId": "d", "channelType": "group"});
    assert_eq!(
        post(&service.user("bob"), "/messages", "k", &elsewhere).status,
        200
    );
    let foreign = ann.clone().claim("tenantId", json!("u"));
    assert_eq!(post(&foreign, "/messages", "k", &elsewhere).status, 200);
    assert_eq!(ann.count(json!({})), 1);
}

#[test]
fn what_was_refused_is_decided_anew() {
    let service = Service::new();
    service.user("ann").say("c", "x");
    let bob = service.user("bob");
    assert_eq!(post(&bob, "/messages", "k", &message("x")).status, 404);
    assert_eq!(kept(&service), 0);
    crate::support::join(&service, "c", "bob", "member");
    assert_eq!(post(&bob, "/messages", "k", &message("other")).status, 200);
}

#[test]
fn an_answer_is_kept_for_a_day() {
    let service = Service::new();
    let ann = service.user("ann");
    let now = &service.0.now;
    let first = post(&ann, "/messages", "k", &message("x")).text;
    now.set(now.get() + DAY - 1);
    assert_eq!(post(&ann, "/messages", "k", &message("x")).text, first);
    now.set(now.get() + 1);
    let later = post(&ann, "/messages", "k", &message("other"));
    assert_eq!(
        (later.status, later.header("idempotency-replayed")),
        (200, None)
    );
    assert_eq!(kept(&service), 1);
}

#[test]
fn a_request_removes_some_of_what_is_too_old() {
    let service = Service::new();
    let ann = service.user("ann");
    let now = &service.0.now;
    for number in 0..50 {
        now.set(now.get() + 1);
        post(&ann, "/messages", &format!("old-{number}"), &message("x"));
    }
    now.set(now.get() + DAY);
    for left in [31, 12, 3, 4] {
        post(&ann, "/messages", &format!("new-{left}"), &message("x"));
        assert_eq!(kept(&service), left);
    }
}

#[test]
fn what_is_no_key() {
    let ann = Service::new().user("ann");
    for bad in ["", " ", "a b", "\"a", "é", &"k".repeat(129)] {
        let answer = post(&ann, "/messages", bad, &message("x"));
        assert_eq!(answer.status, 400, "{bad}");
        assert_eq!(answer.json["error"]["code"], "INVALID_IDEMPOTENCY_KEY");
    }
}
