//! A full disk.

use gateway_tests::database::TestDatabase;
use gateway_tests::process::Process;
use gateway_tests::server::{answer, client};
use gateway_tests::token;
use reqwest::Method;

use super::{message, next_chat, nothing_is_half_done};

/// Every file of the gateway is as long as it may be: the database, its log, the cache of
/// compiled code. To the file system it is another error than no room; SQLite's own for
/// that is tested beside its backend.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let database = TestDatabase::sqlite().await;
    let data = tempfile::tempdir().unwrap();
    let process = Process::on_a_small_disk("chat", &database.config.url, data.path()).await;
    let (client, token) = (client(), token::of("t", "alice"));
    let messages = format!("{}/messages", process.base);
    let post = || client.post(&messages).bearer_auth(&token).json(&message());
    let read = |id: &str| client.get(format!("{messages}/{id}")).bearer_auth(&token);
    let deploy = |version: &str| {
        let path = "/v1/plugins/chat/versions?activate=true";
        process
            .operate(&client, Method::POST, path)
            .body(next_chat(version))
    };
    let mut stored = Vec::new();
    for _ in 0..5 {
        let (status, body) = answer(post()).await;
        assert_eq!(status, 200, "{body}");
        stored.push(body["id"].as_str().unwrap().to_owned());
    }

    process.fill(Some(0)).await;
    for _ in 0..5 {
        let response = post().send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }
    for id in &stored {
        let (status, body) = answer(read(id)).await;
        assert_eq!(status, 200, "reads go on: {body}");
    }
    // 503 when it could not be stored. The limit may hit compiled code first, which is laid
    // out in a file of memory: then the component can't be used, which is 422.
    let (refused, body) = answer(deploy("9.0.0")).await;
    assert!(matches!(refused, 422 | 503), "{refused}: {body}");
    assert!(body["error"]["message"].is_string(), "{body}");
    let plugin = process.operate(&client, Method::GET, "/v1/plugins/chat");
    let (status, plugin) = answer(plugin).await;
    assert_eq!(status, 200, "{plugin}");
    assert_ne!(plugin["pointer"]["active"], "9.0.0", "{plugin}");

    process.fill(None).await;
    for _ in 0..5 {
        let (status, body) = answer(post()).await;
        assert_eq!(status, 200, "{body}");
        stored.push(body["id"].as_str().unwrap().to_owned());
    }
    let (status, body) = answer(deploy("9.0.0")).await;
    assert_eq!(status, 201, "{body}");
    for id in &stored {
        let (status, body) = answer(read(id)).await;
        assert_eq!(status, 200, "{body}");
    }
    process.kill().await;
    let rows = database.texts("SELECT body FROM chat_messages").await;
    assert_eq!(rows.len(), stored.len(), "what was refused is not there");
    nothing_is_half_done(&database).await;
}
