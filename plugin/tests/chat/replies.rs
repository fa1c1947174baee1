//! `/messages/{id}/messages`.

use serde_json::{Value as Json, json};

use crate::support::{Service, encoded, join};

fn reply(body: &str) -> Json {
    json!({"body": body, "channelId": "c", "channelType": "group"})
}

#[test]
fn a_reply_names_its_parent() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let parent = ann.say("c", "question");
    join(&service, "c", "bob", "member");
    let path = format!("/messages/{parent}/messages");
    let answer = bob.make(&path, reply("answer"));
    assert_eq!(answer["parentMessageId"], parent.as_str());
    ann.say("c", "something else");
    let replies = ann.read(&path);
    assert_eq!(replies.as_array().unwrap().len(), 1);
    assert_eq!(replies[0]["body"], "answer");

    // The path and the body may both say it, but not two things.
    let mut body = reply("again");
    body["parentMessageId"] = json!(parent);
    bob.make(&path, body.clone());
    body["parentMessageId"] = json!("00000000-0000-7000-8000-000000000000");
    let refused = bob.post(&path, body);
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json["error"]["details"][0]["path"],
        "/parentMessageId"
    );
}

#[test]
fn below_what_is_not_there_is_nothing() {
    let service = Service::new();
    let (ann, eve) = (service.user("ann"), service.user("eve"));
    let parent = ann.say("c", "question");
    ann.make(&format!("/messages/{parent}/messages"), reply("answer"));
    let gone = ann.say("c", "gone");
    assert_eq!(ann.delete(&format!("/messages/{gone}")).status, 204);
    let unknown = "00000000-0000-7000-8000-000000000000";
    for (user, id) in [
        (&eve, parent.as_str()),
        (&ann, unknown),
        (&ann, "no-uuid"),
        (&ann, gone.as_str()),
    ] {
        let path = format!("/messages/{id}/messages");
        assert_eq!(user.read(&path), json!([]), "{id}");
        let posted = user.post(&path, reply("x"));
        assert_eq!(posted.status, 404, "{id}");
        assert_eq!(posted.json["error"]["name"], "NotFoundError");
        assert_eq!(
            posted.json["error"]["message"],
            format!(
                "Related entity not found ! Key (parent_message_id)=({id}) is not present in \
                 table \"messages\"."
            )
        );
        let changed = user.patch(&path, json!({"status": 1}));
        assert_eq!((changed.status, &changed.json["count"]), (200, &json!(0)));
        let deleted = user.delete(&path);
        assert_eq!((deleted.status, &deleted.json["count"]), (200, &json!(0)));
    }
    assert_eq!(ann.count(json!({"status": 0})), 2);
}

#[test]
fn replies_are_changed_and_deleted_together_and_no_others() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let parent = ann.say("c", "question");
    join(&service, "c", "bob", "member");
    let path = format!("/messages/{parent}/messages");
    for body in ["one", "two"] {
        bob.make(&path, reply(body));
    }
    ann.make(&path, reply("mine"));
    bob.say("c", "elsewhere");

    // Bob's own only, for he doesn't own the channel; and `or` widens nothing.
    let or = encoded(&json!({"or": [{"status": 0}, {"status": 1}]}));
    let changed = bob.patch(&format!("{path}?where={or}"), json!({"status": 7}));
    assert_eq!(changed.json, json!({"count": 2}), "{}", changed.text);
    assert_eq!(bob.count(json!({"status": 7})), 2);
    assert_eq!(bob.count(json!({"parentMessageId": parent})), 3);

    let moved = bob.patch(&path, json!({"parentMessageId": parent}));
    assert_eq!(moved.json, json!({"count": 2}));
    let away = bob.patch(
        &path,
        json!({"parentMessageId": "00000000-0000-7000-8000-000000000000"}),
    );
    assert_eq!(away.status, 422, "{}", away.text);

    let one = encoded(&json!({"body": "one"}));
    let deleted = bob.delete(&format!("{path}?where={one}"));
    assert_eq!(deleted.json, json!({"count": 1}));
    let entry = service.last_entry();
    assert_eq!(entry.action, "message.delete");
    assert!(entry.details.unwrap().contains("\"count\":1"));
    // What is deleted isn't counted again.
    assert_eq!(bob.delete(&path).json, json!({"count": 1}));
    assert_eq!(bob.delete(&path).json, json!({"count": 0}));
    // Ann owns the channel.
    assert_eq!(ann.delete(&path).json, json!({"count": 1}));
    assert_eq!(ann.read(&path), json!([]));
    assert_eq!(ann.count(json!({})), 2);
}
