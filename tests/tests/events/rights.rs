//! Who may see what, now and afterwards.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gateway_tests::database::TestDatabase;
use gateway_tests::live::{Listener, client};
use gateway_tests::server::{Server, answer};
use gateway_tests::{on_every_database, token, versions};
use reqwest::Method;
use serde_json::json;

use super::{begin, commit, listen, misfit, publish};

on_every_database!(
    an_admit_and_a_revoke_are_exact,
    a_reader_who_left_sees_nothing_later_not_even_by_replay,
    a_change_while_the_request_runs_is_not_missed,
    whoever_is_left_with_nothing_is_closed,
    an_expired_token_ends_the_connection,
    connections_survive_a_swap,
);

async fn an_admit_and_a_revoke_are_exact(database: TestDatabase) {
    let server = misfit(database).await;
    let mut me = begin(&server, "own").await;
    let target = "/events?subject=you&topics=own,a";
    let mut you = Listener::open(&server.base(), target, None).await;
    you.expect("sync.ready").await;
    // In one transaction: what is before and what is behind.
    commit(
        &server,
        "publish a tick 1\nadmit a me\npublish a tick 2\nrevoke a you\npublish a tick 3",
    )
    .await;
    commit(&server, "publish a tick 4\nrevoke a me\npublish a tick 5").await;
    commit(&server, "publish own end 0").await;
    assert_eq!(me.payloads(4).await, [2, 3, 4, 0].map(|n| json!(n)));
    assert_eq!(you.payloads(3).await, [1, 2, 0].map(|n| json!(n)));
    // Of everybody.
    commit(&server, "admit a me\nadmit a you\npublish a tick 6").await;
    commit(&server, "revoke a\npublish a tick 7\npublish own end 1").await;
    assert_eq!(me.payloads(2).await, [6, 1].map(|n| json!(n)));
    assert_eq!(you.payloads(2).await, [6, 1].map(|n| json!(n)));
    server.stop().await;
}

async fn a_reader_who_left_sees_nothing_later_not_even_by_replay(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "own").await;
    let place = listener.cursor.clone().unwrap();
    commit(&server, "publish a tick 0\nadmit a me\npublish a tick 1").await;
    commit(&server, "publish a tick 2\nrevoke a me\npublish a tick 3").await;
    publish(&server, "a", 4..6).await;
    commit(&server, "publish own end 0").await;
    assert_eq!(listener.payloads(3).await, [1, 2, 0].map(|n| json!(n)));
    // It comes back outside: the service names no longer what it may not see.
    let mut outside = listen(&server, "own", Some(&place)).await;
    assert_eq!(outside.payloads(1).await, [json!(0)]);
    outside.expect("sync.ready").await;
    // It is let in again, and sees nothing of the time between.
    commit(&server, "admit a me\npublish a tick 6").await;
    let mut inside = listen(&server, "a", Some(&place)).await;
    assert_eq!(inside.payloads(3).await, [1, 2, 6].map(|n| json!(n)));
    inside.expect("sync.ready").await;
    // The topic was over for everybody: whether it had been there can't be told.
    let mut other = listen(&server, "own", None).await;
    let ready = other.expect("sync.ready").await;
    commit(
        &server,
        "publish a tick 7\nrevoke a\nadmit a me\npublish a tick 8",
    )
    .await;
    let mut again = listen(&server, "a", ready.id.as_deref()).await;
    let reset = again.expect("sync.reset").await;
    assert_eq!(reset.data["reason"], "expired");
    server.stop().await;
}

/// The service has read what a subject may see, and then it changes, before the host knows
/// of the connection.
async fn a_change_while_the_request_runs_is_not_missed(database: TestDatabase) {
    let mut env = super::ENV.to_vec();
    env.push(("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "20s"));
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let target = "/events?subject=me&topics=a,own&spin=1500";
    let base = server.base();
    let connecting = Listener::open(&base, target, None);
    let changing = async {
        // The request has come to the plugin, and is there still.
        loop {
            let state = answer(server.operate(Method::GET, "/v1/plugins/misfit"))
                .await
                .1;
            if state["serving"][0]["in_flight"] == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        commit(&server, "revoke a me\nadmit b me").await;
    };
    let (mut listener, ()) = tokio::join!(connecting, changing);
    listener.expect("sync.ready").await;
    commit(&server, "publish a tick 1\npublish b tick 2").await;
    commit(&server, "publish own tick 3").await;
    assert_eq!(listener.payloads(2).await, [2, 3].map(|n| json!(n)));
    server.stop().await;
}

async fn whoever_is_left_with_nothing_is_closed(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a,b").await;
    commit(&server, "revoke a me\npublish b tick 1\nrevoke b me").await;
    listener.expect("tick").await;
    let close = listener.expect("close").await;
    assert_eq!(close.data["code"], 4403);
    assert_eq!(listener.next().await, None);
    server.stop().await;
}

async fn an_expired_token_ends_the_connection(database: TestDatabase) {
    let server = misfit(database).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let soon = now.as_secs() + 2;
    let mut claims = token::claims("acme", "me");
    claims["exp"] = json!(soon);
    let target = format!("{}/events?subject=me&topics=a", server.base());
    let request = client().get(&target).bearer_auth(token::sign(&claims));
    let by_token = Listener::of(request, None).await;
    // The plugin knows of an earlier end than the token.
    let request = client().get(format!("{target}&expires={soon}"));
    let request = request.bearer_auth(token::of("acme", "me"));
    let by_plugin = Listener::of(request, None).await;
    for mut listener in [by_token, by_plugin] {
        listener.expect("sync.ready").await;
        let close = listener.expect("close").await;
        assert_eq!(close.data["code"], 4401);
        assert_eq!(close.data["cursor"], json!(close.id));
        assert_eq!(listener.next().await, None);
    }
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(ended.as_secs() >= soon);
    server.stop().await;
}

async fn connections_survive_a_swap(database: TestDatabase) {
    let server = misfit(database).await;
    let mut listener = begin(&server, "a").await;
    publish(&server, "a", 0..1).await;
    let next = versions::misfit("2.0.0", &[("version", "second")]);
    let (status, told) = server.deploy("misfit", "", next).await;
    assert_eq!(status, 201, "{told}");
    let (status, told) = server
        .activate("misfit", &json!({"version": "2.0.0"}))
        .await;
    assert_eq!(status, 200, "{told}");
    // The connection does not keep the old version alive.
    let begun = Instant::now();
    loop {
        let state = answer(server.operate(Method::GET, "/v1/plugins/misfit"))
            .await
            .1;
        if state["ended"][0].is_object() {
            assert_eq!(state["ended"][0]["cut"], 0, "{state}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    publish(&server, "a", 1..2).await;
    assert_eq!(listener.payloads(2).await, [0, 1].map(|n| json!(n)));
    server.stop().await;
}
