//! Faults on purpose: what the client sees, and that nothing is lost.
//!
//! What a component does wrong before it serves is in `deploy/checks.rs`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod blobs;
mod cut;
mod disk;
mod kill;
mod neighbours;

use gateway::capability::audit::verify;
use gateway_tests::database::TestDatabase;
use gateway_tests::server::component;
use gateway_tests::versions;
use serde_json::{Value, json};

/// What the chat is sent.
fn message() -> Value {
    json!({"body": "x", "channelId": "general", "channelType": "group"})
}

/// The chat once more, as another version.
fn next_chat(version: &str) -> Vec<u8> {
    let chat = std::fs::read(component("chat")).unwrap();
    versions::described(chat, version)
}

/// Everything of the versions fits together: no component without a version, none of which
/// a part is missing, each change of the pointer in the record, and the record whole.
async fn nothing_is_half_done(database: &TestDatabase) {
    let rows = |sql: &'static str| async move { database.texts(sql).await };
    let halves = "SELECT version FROM gateway_deployments WHERE size <> (SELECT \
                  COALESCE(SUM(LENGTH(bytes)), 0) FROM gateway_components \
                  WHERE gateway_components.digest = gateway_deployments.digest)";
    assert_eq!(rows(halves).await, Vec::<Vec<String>>::new());
    let strays = "SELECT DISTINCT digest FROM gateway_components WHERE digest NOT IN \
                  (SELECT digest FROM gateway_deployments)";
    assert_eq!(rows(strays).await, Vec::<Vec<String>>::new());
    let unnoted = "SELECT name FROM gateway_migrations WHERE owner = 'misfit' AND checksum \
                   NOT IN (SELECT checksum FROM gateway_expansions)";
    assert_eq!(rows(unnoted).await, Vec::<Vec<String>>::new());

    let versions = rows("SELECT version FROM gateway_deployments").await;
    let actions = rows("SELECT action FROM gateway_audit WHERE outcome = 'allowed'").await;
    let count = |action: &str| actions.iter().filter(|row| row[0] == action).count();
    assert_eq!(count("plugin.deploy"), versions.len());
    let text = database.pick(
        "SELECT active, CAST(revision AS TEXT) FROM gateway_pointers",
        "SELECT active, CAST(revision AS TEXT) FROM gateway_pointers",
        "SELECT active, CAST(revision AS CHAR) FROM gateway_pointers",
    );
    let pointers = database.texts(text).await;
    assert_eq!(pointers.len(), 1, "{pointers:?}");
    assert!(versions.contains(&vec![pointers[0][0].clone()]));
    assert_eq!(count("plugin.activate").to_string(), pointers[0][1]);

    let report = verify(&database.connect().await, |_| ()).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
}
