//! What operators do with the audit record and with the blobs, by the executable.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use gateway_tests::command::run;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::Value;

on_every_database!(
    the_record_is_exported_and_old_rows_are_removed,
    what_nobody_needs_is_collected,
);

/// A gateway with two blobs, the second of which is linked and was downloaded by somebody
/// whose client has a strange name.
async fn with_blobs(database: TestDatabase) -> (Server, String) {
    let server = Server::start(database, &[("misfit", "/")], &[]).await;
    let mut id = String::new();
    for body in ["unneeded", "needed"] {
        let put = server.request(Method::POST, "/blob-put/1000");
        let (status, stored) = answer(put.body(body)).await;
        assert_eq!(status, 200, "{stored}");
        id = stored["id"].as_str().unwrap().to_owned();
    }
    let linked = answer(server.get(&format!("/blob-link?id={id}"))).await;
    assert!(linked.0 < 300, "{linked:?}");
    let get = server.get(&format!("/blob-get?id={id}"));
    let got = get.header("user-agent", "=1+1").send().await.unwrap();
    assert_eq!(got.text().await.unwrap(), "needed");
    (server, id)
}

async fn the_record_is_exported_and_old_rows_are_removed(database: TestDatabase) {
    let (server, id) = with_blobs(database).await;
    let url = server.database.config.url.clone();
    let folder = tempfile::tempdir().unwrap();
    let env = [("DATABASE_URL", url.as_str())];
    let ran = async |arguments: &[&str]| run(folder.path(), arguments, &env).await;
    // The end of the download may be written a moment later.
    loop {
        let (_, entries) = answer(server.get(&format!("/blob-history?id={id}"))).await;
        if !entries[0]["ending"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let lines = ran(&["audit", "export", "--since", "1h"]).await.ok();
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let begun = rows.iter().find(|row| row["entityId"] == *id).unwrap();
    assert_eq!(begun["agent"], "=1+1");
    assert_eq!(begun["address"], "127.0.0.1");
    let ended = rows.iter().find(|row| row["entity"] == "download").unwrap();
    let details: Value = serde_json::from_str(ended["details"].as_str().unwrap()).unwrap();
    assert_eq!(details["sent"], 6, "{details}");
    assert_eq!(details["how"], "complete", "{details}");

    let csv = ran(&["audit", "export", "--since", "1h", "--format", "csv"]).await;
    let csv = csv.ok();
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert!(csv.starts_with("at,chain,seq,actor,tenant,"), "{csv}");
    assert!(csv.contains(",'=1+1,"), "{csv}");
    let none = ran(&["audit", "export", "--since", "1h", "--plugin", "nobody"]).await;
    assert_eq!(none.ok(), "");

    let prune = ["audit", "prune", "--before", "0s", "--by", "ann"];
    let dry = [&prune[..], &["--dry-run"]].concat();
    let all = format!("{} rows", rows.len());
    assert_eq!(ran(&dry).await.ok(), format!("{all} would be removed\n"));
    assert_eq!(ran(&prune).await.ok(), format!("{all} were removed\n"));
    let verified = ran(&["audit", "verify"]).await.ok();
    let removed = format!("{} older rows were removed on purpose", rows.len());
    assert!(verified.contains(&removed), "{verified}");
    let left = ran(&["audit", "export", "--since", "1h"]).await.ok();
    for line in left.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["action"], "audit.prune");
        assert_eq!(row["actor"], "ann");
    }
    for wrong in [
        &["audit", "export"][..],
        &["audit", "export", "--since", "yesterday"],
        &["audit", "prune", "--before", "1y"],
        &["audit", "prune", "--before", "1y", "--by", ""],
    ] {
        assert_eq!(ran(wrong).await.code, Some(64), "{wrong:?}");
    }
    server.stop().await;
}

async fn what_nobody_needs_is_collected(database: TestDatabase) {
    let (server, id) = with_blobs(database).await;
    let url = server.database.config.url.clone();
    let store = server.data().join("blobs");
    let store = store.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("DATABASE_URL", url.as_str()),
        ("GATEWAY_BLOB_STORE", store),
    ];
    let gc = async |arguments: &[&str], grace: &str| {
        let env = [&env[..], &[("GATEWAY_BLOB_GRACE", grace)]].concat();
        let arguments = [&["blobs", "gc"], arguments].concat();
        run(folder.path(), &arguments, &env).await.ok()
    };
    // Within the grace time, everything is kept.
    assert_eq!(gc(&[], "1d").await, "0 blobs of 0 bytes were removed\n");
    let dry = gc(&["--dry-run"], "0s").await;
    assert_eq!(dry, "1 blobs of 8 bytes would be removed\n");
    let json = gc(&["--dry-run", "--format", "json"], "0s").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["blobs"], 1, "{json}");
    assert_eq!(gc(&[], "0s").await, "1 blobs of 8 bytes were removed\n");
    assert_eq!(gc(&[], "0s").await, "0 blobs of 0 bytes were removed\n");
    // What is linked is there.
    let got = server.get(&format!("/blob-get?id={id}")).send().await;
    assert_eq!(got.unwrap().text().await.unwrap(), "needed");
    // And is not, once it is not linked any more.
    let unlinked = answer(server.get(&format!("/blob-unlink?id={id}"))).await;
    assert!(unlinked.0 < 300, "{unlinked:?}");
    assert_eq!(gc(&[], "0s").await, "1 blobs of 6 bytes were removed\n");
    let got = answer(server.get(&format!("/blob-get?id={id}"))).await;
    assert_eq!(got.0, 404);
    server.stop().await;
}
