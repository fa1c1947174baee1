//! What the host owes every plugin's clients: cross-origin rules, encodings, and answers
//! that arrive as they were given.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "common/answer.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod answer;

use std::io::Read;
use std::time::Duration;

use answer::{Answer, send};
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::Server;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const APP: &str = "https://app.example";

async fn misfit(env: &[(&str, &str)]) -> Server {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    Server::start(database, &[("misfit", "/")], env).await
}

/// A header's lines, in one.
fn header(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    lines.join(", ")
}

async fn text(request: RequestBuilder) -> String {
    send(request).await.text
}

mod cors {
    use super::*;

    fn preflight(server: &Server, path: &str, origin: &str) -> RequestBuilder {
        server
            .request(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization,if-match")
    }

    #[tokio::test]
    async fn nothing_is_said_and_preflights_are_the_plugins_by_default() {
        let server = misfit(&[]).await;
        let answer = send(preflight(&server, "/ok", APP)).await;
        assert_eq!(
            (answer.status, answer.json()["method"].as_str()),
            (200, Some("OPTIONS"))
        );
        let names = answer.headers.keys().map(HeaderName::as_str);
        let said: Vec<_> = names
            .filter(|name| name.starts_with("access-control") || *name == "vary")
            .collect();
        assert!(said.is_empty(), "{said:?}");
        server.stop().await;
    }

    #[tokio::test]
    async fn a_preflight_is_answered_before_the_token_is_looked_at() {
        let server = misfit(&[("GATEWAY_SERVER_CORS_ORIGINS", APP)]).await;
        let asked = preflight(&server, "/counter", APP).bearer_auth("no token");
        let answer = send(asked).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        let headers = &answer.headers;
        for (name, value) in [
            ("access-control-allow-origin", APP),
            (
                "access-control-allow-methods",
                "GET, HEAD, POST, PUT, PATCH, DELETE",
            ),
            (
                "access-control-allow-headers",
                "authorization, content-type, if-match, if-none-match, idempotency-key",
            ),
            ("access-control-max-age", "600"),
            ("access-control-allow-credentials", ""),
            ("vary", "origin"),
            ("content-length", ""),
        ] {
            assert_eq!(header(headers, name), value, "{name}");
        }
        assert!(headers.contains_key("x-request-id"));

        let foreign = send(preflight(&server, "/counter", "https://evil.example")).await;
        assert_eq!(
            (foreign.status, header(&foreign.headers, "vary")),
            (204, "origin".into())
        );
        let mut names = foreign.headers.keys().map(HeaderName::as_str);
        assert!(!names.any(|name| name.starts_with("access-control")));

        assert_eq!(
            text(server.get("/counter")).await,
            "1",
            "a preflight reached the plugin"
        );
        server.stop().await;
    }

    #[tokio::test]
    async fn an_ordinary_options_is_the_plugins() {
        let server = misfit(&[("GATEWAY_SERVER_CORS_ORIGINS", APP)]).await;
        let answer = send(server.request(Method::OPTIONS, "/ok").header("origin", APP)).await;
        assert_eq!(
            (answer.status, answer.json()["method"].as_str()),
            (200, Some("OPTIONS"))
        );
        assert_eq!(header(&answer.headers, "access-control-allow-origin"), APP);
        let answer = send(server.request(Method::OPTIONS, "/ok")).await;
        assert_eq!(answer.json()["method"], "OPTIONS");
        server.stop().await;
    }

    #[tokio::test]
    async fn answers_of_every_kind_can_be_read_by_the_pages_that_are_allowed() {
        let server = misfit(&[
            (
                "GATEWAY_SERVER_CORS_ORIGINS",
                "https://other.example, https://app.example",
            ),
            ("GATEWAY_SERVER_MAX_BODY_BYTES", "1KiB"),
            ("GATEWAY_PLUGIN_MISFIT_MOUNT", "/m"),
        ])
        .await;
        let post = |path: &str| server.request(Method::POST, path);
        for (status, request) in [
            (200, server.get("/m/ok")),
            (401, server.get("/m/ok").bearer_auth("no token")),
            (404, server.get("/elsewhere")),
            (
                406,
                server
                    .get("/m/ok")
                    .header("accept-encoding", "identity;q=0"),
            ),
            (413, post("/m/echo").body(vec![0; 2048])),
            (
                415,
                post("/m/echo").header("content-encoding", "gzip").body("x"),
            ),
            (500, server.get("/m/trap")),
        ] {
            let twin = request.try_clone().unwrap();
            let answer = send(request.header("origin", APP)).await;
            let headers = &answer.headers;
            assert_eq!(answer.status, status);
            assert_eq!(
                header(headers, "access-control-allow-origin"),
                APP,
                "{status}"
            );
            assert_eq!(
                header(headers, "access-control-expose-headers"),
                "etag, link, location, retry-after, x-next-cursor, idempotency-replayed, x-request-id"
            );
            assert_eq!(header(headers, "vary"), "origin", "{status}");
            for origin in [None, Some("https://app.example.evil"), Some("null")] {
                let twin = twin.try_clone().unwrap();
                let twin = match origin {
                    Some(origin) => twin.header("origin", origin),
                    None => twin,
                };
                let headers = send(twin).await.headers;
                assert!(
                    !headers.contains_key("access-control-allow-origin"),
                    "{origin:?}"
                );
                assert_eq!(header(&headers, "vary"), "origin");
            }
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn a_crowd_that_is_turned_away_can_read_why() {
        let server = misfit(&[
            ("GATEWAY_SERVER_CORS_ORIGINS", "*"),
            ("GATEWAY_SERVER_CORS_HEADERS", "*"),
            ("GATEWAY_SERVER_MAX_REQUESTS", "1"),
            ("GATEWAY_SERVER_MAX_QUEUE", "0"),
        ])
        .await;
        let spin = || send(server.get("/spin-ms/500").header("origin", APP));
        let (one, other) = tokio::join!(spin(), spin());
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 503]);
        let asked = send(preflight(&server, "/ok", APP)).await;
        assert_eq!(
            header(&asked.headers, "access-control-allow-headers"),
            "*, authorization"
        );
        for answer in [one, other, asked] {
            assert_eq!(header(&answer.headers, "access-control-allow-origin"), "*");
            assert!(!answer.headers.contains_key("vary"));
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn credentials_are_allowed_by_name_and_the_plugin_cannot_allow_more() {
        let server = misfit(&[
            ("GATEWAY_SERVER_CORS_ORIGINS", APP),
            ("GATEWAY_SERVER_CORS_CREDENTIALS", "true"),
            ("GATEWAY_SERVER_CORS_MAX_AGE", "1h"),
        ])
        .await;
        let answer = send(preflight(&server, "/ok", APP)).await;
        assert_eq!(
            header(&answer.headers, "access-control-allow-credentials"),
            "true"
        );
        assert_eq!(header(&answer.headers, "access-control-max-age"), "3600");
        let generous = |origin: &str| {
            let request = server.get("/reply/200").header("origin", origin);
            let request = request.header("x-reply-access-control-allow-origin", "*");
            send(request.header("x-reply-access-control-allow-credentials", "true"))
        };
        let foreign = generous("https://evil.example").await;
        assert_eq!(header(&foreign.headers, "access-control-allow-origin"), "");
        assert_eq!(
            header(&foreign.headers, "access-control-allow-credentials"),
            ""
        );
        let own = generous(APP).await;
        assert_eq!(header(&own.headers, "access-control-allow-origin"), APP);
        assert_eq!(
            header(&own.headers, "access-control-allow-credentials"),
            "true"
        );
        server.stop().await;
    }
}

mod compression {
    use super::*;

    fn decode(coding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            "gzip" => flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut plain)
                .unwrap(),
            "zstd" => zstd::Decoder::new(bytes)
                .unwrap()
                .read_to_end(&mut plain)
                .unwrap(),
            other => panic!("{other:?}"),
        };
        plain
    }

    fn letters(length: usize) -> Vec<u8> {
        (b'a'..=b'z').cycle().take(length).collect()
    }

    async fn fetch(request: RequestBuilder) -> (HeaderMap, Vec<u8>) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        (
            response.headers().clone(),
            response.bytes().await.unwrap().into(),
        )
    }

    #[tokio::test]
    async fn a_client_gets_the_encoding_that_it_likes_best() {
        let server = misfit(&[]).await;
        // The last is too long to be compressed on the event loop.
        for length in [1024, 20_000, 1_000_000] {
            for (accept, coding) in [
                ("gzip", "gzip"),
                ("zstd", "zstd"),
                ("gzip, deflate, br, zstd", "zstd"),
                ("zstd;q=0.5, gzip;q=0.8, *;q=0.1", "gzip"),
            ] {
                let request = server.get(&format!("/text/{length}"));
                let (headers, body) = fetch(request.header("accept-encoding", accept)).await;
                assert_eq!(
                    header(&headers, "content-encoding"),
                    coding,
                    "{length} {accept}"
                );
                assert_eq!(header(&headers, "content-length"), body.len().to_string());
                assert_eq!(header(&headers, "vary"), "accept-encoding");
                assert_eq!(header(&headers, "etag"), "W/\"text\"");
                assert!(body.len() < length / 4);
                assert_eq!(decode(coding, &body), letters(length));
            }
            for accept in ["", "br", "gzip;q=0", "identity, gzip;q=0.1"] {
                let request = server.get(&format!("/text/{length}"));
                let (headers, body) = fetch(request.header("accept-encoding", accept)).await;
                assert_eq!(header(&headers, "content-encoding"), "", "{accept}");
                assert_eq!(header(&headers, "vary"), "accept-encoding");
                assert_eq!(header(&headers, "etag"), "\"text\"");
                assert_eq!(body, letters(length));
            }
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn what_does_not_shrink_goes_out_as_it_is() {
        let server = misfit(&[]).await;
        let reply = |headers: &[(&str, &str)]| {
            let mut request = server
                .request(Method::POST, "/reply/200")
                .body(letters(4096));
            for (name, value) in headers {
                request = request.header(format!("x-reply-{name}"), *value);
            }
            request
        };
        let json = ("content-type", "application/json");
        for request in [
            server.get("/text/1023"),
            server.get("/bytes/4096"),
            reply(&[]),
            reply(&[("content-type", "image/png")]),
            reply(&[json, ("content-encoding", "br")]),
            reply(&[json, ("content-range", "bytes 0-4095/9999")]),
            reply(&[json, ("cache-control", "max-age=5, no-transform")]),
        ] {
            let shown = format!("{request:?}");
            let (headers, body) = fetch(request.header("accept-encoding", "gzip, zstd")).await;
            assert_ne!(header(&headers, "content-encoding"), "gzip", "{shown}");
            assert_eq!(
                header(&headers, "content-length"),
                body.len().to_string(),
                "{shown}"
            );
            assert!(!headers.contains_key("vary"), "{shown}");
            assert_eq!(body, letters_or_x(&body), "{shown}");
        }
        let (headers, _) = fetch(reply(&[json]).header("accept-encoding", "gzip")).await;
        assert_eq!(header(&headers, "content-encoding"), "gzip");
        server.stop().await;
    }

    /// What the guest sends at that length.
    fn letters_or_x(body: &[u8]) -> Vec<u8> {
        match body.first() {
            Some(b'x') => vec![b'x'; body.len()],
            _ => letters(body.len()),
        }
    }

    #[tokio::test]
    async fn a_client_that_refuses_plain_answers_gets_none() {
        let server = misfit(&[]).await;
        for path in ["/text/3", "/bytes/3"] {
            let request = server.get(path);
            let (headers, body) =
                fetch(request.header("accept-encoding", "identity;q=0, gzip")).await;
            assert_eq!(header(&headers, "content-encoding"), "gzip");
            assert_eq!(decode("gzip", &body).len(), 3);
        }
        let refused = server
            .get("/counter")
            .header("accept-encoding", "br, *;q=0");
        let answer = send(refused).await;
        assert_eq!(
            (answer.status, answer.json()),
            (
                406,
                json!({"error": {
                    "statusCode": 406,
                    "name": "NotAcceptableError",
                    "message": "no acceptable content encoding",
                }})
            )
        );
        assert_eq!(
            text(server.get("/counter")).await,
            "1",
            "it was refused after it was done"
        );
        server.stop().await;
    }

    /// All but what every answer has of its own.
    fn comparable(headers: &HeaderMap) -> Vec<(String, String)> {
        let mut list: Vec<_> = headers
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        list.sort();
        list
    }

    #[tokio::test]
    async fn a_head_has_the_headers_of_a_get_and_no_body() {
        let server = misfit(&[]).await;
        let builder = || {
            Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(30))
        };
        for client in [
            builder().build().unwrap(),
            builder().http2_prior_knowledge().build().unwrap(),
        ] {
            for path in ["/text/5000", "/text/5", "/text/0", "/bytes/5000"] {
                for accept in ["gzip", "zstd", "identity"] {
                    let ask = |method: Method| {
                        let url = format!("{}{path}", server.base());
                        fetch(
                            client
                                .request(method, url)
                                .header("accept-encoding", accept),
                        )
                    };
                    let (of_get, _) = ask(Method::GET).await;
                    let (of_head, body) = ask(Method::HEAD).await;
                    assert_eq!(body, b"");
                    let (mut of_get, of_head) = (comparable(&of_get), comparable(&of_head));
                    if path == "/text/0" {
                        // Of nothing, no length is made up.
                        of_get.retain(|(name, _)| name != "content-length");
                    }
                    assert_eq!(of_head, of_get, "{path} {accept}");
                }
            }
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn a_tag_stays_true_on_its_way_out_and_in() {
        let server = misfit(&[]).await;
        let revalidate = |known: &str| {
            let request = server.get("/reply/304").header("x-reply-etag", "\"text\"");
            let request = request.header("accept-encoding", "gzip");
            send(request.header("if-none-match", known))
        };
        for (known, tag) in [
            ("\"text\"", "\"text\""),
            ("W/\"text\"", "W/\"text\""),
            ("\"a\", W/\"text\"", "W/\"text\""),
            ("W/\"a\"", "\"text\""),
            ("*", "\"text\""),
        ] {
            let answer = revalidate(known).await;
            assert_eq!(answer.status, 304);
            assert_eq!(header(&answer.headers, "etag"), tag, "{known}");
            assert_eq!(header(&answer.headers, "vary"), "accept-encoding");
        }
        let seen = text(server.get("/ok").header("if-match", "W/\"a\", \"b\"")).await;
        assert!(seen.contains(r#"["if-match","\"a\", \"b\""]"#), "{seen}");
        let seen = text(server.get("/ok").header("if-none-match", "W/\"a\"")).await;
        assert!(seen.contains(r#"["if-none-match","W/\"a\""]"#), "{seen}");
        server.stop().await;
    }

    #[tokio::test]
    async fn it_can_be_tuned_and_switched_off() {
        let server = misfit(&[
            ("GATEWAY_SERVER_COMPRESSION_MIN_BYTES", "100"),
            ("GATEWAY_SERVER_COMPRESSION_LEVEL", "9"),
        ])
        .await;
        for (length, coding) in [(99, ""), (100, "gzip")] {
            let request = server.get(&format!("/text/{length}"));
            let (headers, _) = fetch(request.header("accept-encoding", "gzip")).await;
            assert_eq!(header(&headers, "content-encoding"), coding);
        }
        server.stop().await;

        let server = misfit(&[("GATEWAY_SERVER_COMPRESSION_ENABLED", "false")]).await;
        let request = server.get("/text/5000");
        let (headers, body) = fetch(request.header("accept-encoding", "gzip, identity;q=0")).await;
        assert_eq!(header(&headers, "content-encoding"), "");
        assert!(!headers.contains_key("vary"));
        assert_eq!(
            (header(&headers, "etag").as_str(), body.len()),
            ("\"text\"", 5000)
        );
        let seen = text(server.get("/ok").header("if-match", "W/\"a\"")).await;
        assert!(seen.contains(r#"["if-match","W/\"a\""]"#), "{seen}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_a_plain_one_is_not() {
    let server = misfit(&[]).await;
    let post = |coding: &str, body: &'static str| {
        let request = server.request(Method::POST, "/echo");
        send(request.header("content-encoding", coding).body(body))
    };
    for coding in ["gzip", "GZIP", "br", "identity, gzip", "aws-chunked"] {
        let answer = post(coding, "body").await;
        assert_eq!(
            (answer.status, answer.json()),
            (
                415,
                json!({"error": {
                    "statusCode": 415,
                    "name": "UnsupportedMediaTypeError",
                    "message": "unsupported content encoding",
                }})
            )
        );
        assert_eq!(header(&answer.headers, "accept-encoding"), "identity");
    }
    for coding in ["identity", " Identity ,identity", ""] {
        let answer = post(coding, "body").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, "body"),
            "{coding:?}"
        );
    }
    // Where there is no body, nothing is encoded.
    assert_eq!(post("gzip", "").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_gets_so_many_random_bytes_and_no_more() {
    let server = misfit(&[]).await;
    let ask = |length: u64| send(server.get(&format!("/random-bytes/{length}")));
    for length in [0, 16, 65_536] {
        let answer = ask(length).await;
        assert_eq!((answer.status, answer.text), (200, length.to_string()));
    }
    for length in [65_537, 64 << 20, u64::MAX] {
        assert_eq!(ask(length).await.status, 500, "{length}");
    }
    assert_ne!(
        text(server.get("/random")).await,
        text(server.get("/random")).await
    );
    server.stop().await;
}

/// Sends one request on a connection of its own, and reads the answer to its end.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    answer
}

#[tokio::test]
async fn an_answer_arrives_as_the_plugin_gave_it() {
    const GIVEN: [(&str, &str); 6] = [
        ("cache-control", "private, max-age=0"),
        ("content-type", "application/json"),
        ("etag", "\"v1\""),
        ("link", "</messages?cursor=a>; rel=\"next\""),
        ("location", "/messages/1"),
        ("vary", "authorization"),
    ];
    let server = misfit(&[]).await;
    for client in [
        gateway_tests::server::client(),
        Client::builder()
            .no_proxy()
            .http2_prior_knowledge()
            .build()
            .unwrap(),
    ] {
        for status in [
            200, 201, 202, 204, 304, 400, 404, 409, 412, 422, 428, 451, 503, 599,
        ] {
            let url = format!("{}/reply/{status}", server.base());
            let mut request = client.post(url).body("{}");
            for (name, value) in GIVEN {
                request = request.header(format!("x-reply-{name}"), value);
            }
            let Answer {
                status: got,
                headers,
                text,
            } = send(request).await;
            assert_eq!(got, status);
            let bare = matches!(status, 204 | 304);
            assert_eq!(text, if bare { "" } else { "{}" }, "{status}");
            assert_eq!(headers.contains_key("content-length"), !bare, "{status}");
            for (name, value) in GIVEN {
                let first = headers[name].to_str().unwrap();
                assert_eq!(first, value, "{status} {name}");
                let more = usize::from(status == 304 && name == "vary");
                assert_eq!(
                    headers.get_all(name).iter().count(),
                    1 + more,
                    "{status} {name}"
                );
            }
        }
    }
    for status in [204, 304] {
        let answer = raw(
            &server,
            &format!(
                "POST /reply/{status} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-length: 4\r\n\r\nbody"
            ),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(
            !answer.contains("content-length") && !answer.contains("chunked"),
            "{answer}"
        );
    }
    server.stop().await;
}
