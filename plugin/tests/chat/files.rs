//! `/attach-files`.

use serde_json::{Value as Json, json};

use crate::support::{Service, User, encoded, join};

const PATH: &str = "/attach-files";

fn scene() -> (Service, User, User, User, String) {
    let service = Service::new();
    let (ann, bob, eve) = (
        service.user("ann"),
        service.user("bob"),
        service.user("eve"),
    );
    join_channel(&service, &ann);
    let message = bob.say("c", "look");
    (service, ann, bob, eve, message)
}

/// Ann owns the channel, bob and cat are members.
fn join_channel(service: &Service, ann: &User) {
    ann.say("c", "first");
    join(service, "c", "bob", "member");
    join(service, "c", "cat", "member");
}

fn path(file: &Json) -> String {
    format!("{PATH}/{}", file["id"].as_str().unwrap())
}

#[test]
fn a_file_needs_nothing_and_keeps_what_it_is_given() {
    let (_, ann, bob, _, message) = scene();
    let empty = ann.post(PATH, json!({}));
    assert_eq!(
        empty.keys(),
        [
            "deleted",
            "createdOn",
            "modifiedOn",
            "createdBy",
            "modifiedBy",
            "id"
        ]
    );
    let meta = json!({"z": 1, "a": {"name": "ü\u{0}", "n": 1.50}, "list": [null]});
    let made = bob.make(
        PATH,
        json!({"channelId": "c", "fileKey": "k/1", "messageId": message, "metaData": meta}),
    );
    let read = bob.read(&path(&made));
    assert_eq!(read["metaData"], meta);
    assert_eq!(read["fileKey"], "k/1");
    assert_eq!(read.as_object().unwrap().len(), 12);
    for (body, place) in [
        (json!({"metaData": "x"}), "/metaData"),
        (json!({"metaData": [1]}), "/metaData"),
        (json!({"metaData": {"x": "y".repeat(70_000)}}), "/metaData"),
        (json!({"fileKey": 5}), "/fileKey"),
        (json!({"fileKey": "x".repeat(1_025)}), "/fileKey"),
        (json!({"messageId": "x"}), "/messageId"),
        (json!({"name": "x"}), ""),
    ] {
        let answer = ann.post(PATH, body);
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.json["error"]["details"][0]["path"], place);
    }
}

#[test]
fn a_file_is_seen_with_its_message() {
    let (service, ann, bob, eve, message) = scene();
    let cat = service.user("cat");
    let file = bob.make(PATH, json!({"messageId": message, "fileKey": "k"}));
    let own = bob.make(PATH, json!({"fileKey": "not linked"}));
    for (user, status, count) in [
        (&ann, 200, 1),
        (&bob, 200, 2),
        (&cat, 200, 1),
        (&eve, 404, 0),
    ] {
        assert_eq!(user.get(&path(&file)).status, status);
        assert_eq!(user.read(PATH).as_array().unwrap().len(), count);
        assert_eq!(user.read(&format!("{PATH}/count"))["count"], count);
    }
    for user in [&ann, &cat, &eve] {
        assert_eq!(user.get(&path(&own)).status, 404);
        assert_eq!(user.patch(&path(&own), json!({"fileKey": "x"})).status, 404);
    }
    assert_eq!(bob.delete(&format!("/messages/{message}")).status, 204);
    for user in [&ann, &bob] {
        assert_eq!(user.get(&path(&file)).status, 404);
    }
}

#[test]
fn files_are_added_by_those_who_may_change_the_message() {
    let (service, ann, _, eve, message) = scene();
    let cat = service.user("cat");
    let body = json!({"messageId": message});
    assert_eq!(cat.post(PATH, body.clone()).status, 403);
    assert_eq!(service.last_entry().action, "attachment.create");
    let foreign = eve.post(PATH, body.clone());
    assert_eq!(foreign.status, 404);
    assert!(foreign.text.contains("Key (message_id)=("));
    ann.make(PATH, body.clone());
    let moderator = cat.moderator();
    moderator.make(PATH, body);
    let elsewhere = ann.post(PATH, json!({"messageId": message, "channelId": "d"}));
    assert_eq!(elsewhere.status, 422);
}

#[test]
fn a_file_is_linked_once() {
    let (service, ann, bob, _, message) = scene();
    let cat = service.user("cat");
    let other = bob.say("c", "other");
    let file = bob.make(PATH, json!({"fileKey": "k"}));
    let link = json!({"messageId": message});
    assert_eq!(bob.patch(&path(&file), link.clone()).status, 204);
    assert_eq!(bob.patch(&path(&file), link).status, 204);
    let again = bob.patch(&path(&file), json!({"messageId": other}));
    assert_eq!(again.status, 422, "{}", again.text);
    // Cat may not link to the message of another.
    let hers = cat.make(PATH, json!({"fileKey": "k"}));
    let refused = cat.patch(&path(&hers), json!({"messageId": message}));
    assert_eq!(refused.status, 403, "{}", refused.text);
    let nowhere = json!({"messageId": "00000000-0000-7000-8000-000000000000"});
    assert_eq!(cat.patch(&path(&hers), nowhere.clone()).status, 404);
    assert_eq!(cat.patch(PATH, nowhere).status, 404);
    // One that says another channel doesn't fit.
    let stray = bob.make(PATH, json!({"channelId": "d"}));
    assert_eq!(
        bob.patch(&path(&stray), json!({"messageId": message}))
            .status,
        404
    );

    // The owner of the channel may change it, another member may not.
    assert_eq!(ann.patch(&path(&file), json!({"fileKey": "x"})).status, 204);
    assert_eq!(cat.patch(&path(&file), json!({"fileKey": "y"})).status, 403);
    assert_eq!(cat.delete(&path(&file)).status, 403);
    // PUT empties what it doesn't name, but for the link.
    assert_eq!(bob.put(&path(&file), json!({})).status, 204);
    let read = bob.read(&path(&file));
    assert_eq!(
        (&read["fileKey"], &read["messageId"]),
        (&Json::Null, &json!(message))
    );
    assert_eq!(bob.delete(&path(&file)).status, 204);
    assert_eq!(bob.get(&path(&file)).status, 404);
}

#[test]
fn many_files_come_all_or_not_at_all() {
    let (_, _, bob, _, message) = scene();
    let bulk = format!("{PATH}/bulk");
    let files = json!([{"fileKey": "a", "messageId": message}, {"fileKey": "b"}]);
    let made = bob.make(&bulk, json!({"attachmentFiles": files, "extra": true}));
    assert_eq!(made[0]["fileKey"], "a");
    assert_eq!(made.as_array().unwrap().len(), 2);
    let unknown = "00000000-0000-7000-8000-000000000000";
    let answer = bob.post(
        &bulk,
        json!({"attachmentFiles": [{"fileKey": "c"}, {"messageId": unknown}]}),
    );
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert!(answer.text.contains(unknown), "{}", answer.text);
    assert_eq!(bob.read(PATH).as_array().unwrap().len(), 2);
    for (body, place, code) in [
        (json!({}), "", "required"),
        (
            json!({"attachmentFiles": []}),
            "/attachmentFiles",
            "minItems",
        ),
        (json!({"attachmentFiles": {}}), "/attachmentFiles", "type"),
        (
            json!({"attachmentFiles": [1]}),
            "/attachmentFiles/0",
            "type",
        ),
        (
            json!({"attachmentFiles": [{}, {"x": 1}]}),
            "/attachmentFiles/1",
            "additionalProperties",
        ),
        (
            json!({"attachmentFiles": vec![json!({}); 101]}),
            "/attachmentFiles",
            "maxItems",
        ),
        (json!([]), "", "type"),
    ] {
        let answer = bob.post(&bulk, body);
        let details = &answer.json["error"]["details"][0];
        assert_eq!(
            (answer.status, &details["path"], &details["code"]),
            (422, &json!(place), &json!(code))
        );
    }
}

#[test]
fn files_change_in_bulk_as_far_as_the_caller_may() {
    let (service, ann, bob, _, message) = scene();
    let cat = service.user("cat");
    for key in ["a", "b"] {
        bob.make(PATH, json!({"fileKey": key, "messageId": message}));
    }
    cat.make(PATH, json!({"fileKey": "c"}));
    let b = encoded(&json!({"fileKey": "b"}));
    let change = |user: &User, query: &str| {
        let answer = user.patch(
            &format!("{PATH}{query}"),
            json!({"metaData": {"seen": true}}),
        );
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["count"].clone()
    };
    assert_eq!(change(&cat, ""), 1);
    assert_eq!(change(&bob, &format!("?where={b}")), 1);
    assert_eq!(change(&ann, ""), 2);
    let answer = ann.get(&format!(
        "{PATH}?filter={}",
        encoded(&json!({"where": {"metaData": {"gt": 1}}}))
    ));
    assert_eq!(answer.status, 400);
    let there = encoded(&json!({"where": {"metaData": {"exists": true}}}));
    assert_eq!(
        ann.read(&format!("{PATH}?filter={there}"))
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
