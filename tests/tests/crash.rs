//! `kill -9` in the middle of writes: what was answered is there after the restart.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway::capability::audit::verify;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::process::Process;
use gateway_tests::server::{answer, client};
use gateway_tests::token;
use serde_json::json;

const WRITERS: usize = 8;
const ROUNDS: usize = 3;

/// How long one round may take to have enough messages answered.
const ROUND: Duration = Duration::from_secs(60);

async fn every_answered_message_survives_kill_9(database: TestDatabase) {
    let data = tempfile::tempdir().unwrap();
    let token = token::of("t", "alice");
    let mut answered = BTreeSet::new();

    for round in 0..ROUNDS {
        let process = Process::chat(&database.config.url, data.path()).await;
        let count = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                tokio::spawn(write(
                    process.base.clone(),
                    token.clone(),
                    Arc::clone(&count),
                ))
            })
            .collect();
        // Killed while all of them write, and not before each wrote some.
        let enough = async {
            while count.load(Ordering::Relaxed) < 20 * WRITERS {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(ROUND, enough).await.unwrap();
        process.kill().await;
        for writer in writers {
            for id in writer.await.unwrap() {
                assert!(
                    answered.insert(id),
                    "an id was given twice in round {round}"
                );
            }
        }
    }

    let process = Process::chat(&database.config.url, data.path()).await;
    let client = client();
    for id in &answered {
        let url = format!("{}/messages/{id}", process.base);
        let (status, _) = answer(client.get(url).bearer_auth(&token)).await;
        assert_eq!(status, 200, "{id} is lost");
    }
    // No half of a message either: each row has its audit entry, and the chain holds.
    process.kill().await;
    let report = verify(&database.connect().await, |_| ()).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
    assert!(report.rows >= answered.len() as u64, "{report:?}");
}
on_every_database!(every_answered_message_survives_kill_9);

/// Writes until the gateway is gone; the ids that were answered.
async fn write(base: String, token: String, count: Arc<AtomicUsize>) -> Vec<String> {
    let client = client();
    let body = json!({"body": "x", "channelId": "general", "channelType": "group"});
    let mut ids = Vec::new();
    loop {
        let request = client
            .post(format!("{base}/messages"))
            .bearer_auth(&token)
            .json(&body);
        let Ok(response) = request.send().await else {
            return ids;
        };
        let status = response.status();
        let Ok(message) = response.json::<serde_json::Value>().await else {
            return ids;
        };
        assert_eq!(status, 200, "{message}");
        ids.push(message["id"].as_str().unwrap().to_owned());
        count.fetch_add(1, Ordering::Relaxed);
    }
}
