//! The public listener, seen by peers of every kind.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn sqlite() -> TestDatabase {
    TestDatabase::fresh(Dialect::Sqlite).await
}

async fn misfit(env: &[(&str, &str)]) -> Server {
    Server::start(sqlite().await, &[("misfit", "/")], env).await
}

/// Sends `bytes`, and reads until the server closes the connection.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_end(stream).await
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    // A reset after the answer is as good as an end.
    let _ = read.expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn every_answer_carries_its_own_request_id() {
    let server = misfit(&[]).await;
    let id = async |path: &str| {
        let response = server.get(path).send().await.unwrap();
        let id = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        (id, response.text().await.unwrap())
    };
    let (first, body) = id("/ok").await;
    assert!(
        body.contains(&first),
        "the plugin was told another id: {body}"
    );
    let (second, _) = id("/trap").await;
    assert_ne!(first, second);
    server.stop().await;
}

#[tokio::test]
async fn http2_with_prior_knowledge_and_http1_share_a_port() {
    let server = misfit(&[]).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let response = client
        .get(format!("{}/bytes/3", server.base()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.version(), response.status().as_u16()),
        (reqwest::Version::HTTP_2, 200)
    );
    let response = server.get("/bytes/3").send().await.unwrap();
    assert_eq!(
        (response.version(), response.status().as_u16()),
        (reqwest::Version::HTTP_11, 200)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_ends_when_idle() {
    let server = misfit(&[("GATEWAY_SERVER_HEADER_TIMEOUT", "500ms")]).await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /bytes/3 HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
    let idle = Instant::now();
    assert_eq!(read_to_end(stream).await, "");
    assert!(
        idle.elapsed() < Duration::from_secs(5),
        "{:?}",
        idle.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn slow_and_silent_peers_are_cut_while_others_are_served() {
    let server = misfit(&[
        ("GATEWAY_SERVER_HEADER_TIMEOUT", "500ms"),
        ("GATEWAY_SERVER_BODY_TIMEOUT", "500ms"),
    ])
    .await;
    let begun = Instant::now();
    let (silent, letter, half_head, preface, half_body) = tokio::join!(
        raw(&server, b""),
        raw(&server, b"P"),
        raw(&server, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "),
        raw(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        raw(
            &server,
            b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf"
        ),
    );
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((silent.as_str(), letter.as_str()), ("", ""));
    assert!(
        half_head.is_empty() || half_head.starts_with("HTTP/1.1 408"),
        "{half_head}"
    );
    assert!(!preface.starts_with("HTTP/1.1 200"));
    assert!(half_body.starts_with("HTTP/1.1 408"), "{half_body}");
    assert_eq!(answer(server.get("/bytes/3")).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn rubbish_gets_a_4xx_or_a_close() {
    let server = misfit(&[
        ("GATEWAY_SERVER_MAX_HEADER_BYTES", "8KiB"),
        ("GATEWAY_SERVER_HEADER_TIMEOUT", "1s"),
        ("GATEWAY_SERVER_BODY_TIMEOUT", "1s"),
    ])
    .await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\nabc",
        long.as_bytes(),
    ] {
        let answer = raw(&server, bytes).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{:?}: {answer}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    }
    assert_eq!(answer(server.get("/bytes/3")).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not() {
    let server = misfit(&[
        ("GATEWAY_SERVER_MAX_BODY_BYTES", "100KiB"),
        ("GATEWAY_SERVER_HEADER_TIMEOUT", "1s"),
    ])
    .await;
    let told = server
        .request(Method::POST, "/echo")
        .body(vec![0; 200 * 1024]);
    let (status, body) = answer(told).await;
    assert_eq!(
        (status, body["error"]["name"].as_str()),
        (413, Some("PayloadTooLargeError"))
    );

    let mut chunks =
        b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        chunks.extend_from_slice(b"2800\r\n");
        chunks.extend_from_slice(&[b'x'; 0x2800]);
        chunks.extend_from_slice(b"\r\n");
    }
    let untold = raw(&server, &chunks).await;
    // All of it was sent before the answer was read, and still the answer is there.
    assert!(untold.starts_with("HTTP/1.1 413"), "{untold}");
    server.stop().await;
}

/// Reads a large answer in small sips, for much longer than an idle connection may last.
#[tokio::test]
async fn a_slow_reader_gets_all_of_its_answer() {
    let server = misfit(&[
        ("GATEWAY_SERVER_HEADER_TIMEOUT", "300ms"),
        ("GATEWAY_SERVER_BODY_TIMEOUT", "2s"),
    ])
    .await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let request = b"GET /large-response/12 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let (mut sip, mut total) = (vec![0; 512 * 1024], 0);
    loop {
        let length = stream.read(&mut sip).await.unwrap();
        if length == 0 {
            break;
        }
        total += length;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(total > 12 << 20, "only {total} bytes arrived");
    server.stop().await;
}

#[tokio::test]
async fn a_trickled_body_does_not_hold_its_place() {
    let server = misfit(&[("GATEWAY_SERVER_BODY_TIMEOUT", "700ms")]).await;
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let begun = Instant::now();
    let mut answer = [0; 12];
    // A byte every 100 ms: no pause is ever long.
    let trickle = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = stream.write_all(b"x").await;
            match tokio::time::timeout(Duration::from_millis(1), stream.read_exact(&mut answer))
                .await
            {
                Ok(read) => break read.unwrap(),
                Err(_) => continue,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle)
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn more_requests_than_places_wait_and_then_are_turned_away() {
    let server = misfit(&[
        ("GATEWAY_SERVER_MAX_REQUESTS", "1"),
        ("GATEWAY_SERVER_MAX_QUEUE", "1"),
        ("GATEWAY_SERVER_QUEUE_TIMEOUT", "100ms"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "1s"),
    ])
    .await;
    let crowd: Vec<_> = (0..4)
        .map(|_| tokio::spawn(answer(server.get("/spin"))))
        .collect();
    let mut statuses = Vec::new();
    for task in crowd {
        statuses.push(task.await.unwrap().0);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 503, 504]);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_cuts_those_that_do_not() {
    let server = misfit(&[
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "20s"),
        ("GATEWAY_SERVER_DRAIN_TIMEOUT", "2s"),
    ])
    .await;
    let short = tokio::spawn(answer(server.get("/spin-ms/700")));
    let long = tokio::spawn(server.get("/spin").send());
    let base = server.base();
    // Both must be in flight before the end begins.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    let (running, database, _data) = server.running();
    let clean = running.stop().await;
    assert!(!clean, "the endless request was not cut");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(short.await.unwrap().0, 200);
    assert!(
        long.await.unwrap().is_err(),
        "an answer to a request that was cut"
    );
    assert!(
        reqwest::get(base).await.is_err(),
        "the listener is still there"
    );
    drop(database);
}

#[tokio::test]
async fn health_is_told_on_the_operators_address_alone() {
    let server = misfit(&[]).await;
    let client = gateway_tests::server::client();
    let admin = async |path: &str| answer(client.get(format!("{}{path}", server.admin()))).await;
    assert_eq!(admin("/healthz").await.0, 200);
    let (status, ready) = admin("/readyz").await;
    assert_eq!(
        (status, &ready["status"], &ready["database"]),
        (200, &"ready".into(), &"ok".into())
    );
    assert_eq!(ready["plugins"][0]["name"], "misfit");
    assert_eq!(admin("/bytes/3").await.0, 404);
    let (status, body) = answer(client.post(format!("{}/healthz", server.admin()))).await;
    assert_eq!(
        (status, body["error"]["name"].as_str()),
        (405, Some("MethodNotAllowedError"))
    );
    assert!(
        !server
            .get("/healthz")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("status")
    );
    server.stop().await;
}

#[tokio::test]
async fn hop_by_hop_headers_are_the_hosts() {
    let server = misfit(&[]).await;
    let response = server.get("/hop-header").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("transfer-encoding"));
    let seen = server
        .get("/ok")
        .header("authorization", "")
        .send()
        .await
        .unwrap();
    assert!(
        !seen
            .text()
            .await
            .unwrap()
            .to_lowercase()
            .contains("authorization")
    );
    server.stop().await;
}
