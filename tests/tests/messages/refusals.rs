//! Every refusal: its status, its name and its code. The texts are for people.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use gateway_tests::token;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, encode, send};
use crate::raw::raw;

on_every_database!(
    bad_bodies_are_refused,
    bad_filters_are_refused,
    strangers_and_wrong_doors_are_refused,
);

/// Status, name and code of an answer that has to be an error of the known shape.
fn error(answer: &Answer) -> (u16, String, Option<String>) {
    let body = answer.json();
    let error = body["error"].as_object().unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(error["statusCode"], answer.status, "{body}");
    assert!(!error["message"].as_str().unwrap().is_empty(), "{body}");
    for name in error.keys() {
        let known = ["statusCode", "name", "message", "code", "details"];
        assert!(known.contains(&name.as_str()), "{body}");
    }
    let text = |name: &str| Some(error.get(name)?.as_str()?.to_owned());
    (
        answer.status,
        text("name").unwrap_or_default(),
        text("code"),
    )
}

const INVALID: (u16, &str, Option<&str>) =
    (422, "UnprocessableEntityError", Some("VALIDATION_FAILED"));
const BLANK: (u16, &str, Option<&str>) = (422, "ValidationError", None);
const SYNTAX: (u16, &str, Option<&str>) = (400, "SyntaxError", None);
const PARAMETER: (u16, &str, Option<&str>) =
    (400, "BadRequestError", Some("INVALID_PARAMETER_VALUE"));
const INCLUSION: (u16, &str, Option<&str>) = (400, "Error", Some("INVALID_INCLUSION_FILTER"));
const MISSING: (u16, &str, Option<&str>) = (404, "Error", Some("ENTITY_NOT_FOUND"));

fn assert_error(answer: &Answer, wanted: (u16, &str, Option<&str>), what: &str) {
    let (status, name, code) = error(answer);
    let found = (status, name.as_str(), code.as_deref());
    assert_eq!(found, wanted, "{what}: {}", answer.text);
}

async fn bad_bodies_are_refused(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let good = json!({"body": "x", "channelId": "general", "channelType": "group"});
    let (_, message) = alice.post("/messages", &good).await;
    let one = format!("/messages/{}", message["id"].as_str().unwrap());
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let long = |length: usize| json!("ü".repeat(length));

    // Broken in a creation, in a replacement and in both kinds of changes alike.
    let mut everywhere = vec![
        ("{".to_owned(), SYNTAX),
        (String::from("{\"body\":\"\\ud800\"}"), SYNTAX),
        ("{\"body\":1e999}".to_owned(), SYNTAX),
        ("[".repeat(10_000), SYNTAX),
        ("nonsense".to_owned(), SYNTAX),
        ("[]".to_owned(), INVALID),
        ("null".to_owned(), INVALID),
        ("\"text\"".to_owned(), INVALID),
        (with("__proto__", json!({"x": 1})), INVALID),
        (with("tenantId", json!("other")), INVALID),
        (with("tenant_id", json!("other")), INVALID),
        (with("channel_id", json!("general")), INVALID),
        (with("body", json!("")), BLANK),
        (with("body", json!("a\0b")), INVALID),
        (with("body", json!("x".repeat(65_536))), INVALID),
        (with("channelId", json!("")), BLANK),
        (with("channelId", json!(" general")), INVALID),
        (with("channelId", json!("gen\neral")), INVALID),
        (with("channelId", long(129)), INVALID),
        (with("channelType", long(201)), INVALID),
        (with("subject", long(201)), INVALID),
        (with("toUserId", long(129)), INVALID),
        (with("status", json!("0")), INVALID),
        (with("status", json!(1.5)), INVALID),
        (with("status", json!(2_147_483_648_u32)), INVALID),
        (with("status", json!(-2_147_483_649_i64)), INVALID),
        (with("status", json!(1e300)), INVALID),
        (with("parentMessageId", json!("no-uuid")), INVALID),
        (with("deleted", json!("no")), INVALID),
        (with("createdOn", json!("yesterday")), INVALID),
        (with("createdBy", json!({"id": "x"})), INVALID),
    ];
    for name in [
        "body",
        "channelId",
        "channelType",
        "subject",
        "toUserId",
        "parentMessageId",
    ] {
        for wrong in [
            json!(1),
            json!(null),
            json!(true),
            json!(["x"]),
            json!({"like": "x"}),
        ] {
            everywhere.push((with(name, wrong), INVALID));
        }
    }
    let doors = [
        (Method::POST, "/messages"),
        (Method::PUT, one.as_str()),
        (Method::PATCH, one.as_str()),
        (Method::PATCH, "/messages"),
    ];
    let send_text = async |method: &Method, path: &str, kind: Option<&str>, body: String| {
        let mut request = alice.request(method.clone(), path).body(body);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        send(request).await
    };
    const JSON: Option<&str> = Some("application/json");
    for (body, wanted) in &everywhere {
        for (method, path) in &doors {
            let answer = send_text(method, path, JSON, body.clone()).await;
            let what = format!(
                "{method} {path} {}",
                body.chars().take(80).collect::<String>()
            );
            assert_error(&answer, *wanted, &what);
        }
    }

    for (method, path) in &doors {
        let what = format!("{method} {path}");
        let none = (400, "BadRequestError", Some("MISSING_REQUIRED_PARAMETER"));
        assert_error(
            &send(alice.request(method.clone(), path)).await,
            none,
            &what,
        );
        let type_ = (
            415,
            "UnsupportedMediaTypeError",
            Some("UNSUPPORTED_MEDIA_TYPE"),
        );
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
        ] {
            let answer = send_text(method, path, kind, good.to_string()).await;
            assert_error(&answer, type_, &what);
        }
        // More than a message, and more than the host takes, which says so when it is
        // told the length and not after it has read all of it.
        let answer = send_text(method, path, JSON, " ".repeat(1024 * 1024 + 1)).await;
        assert_error(&answer, (413, "PayloadTooLargeError", None), &what);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 16777217\r\n\r\n",
            token::of("acme", "alice")
        );
        let answer = raw(&server, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{what}: {answer}");
        assert!(answer.contains("PayloadTooLargeError"), "{what}: {answer}");
    }
    let upper = Some("Application/JSON; charset=utf-8");
    let answer = send_text(&Method::POST, "/messages", upper, good.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    // What a creation and a replacement need, and a change doesn't.
    for name in ["body", "channelId", "channelType"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        for (method, path) in &doors[..2] {
            let answer = send_text(method, path, JSON, body.to_string()).await;
            assert_error(&answer, INVALID, name);
            assert_eq!(
                answer.json()["error"]["details"],
                json!([{
                    "path": "", "code": "required",
                    "message": format!("must have required property '{name}'"),
                    "info": {"missingProperty": name},
                }])
            );
        }
    }
    let answer = send_text(&Method::POST, "/messages", JSON, with("id", json!("x"))).await;
    assert_error(&answer, INVALID, "a client's id");
    let answer = send_text(&Method::PUT, &one, JSON, with("id", json!("x"))).await;
    assert_error(&answer, (400, "Error", None), "another id");

    // Nothing of it was done.
    let (_, list) = alice.get("/messages").await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["body"], "x");
    assert_eq!(list[0]["modifiedOn"], list[0]["createdOn"]);
    server.stop().await;
}

async fn bad_filters_are_refused(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let mut deep = json!({"body": "x"});
    for _ in 0..17 {
        deep = json!({"and": [deep]});
    }
    let many: Vec<_> = (0..1001).collect();
    let conditions: Vec<_> = (0..201).map(|_| json!({"status": 1})).collect();

    let wheres = vec![
        json!({"chanelId": "general"}),
        json!({"tenantId": "acme"}),
        json!({"tenant_id": "acme"}),
        json!({"channel_id": "general"}),
        json!({"__proto__": {"x": 1}}),
        json!({"constructor": 1}),
        json!({"body": {"equals": "x"}}),
        json!({"body": {"$ne": "x"}}),
        json!({"body": {}}),
        json!({"body": ["x"]}),
        json!({"body": true}),
        json!({"body": {"eq": {"eq": "x"}}}),
        json!({"body": "a\0"}),
        json!({"body": {"like": "a\0"}}),
        json!({"body": {"like": 1}}),
        json!({"body": {"like": "a\\"}}),
        json!({"body": {"like": "x".repeat(257)}}),
        json!({"status": {"like": "1%"}}),
        json!({"status": {"regexp": "1"}}),
        json!({"status": "one"}),
        json!({"status": 1.5}),
        json!({"status": {"between": [1]}}),
        json!({"status": {"between": 1}}),
        json!({"status": {"inq": 1}}),
        json!({"status": {"inq": ["x"]}}),
        json!({"status": {"inq": many}}),
        json!({"deleted": 1}),
        json!({"id": "no-uuid"}),
        json!({"id": {"inq": ["no-uuid"]}}),
        json!({"createdOn": "yesterday"}),
        json!({"createdOn": {"gt": "2026-13-01"}}),
        json!({"subject": {"exists": "perhaps"}}),
        json!({"body": {"contains": "x"}}),
        json!({"body": {"containsAny": ["x"]}}),
        json!({"body": {"match": "x"}}),
        json!({"body": {"regexp": "("}}),
        json!({"body": {"regexp": "(a+)+"}}),
        json!({"body": {"regexp": "a{1000}"}}),
        json!({"body": {"regexp": "(?=a)"}}),
        json!({"body": {"regexp": "/a/g"}}),
        json!({"body": {"regexp": "[[:alpha:]]"}}),
        json!({"or": []}),
        json!({"and": []}),
        json!({"or": {"body": "x"}}),
        json!({"or": ["x"]}),
        json!({"and": [{"body": "x"}, {"bodi": "x"}]}),
        json!({"or": conditions}),
        deep,
        json!([]),
        json!("body"),
    ];
    for condition in &wheres {
        let filter = json!({"where": condition}).to_string();
        let path = format!("/messages?filter={}", encode(&filter));
        assert_error(
            &send(alice.request(Method::GET, &path)).await,
            PARAMETER,
            &filter,
        );
        let only = encode(&condition.to_string());
        let path = format!("/messages/count?where={only}");
        assert_error(
            &send(alice.request(Method::GET, &path)).await,
            PARAMETER,
            &filter,
        );
        let bulk = alice.request(Method::PATCH, &format!("/messages?where={only}"));
        let answer = send(bulk.json(&json!({"body": "changed"}))).await;
        assert_error(&answer, PARAMETER, &filter);
    }

    let id = "0190ffff-0000-7000-8000-000000000000";
    for (filter, wanted) in [
        (json!({"limit": 0}), PARAMETER),
        (json!({"limit": -1}), PARAMETER),
        (json!({"limit": 1.5}), PARAMETER),
        (json!({"limit": "many"}), PARAMETER),
        (json!({"skip": -1}), PARAMETER),
        (json!({"offset": -1}), PARAMETER),
        (json!({"limit": null}), PARAMETER),
        (json!({"order": "bodi"}), PARAMETER),
        (json!({"order": "body UP"}), PARAMETER),
        (
            json!({"order": "body; DROP TABLE chat_messages"}),
            PARAMETER,
        ),
        (json!({"order": ["body", 1]}), PARAMETER),
        (json!({"order": vec!["body"; 16]}), PARAMETER),
        (json!({"fields": "body"}), PARAMETER),
        (json!({"fields": ["bodi"]}), PARAMETER),
        (json!({"fields": ["body", "body"]}), PARAMETER),
        (json!({"fields": {"body": 1}}), PARAMETER),
        (json!({"fields": {"tenant_id": true}}), PARAMETER),
        (json!({"were": {}}), PARAMETER),
        (json!([]), PARAMETER),
        (json!(1), PARAMETER),
        (json!({"include": ["nobody"]}), INCLUSION),
        (json!({"include": ["messageFiles"]}), INCLUSION),
        (json!({"include": [{"relation": "message"}]}), INCLUSION),
    ] {
        let query = encode(&filter.to_string());
        for path in ["/messages".to_owned(), format!("/messages/{id}")] {
            let request = alice.request(Method::GET, &format!("{path}?filter={query}"));
            assert_error(&send(request).await, wanted, &filter.to_string());
        }
    }
    for query in [
        "filter=%7B",
        "filter=%FF",
        "filter[limit",
        "filter[where][or][0][a[b]]=1",
        "filter[limit]=1&filter=%7B%7D",
        "filter=%7B%7D&filter=%7B%7D",
        "filter[where]=x",
        "filter[where][body]=x&filter[where][body][like]=y",
        "filter[limit]=1&filter[limit]=2",
        &format!("filter[where][body]={}", "x".repeat(32 * 1024)),
        &format!("filter[where]{}=1", "[and]".repeat(30)),
        &"filter[order][]=body&".repeat(1001),
    ] {
        let what = query.chars().take(60).collect::<String>();
        let answer = send(alice.request(Method::GET, &format!("/messages?{query}"))).await;
        assert_error(&answer, PARAMETER, &what);
    }
    // There is nothing to be asked of one message.
    let path = format!("/messages/{id}?filter[where][body]=x");
    assert_error(
        &send(alice.request(Method::GET, &path)).await,
        PARAMETER,
        "where of one",
    );
    server.stop().await;
}

async fn strangers_and_wrong_doors_are_refused(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let id = "0190ffff-0000-7000-8000-000000000000";
    let one = format!("/messages/{id}");
    let good = json!({"body": "x", "channelId": "general", "channelType": "group"});
    let doors = [
        (Method::POST, "/messages", "CreateMessage", "2"),
        (Method::GET, "/messages", "ViewMessage", "1"),
        (Method::GET, "/messages/count", "ViewMessage", "1"),
        (Method::PATCH, "/messages", "UpdateMessage", "3"),
        (Method::GET, &one, "ViewMessage", "1"),
        (Method::PATCH, &one, "UpdateMessage", "3"),
        (Method::PUT, &one, "UpdateMessage", "3"),
        (Method::DELETE, &one, "DeleteMessage", "4"),
    ];
    let forbidden = (403, "ForbiddenError", None);
    let unauthorized = (401, "UnauthorizedError", None);
    for (method, path, permission, number) in doors {
        let what = format!("{method} {path}");
        // Who asks comes before what is asked: the body is none at all.
        let request = server.request(method.clone(), path).body("{");
        let answer = send(request).await;
        assert_error(&answer, unauthorized, &what);
        assert!(answer.headers.contains_key("www-authenticate"), "{what}");
        for bad in ["Bearer x", "Bearer ", "Basic YTpi"] {
            let request = server.request(method.clone(), path);
            let answer = send(request.header("authorization", bad)).await;
            assert_error(&answer, unauthorized, &what);
        }

        let claims = |permissions: Value| {
            let mut claims = token::claims("acme", "alice");
            claims["permissions"] = permissions;
            claims
        };
        let all = [
            "ViewMessage",
            "CreateMessage",
            "UpdateMessage",
            "DeleteMessage",
        ];
        let others: Vec<_> = all.into_iter().filter(|it| *it != permission).collect();
        for permissions in [
            json!(others),
            json!([]),
            json!(null),
            json!(permission),
            json!([number.parse::<i64>().unwrap()]),
            json!([[permission]]),
            json!([permission.to_lowercase()]),
        ] {
            let caller = server.caller(&claims(permissions.clone()));
            let answer = send(caller.request(method.clone(), path).body("{")).await;
            assert_error(&answer, forbidden, &format!("{what} {permissions}"));
        }
        for permissions in [json!([permission]), json!([number])] {
            let caller = server.caller(&claims(permissions));
            let answer = send(caller.request(method.clone(), path).json(&good)).await;
            assert!(
                ![401, 403].contains(&answer.status),
                "{what}: {}",
                answer.text
            );
        }
    }

    for (method, path, allow) in [
        (Method::DELETE, "/messages", "POST, GET, PATCH, HEAD"),
        (Method::PUT, "/messages", "POST, GET, PATCH, HEAD"),
        (Method::POST, "/messages/x", "GET, PATCH, PUT, DELETE, HEAD"),
    ] {
        let answer = send(alice.request(method.clone(), path)).await;
        assert_error(&answer, (405, "MethodNotAllowedError", None), path);
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
    let nowhere = (404, "NotFoundError", None);
    for path in [
        "/",
        "/message",
        "/messages/",
        "/messages/a/b",
        "/Messages",
        "/messages//",
    ] {
        assert_error(&send(alice.request(Method::GET, path)).await, nowhere, path);
    }
    assert_error(&send(server.get("/nowhere")).await, nowhere, "a stranger");

    // Ids that can't be any message's are ids of no message.
    for id in [
        id,
        "x",
        "1",
        "%00",
        "..%2f..%2fetc",
        "%F0%9F%91%8B",
        "00000000",
    ] {
        let path = format!("/messages/{id}");
        assert_error(
            &send(alice.request(Method::GET, &path)).await,
            nowhere,
            &path,
        );
        for (method, body) in [
            (Method::PATCH, json!({"body": "x"})),
            (Method::PUT, good.clone()),
            (Method::DELETE, json!({})),
        ] {
            let answer = send(alice.request(method, &path).json(&body)).await;
            assert_error(&answer, MISSING, &path);
        }
    }
    server.stop().await;
}
