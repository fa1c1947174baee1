//! How often somebody may ask, and who that is behind proxies.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/answer.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod answer;

use std::time::{Duration, Instant};

use answer::{Answer, send};
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::Server;
use gateway_tests::token;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const RATE: &str = "GATEWAY_SERVER_RATE_ADDRESS_PER_SECOND";
const BURST: &str = "GATEWAY_SERVER_RATE_ADDRESS_BURST";
const CALLER: &str = "GATEWAY_SERVER_RATE_CALLER_PER_SECOND";
const CALLER_BURST: &str = "GATEWAY_SERVER_RATE_CALLER_BURST";
const PROXIES: &str = "GATEWAY_SERVER_TRUSTED_PROXIES";
const HEADER: &str = "GATEWAY_SERVER_FORWARDED_HEADER";

async fn misfit(env: &[(&str, &str)]) -> Server {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    Server::start(database, &[("misfit", "/")], env).await
}

fn assert_turned_away(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let error = json!({ "error": {
        "statusCode": 429,
        "name": "TooManyRequestsError",
        "message": "Too many requests, try again later",
    }});
    assert_eq!(answer.json(), error);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers.contains_key("x-request-id"));
}

/// Asks until it is answered again; how long that took.
async fn recovered(ask: impl Fn() -> RequestBuilder) -> Duration {
    let start = Instant::now();
    while send(ask()).await.status == 429 {
        assert!(start.elapsed() < Duration::from_secs(20), "never again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

#[tokio::test]
async fn nobody_is_limited_by_default() {
    let server = misfit(&[]).await;
    for _ in 0..200 {
        assert_eq!(send(server.get("/ok")).await.status, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_turned_away_before_anything_is_done() {
    let origin = ("GATEWAY_SERVER_CORS_ORIGINS", "https://app.example");
    let server = misfit(&[(RATE, "1"), (BURST, "3"), origin]).await;
    for expected in ["1", "2"] {
        assert_eq!(send(server.get("/counter")).await.text, expected);
    }
    let bad = || server.get("/counter").bearer_auth("no token");
    assert_eq!(send(bad()).await.status, 401);
    // Were the token looked at, this would be 401 again.
    let refused = send(bad().header("origin", origin.1)).await;
    assert_turned_away(&refused);
    assert_eq!(refused.headers["access-control-allow-origin"], origin.1);
    let preflight = server
        .request(Method::OPTIONS, "/counter")
        .header("origin", origin.1)
        .header("access-control-request-method", "GET");
    assert_eq!(send(preflight).await.status, 429);

    let took = recovered(|| server.get("/ok")).await;
    assert!(took > Duration::from_millis(500), "{took:?}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = send(server.get("/counter")).await;
    assert_eq!(answer.text, "3", "one that was turned away was answered");
    server.stop().await;
}

#[tokio::test]
async fn a_caller_is_who_the_token_names() {
    let server = misfit(&[(CALLER, "1"), (CALLER_BURST, "2")]).await;
    let ask = |claims: &Value| server.get("/ok").bearer_auth(token::sign(claims));
    let alice = token::claims("acme", "alice");
    let mut again = alice.clone();
    again["exp"] = json!(token::FAR - 1);
    assert_eq!(send(ask(&alice)).await.status, 200);
    assert_eq!(send(ask(&again)).await.status, 200);
    assert_turned_away(&send(ask(&alice)).await);
    assert_turned_away(&send(ask(&again)).await);
    for other in [token::claims("acme", "bob"), token::claims("ajax", "alice")] {
        assert_eq!(send(ask(&other)).await.status, 200);
    }
    // One who cannot show that she is alice takes nothing of hers, and gets 401.
    let forged = format!("{}x", token::sign(&alice));
    let forged = send(server.get("/ok").bearer_auth(forged)).await;
    assert_eq!(forged.status, 401);
    for _ in 0..5 {
        assert_eq!(
            send(server.get("/ok")).await.status,
            200,
            "no caller at all"
        );
    }
    recovered(|| ask(&alice)).await;
    server.stop().await;
}

/// Sends a header with each request; the status of each.
async fn statuses(server: &Server, header: &str, values: &[&str]) -> Vec<u16> {
    let mut all = Vec::new();
    for value in values {
        all.push(send(server.get("/ok").header(header, *value)).await.status);
    }
    all
}

#[tokio::test]
async fn what_an_untrusted_peer_says_of_its_address_is_ignored() {
    let env = [(RATE, "1"), (BURST, "1"), (PROXIES, "192.0.2.0/24, ::1")];
    for header in ["x-forwarded-for", "forwarded"] {
        let server = misfit(&env).await;
        let values = ["1.1.1.1", "for=2.2.2.2"];
        assert_eq!(statuses(&server, header, &values).await, [200, 429]);
        server.stop().await;
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own() {
    let env = [
        (RATE, "1"),
        (BURST, "1"),
        (PROXIES, "127.0.0.0/8, 10.0.0.0/8"),
    ];
    let server = misfit(&env).await;
    for (value, status) in [
        ("1.1.1.1", 200),
        ("1.1.1.1", 429),
        // A client that invents hops before its own stays the same one.
        ("6.6.6.6, 1.1.1.1", 429),
        ("2.2.2.2", 200),
        ("6.6.6.7, 2.2.2.2, 10.1.1.1", 429),
        ("2001:db8:1:1::1", 200),
        ("2001:db8:1:1:ffff::2", 429),
        ("2001:db8:1:2::1", 200),
    ] {
        let got = statuses(&server, "x-forwarded-for", &[value]).await;
        assert_eq!(got, [status], "{value}");
    }
    server.stop().await;

    let mut env = env.to_vec();
    env.push((HEADER, "forwarded"));
    let server = misfit(&env).await;
    let values = [
        "for=1.1.1.1",
        "for=6.6.6.6, for=1.1.1.1",
        "for=\"[2001:db8::1]:80\"",
    ];
    assert_eq!(
        statuses(&server, "forwarded", &values).await,
        [200, 429, 200]
    );
    let values = ["7.7.7.7", "8.8.8.8"];
    let ignored = statuses(&server, "x-forwarded-for", &values).await;
    assert_eq!(ignored, [200, 429], "the proxy does not write this one");
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_sees_of_proxies_what_somebody_vouches_for() {
    const ALL: [(&str, &str); 6] = [
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "6.6.6.6"),
    ];
    for (env, seen) in [
        (&[][..], &[][..]),
        (
            &[(PROXIES, "127.0.0.1")],
            &[
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-port",
                "x-forwarded-proto",
                "x-real-ip",
            ],
        ),
        (
            &[(PROXIES, "127.0.0.1"), (HEADER, "forwarded")],
            &["forwarded"],
        ),
    ] {
        let server = misfit(env).await;
        let mut request = server.get("/ok");
        for (name, value) in ALL {
            request = request.header(name, value);
        }
        let answer = send(request).await.json();
        let names = answer["headers"].as_array().unwrap().iter();
        let mut names: Vec<_> = names
            .map(|header| header[0].as_str().unwrap().to_owned())
            .filter(|name| ALL.iter().any(|(other, _)| other == name))
            .collect();
        names.sort();
        assert_eq!(names, seen);
        server.stop().await;
    }
}
