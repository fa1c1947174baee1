//! What comes in, and what doesn't.

use futures_util::future::join_all;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::answer;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{announce, chat, content, get, put, say, upload, user};

on_every_database!(
    sizes_are_exact,
    a_form_may_be_longer_than_a_body_that_is_read,
    a_quota_holds_when_many_upload,
    a_message_takes_each_once,
);

async fn sizes_are_exact(database: TestDatabase) {
    // Above the inline limit, so that it streams.
    let limit = 3 << 20;
    let server = chat(database, &format!("attachment-max-bytes={limit}")).await;
    let bob = user(&server, "t", "bob", &[]);
    let bytes = vec![7; limit];
    let id = upload(&bob, "exactly", &bytes).await;
    let got = get(&bob, &content(&id), &[]).await;
    assert_eq!((got.status, got.bytes == bytes), (200, true));
    let more = announce(&bob, "one more", limit + 1).await;
    assert_eq!(
        (more.0, &more.1["error"]["name"]),
        (413, &json!("PayloadTooLargeError"))
    );
    let empty = upload(&bob, "nothing", b"").await;
    let got = get(&bob, &content(&empty), &[]).await;
    assert_eq!((got.status, got.header("content-length")), (200, "0"));

    let form = |bytes: Vec<u8>| {
        let file = Part::bytes(bytes).file_name("a.bin");
        let form = Form::new().text("channelId", "c").part("file", file);
        answer(bob.request(Method::POST, "/attachments").multipart(form))
    };
    let (status, made) = form(bytes.clone()).await;
    assert_eq!((status, &made["size"]), (201, &json!(limit)), "{made}");
    assert_eq!(form(vec![7; limit + 1]).await.0, 413);

    let (_, made) = announce(&bob, "short", 10).await;
    let id = made["id"].as_str().unwrap();
    for wrong in [9, 11, 2 << 20] {
        let refused = put(&bob, id, &vec![1; wrong]).await;
        assert_eq!(
            (refused.0, &refused.1["error"]["code"]),
            (422, &json!("SIZE_MISMATCH"))
        );
    }
    let request = bob.request(Method::PUT, &content(id)).body(vec![1; 10]);
    let digest = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let refused = answer(request.header("content-digest", digest)).await;
    assert_eq!(
        (refused.0, &refused.1["error"]["code"]),
        (422, &json!("DIGEST_MISMATCH"))
    );
    assert_eq!(put(&bob, id, &[1; 10]).await.0, 200);
    assert_eq!(put(&bob, id, &[1; 10]).await.0, 409);
    server.stop().await;
}

async fn a_form_may_be_longer_than_a_body_that_is_read(database: TestDatabase) {
    let server = chat(database, "").await;
    let bob = user(&server, "t", "bob", &[]);
    let file = Part::bytes(vec![7; 17 << 20]).file_name("a.bin");
    let long = Form::new().text("channelId", "c").part("file", file);
    let request = bob.request(Method::POST, "/attachments").multipart(long);
    let (status, made) = answer(request).await;
    assert_eq!((status, &made["size"]), (201, &json!(17 << 20)), "{made}");
    server.stop().await;
}

async fn a_quota_holds_when_many_upload(database: TestDatabase) {
    let server = chat(
        database,
        "attachment-quota-user=1000,attachment-quota-tenant=1500",
    )
    .await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    let mut ids = Vec::new();
    for who in [&ann, &bob] {
        for _ in 0..8 {
            let (status, made) = announce(who, "a", 300).await;
            assert_eq!(status, 201, "{made}");
            ids.push((who, made["id"].as_str().unwrap().to_owned()));
        }
    }
    let bytes = [1; 300];
    let puts = ids.iter().map(|(who, id)| put(who, id, &bytes));
    let statuses: Vec<_> = join_all(puts).await.into_iter().map(|it| it.0).collect();
    // Three of each would fit, and five of all.
    let taken = |statuses: &[u16]| statuses.iter().filter(|it| **it == 200).count();
    let full = statuses.iter().all(|it| matches!(it, 200 | 503 | 507));
    assert!(full, "{statuses:?}");
    assert!(
        taken(&statuses[..8]) <= 3 && taken(&statuses[8..]) <= 3,
        "{statuses:?}"
    );
    assert!(taken(&statuses) <= 5, "{statuses:?}");
    // Whom a conflict turned away comes again, until it is full.
    let mut all = taken(&statuses);
    for (who, id) in &ids {
        all += usize::from(put(who, id, &bytes).await.0 == 200);
    }
    assert_eq!(all, 5);
    let text = server.database.pick("TEXT", "TEXT", "CHAR");
    let sql = format!("SELECT CAST(used_bytes AS {text}) FROM chat_usage WHERE user_id = ''");
    assert_eq!(server.database.texts(&sql).await, [["1500"]]);
    server.stop().await;
}

async fn a_message_takes_each_once(database: TestDatabase) {
    let server = chat(database, "").await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    say(&ann, "first", &[], Some("bob")).await;
    let id = upload(&bob, "a", b"x").await;
    let message = json!({
        "body": "see", "channelId": "c", "channelType": "group", "attachmentIds": [id],
    });
    let sent = join_all((0..4).map(|_| bob.post("/messages", &message))).await;
    let count = |status: u16| sent.iter().filter(|it| it.0 == status).count();
    assert_eq!((count(200), count(422)), (1, 3), "{sent:?}");
    let (status, refused) = ann.post("/messages", &message).await;
    assert_eq!(
        (status, &refused["error"]["details"][0]["code"]),
        (422, &json!("attachment"))
    );
    let (_, read) = ann.get("/messages?filter[include][]=attachmentFiles").await;
    let files: Vec<_> = read
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["attachmentFiles"][0]["id"].as_str())
        .collect();
    assert_eq!(files, [id]);
    server.stop().await;
}
