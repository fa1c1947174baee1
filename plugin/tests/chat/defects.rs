//! Defects of the original that no other test shows as they were found there.

use serde_json::json;

use crate::support::{Service, encoded, join};

/// An `or` lost the message of the path: every row was marked, and moved to that message.
#[test]
fn an_or_below_a_message_stays_below_it() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let first = ann.say("c", "first");
    let second = ann.say("c", "second");
    for id in [&first, &second] {
        let row = json!({"channelId": "c", "messageId": id, "recipientId": "bob"});
        ann.make("/message-recipients", row);
    }
    let or = encoded(&json!({"or": [{"isRead": false}, {}]}));
    let path = format!("/messages/{first}/message-recipients?where={or}");
    assert_eq!(bob.patch(&path, json!({"isRead": true})).json["count"], 1);
    let other = bob.read(&format!("/messages/{second}/message-recipients"));
    assert_eq!(other[0]["isRead"], false);
    assert_eq!(other[0]["messageId"], second.as_str());
    assert_eq!(bob.delete(&path).json["count"], 1);
    assert_eq!(ann.read("/message-recipients/count")["count"], 1);
}

/// The first text of an error was kept and given to later callers.
#[test]
fn an_error_holds_nothing_of_another_request() {
    let user = Service::new().user("ann");
    for id in [
        "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69",
        "00000000-0000-7000-8000-000000000000",
    ] {
        let answer = user.delete(&format!("/messages/{id}"));
        let wanted = format!("Entity not found: messages with id \"{id}\"");
        assert_eq!(answer.json["error"]["message"], wanted);
    }
    // A text is the same after others as it is at first.
    let path = |text: &str| format!("/messages?filter={text}");
    user.get(&path("{one"));
    let fresh = Service::new().user("ann").get(&path("{\"limit\":-1}"));
    assert_eq!(user.get(&path("{\"limit\":-1}")).text, fresh.text);
}

/// What belongs to a deleted message was still listed, counted and included.
#[test]
fn with_a_message_goes_what_belongs_to_it() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let id = ann.say("c", "first");
    join(&service, "c", "bob", "member");
    bob.make(
        "/message-recipients",
        json!({"channelId": "c", "messageId": id, "recipientId": "bob"}),
    );
    ann.make("/attach-files", json!({"messageId": id}));
    assert_eq!(ann.delete(&format!("/messages/{id}")).status, 204);
    for user in [&ann, &bob] {
        for path in ["/message-recipients", "/attach-files"] {
            assert_eq!(user.read(path), json!([]), "{path}");
            assert_eq!(user.read(&format!("{path}/count"))["count"], 0, "{path}");
            let patched = user.patch(path, json!({}));
            assert_eq!(patched.json["count"], 0, "{path}");
        }
    }
}
