//! A version that passes every check and misbehaves afterwards.

use std::time::{Duration, Instant};

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use gateway_tests::versions;
use reqwest::Method;
use serde_json::json;

use super::message;

on_every_database!(a_version_that_only_misbehaves_hurts_itself);

async fn a_version_that_only_misbehaves_hurts_itself(database: TestDatabase) {
    let env = [
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_INSTANCES", "8"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "200ms"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_WALL_TIME", "3s"),
        ("GATEWAY_DEPLOY_DRAIN_TIMEOUT", "2s"),
    ];
    let plugins = [("chat", "/"), ("misfit", "/misfit")];
    let server = Server::start(database, &plugins, &env).await;
    let two = versions::misfit("2.0.0", &[("version", "two")]);
    let (status, body) = server.deploy("misfit", "activate=true", two).await;
    assert_eq!(status, 201, "{body}");

    let until = Instant::now() + Duration::from_secs(4);
    let misdeeds = [
        ("bad-status", 500),
        ("bad-header", 500),
        ("large-response/64", 500),
        ("trap", 500),
        ("allocate", 500),
        ("spin", 504),
        ("transaction-then-trap", 500),
    ];
    let misdeeds = futures_util::future::join_all(misdeeds.map(async |(misdeed, wanted)| {
        let (mut seen, path) = (0, format!("/misfit/{misdeed}"));
        while Instant::now() < until {
            let response = server.get(&path).send().await.unwrap();
            let status = response.status().as_u16();
            let body = response.text().await.unwrap();
            assert_eq!(status, wanted, "{misdeed}: {body}");
            // Nothing of what the component said.
            assert!(body.starts_with(r#"{"error":{"#), "{misdeed}: {body}");
            seen += 1;
        }
        seen
    }));
    let neighbour = async {
        let (mut written, mut slowest) = (0, Duration::ZERO);
        while Instant::now() < until {
            let since = Instant::now();
            let post = server.user("t", "alice");
            let (status, body) = post.post("/messages", &message()).await;
            assert_eq!(status, 200, "{body}");
            slowest = slowest.max(since.elapsed());
            written += 1;
        }
        (written, slowest)
    };
    let (misdeeds, (written, slowest)) = tokio::join!(misdeeds, neighbour);
    assert!(misdeeds.iter().all(|seen: &u32| *seen > 0), "{misdeeds:?}");
    assert!(written > 0);

    // And it can be taken back.
    let rollback = server.operate(Method::POST, "/v1/plugins/misfit/rollback");
    let (status, body) = answer(rollback.body(r#"{"reason":"a test"}"#)).await;
    assert_eq!(status, 200, "{body}");
    let (status, said) = answer(server.get("/misfit/version")).await;
    assert_eq!((status, said), (200, json!("one")));
    let rows = server
        .database
        .texts("SELECT body FROM chat_messages")
        .await;
    assert_eq!(rows.len(), written);
    let leftovers = server.database.texts("SELECT note FROM misfit_rows").await;
    assert!(leftovers.is_empty(), "what trapped is rolled back");
    println!(
        "{:?}: beside {misdeeds:?} misdeeds {written} messages, the slowest after {slowest:.1?}",
        server.database.dialect
    );
    server.stop().await;
}
