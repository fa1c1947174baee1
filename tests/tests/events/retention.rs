//! How long events are kept.

use std::time::Duration;

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use serde_json::json;

use super::{begin, listen, publish};

on_every_database!(what_is_too_old_is_removed, what_is_too_much_is_removed,);

async fn rows_are(server: &Server, count: u64) {
    let removed = async {
        while server.database.count("gateway_events").await != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, removed).await.unwrap();
}

async fn what_is_too_old_is_removed(database: TestDatabase) {
    let env = [
        ("GATEWAY_EVENTS_RETENTION", "1s"),
        ("GATEWAY_EVENTS_SWEEP_INTERVAL", "100ms"),
    ];
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let mut listener = begin(&server, "a").await;
    let place = listener.cursor.clone();
    publish(&server, "a", 0..5).await;
    listener.payloads(5).await;
    let end = listener.cursor.clone();
    rows_are(&server, 0).await;
    let mut late = listen(&server, "a", place.as_deref()).await;
    assert_eq!(late.expect("sync.reset").await.data["reason"], "expired");
    // Whoever has seen the last misses nothing.
    let mut there = listen(&server, "a", end.as_deref()).await;
    there.expect("sync.ready").await;
    // Positions go on.
    publish(&server, "a", 5..6).await;
    for listener in [&mut listener, &mut late, &mut there] {
        let event = listener.event().await;
        assert!(
            event.data["id"].as_str().unwrap().ends_with("-6"),
            "{event:?}"
        );
    }
    server.stop().await;
}

async fn what_is_too_much_is_removed(database: TestDatabase) {
    let env = [
        ("GATEWAY_EVENTS_RETENTION_COUNT", "3"),
        ("GATEWAY_EVENTS_SWEEP_INTERVAL", "100ms"),
    ];
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let mut listener = begin(&server, "a").await;
    let place = listener.cursor.clone();
    publish(&server, "a", 0..8).await;
    listener.payloads(5).await;
    let fifth = listener.cursor.clone();
    rows_are(&server, 3).await;
    let mut late = listen(&server, "a", place.as_deref()).await;
    assert_eq!(late.expect("sync.reset").await.data["reason"], "expired");
    let mut there = listen(&server, "a", fifth.as_deref()).await;
    assert_eq!(there.payloads(3).await, [5, 6, 7].map(|n| json!(n)));
    there.expect("sync.ready").await;
    server.stop().await;
}
