//! The numbers of messages, and what is sent again.

use serde_json::{Value as Json, json};

use super::id;
use crate::support::{Service, User};

fn seqs(user: &User, query: &str) -> (Vec<i64>, bool, bool) {
    let history = user.read(&format!("/channels/c/messages?{query}"));
    let messages = history["messages"].as_array().unwrap().iter();
    (
        messages.map(|it| it["seq"].as_i64().unwrap()).collect(),
        history["hasBefore"].as_bool().unwrap(),
        history["hasAfter"].as_bool().unwrap(),
    )
}

#[test]
fn each_way_of_sending_takes_the_next_number() {
    let service = Service::new();
    let ann = service.user("ann");
    let first = ann.say("c", "a");
    ann.tell("c", "b");
    ann.make(
        &format!("/messages/{first}/messages"),
        json!({"body": "c", "channelId": "c", "channelType": "group"}),
    );
    // What is refused takes none.
    let reply = json!({"body": "x", "parentMessageId": "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69"});
    assert_eq!(ann.ask("POST", "/channels/c/messages", reply).status, 404);
    service
        .0
        .faults
        .borrow_mut()
        .extend([None, None, None, Some(chat::ports::Error::Other)]);
    assert_eq!(
        ann.ask("POST", "/channels/c/messages", json!({"body": "x"}))
            .status,
        500
    );
    service.0.faults.borrow_mut().clear();
    ann.tell("c", "d");
    assert_eq!(seqs(&ann, ""), (vec![1, 2, 3, 4], false, false));
    assert_eq!(ann.said("c"), ["a", "b", "c", "d"]);
    assert_eq!(ann.entry("c")["lastSeq"], 4);
}

#[test]
fn what_has_no_number_yet_is_numbered_in_the_order_of_its_time() {
    let service = Service::new();
    let ann = service.user("ann");
    ann.tell_first("c");
    let old = |rows: &[(u32, &str, i64)]| {
        for (id, body, on) in rows {
            let sql = "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, \
                status, created_by, created_on, modified_by, modified_on, deleted) \
                VALUES (?, 't', 'c', 'g', ?, 0, 'bob', ?, 'bob', 1, FALSE)";
            let id = u128::from(*id).to_be_bytes().to_vec();
            service.0.connection.execute(sql, (id, body, on)).unwrap();
        }
    };
    old(&[(2, "late", 20), (1, "early", 10)]);
    assert_eq!(ann.said("c"), ["first", "early", "late"]);
    assert_eq!(ann.entry("c")["lastSeq"], 3);
    old(&[(3, "later", 30)]);
    // By whoever sends next as well.
    assert_eq!(ann.tell("c", "x")["seq"], 5);
    assert_eq!(seqs(&ann, "").0, [1, 2, 3, 4, 5]);
    assert_eq!(ann.said("c")[3..], ["later", "x"]);
}

impl User {
    fn tell_first(&self, channel: &str) {
        self.say(channel, "first");
    }
}

#[test]
fn pages_of_the_history_meet() {
    let service = Service::new();
    let ann = service.user("ann");
    for number in 1..=10 {
        ann.say("c", &number.to_string());
    }
    let gone = id(&ann.read("/channels/c/messages?around=5&limit=1")["messages"][0]);
    ann.delete(&format!("/messages/{gone}"));
    for (query, wanted) in [
        ("limit=3", (vec![8, 9, 10], true, false)),
        ("before=8&limit=3", (vec![4, 6, 7], true, true)),
        ("before=4&limit=3", (vec![1, 2, 3], false, true)),
        ("before=1", (vec![], false, true)),
        ("after=0&limit=2", (vec![1, 2], false, true)),
        ("after=8&limit=2", (vec![9, 10], true, false)),
        ("after=10", (vec![], true, false)),
        ("around=5&limit=4", (vec![3, 4, 6, 7], true, true)),
        ("around=1&limit=3", (vec![1, 2], false, true)),
        ("around=10&limit=2", (vec![10], true, false)),
    ] {
        let got = seqs(&ann, query);
        assert_eq!(got, wanted, "{query}");
    }
    for bad in [
        "before=x",
        "after=-1",
        "before=1&after=1",
        "limit=0",
        "around=1e3",
    ] {
        assert_eq!(
            ann.get(&format!("/channels/c/messages?{bad}")).status,
            400,
            "{bad}"
        );
    }
}

#[test]
fn what_is_sent_again_is_there_once() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let path = format!("/channels/{channel}/messages");
    let at_bob = bob.listen();
    let message = json!({"body": "x", "clientMessageId": "one"});
    let first = ann.ask("POST", &path, message.clone());
    service.tick();
    let again = ann.ask("POST", &path, message.clone());
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.text, again.text);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.json["clientMessageId"], "one");
    let other = json!({"body": "y", "clientMessageId": "one"});
    let reused = (409, "CLIENT_MESSAGE_ID_REUSED".to_owned());
    assert_eq!(ann.refused("POST", &path, other), reused);
    // Another sender, and another channel, have names of their own.
    assert_eq!(bob.done("POST", &path, message.clone())["seq"], 2);
    let elsewhere = ann.group("d", &[]);
    let elsewhere = format!("/channels/{elsewhere}/messages");
    assert_eq!(ann.done("POST", &elsewhere, message.clone())["seq"], 1);
    assert_eq!(bob.said(&channel), ["x", "x"]);
    assert_eq!(bob.entry(&channel)["lastSeq"], 2);
    let created = at_bob
        .kinds()
        .iter()
        .filter(|it| *it == "message.created")
        .count();
    assert_eq!(created, 2);
    // The original's route knows it as well.
    let original = json!({
        "body": "z", "channelId": channel, "channelType": "group", "clientMessageId": "two",
    });
    let first = ann.post("/messages", original.clone());
    let again = ann.post("/messages", original.clone());
    assert_eq!(first.json, again.json, "{}", again.text);
    assert_eq!(first.status, 200, "{}", first.text);
    // What is deleted gives its name free.
    ann.delete(&format!("/messages/{}", id(&first.json)));
    assert_ne!(id(&ann.make("/messages", original)), id(&first.json));
    assert_eq!(bob.said(&channel), ["x", "x", "z"]);
}

#[test]
fn messages_say_what_is_around_them() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let root = ann.tell_with(
        &channel,
        json!({"body": "x", "mentions": ["bob", "nobody"]}),
    );
    assert_eq!(root["mentions"], json!(["bob"]));
    bob.tell_with(
        &channel,
        json!({"body": "y", "parentMessageId": root["id"]}),
    );
    bob.done(
        "PUT",
        &format!("/messages/{}/reactions/%F0%9F%91%8D", id(&root)),
        Json::Null,
    );
    bob.done(
        "PUT",
        &format!("/messages/{}/favorite", id(&root)),
        Json::Null,
    );
    ann.done("PUT", &format!("/messages/{}/pin", id(&root)), Json::Null);
    let shown = |user: &User| {
        let history = user.read(&format!("/channels/{channel}/messages"));
        history["messages"][0].clone()
    };
    let seen = shown(&bob);
    assert_eq!(seen["replyCount"], 1);
    assert_eq!(
        seen["reactions"],
        json!([{"emoji": "👍", "count": 1, "mine": true}])
    );
    assert_eq!(
        (&seen["isFavorite"], &seen["pinnedBy"]),
        (&json!(true), &json!("ann"))
    );
    let seen = shown(&ann);
    assert_eq!(seen["reactions"][0]["mine"], false);
    assert_eq!(seen["isFavorite"], false);
    assert_eq!(bob.read("/mentions")[0]["id"], root["id"]);
    assert_eq!(ann.read("/mentions"), json!([]));
    let thread = ann.read(&format!("/messages/{}/thread", id(&root)));
    assert_eq!(thread[0]["body"], "y");
}

#[test]
fn a_direct_conversation_with_somebody_who_blocks_takes_nothing() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = id(&ann.done(
        "POST",
        "/channels",
        json!({"kind": "direct", "userId": "bob"}),
    ));
    bob.done("PUT", "/blocks/ann", Json::Null);
    let blocked = (403, "BLOCKED".to_owned());
    let path = format!("/channels/{channel}/messages");
    for user in [&ann, &bob] {
        assert_eq!(user.refused("POST", &path, json!({"body": "x"})), blocked);
        assert_eq!(user.said(&channel), [""; 0]);
    }
    let eve = service.user("eve");
    eve.done("PUT", "/blocks/bob", Json::Null);
    let direct = json!({"kind": "direct", "userId": "eve"});
    assert_eq!(bob.refused("POST", "/channels", direct), blocked);
    bob.done("DELETE", "/blocks/ann", Json::Null);
    assert_eq!(bob.ask("DELETE", "/blocks/ann", Json::Null).status, 404);
    ann.tell(&channel, "x");
    assert_eq!(bob.said(&channel), ["x"]);
}
