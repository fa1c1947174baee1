//! Limits, and what is no event.

use gateway_tests::database::TestDatabase;
use gateway_tests::live::{Listener, client};
use gateway_tests::server::{Server, answer};
use serde_json::Value;

use super::{begin, transact};

const ENV: &[(&str, &str)] = &[
    ("GATEWAY_EVENTS_TOPIC_BYTES", "64"),
    ("GATEWAY_EVENTS_PAYLOAD_BYTES", "64"),
    ("GATEWAY_EVENTS_TRANSACTION", "3"),
    ("GATEWAY_EVENTS_TOPICS", "3"),
    ("GATEWAY_EVENTS_CALLER_CONNECTIONS", "2"),
    ("GATEWAY_EVENTS_CONNECTIONS", "3"),
    ("GATEWAY_EVENTS_HEARTBEAT", "200ms"),
];

async fn limited() -> Server {
    Server::start(TestDatabase::sqlite().await, &[("misfit", "/")], ENV).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_a_limit_is_not_published() {
    let server = limited().await;
    let long = "t".repeat(65);
    let payload = format!("\"{}\"", "x".repeat(63));
    for lines in [
        "publish  tick 1".to_owned(),
        format!("publish {long} tick 1"),
        "publish a\tb tick 1".to_owned(),
        "publish a  1".to_owned(),
        "publish a ti\u{e4}ck 1".to_owned(),
        "publish a sync.ready 1".to_owned(),
        "publish a close 1".to_owned(),
        "publish a tick".to_owned(),
        "publish a tick ".to_owned(),
        "publish a tick {} {}".to_owned(),
        format!("publish a tick {payload}"),
        format!("admit {long} me"),
        format!("admit a {long}"),
        "admit a ".to_owned(),
        format!("revoke {long}"),
        "publish a tick 1\nadmit a b\nrevoke a b\npublish a tick 2".to_owned(),
    ] {
        let (status, told) = transact(&server, "", &lines).await;
        assert_eq!(status, 400, "{lines:?}: {told}");
    }
    assert_eq!(server.database.count("gateway_events").await, 0);
    let longest = format!("publish {} tick \"{}\"", "t".repeat(64), "x".repeat(62));
    let lines = format!("{longest}\nadmit a b\nrevoke a b");
    assert_eq!(transact(&server, "", &lines).await.0, 200);
    assert_eq!(server.database.count("gateway_events").await, 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_keeps_to_limits() {
    let server = limited().await;
    let ask = |query: String| answer(server.get(&format!("/events?wait=0&{query}")));
    let long = "t".repeat(65);
    for (query, status) in [
        ("subject=&topics=a".to_owned(), 400),
        (format!("subject={long}&topics=a"), 400),
        (format!("subject=me&topics={long}"), 400),
        ("subject=me&topics=a,b,c,d".to_owned(), 429),
        ("subject=me&topics=a,b,c".to_owned(), 200),
        ("subject=me&topics=".to_owned(), 200),
        ("subject=me&topics=a&drop=1".to_owned(), 200),
    ] {
        let (told, text) = ask(query.clone()).await;
        assert_eq!(told, status, "{query}: {text}");
    }
    let first = begin(&server, "a").await;
    let _second = begin(&server, "a").await;
    let (status, told) = ask("subject=me&topics=a".to_owned()).await;
    assert_eq!(status, 429, "{told}");
    let target = "/events?subject=you&topics=a";
    let _third = Listener::open(&server.base(), target, None).await;
    let (status, told) = ask("subject=they&topics=a".to_owned()).await;
    assert_eq!(status, 429, "{told}");
    // A place is free again when its client is gone, which the next heartbeat finds out.
    drop(first);
    let freed = async {
        while ask("subject=me&topics=a".to_owned()).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, freed).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_client_hears_a_heartbeat_and_its_place_moves() {
    let server = limited().await;
    let mut listener = begin(&server, "a").await;
    let before = listener.cursor.clone();
    listener.heartbeat().await;
    assert_eq!(listener.cursor, before);
    assert_eq!(transact(&server, "", "publish other tick 1").await.0, 200);
    while listener.cursor == before {
        listener.heartbeat().await;
    }
    // What was of no interest is not looked through when it comes back.
    let place = listener.cursor.clone().unwrap();
    let mut other = super::listen(&server, "other", Some(&place)).await;
    other.expect("sync.ready").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_request_and_headers_are_those_of_an_answer() {
    let server = limited().await;
    let target = format!("{}/events?subject=me&topics=a", server.base());
    let stream = |request: reqwest::RequestBuilder| request.header("accept", "text/event-stream");
    let head = stream(client().head(&target)).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["x-kept"], "kept");
    assert_eq!(head.headers()["x-accel-buffering"], "no");
    assert!(head.headers().contains_key("x-request-id"));
    assert_eq!(head.text().await.unwrap(), "");
    let plain = client().get(format!("{target}&wait=0")).send().await;
    let plain = plain.unwrap();
    assert_eq!(plain.status(), 200);
    assert!(
        plain.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/json")
    );
    let told: Value = plain.json().await.unwrap();
    assert_eq!(told["events"], serde_json::json!([]));
    server.stop().await;
}
