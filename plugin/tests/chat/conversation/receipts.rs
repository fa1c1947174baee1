//! How far members have read.

use serde_json::json;

use super::id;
use crate::support::Service;

#[test]
fn the_read_cursor_only_goes_up_unless_asked_to() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    for number in 1..=5 {
        ann.tell(&channel, &number.to_string());
    }
    let put = |way: &str, seq: i64| {
        bob.done(
            "PUT",
            &format!("/channels/{channel}/{way}"),
            json!({"seq": seq}),
        )
    };
    assert_eq!(bob.entry(&channel)["unread"], 5);
    let delivered = put("delivered", 4);
    assert_eq!(
        (&delivered["deliveredSeq"], &delivered["readSeq"]),
        (&json!(4), &json!(0))
    );
    let read = put("read", 3);
    assert_eq!((&read["readSeq"], &read["unread"]), (&json!(3), &json!(2)));
    let (at_ann, at_bob) = (ann.listen(), bob.listen());
    // What is no news is told nobody.
    assert_eq!(put("read", 2)["readSeq"], 3);
    assert_eq!(put("delivered", 1)["deliveredSeq"], 4);
    assert_eq!(put("unread", 4)["readSeq"], 3);
    assert_eq!(at_bob.kinds(), [""; 0]);
    // Behind the last message there is nothing to read.
    let read = put("read", 1_000);
    assert_eq!(
        (&read["readSeq"], &read["deliveredSeq"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(at_bob.kinds(), ["read.updated", "receipt.updated"]);
    assert_eq!(at_ann.kinds(), ["receipt.updated"]);
    assert_eq!(at_ann.heard()[0].1["readSeq"], 5);
    let unread = put("unread", 2);
    assert_eq!(
        (&unread["readSeq"], &unread["unread"]),
        (&json!(1), &json!(4))
    );
    let members = ann.read(&format!("/channels/{channel}/members"));
    assert_eq!(members[1]["readSeq"], 1);
    for bad in [
        json!({}),
        json!({"seq": 0}),
        json!({"seq": "1"}),
        json!({"seq": 1, "x": 1}),
    ] {
        let answer = bob.ask("PUT", &format!("/channels/{channel}/read"), bad);
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
}

#[test]
fn the_flag_of_a_recipient_follows_the_cursor() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    ann.say_with("c", "a", json!({"recipients": ["bob", "eve"]}));
    ann.say_with("c", "b", json!({"recipients": ["bob"]}));
    let flags = |user: &crate::support::User| -> Vec<_> {
        let rows = user.read("/message-recipients?filter[order]=createdOn%20ASC");
        let rows = rows.as_array().unwrap().iter();
        let own =
            rows.filter(|it| it["recipientId"] == user.claims.as_ref().unwrap()["userTenantId"]);
        own.map(|it| it["isRead"].as_bool().unwrap()).collect()
    };
    assert_eq!(flags(&bob), [false, false]);
    bob.done("PUT", "/channels/c/read", json!({"seq": 1}));
    assert_eq!(flags(&bob), [true, false]);
    bob.done("PUT", "/channels/c/read", json!({"seq": 2}));
    assert_eq!(flags(&bob), [true, true]);
    bob.done("PUT", "/channels/c/unread", json!({"seq": 2}));
    assert_eq!(flags(&bob), [true, false]);
    // Nobody else's.
    assert_eq!(flags(&service.user("eve")), [false]);
}

#[test]
fn what_is_unread_is_exact_to_999() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let mut last = String::new();
    for number in 1..=4 {
        last = id(&ann.tell(&channel, &number.to_string()));
    }
    // What was deleted, what is one's own, and what is out of sight, is not news.
    ann.delete(&format!("/messages/{last}"));
    bob.tell(&channel, "own");
    let hidden = id(&ann.tell(&channel, "hidden"));
    assert_eq!(bob.entry(&channel)["unread"], 4);
    bob.done("PUT", &format!("/messages/{hidden}/hidden"), json!({}));
    assert_eq!(bob.entry(&channel)["unread"], 3);
    let more = |count: i64| {
        let sql = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
             created_by, created_on, modified_by, modified_on, deleted, seq) SELECT randomblob(16), \
             't', '{channel}', 'g', 'x', 0, 'ann', 1, 'ann', 1, FALSE, 100 + i FROM n; \
             UPDATE chat_channels SET last_seq = 5000 WHERE channel_id = '{channel}'"
        );
        service.0.connection.execute_batch(&sql).unwrap();
        let entry = bob.entry(&channel);
        let list = bob.read("/channels")[0].clone();
        assert_eq!(entry, list);
        (
            entry["unread"].as_i64().unwrap(),
            entry["hasMoreUnread"] == true,
        )
    };
    assert_eq!(more(996), (999, false));
    assert_eq!(more(1), (999, true));
    assert_eq!(more(1), (999, true));
}

#[test]
fn a_channel_is_quiet_for_whoever_wants_it() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let channel = ann.group("c", &["bob"]);
    let mute = format!("/channels/{channel}/mute");
    let at_bob = bob.listen();
    let until = "2027-01-01T00:00:00.000Z";
    let muted = bob.done("PUT", &mute, json!({"until": until}));
    assert_eq!(muted["membership"]["mutedUntil"], until);
    assert_eq!(ann.entry(&channel)["membership"]["mutedUntil"], json!(null));
    bob.done("DELETE", &mute, json!(null));
    assert_eq!(bob.entry(&channel)["membership"]["mutedUntil"], json!(null));
    bob.done("PUT", &mute, json!(null));
    assert!(bob.entry(&channel)["membership"]["mutedUntil"].is_string());
    assert_eq!(at_bob.kinds(), ["membership.updated"; 3]);
    assert_eq!(bob.ask("PUT", &mute, json!({"until": "soon"})).status, 422);
}
