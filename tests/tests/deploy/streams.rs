//! What streams while a version takes over: downloads and uploads that take long.

use std::time::Duration;

use gateway_tests::blobs::content;
use gateway_tests::database::TestDatabase;
use gateway_tests::server::{Server, answer};
use reqwest::{Body, Method, Response};
use serde_json::json;

use super::contract::contract;
use super::{activate, deploy, says, server, until};

/// More than sockets buffer.
const LENGTH: usize = 32 << 20;

async fn put(server: &Server, body: impl Into<Body>) -> String {
    let request = server.request(Method::POST, "/blob-put/100000000");
    let (status, stored) = answer(request.body(body)).await;
    assert_eq!(status, 200, "{stored}");
    assert_eq!(stored["size"], LENGTH);
    stored["id"].as_str().unwrap().to_owned()
}

/// A download that has begun, and does not go on before somebody reads.
async fn begin(server: &Server, id: &str) -> (Response, Vec<u8>) {
    let request = server.get(&format!("/blob-get?id={id}"));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let first = response.chunk().await.unwrap().unwrap().to_vec();
    (response, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_finishes_on_its_version_which_is_freed_then() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let wanted = content(LENGTH);
    let id = put(&server, wanted.clone()).await;
    deploy(&server, "2.0.0", &[]).await;

    let (mut response, mut bytes) = begin(&server, &id).await;
    assert_eq!(activate(&server, "2.0.0").await.0, 200);
    assert_eq!(says(&server).await, "2");
    let state = until(&server, "it drains", |state| {
        state["draining"][0]["in_flight"] == 1
    })
    .await;
    assert_eq!(state["ended"], json!([]));
    // It does not end by itself.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let state = super::plugin(&server).await;
    assert_eq!(state["draining"][0]["in_flight"], 1, "{state}");

    while let Some(piece) = response.chunk().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert!(bytes == wanted);
    let state = until(&server, "it is drained", |state| {
        state["ended"][0].is_object()
    })
    .await;
    assert_eq!(state["draining"], json!([]));
    assert_eq!(state["ended"][0]["cut"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_outlasts_the_drain_is_cut_counted_and_on_record() {
    let env = [("GATEWAY_DEPLOY_DRAIN_TIMEOUT", "200ms")];
    let server = server(TestDatabase::sqlite().await, &env).await;
    let id = put(&server, content(LENGTH)).await;
    deploy(&server, "2.0.0", &[]).await;
    let (mut response, mut bytes) = begin(&server, &id).await;
    assert_eq!(activate(&server, "2.0.0").await.0, 200);
    let state = until(&server, "it is drained", |state| {
        state["ended"][0].is_object()
    })
    .await;
    assert_eq!(state["ended"][0]["cut"], 1);
    // The client sees that it has not got everything.
    let failed = loop {
        match response.chunk().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(failed && bytes.len() < LENGTH);
    // It can be fetched from the new version, and the record says how the first one ended.
    let (status, entries) = answer(server.get(&format!("/blob-history?id={id}"))).await;
    assert_eq!(status, 200);
    assert_eq!(entries[0]["ending"][1], "ended", "{entries}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_finishes_on_its_version() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    deploy(&server, "2.0.0", &[]).await;
    let wanted = content(LENGTH);
    let (sender, pieces) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let pieces = futures_util::stream::unfold(pieces, |mut pieces| async {
        Some((pieces.recv().await?, pieces))
    });
    let request = server.request(Method::POST, "/blob-put/100000000");
    let request = request.body(Body::wrap_stream(pieces));
    let upload = tokio::spawn(answer(request));
    let (first, second) = wanted.split_at(LENGTH / 2);
    sender.send(Ok(first.to_vec())).await.unwrap();
    until(&server, "the upload is there", |state| {
        state["serving"][0]["in_flight"] == 1
    })
    .await;
    assert_eq!(activate(&server, "2.0.0").await.0, 200);
    assert_eq!(says(&server).await, "2");
    sender.send(Ok(second.to_vec())).await.unwrap();
    drop(sender);
    let (status, stored) = upload.await.unwrap();
    assert_eq!(status, 200, "{stored}");
    let state = until(&server, "it is drained", |state| {
        state["ended"][0].is_object()
    })
    .await;
    assert_eq!(state["ended"][0]["cut"], 0);
    // What the old version stored, the new one has.
    let id = stored["id"].as_str().unwrap();
    let got = server.get(&format!("/blob-get?id={id}")).send().await;
    assert!(got.unwrap().bytes().await.unwrap() == wanted);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_finishes_is_waited_for_before_something_is_taken_away() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let id = put(&server, content(LENGTH)).await;
    deploy(&server, "2.0.0", &[("migration", "drop")]).await;
    let (mut response, _) = begin(&server, &id).await;
    assert_eq!(activate(&server, "2.0.0").await.0, 200);
    let (status, body) = contract(&server, false).await;
    assert_eq!(status, 409, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("still uses version 0.1.0"), "{message}");

    while response.chunk().await.unwrap().is_some() {}
    until(&server, "it is drained", |state| {
        state["draining"] == json!([])
    })
    .await;
    let (status, body) = contract(&server, false).await;
    assert_eq!((status, &body["applied"]), (200, &json!(true)), "{body}");
    server.stop().await;
}
