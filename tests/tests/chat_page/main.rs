//! The chat page in headless Chromium, on the real gateway: each user has a browser of
//! their own. The pictures that it takes are in `target/page`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod client;
mod files;
mod lost;
mod serve;
mod talk;

use std::path::PathBuf;

use gateway_tests::browser::Page;
use gateway_tests::database::TestDatabase;
use gateway_tests::server::Server;
use gateway_tests::{target, token};
use reqwest::Method;
use serde_json::{Value, json};

const TENANT: &str = "tenant";

/// What would run, if somebody's words became markup.
const EVIL: &str = "<img src=x onerror=\"document.title = 'injected'\"><b>bold</b>";

/// May do everything that an ordinary user may, with files as well.
const PERMISSIONS: [&str; 8] = [
    "ViewMessage",
    "CreateMessage",
    "UpdateMessage",
    "DeleteMessage",
    "CreateAttachmentFile",
    "ViewAttachmentFile",
    "UpdateAttachmentFile",
    "DeleteAttachmentFile",
];

fn claims(user: &str) -> Value {
    let mut claims = token::claims(TENANT, user);
    claims["permissions"] = json!(PERMISSIONS);
    claims
}

async fn server() -> Server {
    Server::chat(TestDatabase::sqlite().await).await
}

fn picture(name: &str) -> PathBuf {
    target().join("page").join(format!("chat-{name}.png"))
}

/// Opens the page in a new browser, and signs in.
async fn sign_in(base: &str, user: &str) -> Page {
    let mut page = Page::open().await;
    page.screen(1280, 800, "light").await;
    page.go(&format!("{base}/page/")).await;
    page.fill("#token", &token::sign(&claims(user))).await;
    page.key("Enter", 13).await;
    page.sees("#status", "Connected").await;
    page.sees("#me", user).await;
    page
}

/// Makes a group through the API; its id.
async fn group(server: &Server, owner: &str, name: &str, members: &[&str]) -> String {
    let body = json!({ "kind": "group", "name": name, "members": members });
    let (status, made) = server.caller(&claims(owner)).post("/channels", &body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Sends a message through the API; what it is now.
async fn send(server: &Server, user: &str, channel: &str, body: &str) -> Value {
    let path = format!("/channels/{channel}/messages");
    let user = server.caller(&claims(user));
    let (status, sent) = user.post(&path, &json!({ "body": body })).await;
    assert!(status < 300, "{sent}");
    sent
}

/// What is said in a channel, as the service has it.
async fn history(server: &Server, user: &str, channel: &str) -> Vec<String> {
    let path = format!("/channels/{channel}/messages?limit=100");
    let (_, history) = server.caller(&claims(user)).get(&path).await;
    let messages = history["messages"].as_array().unwrap().iter();
    messages
        .map(|it| it["body"].as_str().unwrap().to_owned())
        .collect()
}

/// What is said in the open channel, as the page shows it.
async fn shown(page: &mut Page) -> Vec<String> {
    let bodies = page
        .value("[...document.querySelectorAll('#messages .body')].map((it) => it.innerText)")
        .await;
    serde_json::from_value(bodies).unwrap()
}

/// Opens a channel by its name in the list.
async fn choose(page: &mut Page, name: &str) {
    page.sees(".entry .name", name).await;
    let name = json!(name);
    page.value(&format!(
        "[...document.querySelectorAll('.entry')]
           .find((it) => it.querySelector('.name').innerText === {name}).click()"
    ))
    .await;
    page.until(&format!(
        "document.querySelector('#title').innerText === {name}"
    ))
    .await;
}

async fn write(page: &mut Page, text: &str) {
    page.fill("#text", text).await;
    page.key("Enter", 13).await;
}

/// Nothing came from elsewhere, no token stood in an address, and no developer would
/// complain but of what was to be expected.
async fn is_clean(page: &mut Page, base: &str, expected: &[&str]) {
    let requested = page.requested();
    let outside: Vec<_> = requested
        .iter()
        .filter(|url| !url.starts_with(base) && !url.starts_with("data:"))
        .filter(|url| *url != "about:blank")
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    // Each token begins like that.
    let told: Vec<_> = requested.iter().filter(|it| it.contains("eyJ")).collect();
    assert!(told.is_empty(), "{told:?}");
    let complaints: Vec<_> = page
        .complaints()
        .await
        .into_iter()
        .filter(|it| !expected.iter().any(|expected| it.contains(expected)))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    // Whatever can be operated has a name.
    let nameless: Vec<_> = page
        .outline()
        .await
        .into_iter()
        .filter(|(role, name)| {
            let operated = [
                "button",
                "textbox",
                "link",
                "radio",
                "dialog",
                "progressbar",
            ];
            operated.contains(&role.as_str()) && name.trim().is_empty()
        })
        .collect();
    assert!(nameless.is_empty(), "{nameless:?}");
}

/// Removes a thing of the API's.
async fn delete(server: &Server, user: &str, path: &str) -> u16 {
    let request = server.caller(&claims(user));
    let response = request.request(Method::DELETE, path).send().await.unwrap();
    response.status().as_u16()
}
