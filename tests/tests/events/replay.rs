//! Clients that come back.

use gateway_tests::database::TestDatabase;
use gateway_tests::live::Listener;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use serde_json::json;

use super::{ENV, begin, commit, listen, misfit, publish};

on_every_database!(
    nothing_is_missed_between_two_connections,
    what_is_not_kept_any_more_is_told_once,
    cursors_that_lead_nowhere_are_told,
    a_head_is_before_what_follows,
);

async fn nothing_is_missed_between_two_connections(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a,b,c").await;
    publish(&server, "a", 0..3).await;
    assert_eq!(listener.payloads(2).await, [json!(0), json!(1)]);
    // In the middle of what was sent: the third is not seen.
    let place = listener.cursor.clone().unwrap();
    drop(listener);
    publish(&server, "b", 3..6).await;
    publish(&server, "other", 0..3).await;
    publish(&server, "a", 6..8).await;
    let mut listener = listen(&server, "a,b,c", Some(&place)).await;
    let mut back = listener.payloads(6).await;
    back.sort_by_key(|payload| payload.as_u64());
    assert_eq!(back, [2, 3, 4, 5, 6, 7].map(|number| json!(number)));
    let ready = listener.expect("sync.ready").await;
    assert_eq!(ready.data["cursor"], json!(ready.id));
    publish(&server, "c", 8..9).await;
    assert_eq!(listener.payloads(1).await, [json!(8)]);

    // In the middle of a replay as well: every cursor of it is a place to go on from.
    let mut first = listen(&server, "a,b,c", Some(&place)).await;
    for seen in 1..=7 {
        first.event().await;
        let place = first.cursor.clone().unwrap();
        let mut second = listen(&server, "a,b,c", Some(&place)).await;
        let mut count = 0;
        while second.event().await.kind != "sync.ready" {
            count += 1;
        }
        assert_eq!(count, 7 - seen);
    }
    server.stop().await;
}

async fn what_is_not_kept_any_more_is_told_once(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a").await;
    let place = listener.cursor.clone().unwrap();
    publish(&server, "a", 0..5).await;
    listener.payloads(3).await;
    let later = listener.cursor.clone().unwrap();
    let forgotten = "DELETE FROM gateway_events WHERE position <= 3";
    server.database.raw(forgotten).await;
    let floor = "UPDATE gateway_partitions SET floor_position = 3 WHERE last_position = 5";
    server.database.raw(floor).await;

    let mut listener = listen(&server, "a", Some(&place)).await;
    let reset = listener.expect("sync.reset").await;
    assert_eq!(reset.data["reason"], "expired");
    assert_eq!(reset.data["cursor"], json!(reset.id));
    publish(&server, "a", 5..6).await;
    assert_eq!(listener.payloads(1).await, [json!(5)]);
    // The place that it was given is good.
    let mut again = listen(&server, "a", reset.id.as_deref()).await;
    assert_eq!(again.payloads(1).await, [json!(5)]);
    // Exactly what is kept is enough.
    let mut listener = listen(&server, "a", Some(&later)).await;
    assert_eq!(listener.payloads(3).await, [3, 4, 5].map(|n| json!(n)));
    listener.expect("sync.ready").await;
    server.stop().await;
}

async fn cursors_that_lead_nowhere_are_told(database: TestDatabase) {
    let mut env = ENV.to_vec();
    env.push(("GATEWAY_EVENTS_REPLAY", "3"));
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let listener = begin(&server, "a").await;
    let place = listener.cursor.clone().unwrap();
    publish(&server, "a", 0..3).await;
    let mut three = listen(&server, "a", Some(&place)).await;
    three.payloads(3).await;
    three.expect("sync.ready").await;
    let future = three.cursor.clone().unwrap();
    publish(&server, "a", 3..4).await;
    for (cursor, reason) in [
        (place.as_str(), "too-many"),
        ("", "invalid"),
        ("v1", "invalid"),
        (
            &format!("v1.1.{}", place.rsplit('.').next().unwrap()),
            "epoch",
        ),
        (&place.replace("v1.", "v2."), "invalid"),
    ] {
        let mut listener = listen(&server, "a", Some(cursor)).await;
        let reset = listener.expect("sync.reset").await;
        assert_eq!(reset.data["reason"], reason, "{cursor}");
        drop(listener);
    }
    // A database that was restored from a copy has not yet come to where the client is.
    server.database.raw("DELETE FROM gateway_events").await;
    let back = "UPDATE gateway_partitions SET last_position = 1 WHERE last_position > 0";
    server.database.raw(back).await;
    let server = server.restart(&[("misfit", "/")], &env).await;
    let mut listener = listen(&server, "a", Some(&future)).await;
    let reset = listener.expect("sync.reset").await;
    assert_eq!(reset.data["reason"], "invalid");
    server.stop().await;
}

/// A client that takes a snapshot asks for the head first, and misses nothing then.
async fn a_head_is_before_what_follows(database: TestDatabase) {
    let server = misfit(database).await;
    publish(&server, "a", 0..3).await;
    let (status, head) = answer(server.get("/events-head")).await;
    assert_eq!(status, 200, "{head}");
    commit(&server, "publish a tick 3").await;
    let target = format!(
        "/events?subject=me&topics=a&cursor={}",
        head.as_str().unwrap()
    );
    let mut listener = Listener::open(&server.base(), &target, None).await;
    assert_eq!(listener.payloads(1).await, [json!(3)]);
    listener.expect("sync.ready").await;
    server.stop().await;
}
