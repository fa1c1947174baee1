//! Events through the gateway: what is published, to whom it goes, and what comes back.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod bus;
mod faults;
mod history;
mod limits;
mod order;
mod replay;
mod retention;
mod rights;
mod sockets;

use gateway_tests::database::TestDatabase;
use gateway_tests::live::Listener;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::Value;

/// A gateway that looks at the log by itself only rarely, so that a test which passes was
/// told.
const ENV: &[(&str, &str)] = &[
    ("GATEWAY_EVENTS_POLL", "1min"),
    ("GATEWAY_EVENTS_QUEUE", "2000"),
];

async fn misfit(database: TestDatabase) -> Server {
    Server::start(database, &[("misfit", "/")], ENV).await
}

/// One transaction of these lines; status and answer.
async fn transact(server: &Server, query: &str, lines: &str) -> (u16, Value) {
    let path = format!("/events-transact?{query}");
    answer(server.request(Method::POST, &path).body(lines.to_owned())).await
}

/// The same, which must be committed.
async fn commit(server: &Server, lines: &str) {
    let (status, told) = transact(server, "", lines).await;
    assert_eq!(status, 200, "{told}");
}

/// Publishes numbers to a topic, a transaction each.
async fn publish(server: &Server, topic: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        commit(server, &format!("publish {topic} tick {number}")).await;
    }
}

/// Listens as `me` to some topics, and waits until that is so.
async fn listen(server: &Server, topics: &str, cursor: Option<&str>) -> Listener {
    let target = format!("/events?subject=me&topics={topics}");
    Listener::open(&server.base(), &target, cursor).await
}

/// The same of one that begins now.
async fn begin(server: &Server, topics: &str) -> Listener {
    let mut listener = listen(server, topics, None).await;
    listener.expect("sync.ready").await;
    listener
}
