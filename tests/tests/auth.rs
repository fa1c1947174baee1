//! Where keys come from, seen by clients of the real gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use gateway_tests::token::{self, FAR};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const FIRST: &str = include_str!("../../host/src/auth/test_keys/rs256.pem");
const FIRST_PUBLIC: &str = include_str!("../../host/src/auth/test_keys/rs256.pub.pem");
const NEXT: &str = include_str!("../../host/src/auth/test_keys/rs256-next.pem");
const NEXT_PUBLIC: &str = include_str!("../../host/src/auth/test_keys/rs256-next.pub.pem");
const WEAK_PUBLIC: &str = include_str!("../../host/src/auth/test_keys/rs1024.pub.pem");
const EC_PUBLIC: &str = include_str!("../../host/src/auth/test_keys/es256.pub.pem");

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// An RS256 token that names the key `id`.
fn rs256(pem: &str, id: Option<&str>) -> String {
    let header = Header {
        kid: id.map(str::to_owned),
        ..Header::new(Algorithm::RS256)
    };
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    encode(&header, &json!({"sub": "alice", "exp": FAR}), &key).unwrap()
}

/// The status of a request that carries the token.
async fn status(server: &Server, token: &str) -> u16 {
    let request = server.get("/ok").bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

/// Asks until the status is the expected one. In between, a token of a key that nobody
/// has causes the keys to be read again as soon as they may be.
async fn becomes(server: &Server, token: &str, expected: u16) {
    let start = Instant::now();
    loop {
        status(server, &rs256(FIRST, Some("nobody"))).await;
        let found = status(server, token).await;
        if found == expected {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{found} for {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn insert(database: &TestDatabase, table: &str, id: &str, public: &str) {
    let sql = format!("INSERT INTO {table} (key_id, public_key) VALUES ('{id}', '{public}')");
    database.raw(&sql).await;
}

async fn the_table_of_keys(database: TestDatabase) {
    // As the original's authentication service makes it.
    if database.dialect == Dialect::Postgres {
        database.raw("CREATE SCHEMA main").await;
    }
    let create = database.pick(
        "CREATE TABLE main.jwt_keys (id INTEGER PRIMARY KEY, key_id VARCHAR(100) UNIQUE, \
         public_key TEXT, private_key TEXT)",
        "CREATE TABLE main.jwt_keys (id SERIAL PRIMARY KEY, key_id VARCHAR(100) NOT NULL UNIQUE, \
         public_key TEXT, private_key TEXT, created_on TIMESTAMPTZ DEFAULT current_timestamp)",
        "CREATE TABLE jwt_keys (id INT AUTO_INCREMENT PRIMARY KEY, key_id VARCHAR(100) UNIQUE, \
         public_key TEXT, private_key TEXT)",
    );
    database.raw(create).await;
    let table = database.pick("main.jwt_keys", "main.jwt_keys", "jwt_keys");
    insert(&database, table, "first", FIRST_PUBLIC).await;
    insert(&database, table, "weak", WEAK_PUBLIC).await;
    insert(&database, table, "private", FIRST).await;
    insert(&database, table, "curve", EC_PUBLIC).await;
    insert(&database, table, "text", "no key").await;
    database
        .raw(&format!("INSERT INTO {table} (key_id) VALUES ('empty')"))
        .await;

    let url = database.config.url.clone();
    let env = [
        ("GATEWAY_AUTH_DATABASE_URL", url.as_str()),
        ("GATEWAY_AUTH_REFRESH_INTERVAL", "1h"),
        ("GATEWAY_AUTH_REFRESH_FLOOR", "50ms"),
        ("GATEWAY_AUTH_REFRESH_TIMEOUT", "10s"),
    ];
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let first = rs256(FIRST, Some("first"));
    let next = rs256(NEXT, Some("next"));
    assert_eq!(status(&server, &first).await, 200);
    assert_eq!(
        status(&server, &token::of("t", "u")).await,
        200,
        "the secret is good as well"
    );
    let public_as_secret = {
        let key = EncodingKey::from_secret(FIRST_PUBLIC.as_bytes());
        let header = Header {
            kid: Some("first".into()),
            ..Header::default()
        };
        encode(&header, &json!({ "exp": FAR }), &key).unwrap()
    };
    let forged = [
        ("another key's", rs256(NEXT, Some("first"))),
        ("of an unknown key", next.clone()),
        ("of a short key", rs256(FIRST, Some("weak"))),
        ("of a published private key", rs256(FIRST, Some("private"))),
        ("of a key of another kind", rs256(FIRST, Some("curve"))),
        ("of no key at all", rs256(FIRST, Some("text"))),
        ("of an absent key", rs256(FIRST, Some("empty"))),
        ("with SQL", rs256(NEXT, Some("x' OR key_id = 'first' -- "))),
        ("with a path", rs256(NEXT, Some("../../dev/null"))),
        ("with the public key as a secret", public_as_secret),
    ];
    for (name, token) in forged {
        assert_eq!(status(&server, &token).await, 401, "{name}");
    }
    // The only key of its algorithm needs no id.
    assert_eq!(status(&server, &rs256(FIRST, None)).await, 200);

    insert(&server.database, table, "next", NEXT_PUBLIC).await;
    becomes(&server, &next, 200).await;
    let nameless = rs256(NEXT, None);
    assert_eq!(status(&server, &nameless).await, 401, "one of two");
    // The private keys are not asked for: without them, all goes on.
    server
        .database
        .raw(&format!("ALTER TABLE {table} DROP COLUMN private_key"))
        .await;
    server
        .database
        .raw(&format!("DELETE FROM {table} WHERE key_id = 'first'"))
        .await;
    becomes(&server, &first, 401).await;
    assert_eq!(status(&server, &next).await, 200);

    server.database.raw(&format!("DROP TABLE {table}")).await;
    for _ in 0..5 {
        assert_eq!(status(&server, &rs256(FIRST, Some("nobody"))).await, 401);
        assert_eq!(status(&server, &next).await, 200, "the last good keys");
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    server.stop().await;
}

on_every_database!(the_table_of_keys);

/// Serves a key set, or status 500 while it is empty.
async fn key_server() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let body = Arc::new(Mutex::new(String::new()));
    let answer = Arc::clone(&body);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body = answer.lock().unwrap().clone();
            let status = if body.is_empty() { 500 } else { 200 };
            let text = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            // The request has no body: one read has all of it that matters.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    (url, body)
}

#[tokio::test]
async fn without_keys_the_gateway_says_so_and_goes_on() {
    let (url, body) = key_server().await;
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    let env = [
        ("GATEWAY_AUTH_JWKS_URL", url.as_str()),
        ("GATEWAY_AUTH_REFRESH_FLOOR", "50ms"),
    ];
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let token = rs256(FIRST, Some("first"));
    let response = server.get("/ok").bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let error: serde_json::Value = response.json().await.unwrap();
    assert_eq!(error["error"]["name"], "ServiceUnavailableError");
    assert_eq!(status(&server, &token::of("t", "u")).await, 200);
    assert_eq!(server.get("/ok").send().await.unwrap().status(), 200);

    let key = DecodingKey::from_rsa_pem(FIRST_PUBLIC.as_bytes()).unwrap();
    let jwk = Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = json!("first");
    *body.lock().unwrap() = json!({ "keys": [jwk] }).to_string();
    becomes(&server, &token, 200).await;
    let unknown = rs256(NEXT, Some("next"));
    let response = server
        .get("/ok")
        .bearer_auth(&unknown)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_the_url_is_refused_and_reaches_no_plugin() {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    let server = Server::start(database, &[("misfit", "/")], &[]).await;
    let good = token::of("t", "u");
    for path in [
        format!("/ok?access_token={good}"),
        format!("/ok?a=b&%61ccess_token={good}"),
    ] {
        let response = server.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
        let response = server.get(&path).bearer_auth(&good).send().await.unwrap();
        assert_eq!(response.status(), 401, "with a good header as well");
        let error: serde_json::Value = response.json().await.unwrap();
        assert_eq!(error["error"]["message"], "Bearer realm=\"Users\"");
    }
    let response = server.get("/ok?q=access_token").bearer_auth(&good);
    assert_eq!(response.send().await.unwrap().status(), 200);
    server.stop().await;
}
