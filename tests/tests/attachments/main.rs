//! Attachments through the whole gateway: all the ways in to somebody's bytes, by the HTTP
//! that clients speak, and the row that each attempt leaves.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod ended;
mod inspections;
mod link;
mod tus;
mod upload;
mod ways;

use gateway_tests::database::TestDatabase;
use gateway_tests::server::{Server, User, answer};
use gateway_tests::token;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and what else there is to a picture";

/// The chat, with settings of its own.
async fn chat(database: TestDatabase, settings: &str) -> Server {
    chat_with(database, settings, &[]).await
}

/// The same, with more in its environment.
async fn chat_with(database: TestDatabase, settings: &str, env: &[(&str, &str)]) -> Server {
    let settings = [("GATEWAY_PLUGIN_CHAT_SETTINGS", settings)];
    let settings = settings.into_iter().filter(|(_, it)| !it.is_empty());
    let env: Vec<_> = env.iter().copied().chain(settings).collect();
    Server::start(database, &[("chat", "/")], &env).await
}

/// Waits until there are so many rows.
async fn until(database: &TestDatabase, rows: &str, wanted: u64) {
    for _ in 0..1200 {
        if database.count(rows).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{rows}: {} and not {wanted}", database.count(rows).await);
}

/// A user with all permissions to do with files, and those that are named.
fn user<'a>(server: &'a Server, tenant: &str, name: &str, more: &[&str]) -> User<'a> {
    let mut claims = token::claims(tenant, name);
    let permissions = claims["permissions"].as_array_mut().unwrap();
    for verb in ["View", "Create", "Update", "Delete"] {
        permissions.push(json!(format!("{verb}AttachmentFile")));
        permissions.push(json!(format!("{verb}MessageRecipient")));
    }
    permissions.extend(more.iter().map(|it| json!(it)));
    server.caller(&claims)
}

/// Sends a message to the channel `c`, with attachments.
async fn say(user: &User<'_>, body: &str, attachments: &[&str], to: Option<&str>) -> String {
    let mut message = json!({
        "body": body, "channelId": "c", "channelType": "group", "attachmentIds": attachments,
    });
    if let Some(to) = to {
        message["toUserId"] = json!(to);
    }
    let (status, sent) = user.post("/messages", &message).await;
    assert_eq!(status, 200, "{sent}");
    sent["id"].as_str().unwrap().to_owned()
}

async fn announce(user: &User<'_>, name: &str, size: usize) -> (u16, Value) {
    let body = json!({"channelId": "c", "name": name, "size": size});
    user.post("/attachments", &body).await
}

fn content(id: &str) -> String {
    format!("/attachments/{id}/content")
}

async fn put(user: &User<'_>, id: &str, bytes: &[u8]) -> (u16, Value) {
    let request = user.request(Method::PUT, &content(id));
    answer(request.body(bytes.to_vec())).await
}

/// An attachment that is complete, and belongs to no message yet.
async fn upload(user: &User<'_>, name: &str, bytes: &[u8]) -> String {
    let (status, made) = announce(user, name, bytes.len()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let (status, kept) = put(user, &id, bytes).await;
    assert_eq!(status, 200, "{kept}");
    assert_eq!(kept["state"], "ready");
    id
}

/// What came back.
struct Got {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|it| it.to_str().unwrap());
        value.unwrap_or_default()
    }
}

async fn get(user: &User<'_>, path: &str, headers: &[(&str, &str)]) -> Got {
    ask(user.request(Method::GET, path), headers).await
}

async fn ask(mut request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Got {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        bytes: response.bytes().await.unwrap().to_vec(),
    }
}

/// The attempts to download something that are on record: how many of which outcome.
async fn record(server: &Server, id: &str) -> [usize; 3] {
    let sql = format!(
        "SELECT outcome FROM gateway_audit WHERE entity = 'attachment-content' \
         AND entity_id = '{id}'"
    );
    let rows = server.database.texts(&sql).await;
    let outcomes: Vec<_> = rows.into_iter().flatten().collect();
    ["allowed", "denied", "failed"].map(|it| outcomes.iter().filter(|o| *o == it).count())
}
