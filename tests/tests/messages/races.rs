//! Requests that meet: what is sent twice happens once, and nobody overwrites what they
//! have not read.

use futures_util::future::join_all;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{encode, send};

on_every_database!(
    what_is_sent_many_times_with_one_key_happens_once,
    one_of_many_writers_that_read_the_same_wins,
);

/// Requests at once: fewer than the attempts that a conflict is given.
const CROWD: usize = 4;

async fn what_is_sent_many_times_with_one_key_happens_once(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    for round in 0..5 {
        let message =
            json!({"body": format!("m{round}"), "channelId": "c", "channelType": "group"});
        let key = format!("key-{round}");
        let one = || {
            let request = alice.request(Method::POST, "/messages").json(&message);
            send(request.header("idempotency-key", key.as_str()))
        };
        let answers = join_all((0..CROWD).map(|_| one())).await;
        let first = &answers[0];
        for answer in &answers {
            assert_eq!((answer.status, &answer.text), (200, &first.text));
        }
        let again = one().await;
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let other = json!({"body": "other", "channelId": "c", "channelType": "group"});
        let request = alice.request(Method::POST, "/messages").json(&other);
        let reused = send(request.header("idempotency-key", key.as_str())).await;
        assert_eq!(reused.status, 409, "{}", reused.text);
        let count = format!(
            "/messages/count?where={}",
            encode(&json!({"channelId": "c"}).to_string())
        );
        let (_, count) = alice.get(&count).await;
        assert_eq!(count["count"], round + 1);
    }
    server.stop().await;
}

async fn one_of_many_writers_that_read_the_same_wins(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let message = json!({"body": "x", "channelId": "c", "channelType": "group"});
    let (_, message) = alice.post("/messages", &message).await;
    let path = format!("/messages/{}", message["id"].as_str().unwrap());
    for round in 0..5 {
        let read = send(alice.request(Method::GET, &path)).await;
        let tag = read.headers["etag"].to_str().unwrap().to_owned();
        let write = |number: usize| {
            let body: Value = json!({"body": format!("r{round} w{number}")});
            let request = alice.request(Method::PATCH, &path).json(&body);
            send(request.header("if-match", tag.as_str()))
        };
        let answers = join_all((0..CROWD).map(write)).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 412, 412, 412], "round {round}");
        let winner = answers.iter().position(|answer| answer.status == 204);
        let (_, now) = alice.get(&path).await;
        assert_eq!(now["body"], format!("r{round} w{}", winner.unwrap()));
    }
    server.stop().await;
}
