//! Attachments that inspectors look into: a small picture, a scanner, and what goes wrong.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::picture::png;
use gateway_tests::server::{Server, User, component};
use reqwest::Method;
use serde_json::{Value, json};

use super::ended::{begin, endings, is_whole};
use super::{chat_with, content, get, record, say, until, upload, user};

on_every_database!(
    a_small_picture_follows_its_message,
    what_breaks_an_inspector_costs_one_call,
    what_is_suspicious_is_kept_back_and_cut_on_every_gateway,
    what_nobody_called_clean_waits_where_the_operator_says_so,
);

/// The operator's inspectors, which are put to work at once.
fn inspectors() -> Vec<(&'static str, String)> {
    let file = |name| component(name).display().to_string();
    vec![
        ("GATEWAY_INSPECTION_INTERVAL", "20ms".to_owned()),
        ("GATEWAY_INSPECTION_BACKOFF", "20ms".to_owned()),
        ("GATEWAY_INSPECTOR_PICTURES_FILE", file("pictures")),
        ("GATEWAY_INSPECTOR_PICTURES_TYPES", "image/*".to_owned()),
        ("GATEWAY_INSPECTOR_SCANNER_FILE", file("scanner")),
    ]
}

fn borrowed<'a>(env: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    env.iter().map(|(name, it)| (*name, it.as_str())).collect()
}

fn thumbnail(id: &str) -> String {
    format!("/attachments/{id}/thumbnail")
}

/// What is known of an attachment once nothing is to be inspected any more.
async fn inspected(server: &Server, user: &User<'_>, id: &str) -> Value {
    until(&server.database, "gateway_inspections", 0).await;
    let (status, read) = user.get(&format!("/attachments/{id}")).await;
    assert_eq!(status, 200, "{read}");
    read
}

async fn count(server: &Server, action: &str) -> u64 {
    let rows = format!("gateway_audit WHERE action = '{action}' AND entity <> 'download'");
    server.database.count(&rows).await
}

async fn a_small_picture_follows_its_message(database: TestDatabase) {
    let env = inspectors();
    let server = chat_with(database, "", &borrowed(&env)).await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    let eve = user(&server, "t", "eve", &["ModerateMessage"]);
    say(&ann, "first", &[], Some("bob")).await;
    let picture = png(1280, 640);
    let id = upload(&bob, "wide.png", &picture).await;
    let read = inspected(&server, &bob, &id).await;
    assert_eq!(
        (
            &read["width"],
            &read["height"],
            &read["thumbnail"],
            &read["state"]
        ),
        (&json!(1280), &json!(640), &json!(true), &json!("ready"))
    );
    let (_, file) = bob.get(&format!("/attach-files/{id}")).await;
    assert_eq!(
        file["metaData"],
        json!({
            "name": "wide.png", "size": picture.len(), "type": "image/png",
            "width": 1280, "height": 640, "thumbnail": true,
        })
    );

    let path = thumbnail(&id);
    let got = get(&bob, &path, &[]).await;
    assert_eq!(
        (got.status, got.header("content-type")),
        (200, "image/jpeg")
    );
    assert!(got.bytes.starts_with(b"\xff\xd8\xff"), "no JPEG");
    for (header, value) in [
        ("content-disposition", "inline; filename=\"thumbnail.jpeg\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cache-control", "private, no-cache"),
        ("content-length", &got.bytes.len().to_string()),
    ] {
        assert_eq!(got.header(header), value, "{header}");
    }
    let head = super::ask(bob.request(Method::HEAD, &path), &[]).await;
    assert_eq!(head.header("content-length"), got.bytes.len().to_string());
    let part = get(&bob, &path, &[("range", "bytes=0-2")]).await;
    assert_eq!((part.status, part.bytes.len()), (206, 3));
    let tag = got.header("etag").to_owned();
    let same = get(&bob, &path, &[("if-none-match", &tag)]).await;
    assert_eq!(same.status, 304);

    // It is the message's, and nobody else's.
    let unknown = get(&eve, "/attachments/x/thumbnail", &[]).await.bytes;
    let refused = get(&ann, &path, &[]).await;
    assert_eq!((refused.status, &refused.bytes), (404, &unknown));
    let message = say(&bob, "see", &[&id], None).await;
    assert_eq!(get(&ann, &path, &[]).await.bytes, got.bytes);
    let refused = get(&eve, &path, &[]).await;
    assert_eq!((refused.status, &refused.bytes), (404, &unknown));
    // Each attempt is on record: five that were allowed and two that were not.
    assert_eq!(record(&server, &id).await, [5, 2, 0]);
    assert_eq!(count(&server, "attachment.thumbnail").await, 8);
    let (_, downloads) = bob.get(&format!("/attachments/{id}/downloads")).await;
    assert_eq!(downloads[0]["what"], "thumbnail", "{downloads}");

    // Both are counted, and go with the message.
    until(&server.database, "gateway_blobs WHERE links = 1", 2).await;
    let text = server.database.pick("TEXT", "TEXT", "CHAR");
    let sql = format!("SELECT CAST(used_bytes AS {text}) FROM chat_usage WHERE user_id = 'bob'");
    let both = (picture.len() + got.bytes.len()).to_string();
    assert_eq!(server.database.texts(&sql).await, [[both]]);
    assert_eq!(bob.delete(&format!("/messages/{message}")).await.0, 204);
    for user in [&ann, &bob] {
        let gone = get(user, &path, &[]).await;
        assert_eq!((gone.status, &gone.bytes), (404, &unknown));
    }
    until(&server.database, "gateway_blobs WHERE links > 0", 0).await;
    assert_eq!(server.database.texts(&sql).await, [["0"]]);
    server.stop().await;
}

async fn what_breaks_an_inspector_costs_one_call(database: TestDatabase) {
    let env = inspectors();
    let server = chat_with(database, "", &borrowed(&env)).await;
    let bob = user(&server, "t", "bob", &[]);
    // The scanner traps on this one; the other is a picture that ends too soon.
    let mut cut = png(300, 300);
    cut.truncate(cut.len() - 20);
    for (name, bytes) in [("a.txt", b"trap".to_vec()), ("b.png", cut)] {
        let id = upload(&bob, name, &bytes).await;
        let read = inspected(&server, &bob, &id).await;
        assert_eq!(
            (&read["state"], &read["available"], &read["thumbnail"]),
            (&json!("ready"), &json!(true), &json!(false)),
            "{name}"
        );
        let got = get(&bob, &content(&id), &[]).await;
        assert_eq!((got.status, got.bytes), (200, bytes), "{name}");
        assert_eq!(get(&bob, &thumbnail(&id), &[]).await.status, 404);
        say(&bob, "see", &[&id], None).await;
    }
    let metrics = reqwest::get(format!("{}/metrics", server.admin())).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    for line in [
        "inspector=\"scanner\",outcome=\"failed\"} 1",
        "inspector=\"scanner\",outcome=\"clean\"} 1",
        "inspector=\"pictures\",outcome=\"unknown\"} 1",
    ] {
        let line = format!("gateway_inspections_total{{plugin=\"chat\",{line}");
        assert!(metrics.lines().any(|it| it == line), "{line}");
    }
    assert_eq!(count(&server, "attachment.inspect").await, 2);
    server.stop().await;
}

/// One gateway takes uploads and sends downloads; another one, which comes later, inspects.
async fn what_is_suspicious_is_kept_back_and_cut_on_every_gateway(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().display().to_string();
    let store = ("GATEWAY_BLOB_STORE", store.as_str());
    let again = database.again();
    let env = inspectors();
    let mut env = borrowed(&env);
    env.push(store);
    // This one inspects one thing at a time, and is busy with the first for long.
    let busy = [
        ("GATEWAY_INSPECTION_CONCURRENCY", "1"),
        ("GATEWAY_INSPECTOR_SCANNER_LIMITS_CPU_TIME", "50s"),
    ];
    let server = chat_with(database, "", &[env.as_slice(), &busy].concat()).await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    say(&ann, "first", &[], Some("bob")).await;
    upload(&bob, "long.txt", b"spin").await;
    let held = "gateway_inspections WHERE worker IS NOT NULL";
    until(&server.database, held, 1).await;
    let mut bytes = vec![b'.'; 32 << 20];
    let signature = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE";
    bytes[10..10 + signature.len()].copy_from_slice(signature);
    let id = upload(&bob, "a.txt", &bytes).await;
    say(&bob, "see", &[&id], None).await;
    let of_ann = begin(&ann, &content(&id)).await;
    let waits = "gateway_inspections WHERE worker IS NULL";
    assert_eq!(server.database.count(waits).await, 1);

    let other = chat_with(again, "", &env).await;
    assert_eq!(endings(&server, 1).await, ["ended"]);
    assert!(!is_whole(of_ann).await);
    let (_, read) = bob.get(&format!("/attachments/{id}")).await;
    assert_eq!(read["state"], "quarantined");
    let moderator = user(&server, "t", "ann", &["ModerateMessage"]);
    for user in [&ann, &bob, &moderator] {
        assert_eq!(get(user, &content(&id), &[]).await.status, 404);
    }
    assert_eq!(record(&server, &id).await, [1, 3, 0]);
    let sql = "SELECT details FROM gateway_audit WHERE action = 'attachment.quarantine'";
    let details: Vec<Value> = (server.database.texts(sql).await.into_iter().flatten())
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect();
    assert_eq!(details.len(), 1, "{details:?}");
    assert_eq!(details[0]["suspiciousBy"], "scanner");
    assert_eq!(details[0]["reason"], "the EICAR test file");
    // Somebody who may looks at it, and gives it free.
    let one = format!("/attachments/{id}");
    let ready = json!({"state": "ready"});
    assert_eq!(moderator.send(Method::PATCH, &one, &ready).await.0, 204);
    assert_eq!(get(&ann, &content(&id), &[]).await.bytes, bytes);
    other.stop().await;
    server.stop().await;
}

async fn what_nobody_called_clean_waits_where_the_operator_says_so(database: TestDatabase) {
    let env = inspectors();
    let settings = "attachment-clean-by=scanner";
    let server = chat_with(database, settings, &borrowed(&env)).await;
    let bob = user(&server, "t", "bob", &[]);
    let moderator = user(&server, "t", "bob", &["ModerateMessage"]);
    for (text, available) in [("hello", true), ("trap", false), ("nothing", false)] {
        let id = upload(&bob, "a.txt", text.as_bytes()).await;
        let read = inspected(&server, &bob, &id).await;
        assert_eq!(
            (&read["state"], &read["available"]),
            (&json!("ready"), &json!(available)),
            "{text}"
        );
        let got = get(&bob, &content(&id), &[]).await;
        assert_eq!(got.status, if available { 200 } else { 404 }, "{text}");
        if !available {
            let one = format!("/attachments/{id}");
            let ready = json!({"state": "ready"});
            assert_eq!(moderator.send(Method::PATCH, &one, &ready).await.0, 204);
            let got = get(&bob, &content(&id), &[]).await;
            assert_eq!(got.bytes, text.as_bytes());
        }
    }
    server.stop().await;
}
