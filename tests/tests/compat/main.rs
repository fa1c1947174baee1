//! Each of the 34 operations on each database, through the whole gateway: one success to
//! the key, and its refusals. What was seen stands in a table of the documentation.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/answer.rs"]
mod answer;
mod cases;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use gateway_tests::token;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, encode, send};
use crate::cases::{Error, Things, Token, making, operations, successes};

on_every_database!(every_operation_answers_as_documented);

/// Statuses by method and route.
type Seen = BTreeMap<(&'static str, &'static str), BTreeSet<u16>>;

fn ann(server: &Server) -> User<'_> {
    let mut claims = token::claims("acme", "ann");
    let permissions = claims["permissions"].as_array_mut().unwrap();
    for noun in ["MessageRecipient", "AttachmentFile"] {
        for verb in ["View", "Create", "Update", "Delete"] {
            permissions.push(json!(format!("{verb}{noun}")));
        }
    }
    server.caller(&claims)
}

async fn call(user: &User<'_>, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = user.request(method.parse().unwrap(), path);
    send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

async fn every_operation_answers_as_documented(database: TestDatabase) {
    let dialect = database.dialect;
    let server = Server::chat(database).await;
    let ann = ann(&server);
    let mut seen = Seen::new();

    let mut made = Vec::new();
    while let Some((path, body, shape)) = making(&made) {
        let answer = call(&ann, "POST", path, Some(&body)).await;
        assert_eq!(answer.status, shape.status(), "{path}: {}", answer.text);
        shape.check(&answer.text, path);
        seen.entry(("POST", path))
            .or_default()
            .insert(answer.status);
        made.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    let [parent, message, recipient, file] = made.try_into().unwrap();
    let things = Things {
        parent,
        message,
        recipient,
        file,
    };

    refuse(&server, &ann, &things, &mut seen).await;

    for success in successes(&things, encode) {
        let what = format!("{} {}", success.method, success.path);
        let answer = call(&ann, success.method, &success.path, success.body.as_ref()).await;
        assert_eq!(
            answer.status,
            success.shape.status(),
            "{what}: {}",
            answer.text
        );
        success.shape.check(&answer.text, &what);
        let kind = answer.headers.get("content-type");
        let wanted = (answer.status == 200).then_some("application/json");
        assert_eq!(kind.map(|it| it.to_str().unwrap()), wanted, "{what}");
        let statuses = seen.entry((success.method, success.route)).or_default();
        statuses.insert(answer.status);
    }

    let rows = operations().into_iter().map(|operation| {
        let statuses = seen.remove(&(operation.method, operation.route));
        let statuses = statuses.unwrap_or_default();
        assert!(
            statuses.iter().any(|status| *status < 300),
            "{} {} has no success",
            operation.method,
            operation.route
        );
        (operation.method, operation.route, statuses)
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), 34);
    assert!(seen.is_empty(), "not in the list: {seen:?}");
    table::documented(dialect, &rows);
    server.stop().await;
}

/// Nothing of it changes anything, or the successes that follow would count it.
async fn refuse(server: &Server, ann: &User<'_>, things: &Things, seen: &mut Seen) {
    let mut claims = token::claims("acme", "ann");
    claims["permissions"] = json!([]);
    let powerless = server.caller(&claims);
    for operation in operations() {
        for refusal in operation.refusals(things, encode) {
            let method: Method = operation.method.parse().unwrap();
            let request = match refusal.token {
                Token::None => server.request(method, &refusal.path),
                Token::WithoutPermissions => powerless.request(method, &refusal.path),
                Token::Full => ann.request(method, &refusal.path),
            };
            let answer = send(match refusal.body {
                Some((kind, text)) => request.header("content-type", kind).body(text),
                None => request,
            })
            .await;
            let what = format!(
                "{} {} with {:?}: {}",
                operation.method, refusal.path, refusal.token, answer.text
            );
            assert_error(&answer, refusal.error, &what);
            let statuses = seen.entry((operation.method, operation.route)).or_default();
            statuses.insert(answer.status);
        }
    }
}

fn assert_error(answer: &Answer, (status, name, code): Error, what: &str) {
    assert_eq!(answer.status, status, "{what}");
    let body = answer.json();
    let error = &body["error"];
    assert_eq!(error["statusCode"], status, "{what}");
    assert_eq!(error["name"], name, "{what}");
    assert_eq!(error.get("code").and_then(Value::as_str), code, "{what}");
}
