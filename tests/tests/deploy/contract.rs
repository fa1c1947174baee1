//! Taking away what only older versions needed.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{activate, deploy, recorded, says, server, until};

on_every_database!(
    what_takes_away_is_applied_once_no_gateway_uses_an_older_version,
    a_gateway_that_is_gone_is_forgotten,
    nothing_is_activated_while_another_gateway_takes_away,
    migrations_that_were_altered_are_refused
);

pub(super) async fn contract(server: &Server, dry_run: bool) -> (u16, Value) {
    let request = server.operate(Method::POST, "/v1/plugins/misfit/contract");
    answer(request.body(json!({ "dry_run": dry_run }).to_string())).await
}

async fn has_note(server: &Server) -> bool {
    let columns = server.database.columns("misfit_rows").await;
    columns.contains(&"note".to_owned())
}

/// A version that takes a column away serves, and nothing of the one before is left.
async fn swapped(server: &Server) {
    deploy(server, "2.0.0", &[("migration", "drop")]).await;
    let (status, body) = activate(server, "2.0.0").await;
    assert_eq!(status, 200, "{body}");
    until(server, "the old one is drained", |state| {
        state["draining"] == json!([])
    })
    .await;
}

async fn what_takes_away_is_applied_once_no_gateway_uses_an_older_version(database: TestDatabase) {
    let quick = [("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms")];
    // It does not look, and so goes on with what it has.
    let slow = [("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "1h")];
    let first = server(database, &quick).await;
    let (status, body) = contract(&first, false).await;
    assert_eq!((status, &body["migrations"]), (200, &json!([])), "{body}");
    let second = Server::start(first.database.again(), &[("misfit", "/")], &slow).await;
    swapped(&first).await;

    let (status, body) = contract(&first, true).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["migrations"][0]["phase"], "contract", "{body}");
    assert_eq!(body["waits_for"][0]["version"], "0.1.0", "{body}");
    assert_eq!(body["applied"], false);
    let (status, body) = contract(&first, false).await;
    assert_eq!(status, 409, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("still uses version 0.1.0"), "{message}");
    assert!(has_note(&first).await);
    assert_eq!(says(&second).await, "one");

    second.stop().await;
    let (status, body) = contract(&first, true).await;
    assert_eq!((status, &body["waits_for"]), (200, &json!([])), "{body}");
    assert!(has_note(&first).await, "a dry run changes nothing");
    let (status, body) = contract(&first, false).await;
    assert_eq!((status, &body["applied"]), (200, &json!(true)), "{body}");
    assert!(!has_note(&first).await);
    assert_eq!(says(&first).await, "2");

    let rollback = first.operate(Method::POST, "/v1/plugins/misfit/rollback");
    let (status, body) = answer(rollback).await;
    assert_eq!(status, 422, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("from before migration 3 (drop)"),
        "{message}"
    );
    assert_eq!(says(&first).await, "2");
    let record = recorded(&first).await;
    let contracts: Vec<_> = record
        .iter()
        .filter(|it| it.starts_with("plugin.contract"))
        .collect();
    assert_eq!(
        contracts,
        ["plugin.contract denied", "plugin.contract allowed"]
    );
    let first = first.restart(&[("misfit", "/")], &quick).await;
    assert_eq!(says(&first).await, "2");
    first.stop().await;
}

/// As a gateway says it that is heard no more after that.
async fn another_gateway_uses(server: &Server, version: &str) {
    let id = server.database.pick("x'", "'", "x'");
    let clock = server.database.pick(
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        "now()",
        "UTC_TIMESTAMP(6)",
    );
    let row = format!(
        "INSERT INTO gateway_gateways (gateway, plugin, version, seen_at) \
         VALUES ({id}01890000000070008000000000000001', 'misfit', '{version}', {clock})"
    );
    server.database.raw(&row).await;
}

async fn nothing_is_activated_while_another_gateway_takes_away(database: TestDatabase) {
    let quick = [
        ("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms"),
        ("GATEWAY_DEPLOY_GATEWAY_TIMEOUT", "2s"),
    ];
    let server = server(database, &quick).await;
    deploy(&server, "2.0.0", &[]).await;
    // What stands there while migrations are applied.
    another_gateway_uses(&server, "").await;
    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 409, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("applies migrations"), "{message}");
    assert_eq!(says(&server).await, "one");
    // It was killed meanwhile.
    let begun = std::time::Instant::now();
    while activate(&server, "2.0.0").await.0 != 200 {
        assert!(begun.elapsed().as_secs() < 20);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(says(&server).await, "2");
    server.stop().await;
}

async fn migrations_that_were_altered_are_refused(database: TestDatabase) {
    let server = server(database, &[]).await;
    swapped(&server).await;
    let sql = "UPDATE gateway_migrations SET checksum = 'another' WHERE owner = 'misfit'";
    server.database.raw(sql).await;
    let (status, body) = contract(&server, false).await;
    assert_eq!(status, 422, "{body}");
    assert_eq!(body["error"]["report"]["version"], "2.0.0", "{body}");
    assert!(has_note(&server).await);
    let record = recorded(&server).await;
    assert_eq!(record.last().unwrap(), "plugin.contract denied");
    server.stop().await;
}

async fn a_gateway_that_is_gone_is_forgotten(database: TestDatabase) {
    let env = [
        ("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms"),
        ("GATEWAY_DEPLOY_GATEWAY_TIMEOUT", "2s"),
    ];
    let server = server(database, &env).await;
    swapped(&server).await;
    another_gateway_uses(&server, "0.1.0").await;
    let (status, body) = contract(&server, false).await;
    assert_eq!(status, 409, "{body}");
    // It says nothing any more.
    let begun = std::time::Instant::now();
    let mut answer = contract(&server, false).await;
    while answer.0 != 200 {
        assert!(begun.elapsed().as_secs() < 20, "{answer:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        answer = contract(&server, false).await;
    }
    assert!(!has_note(&server).await);
    while server.database.count("gateway_gateways").await > 1 {
        assert!(begun.elapsed().as_secs() < 20, "its row is left");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.stop().await;
}
