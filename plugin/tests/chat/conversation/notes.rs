//! What members do with messages.

use serde_json::{Value as Json, json};

use super::id;
use crate::support::{Service, User, encoded};

#[test]
fn an_edit_keeps_what_was_said_before() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let message = id(&ann.tell(&channel, "one"));
    let path = format!("/messages/{message}");
    service.tick();
    assert_eq!(ann.patch(&path, json!({"body": "two"})).status, 204);
    // What is no edit makes no version.
    ann.patch(&path, json!({"status": 1}));
    ann.patch(
        &format!("/messages?where={{\"id\":\"{message}\"}}"),
        json!({"body": "three"}),
    );
    let put = json!({"body": "four", "channelId": channel, "channelType": "group"});
    assert_eq!(ann.put(&path, put).status, 204);
    // Nobody else edits it, and nothing is left of the attempt.
    assert_eq!(bob.patch(&path, json!({"body": "mine"})).status, 403);
    let versions = bob.read(&format!("{path}/versions"));
    let bodies: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["body"])
        .collect();
    assert_eq!(bodies, ["three", "two", "one"]);
    let now = bob.read(&format!("/channels/{channel}/messages"))["messages"][0].clone();
    assert_eq!((&now["body"], &now["version"]), (&json!("four"), &json!(4)));
    assert!(now["editedOn"].is_string());
    let page = bob.get(&format!("{path}/versions?limit=2"));
    let cursor = page.header("x-next-cursor").unwrap();
    let rest = bob.read(&format!("{path}/versions?limit=2&cursor={cursor}"));
    assert_eq!(rest[0]["body"], "one");
    assert_eq!(
        service.user("eve").get(&format!("{path}/versions")).status,
        404
    );
}

#[test]
fn a_moderator_of_a_channel_deletes_and_does_not_edit() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob", "eve"]);
    ann.done(
        "PATCH",
        &format!("/channels/{channel}/members/bob"),
        json!({"role": "moderator"}),
    );
    let message = format!("/messages/{}", id(&ann.tell(&channel, "x")));
    assert_eq!(service.user("eve").delete(&message).status, 403);
    assert_eq!(bob.patch(&message, json!({"body": "y"})).status, 403);
    assert_eq!(bob.delete(&message).status, 204);
    assert_eq!(ann.said(&channel), [""; 0]);
}

#[test]
fn a_message_out_of_sight_is_so_for_one_alone() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let first = id(&ann.tell(&channel, "first"));
    let last = id(&ann.tell_with(&channel, json!({"body": "last", "mentions": ["bob"]})));
    let hidden = format!("/messages/{last}/hidden");
    bob.done("PUT", &hidden, Json::Null);
    bob.done("PUT", &hidden, Json::Null);
    assert_eq!(
        (bob.said(&channel), ann.said(&channel).len()),
        (vec!["first".to_owned()], 2)
    );
    assert_eq!(bob.entry(&channel)["lastMessage"]["id"], first);
    assert_eq!(bob.read("/mentions"), json!([]));
    assert_eq!(bob.read("/search?q=last"), json!([]));
    assert_eq!(ann.read("/search?q=last")[0]["id"], last);
    assert_eq!(
        service.user("eve").ask("PUT", &hidden, Json::Null).status,
        404
    );
    bob.done("DELETE", &hidden, Json::Null);
    assert_eq!(bob.said(&channel).len(), 2);
}

#[test]
fn an_emoji_counts_once_for_each_user() {
    let service = Service::new();
    service
        .0
        .settings
        .borrow_mut()
        .insert("message-reactions", "2".to_owned());
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let message = id(&ann.tell(&channel, "x"));
    let path = format!("/messages/{message}/reactions");
    let at_bob = bob.listen();
    for user in [&ann, &ann, &bob] {
        user.done("PUT", &format!("{path}/:tada:"), Json::Null);
    }
    let added = at_bob.heard();
    let counts: Vec<_> = added
        .iter()
        .map(|(_, data)| data["count"].clone())
        .collect();
    assert_eq!(counts, [1, 2]);
    ann.done("PUT", &format!("{path}/b"), Json::Null);
    let full = (409, "LIMIT_REACHED".to_owned());
    assert_eq!(bob.refused("PUT", &format!("{path}/c"), Json::Null), full);
    bob.done("PUT", &format!("{path}/b"), Json::Null);
    let who = ann.read(&path);
    assert_eq!(
        (who.as_array().unwrap().len(), &who[0]["userId"]),
        (4, &json!("ann"))
    );
    let page = ann.get(&format!("{path}?limit=3"));
    let cursor = page.header("x-next-cursor").unwrap();
    assert_eq!(
        ann.read(&format!("{path}?limit=3&cursor={cursor}"))[0]["userId"],
        "bob"
    );
    ann.done("DELETE", &format!("{path}/:tada:"), Json::Null);
    assert_eq!(
        ann.ask("DELETE", &format!("{path}/:tada:"), Json::Null)
            .status,
        404
    );
    for bad in ["%20", "%00", &"x".repeat(65)] {
        assert_eq!(
            ann.ask("PUT", &format!("{path}/{bad}"), Json::Null).status,
            404,
            "{bad}"
        );
    }
}

#[test]
fn pins_are_for_moderators_and_for_both_of_a_conversation() {
    let service = Service::new();
    service
        .0
        .settings
        .borrow_mut()
        .insert("channel-pins", "1".to_owned());
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let group = ann.group("c", &["bob"]);
    let message = format!("/messages/{}/pin", id(&ann.tell(&group, "x")));
    assert_eq!(bob.ask("PUT", &message, Json::Null).status, 403);
    assert_eq!(service.last_entry().action, "message.pin");
    ann.done("PUT", &message, Json::Null);
    ann.done("PUT", &message, Json::Null);
    let pins = format!("/channels/{group}/pins");
    assert_eq!(bob.read(&pins)[0]["pinnedBy"], "ann");
    let second = format!("/messages/{}/pin", id(&ann.tell(&group, "y")));
    assert_eq!(
        ann.refused("PUT", &second, Json::Null),
        (409, "LIMIT_REACHED".to_owned())
    );
    ann.done("DELETE", &message, Json::Null);
    assert_eq!(ann.ask("DELETE", &message, Json::Null).status, 404);
    assert_eq!(bob.read(&pins), json!([]));
    let direct = id(&ann.done(
        "POST",
        "/channels",
        json!({"kind": "direct", "userId": "bob"}),
    ));
    let message = id(&ann.tell(&direct, "z"));
    bob.done("PUT", &format!("/messages/{message}/pin"), Json::Null);
}

#[test]
fn a_favourite_is_a_row_of_ones_own() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let message = id(&ann.tell(&channel, "x"));
    let path = format!("/messages/{message}/favorite");
    bob.done("PUT", &path, Json::Null);
    bob.done("PUT", &path, Json::Null);
    let rows = bob.read("/message-recipients");
    assert_eq!(
        (rows.as_array().unwrap().len(), &rows[0]["isFavorite"]),
        (1, &json!(true))
    );
    assert_eq!(bob.read("/favorites")[0]["id"], message);
    assert_eq!(ann.read("/favorites"), json!([]));
    // Through the original's route as well.
    bob.patch(
        &format!("/message-recipients/{}", id(&rows[0])),
        json!({"isFavorite": false}),
    );
    assert_eq!(bob.read("/favorites"), json!([]));
    bob.done("PUT", &path, Json::Null);
    bob.done("DELETE", &path, Json::Null);
    bob.done("DELETE", &path, Json::Null);
    assert_eq!(bob.read("/favorites"), json!([]));
    assert_eq!(
        service.user("eve").ask("PUT", &path, Json::Null).status,
        404
    );
    assert_eq!(
        service.user("eve").ask("DELETE", &path, Json::Null).status,
        404
    );
}

#[test]
fn what_is_forwarded_says_where_it_comes_from() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let from = ann.group("c", &["bob"]);
    let to = bob.group("d", &[]);
    let message = ann.tell_with(&from, json!({"body": "x", "subject": "s"}));
    let path = format!("/messages/{}/forward", id(&message));
    let wish = json!({"channelId": to, "clientMessageId": "f"});
    let sent = bob.done("POST", &path, wish.clone());
    assert_eq!(
        (&sent["body"], &sent["subject"]),
        (&json!("x"), &json!("s"))
    );
    assert_eq!(
        (&sent["forwardedFrom"], &sent["createdBy"]),
        (&message["id"], &json!("bob"))
    );
    assert_eq!(bob.done("POST", &path, wish)["id"], sent["id"]);
    // Neither what one doesn't see, nor where one isn't.
    assert_eq!(ann.ask("POST", &path, json!({"channelId": to})).status, 404);
    let hidden = format!("/messages/{}/forward", id(&sent));
    assert_eq!(
        ann.ask("POST", &hidden, json!({"channelId": from})).status,
        404
    );
}

#[test]
fn what_is_wrong_with_a_message_is_for_moderators() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob", "eve"]);
    let message = id(&ann.tell(&channel, "x"));
    let path = format!("/messages/{message}/reports");
    let (at_ann, at_eve) = (ann.listen(), service.user("eve").listen());
    let report = bob.done("POST", &path, json!({"reason": "rude"}));
    assert_eq!(bob.done("POST", &path, Json::Null), report);
    assert_eq!(
        (at_ann.kinds(), at_eve.kinds()),
        (vec!["report.created".to_owned()], vec![])
    );
    let list = format!("/channels/{channel}/reports");
    assert_eq!(ann.read(&list), json!([report]));
    assert_eq!(bob.get(&list).status, 403);
    assert_eq!(service.user("zoe").get(&list).status, 404);
    let one = format!("/reports/{}", id(&report));
    assert_eq!(
        bob.ask("PATCH", &one, json!({"state": "resolved"})).status,
        404
    );
    ann.done("PATCH", &one, json!({"state": "resolved"}));
    assert_eq!(ann.read(&list), json!([]));
    let closed = ann.read(&format!("{list}?state=resolved"));
    assert_eq!(
        (&closed[0]["closedBy"], &closed[0]["state"]),
        (&json!("ann"), &json!("resolved"))
    );
    assert_eq!(ann.get(&format!("{list}?state=x")).status, 400);
    assert_eq!(ann.ask("PATCH", &one, json!({"state": "x"})).status, 422);
}

fn found(user: &User, words: &str) -> Vec<String> {
    let words = encoded(&json!(words)).replace("%22", "");
    let rows = user.read(&format!("/search?q={words}"));
    rows.as_array()
        .unwrap()
        .iter()
        .map(|it| it["body"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn whoever_searches_finds_what_may_be_seen() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let (shared, own) = (ann.group("c", &["bob"]), ann.group("d", &[]));
    let message = id(&ann.tell(&shared, "The red Car, über alles"));
    ann.tell(&shared, "a green car");
    ann.tell(&own, "my red car");
    assert_eq!(
        found(&ann, "red car"),
        ["my red car", "The red Car, über alles"]
    );
    assert_eq!(found(&bob, "red car"), ["The red Car, über alles"]);
    assert_eq!(found(&bob, "RED ca"), ["The red Car, über alles"]);
    assert_eq!(found(&bob, "über"), ["The red Car, über alles"]);
    assert_eq!(found(&bob, "red -car* OR green"), [""; 0]);
    assert_eq!(found(&service.user("eve"), "car"), [""; 0]);
    assert_eq!(
        found(&ann.clone().claim("tenantId", json!("u")), "car"),
        [""; 0]
    );
    let narrowed = ann.read(&format!("/search?q=car&channelId={own}"));
    assert_eq!(narrowed.as_array().unwrap().len(), 1);
    let page = ann.get("/search?q=car&limit=2");
    let cursor = page.header("x-next-cursor").unwrap();
    let rest = ann.read(&format!("/search?q=car&limit=2&cursor={cursor}"));
    assert_eq!(rest[0]["id"], message);
    // The index follows what is edited and deleted.
    ann.patch(&format!("/messages/{message}"), json!({"body": "blue"}));
    assert_eq!(
        (found(&bob, "red"), found(&bob, "blue")),
        (vec![], vec!["blue".to_owned()])
    );
    ann.delete(&format!("/messages/{message}"));
    assert_eq!(found(&bob, "blue"), [""; 0]);
    // Who has left finds nothing more.
    bob.done("POST", &format!("/channels/{shared}/leave"), Json::Null);
    assert_eq!(found(&bob, "car"), [""; 0]);
    for bad in ["", "?q=", "?q=***", "?q=x&channelId=%20"] {
        assert_eq!(ann.get(&format!("/search{bad}")).status, 400, "{bad}");
    }
    let long = "x".repeat(201);
    assert_eq!(ann.get(&format!("/search?q={long}")).status, 400);
}
