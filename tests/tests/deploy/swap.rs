//! Which version serves, and what becomes of the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{OPERATOR, Server, answer};
use reqwest::Method;
use serde_json::json;

use super::{activate, deploy, plugin, recorded, says, server, until};

on_every_database!(
    a_version_is_deployed_served_and_rolled_back,
    the_pointer_survives_a_restart,
    gateways_on_one_database_follow_the_same_pointer
);

async fn a_version_is_deployed_served_and_rolled_back(database: TestDatabase) {
    let server = server(database, &[]).await;
    assert_eq!(says(&server).await, "one");

    let (status, body) = deploy(&server, "2.0.0", &[]).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(
        says(&server).await,
        "one",
        "a deployment alone changes nothing"
    );

    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(says(&server).await, "2");
    assert_eq!(body["report"]["smoke"][0]["right"], true);

    let rollback = server.operate(Method::POST, "/v1/plugins/misfit/rollback");
    let (status, body) = answer(rollback.body(r#"{"reason":"a test"}"#)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(says(&server).await, "one");

    let record = recorded(&server).await;
    let expected = [
        "plugin.deploy allowed",
        "plugin.activate allowed",
        "plugin.deploy allowed",
        "plugin.activate allowed",
        "plugin.activate allowed",
    ];
    assert_eq!(record, expected);
    server.stop().await;
}

async fn the_pointer_survives_a_restart(database: TestDatabase) {
    let mut server = server(database, &[]).await;
    deploy(&server, "2.0.0", &[]).await;
    activate(&server, "2.0.0").await;
    for _ in 0..2 {
        server = server.restart(&[("misfit", "/")], &[]).await;
        assert_eq!(says(&server).await, "2");
    }
    server.stop().await;
}

async fn gateways_on_one_database_follow_the_same_pointer(database: TestDatabase) {
    let env = [("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms")];
    let first = server(database, &env).await;
    let second = Server::start(first.database.again(), &[("misfit", "/")], &env).await;
    deploy(&first, "2.0.0", &[]).await;
    let (status, body) = activate(&first, "2.0.0").await;
    assert_eq!(status, 200, "{body}");
    until(&second, "it follows", |state| {
        state["serving"][0]["version"] == "2.0.0"
    })
    .await;
    assert_eq!(says(&second).await, "2");
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_finishes_on_its_version_which_is_freed_then() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    deploy(&server, "2.0.0", &[]).await;
    let slow = tokio::spawn(server.get("/spin-ms/800").send());
    until(&server, "the request is there", |state| {
        state["serving"][0]["in_flight"] == 1
    })
    .await;
    let (status, _) = activate(&server, "2.0.0").await;
    assert_eq!(status, 200);
    assert_eq!(says(&server).await, "2");
    let state = plugin(&server).await;
    assert_eq!(state["draining"][0]["in_flight"], 1, "{state}");

    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    let state = until(&server, "it is drained", |state| {
        state["ended"][0].is_object()
    })
    .await;
    assert_eq!(state["draining"], json!([]));
    assert_eq!(state["ended"][0]["cut"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_straggler_is_cut_at_the_deadline_and_counted() {
    let env = [
        ("GATEWAY_DEPLOY_DRAIN_TIMEOUT", "200ms"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "20s"),
    ];
    let server = server(TestDatabase::sqlite().await, &env).await;
    deploy(&server, "2.0.0", &[]).await;
    let endless = tokio::spawn(server.get("/spin").send());
    until(&server, "the request is there", |state| {
        state["serving"][0]["in_flight"] == 1
    })
    .await;
    activate(&server, "2.0.0").await;
    let cut = endless.await.unwrap().unwrap();
    assert_eq!(cut.status(), 503);
    assert_eq!(cut.headers()["retry-after"], "1");
    let state = until(&server, "it is drained", |state| {
        state["ended"][0].is_object()
    })
    .await;
    assert_eq!(state["ended"][0]["cut"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_versions_change_places() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    for version in ["2.0.0", "3.0.0"] {
        deploy(&server, version, &[]).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (stop, request) = (stop.clone(), server.get("/work"));
        clients.push(tokio::spawn(async move {
            let mut answers = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let request = request.try_clone().unwrap();
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                answers += 1;
            }
            answers
        }));
    }
    for swap in 0..20 {
        let version = ["2.0.0", "3.0.0"][swap % 2];
        let (status, body) = activate(&server, version).await;
        assert_eq!(status, 200, "{body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers = 0;
    for client in clients {
        answers += client.await.unwrap();
    }
    assert!(answers > 100, "{answers}");
    until(&server, "all are drained", |state| {
        state["draining"] == json!([])
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_may_look_or_change() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let url = format!("{}/v1/plugins", server.admin());
    let client = gateway_tests::server::client();
    for request in [
        client.get(&url),
        client.get(&url).bearer_auth("wrong"),
        client.get(&url).basic_auth("operator", Some(OPERATOR)),
    ] {
        assert_eq!(answer(request).await.0, 401);
    }
    assert_eq!(answer(client.get(&url).bearer_auth(OPERATOR)).await.0, 200);
    for (method, path, expected) in [
        (Method::GET, "/v1/plugins/none", 404),
        (Method::PUT, "/v1/plugins", 405),
        (Method::GET, "/v1/plugins/misfit/activate", 405),
        (Method::GET, "/v1/nothing", 404),
        (Method::DELETE, "/v1/plugins/misfit/versions/9.9.9", 404),
    ] {
        let (status, body) = answer(server.operate(method, path)).await;
        assert_eq!(status, expected, "{path}: {body}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_can_not_be_removed() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    for version in ["2.0.0", "3.0.0"] {
        deploy(&server, version, &[]).await;
        activate(&server, version).await;
    }
    let remove = |version: &str| {
        server.operate(
            Method::DELETE,
            &format!("/v1/plugins/misfit/versions/{version}"),
        )
    };
    assert_eq!(answer(remove("3.0.0")).await.0, 409);
    assert_eq!(
        answer(remove("2.0.0")).await.0,
        409,
        "a rollback leads there"
    );
    deploy(&server, "4.0.0", &[]).await;
    assert_eq!(answer(remove("4.0.0")).await.0, 200);
    assert_eq!(activate(&server, "4.0.0").await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_what_is_answered() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let url = format!("{}/openapi.json", server.admin());
    let (status, document) = answer(gateway_tests::server::client().get(url)).await;
    assert_eq!(status, 200);
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        for method in methods.filter(|key| *key != "parameters") {
            let known = path
                .replace("{name}", "misfit")
                .replace("{version}", "0.1.0");
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, _) = answer(server.operate(method.clone(), &known)).await;
            let said = &item[method.as_str().to_lowercase()]["responses"];
            assert!(
                said[status.to_string()].is_object(),
                "{method} {path}: {status}"
            );
            assert_ne!(status, 405);
            seen += 1;
        }
    }
    assert_eq!(seen, 11);
    server.stop().await;
}
