//! What the eight operations do for somebody who may do it.

use serde_json::{Value as Json, json};

use crate::support::{START, Service, join};

const READ_KEYS: [&str; 15] = [
    "deleted",
    "deletedOn",
    "deletedBy",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "body",
    "channelId",
    "channelType",
    "status",
    "subject",
    "toUserId",
    "parentMessageId",
];

#[test]
fn a_created_message_has_only_what_is_set_and_a_read_one_everything() {
    let service = Service::new();
    let ann = service.user("ann");
    let body = json!({"body": "hi \"you\" \u{1}ü", "channelId": "c", "channelType": "dm"});
    let created = ann.post("/messages", body);
    assert_eq!(created.status, 200, "{}", created.text);
    assert_eq!(created.header("content-type"), Some("application/json"));
    let set = [
        "deleted",
        "createdOn",
        "modifiedOn",
        "createdBy",
        "modifiedBy",
        "id",
        "body",
        "channelId",
        "channelType",
        "status",
    ];
    assert_eq!(created.keys(), set);
    assert_eq!(created.json["createdOn"], "2026-11-24T09:16:17.763Z");
    assert_eq!(created.json["body"], "hi \"you\" \u{1}ü");
    assert_eq!(created.json["status"], 0);
    assert_eq!(created.json["createdBy"], "ann");

    let id = created.json["id"].as_str().unwrap();
    let read = ann.get(&format!("/messages/{id}"));
    assert_eq!(read.keys(), READ_KEYS);
    for key in set {
        assert_eq!(read.json[key], created.json[key], "{key}");
    }
    for key in [
        "deletedOn",
        "deletedBy",
        "subject",
        "toUserId",
        "parentMessageId",
    ] {
        assert_eq!(read.json[key], Json::Null, "{key}");
    }
    let list = ann.get("/messages");
    assert_eq!(list.json, json!([read.json]));
    assert_eq!(
        ann.get(&format!("/messages/{}", id.to_uppercase())).json,
        read.json
    );
}

#[test]
fn every_property_round_trips() {
    let service = Service::new();
    let ann = service.user("ann");
    let parent = ann.say("c", "first");
    let id = ann.say_with(
        "c",
        "second",
        json!({
            "status": -2_147_483_648, "subject": "s", "toUserId": "bob", "parentMessageId": parent,
            "channelType": "other",
        }),
    );
    let read = ann.get(&format!("/messages/{id}")).json;
    for (name, value) in [
        ("status", json!(i32::MIN)),
        ("subject", json!("s")),
        ("toUserId", json!("bob")),
        ("parentMessageId", json!(parent)),
        ("channelType", json!("other")),
    ] {
        assert_eq!(read[name], value, "{name}");
    }
}

#[test]
fn audit_properties_come_from_the_token_and_the_clock_alone() {
    let service = Service::new();
    let ann = service.user("ann");
    let forged = json!({
        "createdBy": "eve", "modifiedBy": "eve", "createdOn": "2020-01-01T00:00:00.000Z",
        "modifiedOn": "2020-01-01", "deleted": true, "deletedOn": null, "deletedBy": "eve",
    });
    let id = ann.say_with("c", "x", forged.clone());
    let path = format!("/messages/{id}");
    let before = ann.get(&path).json;
    assert_eq!(before["createdBy"], "ann");
    assert_eq!(before["deleted"], false);
    assert_eq!(before["createdOn"], "2026-11-24T09:16:17.764Z");

    service.0.now.set(START + 60_000_000);
    let mut whole = forged.clone();
    for (name, value) in [("body", "y"), ("channelId", "c"), ("channelType", "group")] {
        whole[name] = json!(value);
    }
    for answer in [ann.patch(&path, forged), ann.put(&path, whole)] {
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        let after = ann.get(&path).json;
        assert_eq!(after["createdBy"], "ann");
        assert_eq!(after["createdOn"], before["createdOn"]);
        assert_eq!(after["modifiedOn"], "2026-11-24T09:17:17.763Z");
        assert_eq!(
            (&after["deleted"], &after["deletedBy"]),
            (&json!(false), &Json::Null)
        );
    }
}

#[test]
fn the_first_message_makes_the_channel_and_its_members() {
    let service = Service::new();
    service
        .user("ann")
        .say_with("c", "hello", json!({"toUserId": "bob"}));
    service.user("bob").say("c", "hello yourself");
    let members: Vec<(String, String)> = service
        .0
        .connection
        .prepare("SELECT user_id, role FROM chat_members ORDER BY user_id")
        .unwrap()
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let member = |user: &str, role: &str| (user.to_owned(), role.to_owned());
    assert_eq!(members, [member("ann", "owner"), member("bob", "member")]);
    // To oneself: one member.
    service
        .user("ann")
        .say_with("notes", "x", json!({"toUserId": "ann"}));
    // The same name in another tenant is another channel.
    let stranger = service.user("eve").claim("tenantId", json!("u"));
    stranger.say("c", "mine");
    assert_eq!(stranger.count(json!({})), 1);
}

#[test]
fn patch_changes_what_it_names() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say_with("c", "x", json!({"subject": "s", "status": 3}));
    let path = format!("/messages/{id}");
    for body in [
        json!({"body": "y", "id": "dropped"}),
        json!({}),
        json!({"channelId": "c"}),
    ] {
        assert_eq!(ann.patch(&path, body).status, 204);
    }
    let read = ann.get(&path).json;
    assert_eq!(
        (&read["body"], &read["subject"]),
        (&json!("y"), &json!("s"))
    );
    assert_eq!((&read["status"], &read["id"]), (&json!(3), &json!(id)));
    assert_eq!(ann.patch(&path, json!({"channelId": "d"})).status, 422);
}

#[test]
fn put_replaces_everything_but_the_audit_properties() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say_with(
        "c",
        "x",
        json!({"subject": "s", "status": 3, "toUserId": "bob"}),
    );
    let path = format!("/messages/{id}");
    let whole = json!({"body": "y", "channelId": "c", "channelType": "z", "id": id.to_uppercase()});
    assert_eq!(ann.put(&path, whole.clone()).status, 204);
    let read = ann.get(&path).json;
    assert_eq!(
        (&read["body"], &read["channelType"]),
        (&json!("y"), &json!("z"))
    );
    assert_eq!(
        (&read["subject"], &read["toUserId"]),
        (&Json::Null, &Json::Null)
    );
    assert_eq!(
        (&read["status"], &read["createdBy"]),
        (&json!(0), &json!("ann"))
    );
    let mut other = whole;
    other["id"] = json!("9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69");
    assert_eq!(ann.put(&path, other).status, 400);
}

#[test]
fn delete_is_soft_final_and_recorded() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "x");
    let path = format!("/messages/{id}");
    assert_eq!(ann.delete(&path).status, 204);
    let entry = service.last_entry();
    assert_eq!(
        (entry.action.as_str(), entry.entity_id),
        ("message.delete", id.clone())
    );
    let row: (bool, String, i64) = service
        .0
        .connection
        .query_row(
            "SELECT deleted, deleted_by, deleted_on FROM chat_messages",
            (),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(row, (true, "ann".to_owned(), START + 1_000 - 456));
    let whole = json!({"body": "y", "channelId": "c", "channelType": "z"});
    assert_eq!(ann.delete(&path).status, 404);
    assert_eq!(ann.get(&path).status, 404);
    assert_eq!(ann.patch(&path, json!({})).status, 404);
    assert_eq!(ann.put(&path, whole).status, 404);
    assert_eq!(
        ann.patch("/messages", json!({"body": "z"})).json,
        json!({"count": 0})
    );
    assert_eq!(ann.count(json!({"deleted": true})), 0);
    assert_eq!(ann.bodies(json!({})), [""; 0]);
}

#[test]
fn bulk_patch_touches_what_it_asks_for_and_records_it() {
    let service = Service::new();
    let ann = service.user("ann");
    let ids: Vec<_> = ["a", "b", "c"].map(|body| ann.say("c", body)).into();
    let answer = ann.patch(
        "/messages?where={\"body\":{\"inq\":[\"a\",\"b\"]}}",
        json!({"status": 7}),
    );
    assert_eq!((answer.status, answer.json), (200, json!({"count": 2})));
    assert_eq!(ann.bodies(json!({"where": {"status": 7}})), ["a", "b"]);
    let details: Json = serde_json::from_str(&service.last_entry().details.unwrap()).unwrap();
    assert_eq!(details["count"], 2);
    assert_eq!(details["ids"].as_array().unwrap().len(), 2);
    assert!(details["ids"].as_array().unwrap().contains(&json!(ids[0])));

    // Too many to be named.
    for number in 0..100 {
        ann.say("c", &number.to_string());
    }
    let answer = ann.patch("/messages", json!({"status": 8}));
    assert_eq!(answer.json, json!({"count": 103}));
    let details: Json = serde_json::from_str(&service.last_entry().details.unwrap()).unwrap();
    assert_eq!(details, json!({"properties": ["status"], "count": 103}));
}

#[test]
fn bulk_patch_moves_nothing_to_another_channel() {
    let service = Service::new();
    let ann = service.user("ann");
    let here = ann.say("here", "x");
    ann.say("there", "y");
    for body in [
        json!({"channelId": "here"}),
        json!({"channelId": "nowhere"}),
    ] {
        assert_eq!(ann.patch("/messages", body).status, 422);
    }
    let body = json!({"channelId": "here", "status": 1});
    let answer = ann.patch("/messages?where[channelId]=here", body);
    assert_eq!(answer.json, json!({"count": 1}));
    assert_eq!(
        ann.patch("/messages", json!({"parentMessageId": here}))
            .status,
        404
    );
    // Its own parent it can't be, so that there is nothing left to touch.
    let answer = ann.patch(
        "/messages?where[channelId]=here",
        json!({"parentMessageId": here}),
    );
    assert_eq!(answer.json, json!({"count": 0}));
}

#[test]
fn a_parent_is_a_live_message_of_the_same_channel() {
    let service = Service::new();
    let ann = service.user("ann");
    let parent = ann.say("c", "parent");
    let deleted = ann.say("c", "deleted");
    ann.delete(&format!("/messages/{deleted}"));
    let elsewhere = ann.say("d", "elsewhere");
    let child = ann.say_with("c", "child", json!({"parentMessageId": parent}));
    let unknown = "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69".to_owned();
    let path = format!("/messages/{child}");
    assert_eq!(
        ann.patch(&path, json!({"parentMessageId": parent})).status,
        204
    );
    for bad in [deleted, elsewhere, unknown, child.clone()] {
        let message =
            json!({"body": "x", "channelId": "c", "channelType": "g", "parentMessageId": bad});
        let text = format!(
            "Related entity not found ! Key (parent_message_id)=({bad}) is not present in table \
             \"messages\"."
        );
        if bad != child {
            let answer = ann.post("/messages", message);
            assert_eq!(
                (answer.status, &answer.json["error"]["message"]),
                (404, &json!(text))
            );
        }
        let answer = ann.patch(&path, json!({"parentMessageId": bad}));
        assert_eq!(
            (answer.status, &answer.json["error"]["message"]),
            (404, &json!(text))
        );
    }
    assert_eq!(ann.get(&path).json["parentMessageId"], json!(parent));
    // A channel that doesn't exist holds no parent.
    let message =
        json!({"body": "x", "channelId": "new", "channelType": "g", "parentMessageId": parent});
    assert_eq!(ann.post("/messages", message).status, 404);
    assert_eq!(ann.count(json!({"channelId": "new"})), 0);
}

#[test]
fn the_usual_way_of_each_operation_is_few_statements() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "x");
    join(&service, "c", "bob", "member");
    let path = format!("/messages/{id}");
    let statements = || std::mem::take(&mut *service.0.statements.borrow_mut()).len();
    statements();
    ann.say("c", "y");
    // The number of the message, and the message.
    assert_eq!(statements(), 2);
    ann.get(&path);
    assert_eq!(statements(), 1);
    ann.get("/messages?filter[where][channelId]=c");
    assert_eq!(statements(), 1);
    ann.get("/messages/count");
    assert_eq!(statements(), 1);
    ann.patch(&path, json!({"body": "z"}));
    // What it said before, the change, and what is told of it: to whom, and with what.
    assert_eq!(statements(), 5);
    ann.delete(&path);
    // And the look for what was sent with it.
    assert_eq!(statements(), 5);
}

#[test]
fn head_is_get_and_the_host_leaves_the_body_out() {
    let service = Service::new();
    let ann = service.user("ann");
    ann.say("c", "x");
    let answer = ann.send("HEAD", "/messages", chat::api::Body::Empty);
    assert_eq!(answer.text, ann.get("/messages").text);
    assert_eq!(answer.status, 200);
    let answer = ann.send("HEAD", "/messages/x", chat::api::Body::Empty);
    assert_eq!(answer.text, ann.get("/messages/x").text);
    assert_eq!(answer.status, 404);
}

#[test]
fn writes_are_recorded_without_what_was_written() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say_with("c", "secret", json!({"subject": "secret"}));
    ann.patch(
        &format!("/messages/{id}"),
        json!({"body": "secret", "subject": "secret"}),
    );
    let entries = service.0.audit.borrow().clone();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["message.create", "message.update"]);
    assert!(entries.iter().all(|entry| entry.entity_id == id));
    assert!(!format!("{entries:?}").contains("secret"));
}
