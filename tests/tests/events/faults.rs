//! Ends in the middle of it: of the gateway, and of clients.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway_tests::database::TestDatabase;
use gateway_tests::live::{Listener, client};
use gateway_tests::on_every_database;
use gateway_tests::process::Process;
use gateway_tests::server::{Server, answer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::{begin, commit, listen, publish};

on_every_database!(
    what_was_committed_is_delivered_after_a_crash,
    a_slow_client_is_closed_and_goes_on_where_it_was,
    a_stop_sends_clients_away_with_their_place,
);

/// Killed at whatever point between a commit and its delivery, again and again: nobody who
/// comes back with its cursor misses anything that was answered.
async fn what_was_committed_is_delivered_after_a_crash(database: TestDatabase) {
    const ROUNDS: u32 = 3;
    let data = tempfile::tempdir().unwrap();
    let (mut cursor, mut answered, mut seen) = (None, BTreeSet::new(), Vec::new());
    for round in 0..ROUNDS {
        let process = Process::serve("misfit", &database.config.url, data.path()).await;
        let target = "/events?subject=me&topics=a";
        let mut listener = Listener::open(&process.base, target, cursor.as_deref()).await;
        while cursor.is_none() || listener.cursor.is_none() {
            listener.expect("sync.ready").await;
            cursor.clone_from(&listener.cursor);
        }
        let base = process.base.clone();
        let writer = tokio::spawn(async move {
            let mut answered = Vec::new();
            for number in 0.. {
                let number = round * 100_000 + number;
                let request = client().post(format!("{base}/events-transact"));
                let request = request.body(format!("publish a tick {number}"));
                match request.send().await {
                    Ok(response) if response.status() == 200 => answered.push(number),
                    _ => break,
                }
            }
            answered
        });
        // Until some are through, and while others are on their way.
        let wanted = seen.len() + 15 + 7 * round as usize;
        while seen.len() < wanted {
            let Some(event) = listener.next().await else {
                panic!("the stream ended");
            };
            if event.kind == "tick" {
                seen.push((event.data["id"].clone(), event.payload().clone()));
            }
        }
        process.kill().await;
        // What is still in the socket was sent; what is cut was not seen.
        while let Some(event) = listener.next().await {
            if event.kind == "tick" {
                seen.push((event.data["id"].clone(), event.payload().clone()));
            }
        }
        cursor.clone_from(&listener.cursor);
        answered.extend(writer.await.unwrap());
    }
    let process = Process::serve("misfit", &database.config.url, data.path()).await;
    let target = "/events?subject=me&topics=a";
    let mut listener = Listener::open(&process.base, target, cursor.as_deref()).await;
    loop {
        let event = listener.event().await;
        if event.kind == "sync.ready" {
            break;
        }
        seen.push((event.data["id"].clone(), event.payload().clone()));
    }
    let ids: BTreeSet<String> = seen.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(ids.len(), seen.len(), "something came twice");
    let numbers: Vec<u32> = seen
        .iter()
        .map(|(_, payload)| u32::try_from(payload.as_u64().unwrap()).unwrap())
        .collect();
    assert!(numbers.is_sorted(), "in order");
    let missing: Vec<_> = answered
        .iter()
        .filter(|number| !numbers.contains(number))
        .collect();
    assert_eq!(missing, Vec::<&u32>::new(), "answered, and never seen");
    process.kill().await;
}

/// Reads nothing until it is late, then everything.
async fn a_slow_client_is_closed_and_goes_on_where_it_was(database: TestDatabase) {
    let env = [
        ("GATEWAY_EVENTS_QUEUE", "4"),
        ("GATEWAY_EVENTS_REPLAY", "10000"),
    ];
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(server.addr()).await.unwrap();
    let head = "GET /events?subject=me&topics=a HTTP/1.1\r\nhost: x\r\n\
                accept: text/event-stream\r\nconnection: close\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    slow.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut quick = begin(&server, "a").await;
    // More than sockets take.
    const COUNT: usize = 600;
    let payload = "x".repeat(16_000);
    for at in 0..COUNT / 20 {
        let one = |number: usize| format!("publish a tick [{number},\"{payload}\"]");
        let lines: Vec<_> = (at * 20..at * 20 + 20).map(one).collect();
        // The quick one is never behind by more than its queue.
        for line in lines {
            commit(&server, &line).await;
            quick.expect("tick").await;
        }
    }
    let mut rest = Vec::new();
    let read = slow.read_to_end(&mut rest);
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, read).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&rest);
    let end = text.find("event: close").unwrap();
    let line = text[end..].lines().nth(1).unwrap();
    let close: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(close["code"], 4408);
    let got = text.matches("event: tick").count();
    assert!(got < COUNT, "{got}");
    let cursor = close["cursor"].as_str().unwrap();
    let mut again = listen(&server, "a", Some(cursor)).await;
    for number in got..COUNT {
        assert_eq!(again.expect("tick").await.payload()[0], json!(number));
    }
    again.expect("sync.ready").await;
    server.stop().await;
}

async fn a_stop_sends_clients_away_with_their_place(database: TestDatabase) {
    let server = Server::start(database, &[("misfit", "/")], super::ENV).await;
    let mut listener = begin(&server, "a").await;
    let target = format!(
        "/events?subject=me&topics=a&wait=20&cursor={}",
        listener.cursor.clone().unwrap()
    );
    let (poll, client) = (format!("{}{target}", server.base()), client());
    let polling = tokio::spawn(async move { answer(client.get(poll)).await });
    publish(&server, "b", 0..1).await;
    let (running, database, data) = server.running();
    let clean = running.stop().await;
    assert!(clean, "a connection had to be cut");
    let close = listener.expect("close").await;
    assert_eq!(close.data["code"], 1012);
    assert_eq!(listener.next().await, None);
    let (status, told) = polling.await.unwrap();
    assert_eq!((status, &told["close"]["code"]), (200, &json!(1012)));
    drop((database, data));
}
