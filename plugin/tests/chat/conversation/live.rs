//! What is heard live: who hears what, tickets, and what is only said aloud.

use serde_json::{Value as Json, json};

use crate::support::Service;

#[test]
fn everybody_hears_the_own_channels_and_nothing_else() {
    let service = Service::new();
    let (ann, bob, eve) = (
        service.user("ann"),
        service.user("bob"),
        service.user("eve"),
    );
    let channel = ann.group("c", &["bob"]);
    let (at_bob, at_eve) = (bob.listen(), eve.listen());
    assert_eq!(at_bob.options.subject, "t/bob");
    assert_eq!(
        at_bob.options.topics,
        ["t/user/bob".to_owned(), format!("t/channel/{channel}")]
    );
    assert_eq!(at_eve.options.topics, ["t/user/eve"]);
    let other = bob.clone().claim("tenantId", json!("u"));
    assert_eq!(other.listen().options.topics, ["u/user/bob"]);
    // By each of the routes.
    ann.tell(&channel, "a");
    let first = ann.say(&channel, "b");
    let below = format!("/messages/{first}/messages");
    ann.make(
        &below,
        json!({"body": "c", "channelId": channel, "channelType": "g"}),
    );
    ann.patch(&format!("/messages/{first}"), json!({"body": "B"}));
    ann.patch(
        &format!("/messages?where={{\"id\":\"{first}\"}}"),
        json!({"status": 1}),
    );
    ann.make(
        "/attach-files",
        json!({"channelId": channel, "messageId": first}),
    );
    ann.delete(&format!(
        "/messages/{first}/messages?where={{\"body\":\"c\"}}"
    ));
    ann.delete(&format!("/messages/{first}"));
    let kinds = at_bob.kinds();
    assert_eq!(
        kinds,
        [
            "message.created",
            "message.created",
            "message.created",
            "thread.updated",
            "message.updated",
            "message.updated",
            "message.updated",
            "message.deleted",
            "thread.updated",
            "message.deleted",
        ]
    );
    let heard = at_bob.heard();
    assert_eq!(heard[4].1["body"], "B");
    assert_eq!(
        (&heard[3].1["replyCount"], &heard[8].1["replyCount"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(at_eve.kinds(), [""; 0]);
}

#[test]
fn whom_a_message_is_for_hears_of_it_without_being_a_member() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let at_eve = service.user("eve").listen();
    // Not the owner: nobody is invited by it.
    let message = json!({
        "body": "x", "channelId": channel, "channelType": "g", "toUserId": "eve",
        "recipients": ["zoe"],
    });
    let at_zoe = service.user("zoe").listen();
    let sent = bob.make("/messages", message);
    assert_eq!(at_eve.kinds(), ["message.created"]);
    assert_eq!(at_zoe.kinds(), ["recipient.created"]);
    assert_eq!(at_zoe.heard()[0].1["message"]["body"], "x");
    bob.patch(
        &format!("/messages/{}", super::id(&sent)),
        json!({"body": "y"}),
    );
    bob.delete(&format!("/messages/{}", super::id(&sent)));
    assert_eq!(at_eve.kinds()[1..], ["message.updated", "message.deleted"]);
    assert_eq!(at_zoe.kinds()[1..], ["message.updated", "message.deleted"]);
}

#[test]
fn what_was_not_committed_is_not_told() {
    let service = Service::new();
    let ann = service.user("ann");
    let channel = ann.group("c", &[]);
    let at_ann = ann.listen();
    let path = format!("/channels/{channel}/messages");
    let statements = 6;
    for failing in 1..statements {
        let mut faults: Vec<_> = (0..failing).map(|_| None).collect();
        faults.push(Some(chat::ports::Error::Other));
        service.0.faults.borrow_mut().extend(faults);
        let answer = ann.ask("POST", &path, json!({"body": "x"}));
        if answer.status == 200 {
            service.0.faults.borrow_mut().clear();
            break;
        }
        assert_eq!(at_ann.kinds(), [""; 0], "{failing}");
    }
    assert_eq!(at_ann.kinds(), ["message.created"]);
}

#[test]
fn more_than_a_few_are_told_together() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    for _ in 0..101 {
        ann.tell(&channel, "x");
    }
    let at_bob = bob.listen();
    let many = ann.patch("/messages?where={\"body\":\"x\"}", json!({"body": "y"}));
    assert_eq!(many.json["count"], 101);
    assert_eq!(
        at_bob.heard(),
        [("messages.changed".to_owned(), json!({"channelId": channel}))]
    );
}

#[test]
fn a_long_message_is_told_without_its_body() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let at_bob = bob.listen();
    let sent = ann.tell(&channel, &"x".repeat(65_000));
    let (kind, data) = at_bob.heard().remove(0);
    assert_eq!(kind, "message.created");
    assert_eq!((&data["id"], &data["seq"]), (&sent["id"], &json!(1)));
    assert_eq!(
        (&data["omitted"], &data["body"]),
        (&json!(["body"]), &Json::Null)
    );
    assert_eq!(bob.said(&channel), ["x".repeat(65_000)]);
}

#[test]
fn a_ticket_opens_one_stream_within_a_minute() {
    let service = Service::new();
    let ann = service.user("ann").claim("exp", json!(1_900_000_000));
    ann.group("c", &[]);
    let made = ann.ask("POST", "/events/tickets", Json::Null);
    assert_eq!(made.status, 201, "{}", made.text);
    let ticket = made.json["ticket"].as_str().unwrap().to_owned();
    assert_eq!(made.json["url"], format!("../events?ticket={ticket}"));
    let nobody = service.nobody();
    let path = format!("/events?ticket={ticket}");
    // It is for that alone, and not used up by what it isn't for.
    assert_eq!(nobody.get(&format!("/sync?ticket={ticket}")).status, 401);
    assert_eq!(
        nobody.send("HEAD", &path, chat::api::Body::Empty).status,
        401
    );
    let opened = nobody.get(&path).subscription.unwrap();
    assert_eq!(opened.subject, "t/ann");
    assert_eq!(opened.topics.len(), 2);
    assert_eq!(opened.expires, Some(1_900_000_000));
    let used = nobody.get(&path);
    assert_eq!((used.status, used.subscription.is_none()), (401, true));
    assert_eq!(used.json["error"]["code"], "INVALID_TICKET");
    for bad in ["", "x", &"A".repeat(43)] {
        assert_eq!(
            nobody.get(&format!("/events?ticket={bad}")).status,
            401,
            "{bad}"
        );
    }
    let late = ann.done("POST", "/events/tickets", Json::Null);
    service.seconds(60);
    let late = late["ticket"].as_str().unwrap();
    assert_eq!(nobody.get(&format!("/events?ticket={late}")).status, 401);
    let count = "SELECT COUNT(*) FROM chat_tickets";
    let count = || -> i64 {
        service
            .0
            .connection
            .query_row(count, (), |it| it.get(0))
            .unwrap()
    };
    ann.done("POST", "/events/tickets", Json::Null);
    // What has expired goes with the next.
    assert_eq!(count(), 1);
}

#[test]
fn a_stream_goes_on_where_the_client_was() {
    let service = Service::new();
    let ann = service.user("ann");
    let after = |path: &str, headers: &[(&str, &str)]| {
        let answer = ann.send_with("GET", path, headers, chat::api::Body::Empty);
        answer.subscription.unwrap().after
    };
    assert_eq!(after("/events", &[]), None);
    assert_eq!(
        after("/events?cursor=v1.a.1", &[]).as_deref(),
        Some("v1.a.1")
    );
    let header = [("last-event-id", "v1.a.2")];
    assert_eq!(
        after("/events?cursor=v1.a.1", &header).as_deref(),
        Some("v1.a.2")
    );
    let long = format!("/events?cursor={}", "x".repeat(5_000));
    assert_eq!(after(&long, &[]).unwrap().len(), 1_024);
}

#[test]
fn the_state_comes_with_the_place_behind_it() {
    let service = Service::new();
    service
        .0
        .settings
        .borrow_mut()
        .insert("sync-channels", "2".to_owned());
    let ann = service.user("ann");
    let channels: Vec<_> = (0..3).map(|it| ann.group(&it.to_string(), &[])).collect();
    for channel in &channels {
        ann.tell(channel, "x");
    }
    let first = ann.get("/sync");
    let head = service.0.events.borrow().len().to_string();
    assert_eq!(first.json["cursor"], head);
    assert_eq!(first.json["channels"].as_array().unwrap().len(), 2);
    let cursor = first.header("x-next-cursor").unwrap();
    let next = ann.get(&format!("/sync?cursor={cursor}"));
    assert_eq!(super::id(&next.json["channels"][0]), channels[0]);
    assert_eq!(next.header("x-next-cursor"), None);
    // The place is taken before the state is read.
    service.0.statements.borrow_mut().clear();
    ann.get("/sync");
    assert!(!service.0.statements.borrow().is_empty());
}

#[test]
fn typing_and_presence_are_said_and_not_kept() {
    let service = Service::new();
    let (ann, bob, eve) = (
        service.user("ann"),
        service.user("bob"),
        service.user("eve"),
    );
    let channel = ann.group("c", &["bob"]);
    let topic = format!("t/channel/{channel}");
    let stored = service.0.events.borrow().len();
    let typing = format!("/channels/{channel}/typing");
    bob.done("POST", &typing, Json::Null);
    bob.done("POST", &typing, json!({"typing": false}));
    assert_eq!(eve.ask("POST", &typing, Json::Null).status, 404);
    ann.done("PUT", "/presence", json!({"status": "online"}));
    let signals = service.0.signals.take();
    let kinds: Vec<_> = signals.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["typing", "typing", "presence"]);
    assert!(signals.iter().all(|it| it.topic == topic));
    assert_eq!(service.0.events.borrow().len(), stored);
    let seen = bob.read("/presence?ids=ann,zoe");
    assert_eq!(
        (&seen[0]["userId"], &seen[0]["status"]),
        (&json!("ann"), &json!("online"))
    );
    // Only those who share a channel know.
    assert_eq!(eve.read("/presence?ids=ann"), json!([]));
    service.seconds(91);
    assert_eq!(bob.read("/presence?ids=ann")[0]["status"], "offline");
    assert_eq!(
        ann.ask("PUT", "/presence", json!({"status": "busy"}))
            .status,
        422
    );
    for bad in ["", "?ids=", "?ids=%20"] {
        assert_eq!(bob.get(&format!("/presence{bad}")).status, 400, "{bad}");
    }
    // A large channel hears nothing of it.
    for number in 0..100 {
        crate::support::join(&service, &channel, &format!("u{number}"), "member");
    }
    ann.done("PUT", "/presence", json!({"status": "away"}));
    assert!(service.0.signals.take().is_empty());
}

#[test]
fn clients_speak_on_their_connections() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    ann.tell(&channel, "x");
    let frame = |subject: &str, frame: Json| {
        let answer = service.frame(subject, &frame.to_string());
        answer.map(|it| serde_json::from_str::<Json>(&it).unwrap())
    };
    let read = frame(
        "t/bob",
        json!({"op": "read", "channelId": channel, "seq": 1}),
    )
    .unwrap();
    assert_eq!(
        (&read["type"], &read["data"]["unread"]),
        (&json!("read"), &json!(0))
    );
    assert_eq!(bob.entry(&channel)["unread"], 0);
    assert_eq!(
        frame("t/bob", json!({"op": "typing", "channelId": channel})),
        None
    );
    assert_eq!(
        frame("t/bob", json!({"op": "presence", "status": "online"})),
        None
    );
    assert_eq!(service.0.signals.borrow().len(), 2);
    let error = |subject: &str, body: Json| frame(subject, body).unwrap()["data"]["error"].clone();
    assert_eq!(
        error("t/eve", json!({"op": "typing", "channelId": channel})),
        "not-found"
    );
    assert_eq!(
        error(
            "u/bob",
            json!({"op": "read", "channelId": channel, "seq": 1})
        ),
        "not-found"
    );
    assert_eq!(error("t/bob", json!({"op": "fly"})), "unknown-op");
    assert_eq!(error("t/bob", json!([])), "unknown-op");
    assert_eq!(
        error("t/bob", json!({"op": "read", "channelId": channel})),
        "malformed"
    );
    assert_eq!(
        error("#1", json!({"op": "typing", "channelId": channel})),
        "unknown"
    );
    let text = service.frame("t/bob", "{").unwrap();
    assert!(text.contains("malformed"), "{text}");
    // When the last connection ends, that is when somebody was seen.
    service.seconds(10);
    service.closed("t/bob");
    service.closed("nobody");
    let seen = ann.read("/presence?ids=bob");
    assert_eq!(seen[0]["seenOn"], "2026-11-24T09:16:27.764Z");
}
