//! A component that misbehaves hurts one request: its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::json;

/// Small limits, so that each of them is reached soon.
const LIMITS: &[(&str, &str)] = &[
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "200ms"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_WALL_TIME", "1s"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_MEMORY", "16MiB"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_INLINE_BODY", "64KiB"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_RESPONSE_BODY", "1MiB"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_SQL_ROWS", "100"),
];

async fn sqlite() -> TestDatabase {
    TestDatabase::fresh(Dialect::Sqlite).await
}

async fn misfit(database: TestDatabase) -> Server {
    Server::start(database, &[("misfit", "/")], LIMITS).await
}

/// The neighbours' view: a plain request is answered.
async fn assert_serves(server: &Server) {
    assert_eq!(answer(server.get("/bytes/3")).await.0, 200);
}

#[tokio::test]
async fn what_ends_a_guest_ends_one_request() {
    let server = misfit(sqlite().await).await;
    let internal = json!({"error": {"statusCode": 500, "message": "Internal Server Error"}});
    let slow = json!({"error": {
        "statusCode": 504, "name": "GatewayTimeoutError", "message": "The request took too long",
    }});
    for (path, status, body) in [
        ("/trap", 500, &internal),
        ("/panic", 500, &internal),
        ("/recurse", 500, &internal),
        ("/allocate", 500, &internal),
        ("/spin", 504, &slow),
        ("/bad-status", 500, &internal),
        ("/bad-header", 500, &internal),
        ("/large-response/2", 500, &internal),
    ] {
        assert_eq!(
            answer(server.get(path)).await,
            (status, body.clone()),
            "{path}"
        );
        assert_serves(&server).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_spinning_guest_leaves_time_for_its_neighbours() {
    let server = Server::start(
        sqlite().await,
        &[("misfit", "/")],
        &[("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "1s")],
    )
    .await;
    let spinning: Vec<_> = (0..8)
        .map(|_| tokio::spawn(answer(server.get("/spin"))))
        .collect();
    let mut answered = 0;
    while !spinning.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_serves(&server).await;
        answered += 1;
    }
    for task in spinning {
        assert_eq!(task.await.unwrap().0, 504);
    }
    // Eight seconds of spinning on at most as many cores: dozens fit in between.
    assert!(answered >= 8, "only {answered} neighbours were answered");
    server.stop().await;
}

#[tokio::test]
async fn cpu_time_is_not_charged_while_the_host_works() {
    let server = misfit(sqlite().await).await;
    // Waits for half a second in the database, and computes for none of it.
    let (status, _) = answer(server.request(Method::POST, "/sql").body(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) \
         SELECT count(*) FROM n",
    ))
    .await;
    assert_eq!(status, 200);
    server.stop().await;
}

#[tokio::test]
async fn an_instance_is_used_again_until_its_limit() {
    let reused = Server::start(
        sqlite().await,
        &[("misfit", "/")],
        &[("GATEWAY_PLUGIN_MISFIT_LIMITS_USES", "3")],
    )
    .await;
    let mut counts = Vec::new();
    for _ in 0..6 {
        counts.push(
            reused
                .get("/counter")
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap(),
        );
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3"]);
    reused.stop().await;

    let fresh = Server::start(
        sqlite().await,
        &[("misfit", "/")],
        &[("GATEWAY_PLUGIN_MISFIT_ISOLATION", "fresh")],
    )
    .await;
    for _ in 0..3 {
        assert_eq!(
            fresh
                .get("/counter")
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap(),
            "1"
        );
    }
    fresh.stop().await;
}

#[tokio::test]
async fn a_trap_discards_the_instance() {
    let server = misfit(sqlite().await).await;
    let count = async || {
        server
            .get("/counter")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    assert_eq!(count().await, "1");
    assert_eq!(count().await, "2");
    assert_eq!(answer(server.get("/trap")).await.0, 500);
    assert_eq!(count().await, "1");
    server.stop().await;
}

async fn rows(server: &Server) -> String {
    server
        .get("/rows")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

async fn what_is_not_committed_never_was(database: TestDatabase) {
    let server = misfit(database).await;
    assert_eq!(rows(&server).await, "0");
    assert_eq!(answer(server.get("/transaction-then-trap")).await.0, 500);
    assert_eq!(answer(server.get("/transaction-then-spin")).await.0, 504);
    assert_eq!(answer(server.get("/transaction-leak")).await.0, 200);
    assert_eq!(rows(&server).await, "0");
    assert_eq!(answer(server.get("/transaction-commit/1")).await.0, 200);
    assert_eq!(rows(&server).await, "1");
    server.stop().await;
}
on_every_database!(what_is_not_committed_never_was);

async fn a_slow_statement_ends_at_the_wall_time(database: TestDatabase) {
    let server = misfit(database).await;
    let begun = Instant::now();
    assert_eq!(answer(server.get("/sleep-sql")).await.0, 504);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_serves(&server).await;
    // Its connection is not held by the statement that nobody waits for.
    assert_eq!(rows(&server).await, "0");
    server.stop().await;
}
on_every_database!(a_slow_statement_ends_at_the_wall_time);

async fn more_rows_than_allowed_are_an_error(database: TestDatabase) {
    let server = misfit(database).await;
    let text = async |path: &str| server.get(path).send().await.unwrap().text().await.unwrap();
    assert_eq!(text("/too-many-rows/100").await, "100");
    assert_eq!(text("/too-many-rows/101").await, "Error::TooLarge");
    server.stop().await;
}
on_every_database!(more_rows_than_allowed_are_an_error);

#[tokio::test]
async fn a_crowd_is_turned_away_with_a_hint() {
    let server = Server::start(
        sqlite().await,
        &[("misfit", "/")],
        &[
            ("GATEWAY_PLUGIN_MISFIT_LIMITS_INSTANCES", "1"),
            ("GATEWAY_PLUGIN_MISFIT_LIMITS_QUEUE", "1"),
            ("GATEWAY_PLUGIN_MISFIT_LIMITS_QUEUE_TIMEOUT", "10s"),
            ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "500ms"),
        ],
    )
    .await;
    let crowd: Vec<_> = (0..6)
        .map(|_| tokio::spawn(server.get("/spin").send()))
        .collect();
    let mut statuses = Vec::new();
    for task in crowd {
        let response = task.await.unwrap().unwrap();
        if response.status() == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
        }
        statuses.push(response.status().as_u16());
    }
    statuses.sort_unstable();
    // One was served, one waited, four found the queue full.
    assert_eq!(statuses, [503, 503, 503, 503, 504, 504]);
    assert_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_long_body_is_handed_over_as_a_stream() {
    let server = misfit(sqlite().await).await;
    let echo = async |body: Vec<u8>| {
        server
            .request(Method::POST, "/echo")
            .body(body)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    };
    let inline = vec![7; 64 * 1024];
    assert_eq!(echo(inline.clone()).await, inline);
    let long: Vec<u8> = (0..300_000_u32)
        .map(|i| u8::try_from(i % 251).unwrap())
        .collect();
    let checksum = long.iter().fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(
        echo(long.clone()).await,
        format!("stream of 300000, declared Some(300000), fnv1a {checksum:016x}")
    );
    server.stop().await;
}

#[tokio::test]
async fn log_lines_are_bounded_and_claims_are_the_callers_own() {
    let server = misfit(sqlite().await).await;
    assert_eq!(answer(server.get("/log/100000")).await.0, 200);
    let claims = async |user: &str| server.user("t", user).get("/claims").await.1;
    assert_eq!(claims("alice").await["sub"], "alice");
    assert_eq!(claims("bob").await["sub"], "bob");
    assert_eq!(
        server
            .get("/claims")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "none"
    );
    server.stop().await;
}
