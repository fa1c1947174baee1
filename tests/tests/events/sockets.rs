//! WebSockets: the same events, and what clients send.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway_tests::database::TestDatabase;
use gateway_tests::live::{End, Socket};
use gateway_tests::server::{Server, answer};
use gateway_tests::{on_every_database, token};
use reqwest::Method;
use serde_json::{Value, json};

use super::{commit, misfit, publish};

on_every_database!(
    a_socket_says_the_same_as_a_stream,
    the_end_of_the_last_connection_is_told,
);

const TARGET: &str = "/events?subject=me&topics=a";

async fn open(server: &Server, target: &str) -> (Socket, Value) {
    let mut socket = Socket::open(&server.base(), target, &[]).await;
    let hello = socket.next().await.unwrap();
    assert_eq!(hello["type"], "hello");
    (socket, hello)
}

async fn a_socket_says_the_same_as_a_stream(database: TestDatabase) {
    let server = misfit(database).await;
    let (mut socket, hello) = open(&server, TARGET).await;
    assert_eq!(hello["heartbeat"], json!(25));
    assert_eq!(socket.next().await.unwrap()["type"], "sync.ready");
    publish(&server, "a", 0..3).await;
    let first = socket.next().await.unwrap();
    assert_eq!(
        (&first["type"], &first["data"]),
        (&json!("tick"), &json!(0))
    );
    let cursor = first["cursor"].as_str().unwrap().to_owned();
    socket.close().await;
    // Resumed, and nothing is missed.
    let target = format!("{TARGET}&cursor={cursor}");
    let (mut socket, _) = open(&server, &target).await;
    for number in 1..3 {
        assert_eq!(socket.next().await.unwrap()["data"], json!(number));
    }
    assert_eq!(socket.next().await.unwrap()["type"], "sync.ready");
    let mut stream = super::listen(&server, "a", Some(&cursor)).await;
    let mut again = Socket::open(&server.base(), &target, &[]).await;
    again.next().await.unwrap();
    for _ in 0..3 {
        assert_eq!(stream.event().await.data, again.next().await.unwrap());
    }
    // A cursor that leads nowhere.
    let (mut lost, _) = open(&server, &format!("{TARGET}&cursor=x")).await;
    assert_eq!(lost.next().await.unwrap()["type"], "sync.reset");
    // The end of what it may see.
    commit(&server, "revoke a me").await;
    let end = socket.next().await.unwrap_err();
    assert_eq!(end.code, 4403);
    server.stop().await;
}

async fn the_end_of_the_last_connection_is_told(database: TestDatabase) {
    let server = misfit(database).await;
    let (first, _) = open(&server, TARGET).await;
    let (second, _) = open(&server, TARGET).await;
    let (other, _) = open(&server, "/events?subject=other&topics=a").await;
    first.close().await;
    other.close().await;
    let notes = "SELECT note FROM misfit_rows";
    let told = async {
        while server.database.texts(notes).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .unwrap();
    assert_eq!(server.database.texts(notes).await, [["closed other"]]);
    second.close().await;
    let told = async {
        while server.database.texts(notes).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .unwrap();
    server.stop().await;
}

async fn limited(env: &[(&str, &str)]) -> Server {
    Server::start(TestDatabase::sqlite().await, &[("misfit", "/")], env).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_go_to_the_plugin_with_the_claims() {
    let env = [
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "200ms"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_WALL_TIME", "1s"),
    ];
    let server = limited(&env).await;
    let bearer = format!("Bearer {}", token::of("acme", "me"));
    let headers = [("authorization", bearer.as_str())];
    let mut socket = Socket::open(&server.base(), TARGET, &headers).await;
    socket.next().await.unwrap();
    socket.next().await.unwrap();
    socket.send("{\"op\":\"typing\"}").await;
    let answer = socket.next().await.unwrap();
    assert_eq!(answer["subject"], "me");
    assert_eq!(answer["claims"]["tenantId"], "acme");
    assert_eq!(answer["payload"], "{\"op\":\"typing\"}");
    assert_eq!(answer.get("id"), None);
    // A frame that goes wrong is lost; the connection is not.
    for frame in ["\"trap\"", "\"spin\"", "\"garbage\""] {
        socket.send(frame).await;
        let told = socket.next().await.unwrap();
        assert_eq!(
            told,
            json!({"type": "frame.error", "reason": "failed"}),
            "{frame}"
        );
    }
    // Neither of these has an answer.
    socket.send("\"silent\"").await;
    socket.send("{\"op\":\"ack\",\"cursor\":\"x\"}").await;
    socket.send("\"end\"").await;
    assert_eq!(socket.next().await.unwrap()["payload"], "\"end\"");
    publish(&server, "a", 0..1).await;
    assert_eq!(socket.next().await.unwrap()["data"], json!(0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_say_too_much_are_closed() {
    let env = [
        ("GATEWAY_EVENTS_FRAME_BYTES", "64"),
        ("GATEWAY_EVENTS_FRAME_RATE", "1"),
        ("GATEWAY_EVENTS_FRAME_BURST", "3"),
    ];
    let server = limited(&env).await;
    let (mut long, _) = open(&server, TARGET).await;
    long.next().await.unwrap();
    long.send(&format!("\"{}\"", "x".repeat(62))).await;
    assert_eq!(long.next().await.unwrap()["type"], "answer");
    long.send(&format!("\"{}\"", "x".repeat(63))).await;
    assert_eq!(long.next().await.unwrap_err().code, 1009);

    let (mut binary, _) = open(&server, TARGET).await;
    binary.next().await.unwrap();
    binary.send_bytes(b"x").await;
    assert_eq!(binary.next().await.unwrap_err().code, 1008);

    let (mut often, _) = open(&server, TARGET).await;
    often.next().await.unwrap();
    for _ in 0..3 {
        often.send("1").await;
        assert_eq!(often.next().await.unwrap()["type"], "answer");
    }
    often.send("1").await;
    assert_eq!(often.next().await.unwrap_err().code, 1008);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_says_its_token_as_a_subprotocol() {
    let server = limited(&[]).await;
    let bearer = format!("bearer, {}", token::of("acme", "page"));
    let headers = [("sec-websocket-protocol", bearer.as_str())];
    let mut socket = Socket::open(&server.base(), TARGET, &headers).await;
    assert_eq!(socket.protocol.as_deref(), Some("bearer"));
    socket.next().await.unwrap();
    socket.next().await.unwrap();
    socket.send("1").await;
    assert_eq!(socket.next().await.unwrap()["claims"]["sub"], "page");
    let bad = [("sec-websocket-protocol", "bearer, nonsense")];
    let refused = Socket::try_open(&server.base(), TARGET, &bad).await;
    assert_eq!(refused.err(), Some(401));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_none_is_refused() {
    let server = limited(&[]).await;
    let ask = |method: Method, version: &str, key: &str| {
        let request = server.request(method, TARGET);
        let request = request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", version.to_owned())
            .header("sec-websocket-key", key.to_owned());
        async move { request.send().await.unwrap() }
    };
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for (method, version, key) in [
        (Method::GET, "12", key),
        (Method::GET, "13", "short"),
        (Method::POST, "13", key),
    ] {
        let response = ask(method.clone(), version, key).await;
        assert_eq!(response.status(), 400, "{method} {version} {key}");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
    let good = ask(Method::GET, "13", key).await;
    assert_eq!(good.status(), 101);
    // The example of RFC 6455.
    let accept = &good.headers()["sec-websocket-accept"];
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    drop(good);
    // Where nothing is subscribed, an upgrade is not taken up.
    let request = server.get("/ok").header("connection", "Upgrade");
    let response = request.header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(response.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_socket_is_pinged_and_one_that_is_silent_ends() {
    let env = [
        ("GATEWAY_EVENTS_HEARTBEAT", "300ms"),
        ("GATEWAY_SERVER_HEADER_TIMEOUT", "200ms"),
    ];
    let server = limited(&env).await;
    let (mut socket, _) = open(&server, TARGET).await;
    socket.next().await.unwrap();
    // Longer than an idle connection may be.
    for _ in 0..5 {
        socket.ping().await;
    }
    publish(&server, "a", 0..1).await;
    assert_eq!(socket.next().await.unwrap()["data"], json!(0));
    let silent = open(&server, "/events?subject=silent&topics=a").await;
    let notes = "SELECT note FROM misfit_rows WHERE note = 'closed silent'";
    let ended = async {
        while server.database.texts(notes).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    drop(silent);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_and_a_stop_have_their_codes() {
    let server = limited(&[]).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut claims = token::claims("acme", "me");
    claims["exp"] = json!(now.as_secs() + 2);
    let bearer = format!("Bearer {}", token::sign(&claims));
    let headers = [("authorization", bearer.as_str())];
    let mut short = Socket::open(&server.base(), TARGET, &headers).await;
    let (mut long, hello) = open(&server, TARGET).await;
    let cursor = hello["cursor"].as_str().unwrap().to_owned();
    for socket in [&mut short, &mut long] {
        while let Ok(told) = socket.next().await {
            if told["type"] == "sync.ready" {
                break;
            }
        }
    }
    assert_eq!(short.next().await.unwrap_err().code, 4401);
    let (status, _) = answer(server.get("/ok")).await;
    assert_eq!(status, 200);
    let (running, database, data) = server.running();
    let stopping = tokio::spawn(running.stop());
    let end = long.next().await.unwrap_err();
    // With the place to go on from.
    assert_eq!(
        end,
        End {
            code: 1012,
            reason: cursor
        }
    );
    // Its answer to the farewell.
    assert!(long.next().await.is_err());
    assert!(stopping.await.unwrap(), "a connection had to be cut");
    drop((database, data));
}
