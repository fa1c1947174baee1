//! Several gateways on one database: what is committed on one is delivered on all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::live::Listener;
use gateway_tests::nats::Nats;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{begin, commit, listen, publish};

/// Gateways that look by themselves so rarely that a test would notice.
const RARELY: [(&str, &str); 2] = [
    ("GATEWAY_EVENTS_POLL", "10min"),
    ("GATEWAY_EVENTS_BUS_POLL", "10min"),
];

async fn gateways(count: usize, dialect: Dialect, env: &[(&str, &str)]) -> Vec<Server> {
    let database = TestDatabase::fresh(dialect).await;
    let mut others = Vec::new();
    for _ in 1..count {
        others.push(database.again());
    }
    let mut servers = Vec::new();
    for database in std::iter::once(database).chain(others) {
        servers.push(Server::start(database, &[("misfit", "/")], env).await);
    }
    servers
}

async fn stop(servers: Vec<Server>) {
    // The first one has the database.
    for server in servers.into_iter().rev() {
        server.stop().await;
    }
}

/// Waits until every gateway says so of its bus.
async fn bus_is(servers: &[Server], is_up: bool) {
    let line = format!(
        "gateway_events_bus_up{{plugin=\"misfit\"}} {}",
        u8::from(is_up)
    );
    let begun = Instant::now();
    for server in servers {
        loop {
            let metrics = server
                .operate(Method::GET, "/metrics")
                .send()
                .await
                .unwrap();
            if metrics.text().await.unwrap().contains(&line) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{line}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Events, signals and rights go from each gateway to each other one.
async fn everything_crosses(servers: &[Server]) {
    let mut listeners = Vec::new();
    for server in servers {
        listeners.push(begin(server, "a,own").await);
    }
    let (mut number, mut expected) = (0, Vec::new());
    for server in servers {
        publish(server, "a", number..number + 5).await;
        expected.extend((number..number + 5).map(|number| json!(number)));
        number += 5;
    }
    for listener in &mut listeners {
        assert_eq!(listener.payloads(expected.len()).await, expected);
    }
    for server in servers {
        let request = server.request(Method::POST, "/events-signal");
        assert_eq!(answer(request.body("a typing 1")).await.0, 200);
        for listener in &mut listeners {
            let typing = listener.expect("typing").await;
            assert_eq!(typing.id, None);
        }
    }
    // What is revoked on one ends on all, and the end is before what follows.
    commit(
        &servers[0],
        "revoke a me\npublish a tick 0\npublish own end 1",
    )
    .await;
    for listener in &mut listeners {
        listener.expect("end").await;
    }
}

/// Writers on all gateways at once, one topic: all who listen anywhere see one order.
async fn one_order(servers: &[Server]) {
    const EACH: u32 = 30;
    let mut listeners = Vec::new();
    for server in servers {
        listeners.push(begin(server, "a").await);
    }
    let writers = servers.iter().zip(0..).map(|(server, at)| async move {
        publish(server, "a", at * 1000..at * 1000 + EACH).await;
    });
    futures_util::future::join_all(writers).await;
    let count = servers.len() * EACH as usize;
    let mut orders = Vec::new();
    for listener in &mut listeners {
        orders.push(listener.payloads(count).await);
    }
    let mut of_writer: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for payload in &orders[0] {
        let number = payload.as_u64().unwrap();
        of_writer.entry(number / 1000).or_default().push(number);
    }
    for numbers in of_writer.values() {
        assert!(numbers.is_sorted() && numbers.len() == EACH as usize);
    }
    for order in &orders[1..] {
        assert_eq!(*order, orders[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_on_postgresql_tell_each_other() {
    let servers = gateways(3, Dialect::Postgres, &RARELY).await;
    bus_is(&servers, true).await;
    everything_crosses(&servers).await;
    one_order(&servers).await;
    stop(servers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_with_nats_tell_each_other() {
    let url = std::env::var("TEST_NATS_URL").unwrap_or_else(|_| {
        panic!("TEST_NATS_URL is not set; `cargo xtask test` starts a server and sets it")
    });
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let mut env = RARELY.to_vec();
        env.push(("GATEWAY_EVENTS_NATS_URL", url.as_str()));
        let servers = gateways(3, dialect, &env).await;
        bus_is(&servers, true).await;
        everything_crosses(&servers).await;
        one_order(&servers).await;
        stop(servers).await;
    }
}

/// Without a bus each finds by itself what the others have committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_without_a_bus_look_by_themselves() {
    let env = [
        ("GATEWAY_EVENTS_BUS", "none"),
        ("GATEWAY_EVENTS_POLL", "100ms"),
    ];
    for dialect in [Dialect::Postgres, Dialect::Mysql] {
        let servers = gateways(2, dialect, &env).await;
        let mut listener = begin(&servers[1], "a").await;
        publish(&servers[0], "a", 0..5).await;
        let numbers: Vec<Value> = (0..5).map(|number| json!(number)).collect();
        assert_eq!(listener.payloads(5).await, numbers);
        one_order(&servers).await;
        stop(servers).await;
    }
}

/// A client may come back to another gateway, which may be behind the one that it was on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_one_gateway_is_good_on_another() {
    let mut env = RARELY.to_vec();
    env.push(("GATEWAY_EVENTS_BUS", "none"));
    let servers = gateways(2, Dialect::Postgres, &env).await;
    let mut here = begin(&servers[0], "a").await;
    publish(&servers[0], "a", 0..3).await;
    here.payloads(2).await;
    let place = here.cursor.clone();
    // The second gateway has not looked since its start.
    let mut there = listen(&servers[1], "a", place.as_deref()).await;
    assert_eq!(there.payloads(1).await, [json!(2)]);
    there.expect("sync.ready").await;
    stop(servers).await;
}

/// What is committed while NATS is away is delivered all the same, and signals go again when
/// it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_may_die_and_come_back() {
    let nats = Nats::start().await;
    let url = nats.url();
    let env = [
        ("GATEWAY_EVENTS_NATS_URL", url.as_str()),
        ("GATEWAY_EVENTS_POLL", "100ms"),
        ("GATEWAY_EVENTS_BUS_POLL", "10min"),
    ];
    let servers = gateways(2, Dialect::Postgres, &env).await;
    bus_is(&servers, true).await;
    let mut listener = begin(&servers[1], "a").await;
    publish(&servers[0], "a", 0..3).await;
    listener.payloads(3).await;
    let port = nats.kill().await;
    publish(&servers[0], "a", 3..6).await;
    assert_eq!(listener.payloads(3).await, [3, 4, 5].map(|n| json!(n)));
    bus_is(&servers, false).await;
    let _nats = Nats::on(port).await;
    bus_is(&servers, true).await;
    publish(&servers[0], "a", 6..8).await;
    assert_eq!(listener.payloads(2).await, [6, 7].map(|n| json!(n)));
    let request = servers[0].request(Method::POST, "/events-signal");
    assert_eq!(answer(request.body("a typing 1")).await.0, 200);
    listener.expect("typing").await;
    stop(servers).await;
}

/// A start without it is a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_while_nats_is_away() {
    let nats = Nats::start().await;
    let url = nats.url();
    let port = nats.kill().await;
    let env = [("GATEWAY_EVENTS_NATS_URL", url.as_str())];
    let servers = gateways(1, Dialect::Sqlite, &env).await;
    let mut listener: Listener = begin(&servers[0], "a").await;
    publish(&servers[0], "a", 0..1).await;
    assert_eq!(listener.payloads(1).await, [json!(0)]);
    let _nats = Nats::on(port).await;
    bus_is(&servers, true).await;
    stop(servers).await;
}
