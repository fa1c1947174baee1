//! The operator's page in headless Chromium, on the real gateway. The pictures that it
//! takes are in `target/page`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway_tests::browser::Page;
use gateway_tests::database::TestDatabase;
use gateway_tests::server::{OPERATOR, Server, client};
use gateway_tests::{target, versions};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// What would run, if somebody's words became markup.
const NOTE: &str = "<img src=x onerror=\"document.title = 'injected'\"> faster";

async fn server(env: &[(&str, &str)]) -> Server {
    Server::start(TestDatabase::sqlite().await, &[("misfit", "/")], env).await
}

async fn says(server: &Server) -> String {
    let response = server.get("/version").send().await.unwrap();
    response.text().await.unwrap()
}

fn picture(name: &str) -> PathBuf {
    target().join("page").join(format!("{name}.png"))
}

/// A version of the misfit as a file, as an operator has one.
fn file(folder: &TempDir, version: &str, marks: &[(&str, &str)]) -> PathBuf {
    let name = format!("misfit-{version}.wasm");
    versions::file(folder.path(), &name, &versions::misfit(version, marks))
}

async fn sign_in(page: &mut Page, server: &Server) {
    page.go(&format!("{}/", server.admin())).await;
    page.fill("#token", OPERATOR).await;
    page.fill("#operator", "Ada").await;
    page.key("Enter", 13).await;
    page.sees(".plugin h2", "misfit").await;
}

async fn deploy(page: &mut Page, component: &Path, note: &str) {
    page.press("Deploy …").await;
    page.choose("dialog input[type=file]", component).await;
    page.fill("dialog textarea", note).await;
    page.press("Check").await;
    page.sees("dialog .report", "Nothing speaks against it.")
        .await;
    page.press("Deploy").await;
    page.sees("dialog", "is deployed. Nothing else changed.")
        .await;
    page.press("Close").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_deploys_activates_and_rolls_back() {
    let (server, folder) = (server(&[]).await, tempfile::tempdir().unwrap());
    let mut page = Page::open().await;
    page.screen(1280, 900, "light").await;
    sign_in(&mut page, &server).await;
    page.sees("td .badge", "serves").await;
    page.sees(".legend", "0.1.0: 100 %").await;

    let two = file(&folder, "2.0.0", &[("version", "2")]);
    deploy(&mut page, &two, NOTE).await;
    page.sees("td", NOTE).await;
    assert_eq!(says(&server).await, "one", "a deployment changes nothing");

    page.press("Activate 2.0.0").await;
    page.sees("dialog .report", "Nothing speaks against it.")
        .await;
    page.sees("dialog .report", "GET /ok").await;
    assert_eq!(says(&server).await, "one", "a check changes nothing");
    page.picture(&picture("activate"), false).await;
    page.press("Activate").await;
    page.sees("dialog", "Version 2.0.0 serves.").await;
    assert_eq!(says(&server).await, "2");
    page.key("Escape", 27).await;
    page.until("!document.querySelector('dialog')").await;
    page.sees(".legend", "2.0.0: 100 %").await;

    page.press("Roll back …").await;
    page.sees(
        "dialog",
        "Version 0.1.0 serves again, in place of version 2.0.0.",
    )
    .await;
    page.sees("dialog .report", "Nothing speaks against it.")
        .await;
    page.press("Roll back").await;
    page.sees("dialog", "Version 0.1.0 serves.").await;
    assert_eq!(says(&server).await, "one");
    page.press("Close").await;

    page.sees("#trail td", "plugin.deploy").await;
    let rows = "[...document.querySelectorAll('#trail tbody tr')].map((row) =>
        [1, 2, 3].map((cell) => row.cells[cell].innerText).join(' '))";
    page.until(&format!("({rows}).length === 5")).await;
    let expected = [
        "Ada plugin.activate allowed",
        "Ada plugin.activate allowed",
        "Ada plugin.deploy allowed",
        "gateway plugin.activate allowed",
        "gateway plugin.deploy allowed",
    ];
    assert_eq!(page.value(rows).await, json!(expected));

    assert_eq!(page.value("document.title").await, "Gateway: operating");
    assert_eq!(
        page.value("document.querySelectorAll('img').length").await,
        0
    );
    let outside: Vec<_> = page
        .requested()
        .into_iter()
        .filter(|url| !url.starts_with(&server.admin()) && !url.starts_with("data:"))
        .filter(|url| url != "about:blank")
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(!page.requested().iter().any(|url| url.contains(OPERATOR)));
    let complaints = page.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
    page.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_watched_on_every_screen() {
    let env = [
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "20s"),
        // Nobody judges the canary meanwhile: a busy machine is slow now and then.
        ("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "1h"),
    ];
    let (server, folder) = (server(&env).await, tempfile::tempdir().unwrap());
    let mut page = Page::open().await;
    page.screen(1280, 900, "light").await;
    sign_in(&mut page, &server).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = load(&server, &stop);
    let two = file(&folder, "2.0.0", &[("version", "2")]);
    deploy(&mut page, &two, "Lists are read in one statement").await;

    page.press("Activate 2.0.0").await;
    page.sees("dialog .report", "Nothing speaks against it.")
        .await;
    page.value("document.querySelectorAll('dialog input[type=radio]')[1].click()")
        .await;
    page.fill("dialog fieldset input[type=number]", "20").await;
    page.fill("dialog fieldset input[pattern]", "50, 100").await;
    page.picture(&picture("canary-dialog"), false).await;
    page.press("Activate").await;
    page.sees("dialog", "Version 2.0.0 gets 20 % of the traffic.")
        .await;
    page.press("Close").await;
    page.sees("td .badge", "canary, 20 %").await;
    page.sees(".legend", "Next: 50 %, 100 %, each for 5 min at least.")
        .await;

    // Every chart has a curve of either version, and says its figures.
    page.until(
        "[...document.querySelectorAll('.plugin svg')].filter((svg) =>
           svg.querySelectorAll('path').length === 2
           && /0\\.1\\.0 \\d.*2\\.0\\.0 \\d/.test(svg.ariaLabel)).length === 5",
    )
    .await;
    // A few points more make better pictures.
    page.until(
        "[...document.querySelectorAll('.plugin svg path')].some((path) =>
           path.getAttribute('d').split('L').length > 12)",
    )
    .await;
    page.picture(&picture("desktop-light"), true).await;
    page.screen(1280, 900, "dark").await;
    page.picture(&picture("desktop-dark"), true).await;
    page.screen(390, 844, "light").await;
    page.until("document.documentElement.scrollWidth <= innerWidth")
        .await;
    page.picture(&picture("phone-light"), true).await;

    // A request that takes long keeps the version draining that it is on.
    page.press("Roll back …").await;
    page.sees("dialog", "Version 2.0.0 loses its 20 %").await;
    page.press("Roll back").await;
    page.sees("dialog", "Version 0.1.0 serves.").await;
    page.press("Close").await;
    let slow = tokio::spawn(server.get("/spin-ms/8000").send());
    page.until("/[1-9]/.test(document.querySelectorAll('.values')[3].innerText)")
        .await;
    page.press("Activate 2.0.0").await;
    page.sees("dialog .report", "Nothing speaks against it.")
        .await;
    page.press("Activate").await;
    page.sees("dialog", "Version 2.0.0 serves.").await;
    page.press("Close").await;
    page.sees(".drain", "Version 0.1.0 finishes").await;
    page.until("document.querySelector('progress').value > 0")
        .await;
    page.picture(&picture("phone-drain"), false).await;
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    page.sees(".drain", "Drained: 0.1.0").await;

    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let complaints = page.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
    page.close().await;
    server.stop().await;
}

/// Requests of many callers, some of which fail.
fn load(server: &Server, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let stop = Arc::clone(stop);
    let requests: Vec<_> = (1..=250)
        .map(|caller| {
            let user = server.user("tenant", &format!("user-{caller}"));
            user.request(Method::GET, if caller == 250 { "/trap" } else { "/work" })
        })
        .collect();
    tokio::spawn(async move {
        for (sent, request) in requests.iter().cycle().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            request.try_clone().unwrap().send().await.unwrap();
            let pause = 2 + sent as u64 / 64 % 6;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_said_and_changes_nothing() {
    let (server, folder) = (server(&[]).await, tempfile::tempdir().unwrap());
    let mut page = Page::open().await;
    page.screen(1280, 900, "light").await;
    page.go(&format!("{}/", server.admin())).await;
    page.picture(&picture("sign-in"), false).await;
    page.fill("#token", "wrong").await;
    page.press("Sign in").await;
    page.sees("#notice", "The gateway refuses this token.")
        .await;
    let complaints = page.complaints().await;
    assert!(
        complaints.iter().all(|one| one.contains("401")),
        "{complaints:#?}"
    );
    sign_in(&mut page, &server).await;

    // No component at all.
    let text = versions::file(folder.path(), "no.wasm", b"no component");
    page.press("Deploy …").await;
    page.choose("dialog input[type=file]", &text).await;
    page.press("Check").await;
    page.sees("dialog .bad", "component").await;
    page.until("document.querySelector('dialog button[type=submit]').disabled")
        .await;
    page.key("Escape", 27).await;

    // One whose own requests fail.
    let broken = file(&folder, "2.0.0", &[("smoke", "/trap")]);
    deploy(&mut page, &broken, "").await;
    page.press("Activate 2.0.0").await;
    page.sees("dialog .report", "Refused:").await;
    page.sees("dialog .report", "the guest trapped").await;
    page.until("document.querySelector('dialog button[type=submit]').disabled")
        .await;
    page.picture(&picture("refused"), false).await;
    page.press("Cancel").await;
    assert_eq!(says(&server).await, "one");
    page.sees("#trail td .badge.bad", "denied").await;

    // Signed in until the tab is closed, and not in another one.
    page.go(&format!("{}/?again", server.admin())).await;
    page.sees(".plugin h2", "misfit").await;
    let kept = page
        .value("JSON.stringify(localStorage) + document.cookie + location")
        .await;
    assert!(!kept.to_string().contains(OPERATOR), "{kept}");

    // A gateway that is gone, .
    server.stop().await;
    page.sees("#notice", "The gateway does not answer. Asking again …")
        .await;
    page.sees(".plugin h2", "misfit").await;
    page.picture(&picture("gone"), false).await;
    page.press("Sign out").await;
    page.until("sessionStorage.length === 0").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lets_nothing_else_run() {
    let server = server(&[]).await;
    let client = client();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
    ] {
        let url = format!("{}{path}", server.admin());
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], kind);
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(client.post(&url).send().await.unwrap().status(), 405);
    }
    for path in [
        "/page/",
        "/page/none.js",
        "/page/../Cargo.toml",
        "/index.html",
    ] {
        let url = format!("{}{path}", server.admin());
        assert_eq!(
            client.get(&url).send().await.unwrap().status(),
            404,
            "{path}"
        );
    }
    server.stop().await;
}
