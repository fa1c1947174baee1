//! What each operation does, to the byte.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, encode, send};

on_every_database!(
    a_message_is_created_read_changed_and_deleted,
    bulk_changes_tell_how_many,
    replies_stay_in_their_channel,
);

/// The text in front of the value of a property, so that order and absence show.
fn names(text: &str) -> Vec<String> {
    let object: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    // serde_json may sort: the order is taken from the text itself.
    let mut names: Vec<_> = object.keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    names
}

const ALL: [&str; 15] = [
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

/// `2026-11-24T09:16:17.763Z`.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap().as_bytes();
    text.len() == 24 && text[10] == b'T' && text[19] == b'.' && text[23] == b'Z'
}

fn assert_json(answer: &Answer) {
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.headers["content-length"],
        answer.text.len().to_string()
    );
}

async fn a_message_is_created_read_changed_and_deleted(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let request = alice.request(method, path);
        send(match &body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    };

    // What isn't set is absent from the answer to a creation …
    let body = json!({
        "body": "Grüße 👋 \"x\" \\ \u{1}", "channelId": "general", "channelType": "group",
        "createdBy": "mallory", "createdOn": "2020-01-01T00:00:00.000Z", "deleted": true,
    });
    let created = call(Method::POST, "/messages", Some(body)).await;
    assert_eq!(created.status, 200, "{}", created.text);
    assert_json(&created);
    let message = created.json();
    let id = message["id"].as_str().unwrap().to_owned();
    let on = message["createdOn"].as_str().unwrap().to_owned();
    assert!(is_time(&message["createdOn"]), "{message}");
    assert!(!on.starts_with("2020"), "the client dated it: {message}");
    assert_eq!(
        created.text,
        format!(
            "{{\"deleted\":false,\"createdOn\":\"{on}\",\"modifiedOn\":\"{on}\",\
             \"createdBy\":\"alice\",\"modifiedBy\":\"alice\",\"id\":\"{id}\",\
             \"body\":\"Grüße 👋 \\\"x\\\" \\\\ \\u0001\",\"channelId\":\"general\",\
             \"channelType\":\"group\",\"status\":0}}"
        )
    );

    // … and null where it is read: alone, and in a list.
    let path = format!("/messages/{id}");
    let read = call(Method::GET, &path, None).await;
    assert_eq!(read.status, 200);
    assert_json(&read);
    assert_eq!(
        read.text,
        format!(
            "{{\"deleted\":false,\"deletedOn\":null,\"deletedBy\":null,\"createdOn\":\"{on}\",\
             \"modifiedOn\":\"{on}\",\"createdBy\":\"alice\",\"modifiedBy\":\"alice\",\
             \"id\":\"{id}\",\"body\":\"Grüße 👋 \\\"x\\\" \\\\ \\u0001\",\
             \"channelId\":\"general\",\"channelType\":\"group\",\"status\":0,\"subject\":null,\
             \"toUserId\":null,\"parentMessageId\":null}}"
        )
    );
    let list = call(Method::GET, "/messages", None).await;
    assert_eq!(
        (list.status, list.text),
        (200, format!("[{}]", read.text)),
        "a list is its messages"
    );
    let count = call(Method::GET, "/messages/count", None).await;
    assert_eq!((count.status, count.text.as_str()), (200, r#"{"count":1}"#));

    // An id is an id however its letters are written.
    let upper = format!("/messages/{}", id.to_uppercase());
    assert_eq!(call(Method::GET, &upper, None).await.text, read.text);
    let head = call(Method::HEAD, &path, None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));

    // PATCH changes what it names; who created it, and when, isn't to be changed.
    let patch = json!({
        "id": "ignored", "subject": "s", "status": 7, "toUserId": "bob",
        "createdBy": "mallory", "createdOn": "2020-01-01T00:00:00Z", "deleted": true,
        "deletedBy": "mallory", "channelId": "general",
    });
    let patched = call(Method::PATCH, &path, Some(patch)).await;
    assert_eq!((patched.status, patched.text.as_str()), (204, ""));
    let after = call(Method::GET, &path, None).await.json();
    for (name, value) in [
        ("body", &message["body"]),
        ("subject", &json!("s")),
        ("status", &json!(7)),
        ("toUserId", &json!("bob")),
        ("createdBy", &json!("alice")),
        ("createdOn", &message["createdOn"]),
        ("deleted", &json!(false)),
        ("deletedBy", &json!(null)),
        ("id", &json!(id)),
    ] {
        assert_eq!(&after[name], value, "{name} of {after}");
    }
    assert!(after["modifiedOn"].as_str() >= Some(on.as_str()));
    assert_eq!(
        call(Method::PATCH, &path, Some(json!({}))).await.status,
        204
    );

    // PUT replaces: what it doesn't name has its default.
    let put = json!({"id": id, "body": "new", "channelId": "general", "channelType": "topic"});
    let replaced = call(Method::PUT, &path, Some(put)).await;
    assert_eq!((replaced.status, replaced.text.as_str()), (204, ""));
    let after = call(Method::GET, &path, None).await.json();
    for (name, value) in [
        ("body", json!("new")),
        ("channelType", json!("topic")),
        ("status", json!(0)),
        ("subject", json!(null)),
        ("toUserId", json!(null)),
        ("createdBy", json!("alice")),
        ("createdOn", json!(on)),
    ] {
        assert_eq!(after[name], value, "{name} of {after}");
    }

    // Deleted, it is as if it had never been; and stays in the table.
    let deleted = call(Method::DELETE, &path, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    let gone = call(Method::GET, &path, None).await;
    assert_eq!(
        (gone.status, gone.text.as_str()),
        (
            404,
            r#"{"error":{"statusCode":404,"name":"NotFoundError","message":"EntityNotFound"}}"#
        )
    );
    let again = call(Method::DELETE, &path, None).await;
    assert_eq!(
        (again.status, again.text),
        (
            404,
            format!(
                "{{\"error\":{{\"statusCode\":404,\"name\":\"Error\",\"message\":\
                 \"Entity not found: messages with id \\\"{id}\\\"\",\
                 \"code\":\"ENTITY_NOT_FOUND\"}}}}"
            )
        )
    );
    let put = json!({"body": "new", "channelId": "general", "channelType": "topic"});
    for (method, body) in [(Method::PATCH, json!({"body": "x"})), (Method::PUT, put)] {
        assert_eq!(call(method, &path, Some(body)).await.status, 404);
    }
    assert_eq!(call(Method::GET, "/messages", None).await.text, "[]");
    let count = call(Method::GET, "/messages/count", None).await;
    assert_eq!(count.text, r#"{"count":0}"#);
    server.database.raw("UPDATE chat_messages SET deleted = FALSE WHERE deleted_by = 'alice' AND deleted_on IS NOT NULL").await;
    let back = call(Method::GET, &path, None).await;
    assert_eq!(back.status, 200, "the row was taken out of the table");
    let back = back.json();
    assert_eq!(back["deletedBy"], "alice");
    assert!(is_time(&back["deletedOn"]));

    // Everything that can be set comes back from a creation, in the order of the wire.
    let body = json!({
        "parentMessageId": id, "toUserId": "bob", "subject": "", "status": -1,
        "channelType": "group", "channelId": "general", "body": "full",
    });
    let full = call(Method::POST, "/messages", Some(body)).await;
    assert_eq!(full.status, 200, "{}", full.text);
    let absent = ["deletedOn", "deletedBy"];
    let wanted: Vec<_> = ALL.into_iter().filter(|it| !absent.contains(it)).collect();
    assert_eq!(names(&full.text), wanted);
    let path = format!("/messages/{}", full.json()["id"].as_str().unwrap());
    assert_eq!(names(&call(Method::GET, &path, None).await.text), ALL);
    server.stop().await;
}

async fn bulk_changes_tell_how_many(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    for (body, channel) in [("a", "one"), ("b", "one"), ("c", "two")] {
        let message = json!({"body": body, "channelId": channel, "channelType": "group"});
        assert_eq!(alice.post("/messages", &message).await.0, 200);
    }
    let bulk = async |query: &str, body: Value| {
        let path = format!("/messages{query}");
        send(alice.request(Method::PATCH, &path).json(&body)).await
    };
    let filtered = |filter: Value| format!("?where={}", encode(&filter.to_string()));

    for (query, body, wanted) in [
        (filtered(json!({"body": "a"})), json!({"status": 1}), 1),
        ("?where[channelId]=one".to_owned(), json!({"status": 2}), 2),
        (
            filtered(json!({"body": {"inq": []}})),
            json!({"status": 9}),
            0,
        ),
        (filtered(json!({"status": 2})), json!({}), 2),
        (
            filtered(json!({"or": [{"body": "a"}, {"body": "c"}], "status": 2})),
            json!({"subject": "x"}),
            1,
        ),
        (String::new(), json!({"subject": "all"}), 3),
    ] {
        let answer = bulk(&query, body).await;
        assert_eq!(
            (answer.status, answer.text),
            (200, format!("{{\"count\":{wanted}}}")),
            "{query}"
        );
    }
    let (_, list) = alice.get("/messages").await;
    let now = |name: &str| -> Vec<_> {
        let list = list.as_array().unwrap().iter();
        list.map(|it| it[name].clone()).collect()
    };
    assert_eq!(now("status"), [2, 2, 0]);
    assert_eq!(now("subject"), ["all", "all", "all"]);

    // All or nothing: one of them is in another channel.
    let answer = bulk("", json!({"channelId": "one", "subject": "moved"})).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.json()["error"]["code"], "VALIDATION_FAILED");
    let moved = "/messages/count?where[subject]=moved";
    assert_eq!(alice.get(moved).await.1, json!({"count": 0}));
    server.stop().await;
}

async fn replies_stay_in_their_channel(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let post = async |channel: &str, parent: Option<&str>| {
        let mut message = json!({"body": "x", "channelId": channel, "channelType": "group"});
        if let Some(parent) = parent {
            message["parentMessageId"] = json!(parent);
        }
        send(alice.request(Method::POST, "/messages").json(&message)).await
    };
    let id = |answer: &Answer| answer.json()["id"].as_str().unwrap().to_owned();

    let one = id(&post("one", None).await);
    let two = id(&post("two", None).await);
    let reply = post("one", Some(&one)).await;
    assert_eq!(reply.json()["parentMessageId"], json!(one));

    let unknown = "0190ffff-0000-7000-8000-000000000000";
    assert_eq!(alice.delete(&format!("/messages/{one}")).await.0, 204);
    // Unknown, in another channel, deleted: there is no telling them apart.
    for parent in [unknown, &two, &one] {
        let wanted = format!(
            "{{\"error\":{{\"statusCode\":404,\"name\":\"NotFoundError\",\"message\":\
             \"Related entity not found ! Key (parent_message_id)=({parent}) is not present in \
             table \\\"messages\\\".\"}}}}"
        );
        for channel in ["one", "a-new-one"] {
            let answer = post(channel, Some(parent)).await;
            assert_eq!((answer.status, &answer.text), (404, &wanted));
        }
        let path = format!("/messages/{}", id(&reply));
        let patch = alice.request(Method::PATCH, &path);
        let answer = send(patch.json(&json!({"parentMessageId": parent}))).await;
        assert_eq!((answer.status, &answer.text), (404, &wanted));
    }
    // No message is a reply to itself, nor goes to another channel.
    let path = format!("/messages/{two}");
    let itself = json!({"parentMessageId": two});
    assert_eq!(alice.send(Method::PATCH, &path, &itself).await.0, 404);
    let (status, error) = alice
        .send(Method::PATCH, &path, &json!({"channelId": "one"}))
        .await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (422, &json!("VALIDATION_FAILED"))
    );
    server.stop().await;
}
