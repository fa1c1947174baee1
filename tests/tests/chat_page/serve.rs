//! How the page is served, and what it lets run.

use gateway_tests::browser::Page;
use gateway_tests::database::TestDatabase;
use gateway_tests::server::{Server, client};
use gateway_tests::token;

use crate::{claims, group, is_clean, picture, server, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lets_nothing_else_run() {
    let server = server().await;
    let client = client();
    for (path, kind) in [
        ("/page/", "text/html; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/app/main.js", "text/javascript; charset=utf-8"),
        ("/page/index.js", "text/javascript; charset=utf-8"),
    ] {
        let url = format!("{}{path}", server.base());
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], kind);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = headers["etag"].clone();
        let again = client.get(&url).header("if-none-match", tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{path}");
        assert_eq!(client.post(&url).send().await.unwrap().status(), 405);
    }
    for path in [
        "/page/none.js",
        "/page/app/",
        "/page/index.html",
        "/page/app/main.ts",
        "/page/%2e%2e/Cargo.toml",
    ] {
        let url = format!("{}{path}", server.base());
        let status = client.get(&url).send().await.unwrap().status();
        assert_eq!(status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_it_is_the_same() {
    let database = TestDatabase::sqlite().await;
    let server = Server::start(database, &[("chat", "/talk")], &[]).await;
    let base = format!("{}/talk", server.base());
    let mut page = Page::open().await;
    // Without the slash, from which nothing would be found.
    page.go(&format!("{base}/page")).await;
    page.until("location.pathname === '/talk/page/'").await;
    page.fill("#token", &token::sign(&claims("ann"))).await;
    page.press("Sign in").await;
    page.sees("#status", "Connected").await;
    page.press("New").await;
    page.fill("#new-user", "bob").await;
    page.press("Begin").await;
    page.sees("#title", "bob").await;
    is_clean(&mut page, &base, &[]).await;
    page.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_in_its_tab_and_ends() {
    let server = server().await;
    let base = server.base();
    group(&server, "ann", "Tea", &[]).await;
    let mut page = Page::open().await;
    page.screen(1280, 800, "light").await;
    page.go(&format!("{base}/page/")).await;
    page.picture(&picture("sign-in"), false).await;
    page.fill("#token", "wrong").await;
    page.press("Sign in").await;
    page.sees("#sign-in-notice", "This token is not taken")
        .await;
    page.until("sessionStorage.length === 0").await;
    is_clean(&mut page, &base, &["401"]).await;
    page.close().await;

    let mut page = sign_in(&base, "ann").await;
    page.sees(".entry .name", "Tea").await;
    // Signed in until the tab is closed, and not in another one.
    page.go(&format!("{base}/page/?again")).await;
    page.sees(".entry .name", "Tea").await;
    let kept = page
        .value("JSON.stringify(localStorage) + document.cookie + location")
        .await;
    assert!(!kept.to_string().contains("eyJ"), "{kept}");
    page.press("Sign out").await;
    page.until("sessionStorage.length === 0").await;

    // One that ends by itself, while the page is open.
    let mut ending = claims("ann");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    ending["exp"] = serde_json::json!(now.unwrap().as_secs() + 3);
    page.fill("#token", &token::sign(&ending)).await;
    page.press("Sign in").await;
    page.sees(".entry .name", "Tea").await;
    page.sees("#sign-in-notice", "Sign in again.").await;
    page.until("!document.querySelector('.entry')").await;
    page.close().await;
    server.stop().await;
}
