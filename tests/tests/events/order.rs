//! In the order of the commits, each once, and nothing without its commit.

use std::collections::BTreeMap;

use gateway_tests::database::TestDatabase;
use gateway_tests::live::{Listener, client};
use gateway_tests::on_every_database;
use gateway_tests::server::answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{begin, commit, listen, misfit, publish, transact};

on_every_database!(
    events_come_in_the_order_of_their_commits,
    a_rollback_publishes_nothing,
    all_who_listen_get_the_same_order,
    signals_are_for_those_who_are_there,
    a_long_poll_waits_for_an_event,
);

async fn events_come_in_the_order_of_their_commits(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a,b").await;
    commit(
        &server,
        "publish a one {\"n\":1}\npublish b two [2]\npublish c three 3\npublish a four \"4\"",
    )
    .await;
    publish(&server, "a", 5..8).await;
    let mut seen: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for _ in 0..6 {
        let event = listener.event().await;
        let topic = event.data["topic"].as_str().unwrap().to_owned();
        assert_eq!(event.data["type"], json!(event.kind));
        assert_eq!(event.data["cursor"], json!(event.id));
        let at = event.data["at"].as_str().unwrap();
        assert!(humantime::parse_rfc3339(at).is_ok(), "{at}");
        let of_topic = seen.entry(topic).or_default();
        of_topic.push((event.kind.clone(), event.payload().clone()));
    }
    let tick = |number: u32| ("tick".to_owned(), json!(number));
    assert_eq!(
        seen["a"],
        [
            ("one".to_owned(), json!({"n": 1})),
            ("four".to_owned(), json!("4")),
            tick(5),
            tick(6),
            tick(7)
        ]
    );
    assert_eq!(seen["b"], [("two".to_owned(), json!([2]))]);
    server.stop().await;
}

async fn a_rollback_publishes_nothing(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a").await;
    let (status, _) = transact(&server, "rollback=1&note=x", "publish a lost 1").await;
    assert_eq!(status, 200);
    // A limit that is broken ends the transaction with everything in it.
    let (status, told) = transact(&server, "note=y", "publish a lost 2\npublish a bad {").await;
    assert_eq!(status, 400, "{told}");
    let (status, _) = transact(&server, "note=z", "publish a kept 3").await;
    assert_eq!(status, 200);
    let event = listener.expect("kept").await;
    assert_eq!(event.payload(), &json!(3));
    let positions = "SELECT kind FROM gateway_events";
    assert_eq!(server.database.texts(positions).await, [["kept"]]);
    let notes = server.database.texts("SELECT note FROM misfit_rows").await;
    assert_eq!(notes, [["z"]]);
    server.stop().await;
}

/// Many writers at once: the positions have no gap, and everybody sees one order.
async fn all_who_listen_get_the_same_order(database: TestDatabase) {
    const WRITERS: u32 = 8;
    const EACH: u32 = 20;
    let server = misfit(database).await;
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(begin(&server, "a,b").await);
    }
    let (base, client) = (server.base(), client());
    let writers = (0..WRITERS).map(|writer| {
        let (client, base) = (client.clone(), base.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                // Two topics, in both orders: nobody may wait for the other for ever.
                let (first, second) = match writer % 2 {
                    0 => ("a", "b"),
                    _ => ("b", "a"),
                };
                let number = writer * EACH + number;
                let body = format!("publish {first} tick {number}\npublish {second} tick {number}");
                let request = client.post(format!("{base}/events-transact"));
                let (status, told) = answer(request.body(body)).await;
                assert_eq!(status, 200, "{told}");
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut orders = Vec::new();
    for listener in &mut listeners {
        orders.push(by_topic(listener, (WRITERS * EACH * 2) as usize).await);
    }
    let first = &orders[0];
    for topic in ["a", "b"] {
        let mut numbers: Vec<u64> = first[topic]
            .iter()
            .map(|payload| payload.as_u64().unwrap())
            .collect();
        numbers.sort_unstable();
        let all: Vec<u64> = (0..u64::from(WRITERS * EACH)).collect();
        assert_eq!(numbers, all, "each once, in {topic}");
    }
    assert_eq!(orders[1], *first);
    assert_eq!(orders[2], *first);
    let gaps = "SELECT part FROM gateway_partitions WHERE last_position <> (SELECT COUNT(*) \
                FROM gateway_events WHERE gateway_events.part = gateway_partitions.part)";
    let part = |sql: &str| {
        let text = server.database.pick("TEXT", "TEXT", "CHAR");
        sql.replacen("part", &format!("CAST(part AS {text})"), 1)
    };
    let gaps = server.database.texts(&part(gaps)).await;
    assert_eq!(gaps, Vec::<Vec<String>>::new());
    server.stop().await;
}

async fn by_topic(listener: &mut Listener, count: usize) -> BTreeMap<String, Vec<Value>> {
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for _ in 0..count {
        let event = listener.event().await;
        let topic = event.data["topic"].as_str().unwrap().to_owned();
        seen.entry(topic).or_default().push(event.payload().clone());
    }
    seen
}

async fn signals_are_for_those_who_are_there(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a").await;
    let place = listener.cursor.clone().unwrap();
    let signal = |body: &str| {
        let request = server.request(Method::POST, "/events-signal");
        answer(request.body(body.to_owned()))
    };
    assert_eq!(signal("a typing {\"who\":1}\nb typing 2").await.0, 200);
    assert_eq!(signal("a bad {").await.0, 400);
    commit(&server, "publish a kept 1").await;
    let event = listener.expect("typing").await;
    assert_eq!((event.id.as_ref(), event.data.get("id")), (None, None));
    assert_eq!(event.payload(), &json!({"who": 1}));
    assert_eq!(event.data["topic"], "a");
    listener.expect("kept").await;
    // It is not kept.
    let mut again = listen(&server, "a", Some(&place)).await;
    again.expect("kept").await;
    again.expect("sync.ready").await;
    server.stop().await;
}

async fn a_long_poll_waits_for_an_event(database: TestDatabase) {
    let server = misfit(database).await;
    let poll = |query: String| answer(server.get(&format!("/events?subject=me&topics=a&{query}")));
    // A place first, without an event.
    let (status, told) = poll("wait=0".to_owned()).await;
    assert_eq!((status, &told["events"]), (200, &json!([])));
    let cursor = told["cursor"].as_str().unwrap().to_owned();
    let waiting = poll(format!("wait=20&cursor={cursor}"));
    let (waited, ()) = tokio::join!(waiting, publish(&server, "a", 0..1));
    assert_eq!(waited.1["events"][0]["data"], json!(0));
    publish(&server, "a", 1..4).await;
    let cursor = waited.1["cursor"].as_str().unwrap();
    let (_, told) = poll(format!("wait=20&cursor={cursor}")).await;
    let events = told["events"].as_array().unwrap();
    let numbers: Vec<_> = events.iter().map(|event| &event["data"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2), &json!(3)]);
    // Behind the last of them nothing waits.
    let cursor = told["cursor"].as_str().unwrap();
    let (_, told) = poll(format!("wait=0&cursor={cursor}")).await;
    assert_eq!(told["events"], json!([]));
    let (_, told) = poll("wait=20&cursor=nonsense".to_owned()).await;
    assert_eq!(told["reset"]["reason"], "invalid");
    assert_eq!(told["reset"]["cursor"], told["cursor"]);
    server.stop().await;
}
