//! What browsers are told to be careful about.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/answer.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod answer;
#[path = "common/tls.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod tls;

use answer::send;
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::Server;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tls::{Authority, Files, Http, connect};

const HSTS: &str = "strict-transport-security";

async fn start(plugin: &str, env: &[(&str, &str)]) -> Server {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    Server::start(database, &[(plugin, "/")], env).await
}

/// The lines of the four headers that the gateway may add, an empty text for none.
fn said(headers: &HeaderMap) -> [String; 4] {
    [
        "x-content-type-options",
        "referrer-policy",
        "x-frame-options",
        HSTS,
    ]
    .map(|name| {
        let lines = headers.get_all(name).iter();
        let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
        lines.join(" | ")
    })
}

#[tokio::test]
async fn every_answer_says_it_where_the_plugin_does_not() {
    let origin = ("GATEWAY_SERVER_CORS_ORIGINS", "https://app.example");
    let server = start("misfit", &[origin]).await;
    let preflight = server
        .request(Method::OPTIONS, "/ok")
        .header("origin", origin.1)
        .header("access-control-request-method", "GET");
    for (request, status) in [
        (server.get("/ok"), 200),
        (server.get("/ok").bearer_auth("bad"), 401),
        (server.get("/ok").header("accept-encoding", "*;q=0"), 406),
        (preflight, 204),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            said(&answer.headers),
            ["nosniff", "no-referrer", "DENY", ""]
        );
    }
    let own = |name: &str, value: &str| {
        let name = format!("x-reply-{name}");
        send(
            server
                .request(Method::POST, "/reply/200")
                .header(name, value),
        )
    };
    for (name, value, expected) in [
        (
            "x-frame-options",
            "SAMEORIGIN",
            ["nosniff", "no-referrer", "SAMEORIGIN", ""],
        ),
        (
            "referrer-policy",
            "origin",
            ["nosniff", "origin", "DENY", ""],
        ),
        // It is the newer way to say who may frame a page.
        (
            "content-security-policy",
            "default-src 'self'",
            ["nosniff", "no-referrer", "", ""],
        ),
    ] {
        let answer = own(name, value).await;
        assert_eq!(answer.headers[name], value);
        assert_eq!(said(&answer.headers), expected, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_the_plugins_keeps_its_own() {
    let server = start("chat", &[]).await;
    let page = send(server.get("/explorer")).await;
    assert_eq!(page.status, 200);
    let policies = page.headers.get_all("content-security-policy").iter();
    let policies: Vec<_> = policies.map(|line| line.to_str().unwrap()).collect();
    assert_eq!(policies.len(), 1);
    assert!(policies[0].contains("script-src 'sha256-"), "{policies:?}");
    assert_eq!(said(&page.headers), ["nosniff", "no-referrer", "DENY", ""]);
    server.stop().await;
}

#[tokio::test]
async fn it_can_be_tuned_and_switched_off() {
    let server = start(
        "misfit",
        &[
            ("GATEWAY_SERVER_SECURITY_REFERRER_POLICY", "same-origin"),
            ("GATEWAY_SERVER_SECURITY_FRAMES", "same-origin"),
        ],
    )
    .await;
    let answer = send(server.get("/ok")).await;
    let expected = ["nosniff", "same-origin", "SAMEORIGIN", ""];
    assert_eq!(said(&answer.headers), expected);
    server.stop().await;

    let server = start(
        "misfit",
        &[
            ("GATEWAY_SERVER_SECURITY_NOSNIFF", "false"),
            ("GATEWAY_SERVER_SECURITY_REFERRER_POLICY", "off"),
            ("GATEWAY_SERVER_SECURITY_FRAMES", "off"),
        ],
    )
    .await;
    let answer = send(server.get("/ok")).await;
    assert_eq!(said(&answer.headers), ["", "", "", ""]);
    server.stop().await;
}

#[tokio::test]
async fn strict_transport_is_asked_for_over_tls_alone() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue());
    let client = authority.client(&["h2"], None);
    for (more, expected) in [
        (&[][..], "max-age=31557600"),
        (
            &[
                ("GATEWAY_SERVER_SECURITY_HSTS", "1h"),
                ("GATEWAY_SERVER_SECURITY_HSTS_SUBDOMAINS", "true"),
            ],
            "max-age=3600; includeSubDomains",
        ),
        (&[("GATEWAY_SERVER_SECURITY_HSTS", "0")], ""),
    ] {
        let env = files.env(more);
        let env: Vec<_> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let server = start("misfit", &env).await;
        let stream = connect(&client, server.addr()).await.unwrap();
        let answer = Http::over(stream).await.get("/ok").await.unwrap();
        assert_eq!(said(answer.headers())[3], expected);
        server.stop().await;
    }

    // With a proxy before it that speaks TLS, if that is one of ours.
    for (trusted, expected) in [("127.0.0.1", "max-age=31557600"), ("192.0.2.1", "")] {
        let server = start("misfit", &[("GATEWAY_SERVER_TRUSTED_PROXIES", trusted)]).await;
        let ask = |scheme: &str| {
            let request = server.get("/ok").header("x-forwarded-for", "1.1.1.1");
            send(request.header("x-forwarded-proto", scheme))
        };
        assert_eq!(said(&ask("https").await.headers)[3], expected, "{trusted}");
        assert_eq!(said(&ask("http").await.headers)[3], "");
        server.stop().await;
    }
}
