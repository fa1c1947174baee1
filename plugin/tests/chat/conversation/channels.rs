//! Making channels, listing and changing them.

use serde_json::{Value as Json, json};

use super::id;
use crate::support::{Service, encoded};

#[test]
fn a_group_has_its_maker_as_owner_and_tells_its_members() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let (at_ann, at_bob, at_eve) = (ann.listen(), bob.listen(), service.user("eve").listen());
    let new = json!({"kind": "group", "name": "Tea", "topic": "leaves", "members": ["bob", "ann"]});
    let answer = ann.ask("POST", "/channels", new);
    assert_eq!(answer.status, 201, "{}", answer.text);
    let channel = id(&answer.json);
    let location = format!("channels/{channel}");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.json["membership"]["role"], "owner");
    assert_eq!(answer.json["name"], "Tea");
    assert_eq!(bob.entry(&channel)["membership"]["role"], "member");
    assert_eq!(service.user("eve").get(&format!("/{location}")).status, 404);
    assert_eq!(at_bob.kinds()[0], "channel.joined");
    assert!(at_bob.kinds().contains(&"member.joined".to_owned()));
    assert!(at_ann.kinds().contains(&"channel.created".to_owned()));
    assert_eq!(at_eve.kinds(), [""; 0]);
    assert_eq!(service.last_entry().action, "channel.create");
}

#[test]
fn two_users_have_one_direct_conversation() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let with = |user: &str| json!({"kind": "direct", "userId": user});
    let first = ann.ask("POST", "/channels", with("bob"));
    assert_eq!(first.status, 201, "{}", first.text);
    let again = ann.ask("POST", "/channels", with("bob"));
    let other = bob.ask("POST", "/channels", with("ann"));
    assert_eq!((again.status, other.status), (200, 200));
    assert_eq!(id(&first.json), id(&again.json));
    assert_eq!(id(&first.json), id(&other.json));
    let elsewhere = ann.clone().claim("tenantId", json!("u"));
    let elsewhere = elsewhere.done("POST", "/channels", with("bob"));
    assert_ne!(id(&elsewhere), id(&first.json));
    // Nobody leaves it, comes in, or renames it.
    let path = format!("/channels/{}", id(&first.json));
    let direct = (409, "DIRECT_CONVERSATION".to_owned());
    for (method, path, body) in [
        ("POST", format!("{path}/leave"), Json::Null),
        ("PUT", format!("{path}/members/eve"), Json::Null),
        ("PUT", format!("{path}/bans/bob"), Json::Null),
        ("PUT", format!("{path}/archive"), Json::Null),
        ("PATCH", path.clone(), json!({"name": "x"})),
    ] {
        assert_eq!(ann.refused(method, &path, body), direct, "{method} {path}");
    }
}

/// Both look, find none, and make one: the key of the pair lets one through, and the other
/// looks again.
#[test]
fn whoever_is_slower_gets_the_same_conversation() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let made = ann.done(
        "POST",
        "/channels",
        json!({"kind": "direct", "userId": "bob"}),
    );
    let unique = chat::ports::Error::UniqueViolation("chat_directs".to_owned());
    // The first transaction of bob's has not seen what ann has made, and fails.
    service.0.faults.borrow_mut().extend([None, Some(unique)]);
    let found = bob.ask(
        "POST",
        "/channels",
        json!({"kind": "direct", "userId": "ann"}),
    );
    assert_eq!((found.status, id(&found.json)), (200, id(&made)));
    assert!(service.0.faults.borrow().is_empty());
    let count = "SELECT COUNT(*) FROM chat_directs";
    let count: i64 = service
        .0
        .connection
        .query_row(count, (), |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn the_channel_with_the_newest_message_comes_first_and_pages_meet() {
    let service = Service::new();
    let ann = service.user("ann");
    let mut channels: Vec<_> = (0..7)
        .map(|it| ann.group(&it.to_string(), &["bob"]))
        .collect();
    for channel in &channels {
        ann.tell(channel, "x");
    }
    ann.tell(&channels[2], "y");
    let moved = channels.remove(2);
    channels.push(moved);
    channels.reverse();
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = ann.get(&format!("/channels{query}"));
        assert_eq!(page.status, 200, "{}", page.text);
        seen.extend(page.json.as_array().unwrap().iter().map(id));
        let Some(link) = page.header("link") else {
            break;
        };
        let reference = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
        query = reference.to_owned();
    }
    assert_eq!(seen, channels);
    let first = &ann.read("/channels?limit=1")[0];
    assert_eq!(first["lastMessage"]["body"], "y");
    assert_eq!(
        (&first["unread"], &first["lastSeq"]),
        (&json!(0), &json!(2))
    );
    let first = &service.user("bob").read("/channels?limit=1")[0];
    assert_eq!(first["unread"], 2);
}

#[test]
fn an_archived_channel_takes_nothing_and_opens_again() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    ann.tell(&channel, "x");
    let path = format!("/channels/{channel}");
    let archive = format!("{path}/archive");
    assert_eq!(bob.ask("PUT", &archive, Json::Null).status, 403);
    assert_eq!(service.last_entry().action, "channel.archive");
    let at_bob = bob.listen();
    ann.done("PUT", &archive, Json::Null);
    let (kind, data) = at_bob.heard().remove(0);
    assert_eq!(kind, "channel.updated");
    assert!(data["archivedOn"].is_string());
    let archived = (409, "CHANNEL_ARCHIVED".to_owned());
    let message = json!({"body": "y"});
    assert_eq!(
        ann.refused("POST", &format!("{path}/messages"), message),
        archived
    );
    let message = json!({"body": "y", "channelId": channel, "channelType": "group"});
    assert_eq!(ann.refused("POST", "/messages", message), archived);
    assert_eq!(
        ann.refused("PUT", &format!("{path}/members/eve"), Json::Null),
        archived
    );
    assert_eq!(bob.said(&channel), ["x"]);
    assert_eq!(bob.read("/channels"), json!([]));
    assert_eq!(id(&bob.read("/channels?archived=true")[0]), channel);
    ann.done("DELETE", &archive, Json::Null);
    ann.tell(&channel, "z");
    assert_eq!(bob.said(&channel), ["x", "z"]);
}

#[test]
fn what_a_channel_is_called_is_for_moderators_and_the_rest_for_owners() {
    let service = Service::new();
    let (ann, bob, eve) = (
        service.user("ann"),
        service.user("bob"),
        service.user("eve"),
    );
    let channel = ann.group("c", &["bob", "eve"]);
    let path = format!("/channels/{channel}");
    let role = json!({"role": "moderator"});
    ann.done("PATCH", &format!("{path}/members/bob"), role);
    assert_eq!(eve.ask("PATCH", &path, json!({"name": "x"})).status, 403);
    let renamed = bob.done(
        "PATCH",
        &path,
        json!({"name": "d", "topic": null, "slowSeconds": 5}),
    );
    assert_eq!(
        (&renamed["name"], &renamed["slowSeconds"]),
        (&json!("d"), &json!(5))
    );
    for body in [json!({"kind": "public"}), json!({"retentionSeconds": 60})] {
        assert_eq!(bob.ask("PATCH", &path, body.clone()).status, 403);
        ann.done("PATCH", &path, body);
    }
    let entry = service.user("zoe").entry(&channel);
    assert_eq!(
        (&entry["kind"], &entry["membership"]),
        (&json!("public"), &Json::Null)
    );
    assert_eq!(entry["lastMessage"], Json::Null);
    for bad in [
        json!({"name": ""}),
        json!({"name": "x".repeat(201)}),
        json!({"name": 1}),
        json!({"kind": "direct"}),
        json!({"slowSeconds": -1}),
        json!({"slowSeconds": 1.5}),
        json!({"retentionSeconds": 1}),
        json!({"colour": "red"}),
        json!([]),
    ] {
        assert_eq!(ann.ask("PATCH", &path, bad.clone()).status, 422, "{bad}");
    }
}

#[test]
fn ids_of_others_come_through_paths() {
    let service = Service::new();
    let ann = service.user("ann");
    for channel in ["a/b", "direct", "ü%", "a b", "messages"] {
        ann.say(channel, "x");
        let named = encoded(&json!(channel)).replace("%22", "");
        assert_eq!(id(&ann.entry(&named)), channel);
        assert_eq!(ann.said(&named), ["x"]);
    }
    for bad in ["%00", "%20", &"x".repeat(129)] {
        assert_eq!(ann.get(&format!("/channels/{bad}")).status, 404, "{bad}");
    }
}

#[test]
fn pages_that_make_no_sense_are_refused() {
    let service = Service::new();
    let ann = service.user("ann");
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=e30",
        "archived=1",
        "public=maybe",
    ] {
        let answer = ann.get(&format!("/channels?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        assert_eq!(answer.json["error"]["code"], "INVALID_PARAMETER_VALUE");
    }
}
