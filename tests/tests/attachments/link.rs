//! Links that work without a token.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use reqwest::Method;
use serde_json::json;

use super::{PNG, ask, chat, record, say, upload, user};

on_every_database!(a_link_is_its_makers);

async fn a_link_is_its_makers(database: TestDatabase) {
    let server = chat(database, "").await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    say(&ann, "first", &[], Some("bob")).await;
    let id = upload(&bob, "a.png", PNG).await;
    say(&bob, "see", &[&id], None).await;
    let links = format!("/attachments/{id}/links");
    let make = async |body| {
        let (status, made) = ann.post(&links, &body).await;
        assert_eq!(status, 201, "{made}");
        // As clients resolve it.
        let base = reqwest::Url::parse(&format!("{}{links}", server.base())).unwrap();
        base.join(made["url"].as_str().unwrap())
            .unwrap()
            .path()
            .to_owned()
    };
    let follow = |method, path: &str| ask(server.request(method, path), &[]);
    let path = make(json!({})).await;
    let got = follow(Method::GET, &path).await;
    assert_eq!((got.status, got.bytes.as_slice()), (200, PNG));
    assert_eq!(record(&server, &id).await, [1, 0, 0]);
    let rows = server
        .database
        .texts("SELECT actor FROM gateway_audit WHERE entity = 'attachment-content'")
        .await;
    assert_eq!(rows, [["ann"]]);
    let with_token = ask(ann.request(Method::GET, &path), &[]).await;
    assert_eq!(with_token.status, 400);

    // One use is one, however many come at once.
    let once = make(json!({"once": true})).await;
    assert_eq!(follow(Method::HEAD, &once).await.status, 200);
    let many = (0..4).map(|_| follow(Method::GET, &once));
    let many = futures_util::future::join_all(many).await;
    assert_eq!(many.iter().filter(|it| it.status == 200).count(), 1);

    let unknown = follow(Method::GET, "/links/AAAA").await;
    assert_eq!(unknown.status, 404);
    let short = make(json!({"expiresIn": 1})).await;
    let late = loop {
        let got = follow(Method::GET, &short).await;
        if got.status != 200 {
            break got;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!((late.status, late.bytes), (404, unknown.bytes.clone()));
    server
        .database
        .raw("DELETE FROM chat_members WHERE user_id = 'ann'")
        .await;
    let gone = follow(Method::GET, &path).await;
    assert_eq!((gone.status, gone.bytes), (404, unknown.bytes));
    server.stop().await;
}
