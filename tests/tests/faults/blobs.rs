//! `kill -9` while content comes, is linked and goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway::capability::audit::verify;
use gateway_tests::blobs::files;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::process::Process;
use gateway_tests::server::{answer, client};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

on_every_database!(
    an_upload_that_is_killed_leaves_nothing,
    a_download_that_is_killed_is_closed_in_the_record,
    a_link_that_is_killed_is_there_or_not
);

/// How long anything may take to come right.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing that nobody needs is kept, and the dead are noticed soon.
const STRICT: &[(&str, &str)] = &[
    ("GATEWAY_BLOB_GRACE", "0s"),
    ("GATEWAY_BLOB_GC_INTERVAL", "100ms"),
    ("GATEWAY_BLOB_LOST_AFTER", "1s"),
];

async fn start(database: &TestDatabase, data: &Path, env: &[(&str, &str)]) -> Process {
    Process::serve_with("misfit", &database.config.url, data, env).await
}

/// Waits until it holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn put(process: &Process, client: &Client, body: Vec<u8>) -> String {
    let put = client.post(format!("{}/blob-put/100000000", process.base));
    let (status, stored) = answer(put.body(body)).await;
    assert_eq!(status, 200, "{stored}");
    stored["id"].as_str().unwrap().to_owned()
}

async fn get(process: &Process, client: &Client, path: &str) -> (u16, Value) {
    answer(client.get(format!("{}{path}", process.base))).await
}

async fn is_whole(database: &TestDatabase) {
    let report = verify(&database.connect().await, |_| {}).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
}

async fn an_upload_that_is_killed_leaves_nothing(database: TestDatabase) {
    let data = tempfile::tempdir().unwrap();
    let process = start(&database, data.path(), &[]).await;
    let address = process.base.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = "POST /blob-put/100000000 HTTP/1.1\r\nhost: test\r\ncontent-length: 8000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[7; 4_000_000]).await.unwrap();
    until("it arrives", async || {
        !files(&data.path().join("blobs")).is_empty()
    })
    .await;
    process.kill().await;

    let process = start(&database, data.path(), STRICT).await;
    until("it is removed", async || {
        files(&data.path().join("blobs")).is_empty()
    })
    .await;
    for table in ["gateway_blobs", "gateway_blob_parts"] {
        until(table, async || database.count(table).await == 0).await;
    }
    process.kill().await;
    is_whole(&database).await;
}

async fn a_download_that_is_killed_is_closed_in_the_record(database: TestDatabase) {
    let (data, client) = (tempfile::tempdir().unwrap(), client());
    let process = start(&database, data.path(), &[]).await;
    // More than sockets buffer.
    let id = put(&process, &client, vec![7; 32 << 20]).await;
    let linked = get(&process, &client, &format!("/blob-link?id={id}")).await;
    assert_eq!(linked, (200, json!(true)));
    let download = client.get(format!("{}/blob-get?id={id}", process.base));
    let mut download = download.send().await.unwrap();
    assert_eq!(download.status(), StatusCode::OK);
    download.chunk().await.unwrap();
    process.kill().await;
    // The client sees that it has not got everything.
    let failed = loop {
        match download.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(failed);

    let process = start(&database, data.path(), STRICT).await;
    let history = format!("/blob-history?id={id}");
    until("it is closed", async || {
        let (_, entries) = get(&process, &client, &history).await;
        !entries[0]["ending"].is_null()
    })
    .await;
    let (_, entries) = get(&process, &client, &history).await;
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(entries[0]["ending"][1], "lost", "{entries}");
    // Nothing is thought to be running, and the content is there.
    assert_eq!(database.count("gateway_downloads").await, 0);
    assert_eq!(database.count("gateway_download_tags").await, 0);
    let again = client.get(format!("{}/blob-get?id={id}", process.base));
    let again = again.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(again.len(), 32 << 20);
    process.kill().await;
    is_whole(&database).await;
}

async fn a_link_that_is_killed_is_there_or_not(database: TestDatabase) {
    let (data, client) = (tempfile::tempdir().unwrap(), client());
    let mut known = BTreeMap::new();
    for round in 0..3 {
        let process = start(&database, data.path(), &[]).await;
        let mut writers = Vec::new();
        for writer in 0..4_u32 {
            let (base, client) = (process.base.clone(), client.clone());
            writers.push(tokio::spawn(links(base, client, (round, writer))));
        }
        tokio::time::sleep(Duration::from_millis(300 + 150 * u64::from(round))).await;
        process.kill().await;
        for writer in writers {
            known.extend(writer.await.unwrap());
        }
    }
    let acknowledged = known.values().filter(|it| it.acknowledged).count();
    assert!(acknowledged > 0, "nothing came that far");

    let process = start(&database, data.path(), STRICT).await;
    // What is left is needed, and everything that is needed is left.
    until("the rest is collected", async || {
        let rows = database.texts("SELECT state FROM gateway_blobs WHERE links = 0");
        rows.await.is_empty()
    })
    .await;
    for (id, it) in &known {
        let got = client.get(format!("{}/blob-get?id={id}", process.base));
        let got = got.send().await.unwrap();
        match got.status() {
            StatusCode::OK => assert_eq!(got.bytes().await.unwrap(), it.content),
            StatusCode::NOT_FOUND => assert!(!it.acknowledged, "{id} is lost"),
            other => panic!("{id}: {other}"),
        }
    }
    let left = database.count("gateway_blobs").await;
    assert_eq!(
        files(&data.path().join("blobs")).len() as u64,
        left,
        "orphans"
    );
    process.kill().await;
    is_whole(&database).await;
}

/// Content that a client has put, and whether it was told that it is linked.
struct Put {
    content: Vec<u8>,
    acknowledged: bool,
}

/// Puts and links until nobody answers.
async fn links(base: String, client: Client, whose: (u32, u32)) -> BTreeMap<String, Put> {
    let mut known = BTreeMap::new();
    for number in 0..10_000_u32 {
        let content = format!("{whose:?} {number}").repeat(500).into_bytes();
        let put = client.post(format!("{base}/blob-put/1000000"));
        let Ok(stored) = put.body(content.clone()).send().await else {
            break;
        };
        let Ok(stored) = stored.json::<Value>().await else {
            break;
        };
        let id = stored["id"].as_str().unwrap().to_owned();
        let link = client.get(format!("{base}/blob-link?id={id}")).send().await;
        let acknowledged = link.is_ok_and(|answer| answer.status() == StatusCode::OK);
        known.insert(
            id,
            Put {
                content,
                acknowledged,
            },
        );
        if !acknowledged {
            break;
        }
    }
    known
}
