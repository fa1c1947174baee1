//! How fast, how long, and how somebody goes.

use serde_json::{Value as Json, json};

use super::id;
use crate::support::Service;

#[test]
fn a_slow_channel_makes_members_wait_and_moderators_not() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    ann.done(
        "PATCH",
        &format!("/channels/{channel}"),
        json!({"slowSeconds": 10}),
    );
    let path = format!("/channels/{channel}/messages");
    bob.tell_with(&channel, json!({"body": "a", "clientMessageId": "a"}));
    let slow = bob.ask("POST", &path, json!({"body": "b"}));
    assert_eq!((slow.status, slow.header("retry-after")), (429, Some("10")));
    assert_eq!(slow.json["error"]["code"], "SLOW_MODE");
    // What is sent again is no new message.
    let again = json!({"body": "a", "clientMessageId": "a"});
    assert_eq!(bob.ask("POST", &path, again).status, 200);
    ann.tell(&channel, "c");
    ann.tell(&channel, "d");
    service.seconds(9);
    assert_eq!(bob.ask("POST", &path, json!({"body": "b"})).status, 429);
    service.seconds(1);
    bob.tell(&channel, "b");
    assert_eq!(ann.said(&channel), ["a", "c", "d", "b"]);
}

#[test]
fn a_user_sends_no_more_in_a_minute_than_the_operator_says() {
    let service = Service::new();
    service
        .0
        .settings
        .borrow_mut()
        .insert("messages-per-minute", "2".to_owned());
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    ann.say(&channel, "a");
    ann.tell(&channel, "b");
    let path = format!("/channels/{channel}/messages");
    let many = ann.ask("POST", &path, json!({"body": "c"}));
    assert_eq!(many.json["error"]["code"], "TOO_MANY_MESSAGES");
    // The clock stands at 17.76 s of its minute.
    assert_eq!((many.status, many.header("retry-after")), (429, Some("43")));
    bob.tell(&channel, "d");
    service.seconds(43);
    ann.tell(&channel, "e");
    assert_eq!(ann.said(&channel), ["a", "b", "d", "e"]);
}

#[test]
fn what_is_older_than_the_channel_keeps_it_is_gone() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    ann.done(
        "PATCH",
        &format!("/channels/{channel}"),
        json!({"retentionSeconds": 60}),
    );
    ann.tell(&channel, "a");
    service.seconds(30);
    ann.tell(&channel, "b");
    let at_bob = bob.listen();
    service.seconds(31);
    assert_eq!(bob.said(&channel), ["b"]);
    assert_eq!(at_bob.kinds(), ["message.deleted"]);
    // Nobody in particular.
    assert_eq!(at_bob.heard()[0].1["deletedBy"], Json::Null);
    assert_eq!(bob.entry(&channel)["unread"], 1);
    service.seconds(31);
    ann.tell(&channel, "c");
    assert_eq!(at_bob.kinds()[1..], ["message.deleted", "message.created"]);
    assert_eq!(bob.read("/messages").as_array().unwrap().len(), 1);
}

#[test]
fn who_is_erased_leaves_nothing_but_the_record() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = bob.group("secret-group", &["ann", "eve"]);
    let kept = id(&ann.tell(&channel, "kept"));
    let gone = id(&bob.tell_with(
        &channel,
        json!({
            "body": "secret", "subject": "secret", "clientMessageId": "secret", "mentions": ["ann"],
        }),
    ));
    bob.patch(
        &format!("/messages/{gone}"),
        json!({"body": "secret again"}),
    );
    ann.tell_with(&channel, json!({"body": "answer", "mentions": ["bob"]}));
    bob.done("PUT", &format!("/messages/{gone}/pin"), Json::Null);
    bob.done("PUT", &format!("/messages/{kept}/reactions/x"), Json::Null);
    bob.done("PUT", &format!("/messages/{kept}/favorite"), Json::Null);
    bob.done(
        "POST",
        &format!("/messages/{kept}/reports"),
        json!({"reason": "secret"}),
    );
    bob.done("PUT", "/blocks/eve", Json::Null);
    bob.done("PUT", "/presence", json!({"status": "online"}));
    let announced = json!({"channelId": channel, "name": "secret", "size": 1});
    bob.done("POST", "/attachments", announced);
    let export = bob.read("/export");
    assert_eq!(export["messages"][0]["body"], "secret again");
    for (name, count) in [
        ("memberships", 1),
        ("reactions", 1),
        ("blocked", 1),
        ("reports", 1),
    ] {
        assert_eq!(
            export["others"][name].as_array().unwrap().len(),
            count,
            "{name}"
        );
    }
    let path = "/users/bob/erasure";
    assert_eq!(ann.ask("POST", path, Json::Null).status, 403);
    assert_eq!(service.last_entry().action, "user.erase");
    let recorded = service.0.audit.borrow().len();
    let at_ann = ann.listen();
    let mut steps = 0;
    while bob.done("POST", path, Json::Null)["done"] != true {
        steps += 1;
        assert!(steps < 10);
    }
    assert_eq!(ann.said(&channel), ["kept", "answer"]);
    // A channel goes to whoever came first.
    assert_eq!(ann.entry(&channel)["membership"]["role"], "owner");
    let kinds = at_ann.kinds();
    for kind in ["message.deleted", "member.updated", "member.left"] {
        assert!(kinds.contains(&kind.to_owned()), "{kind}: {kinds:?}");
    }
    let mut dump = String::new();
    for table in crate::matrix::tables(&service) {
        let sql = format!("SELECT * FROM {table}");
        let mut statement = service.0.connection.prepare(&sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                if let Ok(text) = row.get::<_, String>(column) {
                    let is_left = text.contains("secret") && text != "secret-group";
                    assert!(!is_left && text != "bob", "{table}: {text}");
                    dump.push_str(&text);
                }
            }
        }
    }
    assert!(dump.contains("answer"));
    assert!(service.0.audit.borrow().len() > recorded);
    assert_eq!(service.last_entry().action, "user.erase");
}
