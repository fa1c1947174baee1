//! Versions of a plugin on the real gateway: deployed, checked, swapped, rolled back.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod canary;
mod checks;
mod contract;
mod streams;
mod swap;
mod trail;
mod watch;

use std::time::{Duration, Instant};

use gateway_tests::database::TestDatabase;
use gateway_tests::server::{Server, answer};
use gateway_tests::versions;
use reqwest::Method;
use serde_json::{Value, json};

/// A gateway with the misfit, on which versions can be deployed.
async fn server(database: TestDatabase, env: &[(&str, &str)]) -> Server {
    Server::start(database, &[("misfit", "/")], env).await
}

/// Deploys a version of the misfit that says `version`, and has these marks beside.
async fn deploy(server: &Server, version: &str, marks: &[(&str, &str)]) -> (u16, Value) {
    let word = version.split('.').next().unwrap();
    let mut all = vec![("version", word)];
    all.extend(marks);
    server
        .deploy("misfit", "", versions::misfit(version, &all))
        .await
}

async fn activate(server: &Server, version: &str) -> (u16, Value) {
    server
        .activate("misfit", &json!({ "version": version }))
        .await
}

/// What the version says that answers.
async fn says(server: &Server) -> String {
    let response = server.get("/version").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

async fn plugin(server: &Server) -> Value {
    let (status, body) = answer(server.operate(Method::GET, "/v1/plugins/misfit")).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Asks until it holds, for at most ten seconds.
async fn until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let state = plugin(server).await;
        if holds(&state) {
            return state;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The actions of the record on plugins, oldest first, with their outcomes.
async fn recorded(server: &Server) -> Vec<String> {
    let sql = "SELECT action, outcome FROM gateway_audit WHERE entity = 'plugin' ORDER BY at, seq";
    let rows = server.database.texts(sql).await;
    rows.into_iter().map(|row| row.join(" ")).collect()
}
