//! `/message-recipients` and `/messages/{id}/message-recipients`.

use serde_json::{Value as Json, json};

use crate::support::{Service, User, encoded, join};

const PATH: &str = "/message-recipients";

fn row(message: &str, user: &str) -> Json {
    json!({"channelId": "c", "messageId": message, "recipientId": user})
}

fn with(mut row: Json, name: &str, value: Json) -> Json {
    row[name] = value;
    row
}

fn users(rows: &Json) -> Vec<&str> {
    let mut users: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["recipientId"].as_str().unwrap())
        .collect();
    users.sort_unstable();
    users
}

/// Ann owns the channel, bob is a member, eve is nobody.
fn scene() -> (Service, User, User, User, String) {
    let service = Service::new();
    let (ann, bob, eve) = (
        service.user("ann"),
        service.user("bob"),
        service.user("eve"),
    );
    let message = ann.say("c", "hello");
    join(&service, "c", "bob", "member");
    (service, ann, bob, eve, message)
}

#[test]
fn a_row_is_created_without_nulls_and_read_with_them() {
    let (_, ann, _, _, message) = scene();
    let made = ann.post(PATH, row(&message, "cat"));
    assert_eq!(
        made.keys(),
        [
            "deleted",
            "createdOn",
            "modifiedOn",
            "createdBy",
            "modifiedBy",
            "id",
            "channelId",
            "isFavorite",
            "isForwarded",
            "isRead",
            "recipientId",
            "messageId"
        ]
    );
    let read = ann.get(&format!("{PATH}/{}", made.json["id"].as_str().unwrap()));
    assert_eq!(read.keys().len(), 15);
    assert_eq!(read.json["forwardedBy"], Json::Null);
    for (name, value) in made.json.as_object().unwrap() {
        assert_eq!(&read.json[name], value, "{name}");
    }
    let below = format!("/messages/{message}/message-recipients");
    let made = ann.make(&below, json!({"channelId": "c", "recipientId": "dan"}));
    assert_eq!(made["messageId"], message.as_str());
    assert_eq!(users(&ann.read(&below)), ["cat", "dan"]);
}

#[test]
fn a_recipient_sees_the_message_and_a_guest_of_the_owner_the_channel() {
    let (_, ann, bob, eve, message) = scene();
    assert_eq!(eve.get(&format!("/messages/{message}")).status, 404);
    // Bob sees it, but can only forward it.
    let refused = bob.post(PATH, row(&message, "eve"));
    assert_eq!(refused.status, 403, "{}", refused.text);
    let forward = with(row(&message, "eve"), "isForwarded", json!(true));
    bob.make(PATH, with(forward, "forwardedBy", json!("bob")));
    assert_eq!(eve.read(&format!("/messages/{message}"))["body"], "hello");
    ann.say("c", "for members");
    assert_eq!(eve.count(json!({})), 1);
    assert_eq!(eve.count(json!({"channelId": "c"})), 1);
    assert_eq!(eve.bodies(json!({"where": {"channelId": "c"}})), ["hello"]);
    let posted = eve.post(
        "/messages",
        json!({"body": "x", "channelId": "c", "channelType": "group"}),
    );
    assert_eq!(posted.status, 404);

    let second = ann.say("c", "second");
    ann.make(PATH, row(&second, "eve"));
    assert_eq!(eve.count(json!({"channelId": "c"})), 3);
    eve.say("c", "thank you");
}

#[test]
fn recipients_given_with_a_message_are_written_with_it() {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let id = ann.say_with("new", "hello", json!({"recipients": ["bob", "cat", "ann"]}));
    let below = format!("/messages/{id}/message-recipients");
    assert_eq!(users(&ann.read(&below)), ["ann", "bob", "cat"]);
    bob.say("new", "we are members");
    // A member who is not the owner addresses people without making them members.
    let id = bob.say_with("new", "psst", json!({"recipients": ["dan"]}));
    let dan = service.user("dan");
    assert_eq!(dan.bodies(json!({})), ["psst"]);
    assert_eq!(dan.read(&format!("/messages/{id}"))["body"], "psst");

    for (bad, path, code) in [
        (json!("bob"), "/recipients", "type"),
        (json!(["bob", "bob"]), "/recipients/1", "uniqueItems"),
        (json!(["bob", 5]), "/recipients/1", "type"),
        (json!([" bob"]), "/recipients/0", "pattern"),
        (json!(vec!["x"; 101]), "/recipients", "maxItems"),
    ] {
        let answer = ann.post(
            "/messages",
            json!({"body": "x", "channelId": "c", "channelType": "g", "recipients": bad}),
        );
        let details = &answer.json["error"]["details"][0];
        assert_eq!(
            (answer.status, &details["path"], &details["code"]),
            (422, &json!(path), &json!(code))
        );
    }
}

#[test]
fn rows_are_seen_by_whom_they_concern() {
    let (service, ann, bob, eve, message) = scene();
    let moderator = service.user("mod").moderator();
    join(&service, "c", "mod", "member");
    join(&service, "c", "dan", "member");
    let dan = service.user("dan");
    for user in ["bob", "cat"] {
        ann.make(PATH, row(&message, user));
    }
    dan.make(PATH, row(&message, "dan"));
    for (user, wanted) in [
        (&ann, vec!["bob", "cat", "dan"]),
        (&bob, vec!["bob"]),
        (&dan, vec!["dan"]),
        (&moderator, vec!["bob", "cat", "dan"]),
        (&eve, vec![]),
    ] {
        assert_eq!(users(&user.read(PATH)), wanted);
        let below = format!("/messages/{message}/message-recipients");
        assert_eq!(users(&user.read(&below)), wanted);
        let count = user.read(&format!("{PATH}/count"));
        assert_eq!(count["count"], wanted.len());
        let include = encoded(&json!({"include": ["messageRecipients"]}));
        let page = user.read(&format!("/messages?filter={include}"));
        let included = &page[0]["messageRecipients"];
        match wanted.is_empty() {
            true => assert_eq!(page, json!([])),
            false => assert_eq!(users(included), wanted),
        }
    }
    let id = ann.read(PATH)[0]["id"].as_str().unwrap().to_owned();
    let other = service.user("ann").claim("tenantId", json!("other"));
    for user in [&eve, &other] {
        for answer in [
            user.get(&format!("{PATH}/{id}")),
            user.get(&format!("{PATH}/{id}/message")),
            user.patch(&format!("{PATH}/{id}"), json!({"isRead": true})),
            user.delete(&format!("{PATH}/{id}")),
        ] {
            assert_eq!(answer.status, 404);
        }
    }
    // With the message, its rows are gone.
    assert_eq!(ann.delete(&format!("/messages/{message}")).status, 204);
    for user in [&ann, &bob, &moderator] {
        assert_eq!(user.read(PATH), json!([]));
    }
}

#[test]
fn marks_are_the_recipients_own() {
    let (_, ann, bob, _, message) = scene();
    let made = ann.make(PATH, row(&message, "bob"));
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(ann.patch(&path, json!({"isRead": true})).status, 403);
    assert_eq!(bob.patch(&path, json!({"isRead": true})).status, 204);
    let bulk = bob.patch(PATH, json!({"isFavorite": true}));
    assert_eq!(bulk.json, json!({"count": 1}));
    assert_eq!(ann.patch(PATH, json!({"isRead": false})).json["count"], 0);
    let read = ann.read(&path);
    assert_eq!(
        (&read["isRead"], &read["isFavorite"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(read["modifiedBy"], "bob");

    // What a row is about stays, and nobody says that another one forwarded it.
    for (name, value) in [
        ("channelId", json!("d")),
        ("recipientId", json!("ann")),
        ("messageId", json!("00000000-0000-7000-8000-000000000000")),
        ("forwardedBy", json!("ann")),
    ] {
        for (method, path, body) in [
            ("PATCH", path.as_str(), json!({name: value})),
            ("PATCH", PATH, json!({name: value})),
            (
                "PUT",
                path.as_str(),
                with(row(&message, "bob"), name, value.clone()),
            ),
        ] {
            let answer = match method {
                "PUT" => bob.put(path, body),
                _ => bob.patch(path, body),
            };
            assert_eq!(answer.status, 422, "{name}: {}", answer.text);
            assert_eq!(
                answer.json["error"]["details"][0]["path"],
                format!("/{name}")
            );
        }
    }
    // PUT resets the marks that it doesn't name.
    assert_eq!(bob.put(&path, row(&message, "bob")).status, 204);
    let read = bob.read(&path);
    assert_eq!(
        (&read["isRead"], &read["isFavorite"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(read["createdBy"], "ann");

    for mark in ["isRead", "isFavorite"] {
        let answer = ann.post(PATH, with(row(&message, "cat"), mark, json!(true)));
        assert_eq!(answer.status, 422);
    }
}

#[test]
fn there_is_one_live_row_for_a_message_and_a_recipient() {
    let (_, ann, bob, _, message) = scene();
    let made = ann.make(PATH, row(&message, "bob"));
    for user in [&ann, &bob] {
        let again = user.post(PATH, row(&message, "bob"));
        assert_eq!(again.status, 409, "{}", again.text);
        assert_eq!(
            again.json["error"]["message"],
            "Unique constraint violation error !"
        );
    }
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(bob.delete(&path).status, 204);
    assert_eq!(bob.delete(&path).status, 404);
    ann.make(PATH, row(&message, "bob"));
}

#[test]
fn rows_are_deleted_by_whom_they_concern() {
    let (_, ann, bob, eve, message) = scene();
    let below = format!("/messages/{message}/message-recipients");
    for user in ["bob", "cat", "dan"] {
        ann.make(PATH, row(&message, user));
    }
    assert_eq!(eve.delete(&below).json, json!({"count": 0}));
    assert_eq!(bob.delete(&below).json, json!({"count": 1}));
    let cat = encoded(&json!({"recipientId": "cat"}));
    assert_eq!(
        ann.delete(&format!("{below}?where={cat}")).json,
        json!({"count": 1})
    );
    assert_eq!(users(&ann.read(&below)), ["dan"]);
}

#[test]
fn a_row_belongs_to_a_message_that_is_there() {
    let (_, ann, _, eve, message) = scene();
    let unknown = "00000000-0000-7000-8000-000000000000";
    for (user, id) in [(&ann, unknown), (&eve, message.as_str())] {
        let answer = user.post(PATH, row(id, "bob"));
        assert_eq!(answer.status, 404, "{}", answer.text);
        assert!(answer.text.contains("Key (message_id)=("));
    }
    let answer = ann.post(PATH, with(row(&message, "bob"), "channelId", json!("d")));
    assert_eq!(answer.status, 422);
    let answer = ann.post(PATH, json!({"channelId": "c"}));
    let details = answer.json["error"]["details"].as_array().unwrap().clone();
    let missing: Vec<_> = details
        .iter()
        .map(|it| it["info"]["missingProperty"].as_str().unwrap())
        .collect();
    assert_eq!(
        (answer.status, missing),
        (422, vec!["recipientId", "messageId"])
    );
}

#[test]
fn the_message_of_a_row_is_an_object() {
    let (_, ann, bob, _, message) = scene();
    let made = ann.make(PATH, row(&message, "bob"));
    let path = format!("{PATH}/{}/message", made["id"].as_str().unwrap());
    for user in [&ann, &bob] {
        assert_eq!(user.read(&path)["id"], message.as_str());
    }
    let no_permission = bob.clone().claim("permissions", json!(["6"]));
    assert_eq!(no_permission.get(&path).status, 403);
    assert_eq!(ann.get(&format!("{PATH}/x/message")).status, 404);
}
