//! Who belongs to a channel, and what that means at once.

use serde_json::{Value as Json, json};

use crate::support::{Service, join};

#[test]
fn the_last_owner_stays_until_there_is_another() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let path = format!("/channels/{channel}");
    let last = (409, "LAST_OWNER".to_owned());
    let leave = format!("{path}/leave");
    assert_eq!(ann.refused("POST", &leave, Json::Null), last);
    let own = format!("{path}/members/ann");
    assert_eq!(ann.refused("DELETE", &own, Json::Null), last);
    assert_eq!(ann.refused("PATCH", &own, json!({"role": "member"})), last);
    ann.done(
        "PATCH",
        &format!("{path}/members/bob"),
        json!({"role": "owner"}),
    );
    ann.done("PATCH", &own, json!({"role": "moderator"}));
    assert_eq!(bob.refused("POST", &leave, Json::Null), last);
    ann.done("POST", &leave, Json::Null);
    assert_eq!(ann.get(&path).status, 404);
    assert_eq!(bob.refused("POST", &leave, Json::Null), last);
}

#[test]
fn who_leaves_sees_and_hears_nothing_later() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let path = format!("/channels/{channel}");
    ann.tell(&channel, "before");
    for (method, way) in [
        ("POST", format!("{path}/leave")),
        ("DELETE", format!("{path}/members/bob")),
    ] {
        let at_bob = bob.listen();
        let actor = if method == "POST" { &bob } else { &ann };
        service.0.shelf.ended.borrow_mut().clear();
        actor.done(method, &way, Json::Null);
        // Downloads that run are ended by the tag that they carry.
        let ended = service.0.shelf.ended.borrow().clone();
        assert_eq!(ended.len(), 1);
        assert!(ended[0].starts_with("member:"), "{ended:?}");
        ann.tell(&channel, "after");
        let heard = at_bob.heard();
        let kinds: Vec<_> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["member.left", "channel.left"], "{heard:?}");
        for way in ["", "/messages", "/members", "/pins"] {
            assert_eq!(bob.get(&format!("{path}{way}")).status, 404, "{way}");
        }
        assert_eq!(bob.read("/channels"), json!([]));
        assert_eq!(bob.read("/sync")["channels"], json!([]));
        assert_eq!(bob.read("/messages"), json!([]));
        assert_eq!(bob.listen().options.topics.len(), 1);
        ann.done("PUT", &format!("{path}/members/bob"), Json::Null);
        assert_eq!(bob.entry(&channel)["unread"], 0);
    }
}

#[test]
fn downloads_carry_the_tag_of_the_membership() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let announced = json!({"channelId": channel, "name": "n", "size": 1});
    let file = super::id(&ann.done("POST", "/attachments", announced));
    let body = chat::api::Body::Bytes(b"x".to_vec());
    let put = ann.send("PUT", &format!("/attachments/{file}/content"), body);
    assert_eq!(put.status, 200, "{}", put.text);
    ann.tell_with(&channel, json!({"body": "x", "attachmentIds": [file]}));
    let content = format!("/attachments/{file}/content");
    assert_eq!(bob.get(&content).status, 200);
    let tags = service.0.shelf.opened.borrow().last().unwrap().tags.clone();
    ann.done(
        "DELETE",
        &format!("/channels/{channel}/members/bob"),
        Json::Null,
    );
    let ended = service.0.shelf.ended.borrow().last().unwrap().clone();
    assert!(tags.contains(&ended), "{tags:?} {ended}");
    assert_eq!(bob.get(&content).status, 404);
}

#[test]
fn public_channels_are_found_and_joined() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = super::id(&ann.done("POST", "/channels", json!({"kind": "public", "name": "p"})));
    ann.tell(&channel, "x");
    ann.group("hidden", &[]);
    let found = bob.read("/channels?public=true");
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (&found[0]["membership"], &found[0]["lastMessage"]),
        (&Json::Null, &Json::Null)
    );
    assert_eq!(
        bob.get(&format!("/channels/{channel}/messages")).status,
        404
    );
    let at_bob = bob.listen();
    let joined = bob.done("POST", &format!("/channels/{channel}/join"), Json::Null);
    assert_eq!(joined["membership"]["role"], "member");
    assert_eq!(joined["lastMessage"]["body"], "x");
    assert_eq!(at_bob.kinds(), ["channel.joined", "member.joined"]);
    // Once more changes nothing.
    bob.done("POST", &format!("/channels/{channel}/join"), Json::Null);
    assert_eq!(at_bob.kinds().len(), 2);
    let group = ann.group("g", &[]);
    let closed = bob.ask("POST", &format!("/channels/{group}/join"), Json::Null);
    assert_eq!(closed.status, 404);
}

#[test]
fn who_is_banned_stays_out_whichever_way_it_tries() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let new = json!({"kind": "public", "members": ["bob"]});
    let channel = super::id(&ann.done("POST", "/channels", new));
    let path = format!("/channels/{channel}");
    let ban = format!("{path}/bans/bob");
    ann.done("PUT", &ban, json!({"reason": "noise"}));
    ann.done("PUT", &ban, Json::Null);
    assert_eq!(bob.get(&format!("{path}/messages")).status, 404);
    let banned = (403, "BANNED".to_owned());
    assert_eq!(
        bob.refused("POST", &format!("{path}/join"), Json::Null),
        banned
    );
    assert_eq!(service.last_entry().outcome, chat::ports::Outcome::Denied);
    assert_eq!(
        ann.refused("PUT", &format!("{path}/members/bob"), Json::Null),
        banned
    );
    // The owner of a channel invites by addressing somebody: not this one.
    let message = json!({
        "body": "x", "channelId": channel, "channelType": "public", "recipients": ["bob", "eve"],
    });
    let message = ann.make("/messages", message);
    let row = json!({"channelId": channel, "recipientId": "bob", "messageId": message["id"]});
    assert_eq!(ann.post("/message-recipients", row).status, 409);
    assert_eq!(bob.get(&format!("{path}/messages")).status, 404);
    assert_eq!(service.user("eve").said(&channel), ["x"]);
    let bans = ann.read(&format!("{path}/bans"));
    assert_eq!(
        (&bans[0]["userId"], &bans[0]["reason"]),
        (&json!("bob"), &json!("noise"))
    );
    assert_eq!(service.user("eve").get(&format!("{path}/bans")).status, 403);
    ann.done("DELETE", &ban, Json::Null);
    assert_eq!(ann.ask("DELETE", &ban, Json::Null).status, 404);
    bob.done("POST", &format!("{path}/join"), Json::Null);
}

#[test]
fn nobody_sends_away_whoever_stands_higher() {
    let service = Service::new();
    let channel = service.user("ann").group("c", &[]);
    for (user, role) in [
        ("mod", "moderator"),
        ("mop", "moderator"),
        ("bob", "member"),
        ("eve", "member"),
    ] {
        join(&service, &channel, user, role);
    }
    let path = format!("/channels/{channel}");
    for (actor, target, status) in [
        ("bob", "eve", 403),
        ("mod", "mop", 403),
        ("mod", "ann", 403),
        ("mod", "nobody", 404),
        ("bob", "nobody", 403),
        ("mod", "bob", 204),
        ("ann", "mod", 204),
        ("stranger", "eve", 404),
    ] {
        for way in ["members", "bans"] {
            let method = if way == "members" { "DELETE" } else { "PUT" };
            let banned = way == "bans" && target == "nobody" && actor == "mod";
            let wanted = match (way, status) {
                // Who was taken out is kept out as well, and anybody may be.
                ("bans", 404) if banned => 204,
                _ => status,
            };
            let answer =
                service
                    .user(actor)
                    .ask(method, &format!("{path}/{way}/{target}"), Json::Null);
            assert_eq!(
                answer.status, wanted,
                "{actor} {way} {target}: {}",
                answer.text
            );
        }
    }
}

#[test]
fn a_channel_takes_no_more_members_than_it_may() {
    let service = Service::new();
    service
        .0
        .settings
        .borrow_mut()
        .insert("channel-members", "3".to_owned());
    let ann = service.user("ann");
    let channel = ann.group("c", &["bob"]);
    let path = format!("/channels/{channel}/members");
    ann.done("PUT", &format!("{path}/eve"), Json::Null);
    let full = (409, "LIMIT_REACHED".to_owned());
    assert_eq!(ann.refused("PUT", &format!("{path}/zoe"), Json::Null), full);
    ann.done("PUT", &format!("{path}/eve"), json!({"role": "owner"}));
    let members = ann.read(&format!("{path}?limit=2"));
    assert_eq!(members.as_array().unwrap().len(), 2);
    // Who is there stays what it is.
    let all = ann.read(&path);
    assert_eq!(all[2]["role"], "member");
}
