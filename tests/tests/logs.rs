//! The lines that a gateway writes to standard error.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use gateway_tests::command::{Ran, end, start, terminate};
use gateway_tests::server::{client, component};
use gateway_tests::token;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// What a gateway with `env` writes while it answers a few requests.
async fn written(folder: &Path, env: &[(&str, &str)]) -> String {
    let file = component("misfit").display().to_string();
    let mut all = vec![
        ("GATEWAY_PLUGIN_MISFIT_FILE", file.as_str()),
        ("GATEWAY_SERVER_LISTEN", "127.0.0.1:0"),
        ("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0"),
        ("GATEWAY_AUTH_SECRET", token::SECRET),
        ("GATEWAY_LOG_FORMAT", "json"),
    ];
    all.extend(env);
    let mut child = start(folder, &["serve"], &all);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(Duration::from_secs(60), lines.next_line());
    let line = first.await.unwrap().unwrap().unwrap();
    let base = line.strip_prefix("listening on ").unwrap();

    let client = client();
    let bearer = token::of("acme", "alice");
    let get = |path: &str| client.get(format!("{base}{path}")).bearer_auth(&bearer);
    let answer = get("/bytes/7?hidden=secret").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(get("/trap").send().await.unwrap().status(), 500);
    let refused = client
        .get(format!("{base}/ok"))
        .bearer_auth("forged")
        .send();
    assert_eq!(refused.await.unwrap().status(), 401);
    let slow = get("/sleep-sql").timeout(Duration::from_millis(100)).send();
    assert!(slow.await.unwrap_err().is_timeout());
    terminate(&child).await;
    let Ran { code, err, .. } = end(child).await;
    assert_eq!(code, Some(0), "{err}");
    err
}

fn access(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line.get("target") == Some(&json!("access")))
        .collect()
}

#[tokio::test]
async fn each_request_has_a_line_that_tells_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let log = written(folder.path(), &[("GATEWAY_LOG_ACCESS", "true")]).await;
    let lines = access(&log);
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let get = |key: &str| line.get(key).cloned().unwrap_or_default();
            (get("path"), get("status"), get("bytes"), get("caller"))
        })
        .collect();
    let error = r#"{"error":{"statusCode":500,"message":"Internal Server Error"}}"#.len();
    assert_eq!(told.len(), 4, "{log}");
    assert_eq!(
        told[..2],
        [
            (json!("/bytes/7"), json!(200), json!(7), json!("alice")),
            (json!("/trap"), json!(500), json!(error), json!("alice")),
        ]
    );
    // A stranger has no name, and one who left no status.
    assert_eq!((&told[2].1, &told[2].3), (&json!(401), &json!(null)));
    assert_eq!(
        (&told[3].0, &told[3].1),
        (&json!("/sleep-sql"), &json!(null))
    );
    for line in &lines {
        assert_eq!(line.get("method"), Some(&json!("GET")));
        assert!(line.get("ms").unwrap().as_f64().unwrap() > 0.0);
        let peer = line.get("peer").unwrap().as_str().unwrap();
        assert!(peer.starts_with("127.0.0.1:"), "{peer}");
        assert!(line.get("request").unwrap().as_str().unwrap().len() == 36);
    }
    assert_eq!(lines[0].get("plugin"), Some(&json!("misfit")));
    for secret in ["hidden", "secret", "Bearer", "forged", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[tokio::test]
async fn without_being_asked_there_is_no_such_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = written(folder.path(), &[]).await;
    assert!(log.contains("serving"), "{log}");
    assert_eq!(access(&log), Vec::<Value>::new());
}
