//! Whatever clients send, the fault is theirs: never a 5xx, and nothing is done.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use gateway_tests::token;
use reqwest::Method;
use serde_json::json;

use crate::answer::{encode, send};
use crate::raw::raw;

on_every_database!(hostile_texts_stay_texts, hostile_bytes_are_refused);

const TEXTS: [&str; 38] = [
    "'",
    "\"",
    "`",
    "''",
    "\\",
    "\\'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "'; DROP TABLE chat_messages; --",
    "1; DELETE FROM chat_members",
    "x' UNION SELECT tenant_id FROM chat_channels --",
    "%' AND SLEEP(5) AND '%'='",
    "'||pg_sleep(5)||'",
    "$1",
    "?",
    ":name",
    "@variable",
    "$$x$$",
    "/* comment",
    "-- comment",
    "%",
    "_",
    "%s%n%x",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "..\\..\\x",
    "null",
    "NaN",
    "99999999999999999999999999999999999999",
    "\u{202e}\u{feff}\u{fffd}\u{10ffff}",
    "a\u{300}\u{1f468}\u{200d}\u{1f469}",
];

async fn hostile_texts_stay_texts(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let secret = json!({"body": "secret", "channelId": "theirs", "channelType": "group"});
    let bob = server.user("acme", "bob");
    assert_eq!(bob.post("/messages", &secret).await.0, 200);

    for text in TEXTS {
        // Each text is a good body, channel, type, subject and user, and comes back.
        let message = json!({
            "body": text, "channelId": text, "channelType": text, "subject": text,
            "toUserId": text,
        });
        let (status, created) = alice.post("/messages", &message).await;
        assert_eq!(status, 200, "{text}: {created}");
        let id = created["id"].as_str().unwrap();
        let read = alice.get(&format!("/messages/{id}")).await.1;
        for name in ["body", "channelId", "channelType", "subject", "toUserId"] {
            assert_eq!(read[name], text, "{name}");
            for condition in [json!({name: text}), json!({name: {"inq": [text]}})] {
                let path = format!("/messages/count?where={}", encode(&condition.to_string()));
                assert_eq!(
                    alice.get(&path).await,
                    (200, json!({"count": 1})),
                    "{condition}"
                );
            }
        }
        let patch = json!({"body": "changed", "subject": text});
        let path = format!("/messages?where[body]={}", encode(text));
        let changed = alice.send(Method::PATCH, &path, &patch).await;
        assert_eq!(changed, (200, json!({"count": 1})), "{text}");

        // As a name, an operator, a pattern, an order, an id: it may be refused.
        let body = json!({(text): text}).to_string();
        let quoted = encode(text);
        for (method, path) in [
            (Method::GET, format!("/messages/{quoted}")),
            (Method::DELETE, format!("/messages/{quoted}")),
            (Method::PATCH, format!("/messages/{quoted}")),
            (Method::PUT, format!("/messages/{quoted}")),
            (Method::POST, "/messages".to_owned()),
            (Method::GET, format!("/messages?filter={quoted}")),
            (Method::GET, format!("/messages?filter[{quoted}]={quoted}")),
            (Method::GET, format!("/messages?filter[order]={quoted}")),
            (Method::GET, format!("/messages?filter[fields][]={quoted}")),
            (
                Method::GET,
                format!("/messages?filter[fields][{quoted}]=true"),
            ),
            (Method::GET, format!("/messages?filter[include]={quoted}")),
            (Method::GET, format!("/messages?filter[limit]={quoted}")),
            (Method::GET, format!("/messages?filter[skip]={quoted}")),
            (Method::GET, format!("/messages?filter[where][{quoted}]=x")),
            (
                Method::GET,
                format!("/messages?filter[where][body][{quoted}]=x"),
            ),
            (
                Method::GET,
                format!("/messages?filter[where][body][like]={quoted}"),
            ),
            (
                Method::GET,
                format!("/messages?filter[where][body][ilike]={quoted}"),
            ),
            (
                Method::GET,
                format!("/messages?filter[where][body][regexp]={quoted}"),
            ),
            (
                Method::GET,
                format!("/messages?filter[where][status]={quoted}"),
            ),
            (
                Method::GET,
                format!("/messages?filter[where][createdOn]={quoted}"),
            ),
            (Method::GET, format!("/messages?filter[where][id]={quoted}")),
            (Method::GET, format!("/messages/count?where={quoted}")),
            (
                Method::GET,
                format!("/messages/{id}?filter[fields]={quoted}"),
            ),
        ] {
            let mut request = alice.request(method.clone(), &path);
            if !matches!(method, Method::GET | Method::DELETE) {
                request = request
                    .header("content-type", "application/json")
                    .body(body.clone());
            }
            let answer = send(request).await;
            assert!(
                answer.status < 500,
                "{method} {path}: {} {}",
                answer.status,
                answer.text
            );
            assert!(
                !answer.text.contains("secret"),
                "{method} {path}: {}",
                answer.text
            );
        }
        for sender in [token::claims("acme", text), token::claims(text, "alice")] {
            let caller = server.caller(&sender);
            let (status, list) = caller.get("/messages").await;
            assert!(status < 500, "{text}: {list}");
            assert!(!list.to_string().contains("secret"), "{text}: {list}");
        }
    }
    assert_eq!(bob.get("/messages/count").await.1, json!({"count": 1}));
    server.stop().await;
}

/// Requests that no well-behaved client can make.
async fn hostile_bytes_are_refused(database: TestDatabase) {
    let server = Server::chat(database).await;
    let token = token::of("acme", "alice");
    let long = "x".repeat(60_000);
    let digits = "9".repeat(5_000);
    let targets: Vec<Vec<u8>> = vec![
        b"GET /messages?filter=%".into(),
        b"GET /messages?filter=%zz".into(),
        b"GET /messages?filter=%e4".into(),
        b"GET /messages?filter=%00".into(),
        b"GET /messages?filter=%C0%80".into(),
        b"GET /messages?filter=%ED%A0%80".into(),
        b"GET /messages?filter[where][body]=%ED%A0%80".into(),
        b"GET /messages?filter=\xff\xfe".into(),
        b"GET /messages?%ff=1".into(),
        b"GET /messages?filter=%7B%22where%22:%7B%22body%22:%22%5Cud800%22%7D%7D".into(),
        b"GET /messages?&&&=&=&filter".into(),
        b"GET /messages?filter[][][]=1".into(),
        b"GET /messages?filter]=1".into(),
        b"GET /messages?filter[=1".into(),
        b"GET /messages??".into(),
        b"GET /messages/%".into(),
        b"GET /messages/%ff".into(),
        b"GET /messages/%00".into(),
        b"GET /messages/%2e%2e%2f%2e%2e%2fetc".into(),
        b"GET /messages/../messages".into(),
        b"GET /messages/%2F".into(),
        b"GET /messages/\xe4".into(),
        b"GET //messages".into(),
        b"GET http://other/messages".into(),
        b"GET *".into(),
        b"OPTIONS *".into(),
        b"TRACE /messages".into(),
        b"FOO /messages".into(),
        b"CONNECT other:80".into(),
        format!("GET /messages/{long}").into(),
        format!("DELETE /messages/{long}").into(),
        format!("GET /messages?filter[where][body]={long}").into(),
        format!("GET /messages?filter[where][status]={digits}").into(),
        format!("GET /messages?filter[where][createdOn]={digits}").into(),
        format!("GET /messages?filter[limit]={digits}").into(),
        format!("GET /messages?filter={digits}").into(),
        format!("GET /messages?filter={}", "[".repeat(30_000)).into(),
        format!("GET /messages?filter{}=1", "[a]".repeat(10_000)).into(),
        format!(
            "GET /messages?{}",
            "filter[where][or][][body]=x&".repeat(999)
        )
        .into(),
        "GET /messages?filter[where][createdOn]=9223372036854775807".into(),
        "GET /messages?filter[where][createdOn]=-9223372036854775808".into(),
        "GET /messages?filter[where][createdOn]=-009999-01-01T00:00:00Z".into(),
        "GET /messages?filter[where][createdOn]=9999-12-30T22:00:00Z".into(),
        "GET /messages?filter[where][createdOn][gt]=0001-01-01".into(),
        "GET /messages?filter[where][status]=9223372036854775807".into(),
        "GET /messages?filter[where][status][lt]=-9223372036854775808".into(),
        "GET /messages?filter[skip]=9223372036854775807&filter[limit]=1000".into(),
        "GET /messages?filter[where][body][regexp]=((((((((((a?)?)?)?)?)?)?)?)?)?)?".into(),
        "GET /messages?filter[where][body][regexp]=(a%7C%7C)%7B255%7D".into(),
    ];
    for target in targets {
        let what = String::from_utf8_lossy(&target[..target.len().min(80)]).into_owned();
        let head = format!(
            " HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let answer = raw(&server, &[&target, head.as_bytes()].concat()).await;
        let status: u16 = answer
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .unwrap_or_else(|| panic!("{what}: {answer:?}"));
        assert!((200..500).contains(&status), "{what}: {answer}");
    }
    server.stop().await;
}
