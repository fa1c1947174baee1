//! Uploads and downloads through the gateway: what arrives, what is told, what is on record.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use gateway::capability::audit;
use gateway::capability::blob::Collector;
use gateway::capability::blob::store::Store;
use gateway_tests::blobs::{content, files};
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ENV: &[(&str, &str)] = &[
    ("GATEWAY_BLOB_GC_INTERVAL", "1h"),
    ("GATEWAY_BLOB_LOST_AFTER", "1s"),
    ("GATEWAY_BLOB_STALL_TIMEOUT", "1s"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_BLOB_BYTES", "64MiB"),
];

async fn misfit(database: TestDatabase) -> Server {
    Server::start(database, &[("misfit", "/")], ENV).await
}

async fn post(server: &Server, path: &str, body: Vec<u8>) -> (u16, Value) {
    answer(server.request(Method::POST, path).body(body)).await
}

/// Stores content, and tells its id.
async fn put(server: &Server, body: Vec<u8>) -> String {
    let (status, stored) = post(server, "/blob-put/100000000", body).await;
    assert_eq!(status, 200, "{stored}");
    stored["id"].as_str().unwrap().to_owned()
}

/// What is on record of a file, once every download of it has ended.
async fn record(server: &Server, id: &str) -> Vec<Value> {
    for _ in 0..100 {
        let path = format!("/blob-history?id={id}");
        let (status, entries) = answer(server.get(&path)).await;
        assert_eq!(status, 200, "{entries}");
        let entries = entries.as_array().unwrap().clone();
        if entries.iter().all(|entry| !entry["ending"].is_null()) {
            return entries;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a download never ended in the record");
}

async fn what_goes_in_comes_out(database: TestDatabase) {
    let server = misfit(database).await;
    for length in [0, 1, 1000, 3 << 20] {
        let bytes = content(length);
        let (status, stored) = post(&server, "/blob-put/100000000", bytes.clone()).await;
        assert_eq!(status, 200, "{stored}");
        assert_eq!(stored["size"], length);
        let digest = Sha256::digest(&bytes);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(stored["sha256"], digest);

        let id = stored["id"].as_str().unwrap();
        let response = server.get(&format!("/blob-get?id={id}")).send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.content_length(), Some(length as u64));
        assert_eq!(response.bytes().await.unwrap(), bytes, "{length}");

        let head = server.request(Method::HEAD, &format!("/blob-get?id={id}"));
        let head = head.send().await.unwrap();
        assert_eq!(head.headers()["content-length"], length.to_string());
        assert_eq!(head.bytes().await.unwrap().len(), 0);

        let entries = record(&server, id).await;
        let endings: Vec<_> = entries
            .iter()
            .map(|entry| entry["ending"].clone())
            .collect();
        assert_eq!(
            endings,
            [json!([0, "complete"]), json!([length, "complete"])]
        );
        assert_eq!(entries[1]["address"], "127.0.0.1");
    }
    server.stop().await;
}

async fn a_part_is_what_was_asked_for(database: TestDatabase) {
    let server = misfit(database).await;
    let bytes = content(700_000);
    let id = put(&server, bytes.clone()).await;
    for (offset, length) in [
        (0, 0),
        (0, 1),
        (699_999, 1),
        (262_143, 300_000),
        (700_000, 0),
    ] {
        let path = format!("/blob-get?id={id}&offset={offset}&length={length}");
        let part = server.get(&path).send().await.unwrap();
        assert_eq!(part.status(), 200);
        assert_eq!(part.bytes().await.unwrap(), bytes[offset..offset + length]);
    }
    for (offset, length) in [(0_u64, 700_001_u64), (700_000, 1), (u64::MAX, 1)] {
        let path = format!("/blob-get?id={id}&offset={offset}&length={length}");
        assert_eq!(answer(server.get(&path)).await.0, 400, "{path}");
    }
    server.stop().await;
}

async fn what_is_too_long_or_not_what_was_promised_is_not_kept(database: TestDatabase) {
    let server = misfit(database).await;
    let exact = post(&server, "/blob-put/1000", content(1000)).await;
    assert_eq!(exact.0, 200);
    assert_eq!(
        post(&server, "/blob-put/1000", content(1001)).await,
        (413, json!("too-large 1000"))
    );
    // More than the inline limit: the length is known from the head, or only on the way.
    let long = content(2 << 20);
    let refused = post(&server, "/blob-put/1500000", long.clone()).await;
    assert_eq!(refused, (413, json!("too-large 1500000")));
    let pieces = long
        .chunks(65_536)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
    let pieces: Vec<_> = pieces.collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = server.request(Method::POST, "/blob-put/1500000").body(body);
    assert_eq!(answer(request).await, (413, json!("too-large 1500000")));

    let wrong = format!("/blob-put/1000?sha256={}", "ab".repeat(32));
    assert_eq!(
        post(&server, &wrong, content(10)).await,
        (422, json!("digest-mismatch"))
    );
    assert_eq!(
        post(&server, "/blob-put/1000?sha256=ab", content(10))
            .await
            .0,
        400
    );
    assert_eq!(
        post(&server, "/blob-put/1000?scope=", content(10)).await.0,
        400
    );
    for id in [
        "",
        "x",
        "0198c5a2-0000-7000-8000-000000000000",
        "../../etc/passwd",
    ] {
        let path = format!("/blob-get?id={id}");
        assert_eq!(answer(server.get(&path)).await.0, 404, "{id}");
    }
    // What was refused is removed at once, or a moment later.
    for _ in 0..100 {
        if files(&server.data().join("blobs")).len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(files(&server.data().join("blobs")).len(), 1);
    server.stop().await;
}

async fn equal_content_is_kept_once_within_a_scope(database: TestDatabase) {
    let server = misfit(database).await;
    let bytes = content(2 << 20);
    let first = put(&server, bytes.clone()).await;
    let again = futures_util::future::join_all((0..4).map(|_| put(&server, bytes.clone())));
    for id in again.await {
        assert_eq!(id, first);
    }
    let other = post(&server, "/blob-put/100000000?scope=other", bytes)
        .await
        .1;
    assert_ne!(other["id"], first);
    for _ in 0..100 {
        if files(&server.data().join("blobs")).len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(files(&server.data().join("blobs")).len(), 2);
    server.stop().await;
}

async fn an_upload_goes_on_where_it_stopped(database: TestDatabase) {
    let server = misfit(database).await;
    let bytes = content(3_000_000);
    let upload = server.request(Method::POST, "/blob-begin/3000000");
    let upload = upload.send().await.unwrap().text().await.unwrap();
    let at = |word: &str, offset: usize| format!("/blob-{word}/{offset}?id={upload}");

    let (status, end) = post(&server, &at("append", 0), bytes[..1_000_000].to_vec()).await;
    assert_eq!((status, end), (200, json!(1_000_000)));
    // Not twice, and not elsewhere.
    for offset in [0, 999_999, 1_000_001] {
        let refused = post(&server, &at("append", offset), vec![1]).await;
        assert_eq!(refused, (409, json!("offset-mismatch 1000000")));
    }
    let too_long = post(&server, &at("append", 1_000_000), content(2_000_001)).await;
    assert_eq!(too_long, (413, json!("too-large 3000000")));
    // The client is cut in the middle: what arrived is kept.
    cut_in_the_middle(&server, &at("append", 1_000_000), &bytes[1_000_000..]).await;
    let offset = loop {
        let (_, offset) = answer(server.get(&at("offset", 0))).await;
        let offset = usize::try_from(offset.as_u64().unwrap()).unwrap();
        if offset > 1_000_000 {
            break offset;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // It outlives the gateway.
    let server = server.restart(&[("misfit", "/")], ENV).await;
    let (status, end) = post(&server, &at("append", offset), bytes[offset..].to_vec()).await;
    assert_eq!((status, end), (200, json!(3_000_000)));
    let (status, stored) = answer(server.get(&at("finish", 0))).await;
    assert_eq!(status, 200, "{stored}");
    let id = stored["id"].as_str().unwrap();
    let whole = server
        .get(&format!("/blob-get?id={id}"))
        .send()
        .await
        .unwrap();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = format!("/blob-get?id={id}&offset=999990&length=1000020");
    let part = server.get(&part).send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap(), bytes[999_990..2_000_010]);
    // Finished is finished.
    assert_eq!(
        post(&server, &at("append", 3_000_000), vec![1]).await.0,
        404
    );
    assert_eq!(answer(server.get(&at("finish", 0))).await.0, 404);

    let other = server.request(Method::POST, "/blob-begin/10");
    let other = other.send().await.unwrap().text().await.unwrap();
    let cancelled = answer(server.get(&format!("/blob-cancel?id={other}"))).await;
    assert_eq!(cancelled.0, 204);
    assert_eq!(
        answer(server.get(&format!("/blob-offset?id={other}")))
            .await
            .0,
        404
    );
    server.stop().await;
}

/// Sends the head of a request and half of its body.
async fn cut_in_the_middle(server: &Server, path: &str, body: &[u8]) {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
    stream.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
}

async fn a_link_is_part_of_a_transaction_and_keeps_content(database: TestDatabase) {
    let env: Vec<_> = ENV
        .iter()
        .copied()
        .chain([
            ("GATEWAY_BLOB_GRACE", "0s"),
            ("GATEWAY_BLOB_GC_INTERVAL", "100ms"),
        ])
        .collect();
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    // Until the first collection, there is time to link.
    let (linked, other, third) = loop {
        let bytes = content(100_000);
        let linked = put(&server, bytes).await;
        let other = put(&server, content(99)).await;
        let third = put(&server, content(98)).await;
        let links = [
            format!("/blob-link?id={linked}"),
            format!("/blob-link?id={other}&rollback=1"),
            format!("/blob-link?id={third}"),
        ];
        let mut done = Vec::new();
        for link in links {
            done.push(answer(server.get(&link)).await.1 == json!(true));
        }
        if done == [true; 3] {
            break (linked, other, third);
        }
    };
    let gone = async |id: &str| {
        for _ in 0..100 {
            if answer(server.get(&format!("/blob-read?id={id}"))).await.0 == 404 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    assert!(gone(&other).await);
    assert_eq!(
        answer(server.get(&format!("/blob-link?id={other}")))
            .await
            .1,
        json!(false)
    );
    assert_eq!(
        answer(server.get(&format!("/blob-read?id={linked}")))
            .await
            .0,
        200
    );
    assert_eq!(
        answer(server.get(&format!("/blob-unlink?id={third}")))
            .await
            .0,
        200
    );
    assert!(gone(&third).await);
    assert_eq!(
        answer(server.get(&format!("/blob-read?id={linked}")))
            .await
            .0,
        200
    );
    assert_eq!(files(&server.data().join("blobs")).len(), 1);
    server.stop().await;
}

async fn links_are_counted_and_the_last_one_begins_the_grace_time(database: TestDatabase) {
    let soon = ("GATEWAY_BLOB_GC_INTERVAL", "100ms");
    let env = [ENV, &[("GATEWAY_BLOB_GRACE", "1h"), soon]].concat();
    let server = Server::start(database, &[("misfit", "/")], &env).await;
    let ask =
        async |what: &str, id: &str| answer(server.get(&format!("/blob-{what}?id={id}"))).await;

    // What is not complete can't be needed.
    let upload = server.request(Method::POST, "/blob-begin/10");
    let upload = upload.send().await.unwrap().text().await.unwrap();
    assert_eq!(ask("link", &upload).await, (200, json!(false)));

    // Nobody owes a link.
    let id = put(&server, content(1000)).await;
    assert_eq!(ask("link", &id).await, (200, json!(true)));
    for _ in 0..3 {
        assert_eq!(ask("unlink", &id).await.0, 200);
    }
    assert_eq!(ask("link", &id).await, (200, json!(true)));
    let linked = "gateway_blobs WHERE links = 1";
    assert_eq!(server.database.count(linked).await, 1);

    let other = put(&server, content(2000)).await;
    let yesterday = server.database.pick(
        "0",
        "now() - interval '1 day'",
        "UTC_TIMESTAMP(6) - INTERVAL 1 DAY",
    );
    let age = format!("UPDATE gateway_blobs SET touched_at = {yesterday} WHERE size >= 1000");
    server.database.raw(&age).await;
    // As old as the other one, and given up only now.
    assert_eq!(ask("unlink", &id).await.0, 200);
    for _ in 0..200 {
        if ask("read", &other).await.0 == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask("read", &other).await.0, 404);
    assert_eq!(ask("read", &id).await.0, 200);
    server.stop().await;
}

async fn what_comes_again_is_kept_for_another_grace_time(database: TestDatabase) {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = folder.path().display().to_string();
    let env = [ENV, &[("GATEWAY_BLOB_STORE", store.as_str())]].concat();
    let plugins = [("misfit", "/")];
    let config = gateway_tests::server::config(&database, &data, &plugins, &env);
    let server = Server::start(database, &plugins, &env).await;
    let (again, old) = (content(1000), content(2000));
    let id = put(&server, again.clone()).await;
    let gone = put(&server, old).await;
    let yesterday = server.database.pick(
        "0",
        "now() - interval '1 day'",
        "UTC_TIMESTAMP(6) - INTERVAL 1 DAY",
    );
    let age = format!("UPDATE gateway_blobs SET touched_at = {yesterday}");
    server.database.raw(&age).await;
    assert_eq!(put(&server, again).await, id);
    let collector = Collector {
        database: &server.database.connect().await,
        store: &Store::open(&config.blob).await.unwrap(),
        grace: Duration::from_secs(3600),
    };
    assert_eq!(collector.collect(|_| ()).await.unwrap().blobs, 1);
    for (id, status) in [(id, 200), (gone, 404)] {
        let read = answer(server.get(&format!("/blob-read?id={id}"))).await;
        assert_eq!(read.0, status);
    }
    server.stop().await;
}

async fn a_form_comes_part_by_part(database: TestDatabase) {
    let server = misfit(database).await;
    // The guest shows the first bytes of each part.
    let readable = |length: usize| [b"head".to_vec(), content(length - 4)].concat();
    let form = Form::new()
        .text("channel", "general")
        .part("skip", Part::bytes(readable(400_000)).file_name("skipped"))
        .part(
            "file",
            Part::bytes(readable(2 << 20))
                .file_name("../a\"b.png")
                .mime_str("image/png")
                .unwrap(),
        );
    let request = server.request(Method::POST, "/blob-form").multipart(form);
    let (status, parts) = answer(request).await;
    assert_eq!(status, 200, "{parts}");
    assert_eq!(parts[0], json!(["channel", "", "", "gene", 7]));
    assert_eq!(parts[1][4], 0);
    assert_eq!(parts[2][0], "file");
    assert_eq!(parts[2][3], "head");
    assert_eq!(parts[2][2], "image/png");
    assert_eq!(parts[2][4], 2 << 20);

    let broken = |kind: &str, body: Vec<u8>| {
        let request = server.request(Method::POST, "/blob-form");
        answer(request.header("content-type", kind).body(body))
    };
    let kind = "multipart/form-data; boundary=xyz";
    for (kind, body) in [
        ("text/plain", b"a".to_vec()),
        ("multipart/form-data", b"a".to_vec()),
        (kind, b"no boundary at all".to_vec()),
        (
            kind,
            b"--xyz\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\ncut".to_vec(),
        ),
        (
            kind,
            [b"--xyz\r\nx: ".to_vec(), vec![b'a'; 400_000]].concat(),
        ),
        (kind, vec![b'-'; 3 << 20]),
    ] {
        let length = body.len();
        let (status, text) = broken(kind, body).await;
        assert_eq!(status, 400, "{kind} {length}: {text}");
    }
    server.stop().await;
}

async fn every_end_of_a_download_is_on_record(database: TestDatabase) {
    let server = misfit(database).await;
    let bytes = content(60 << 20);
    let id = put(&server, bytes.clone()).await;
    let path = format!("/blob-get?id={id}");

    // The plugin opened it, and answered something else.
    assert_eq!(
        answer(server.get(&format!("{path}&drop=1"))).await.1,
        json!(bytes.len())
    );
    let entries = record(&server, &id).await;
    assert_eq!(entries[0]["ending"], json!([0, "unsent"]));

    // The client goes away in the middle.
    let mut response = server.get(&path).send().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    drop(response);
    let entries = record(&server, &id).await;
    assert_eq!(entries[0]["ending"][1], "cut", "{entries:?}");
    assert!(entries[0]["ending"][0].as_u64().unwrap() < bytes.len() as u64);

    // The client stops reading.
    let stalled = server.get(&path).send().await.unwrap();
    let entries = record(&server, &id).await;
    assert_eq!(entries[0]["ending"][1], "stalled", "{entries:?}");
    assert!(stalled.bytes().await.is_err(), "it must not look complete");

    // Access ends, while it runs.
    let mut response = server.get(&path).send().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    let ended = answer(server.get(&format!("/blob-end?id={id}"))).await;
    assert_eq!(ended.0, 200);
    let slow = async {
        while let Some(_piece) = response.chunk().await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, reqwest::Error>(())
    };
    assert!(slow.await.is_err());
    let entries = record(&server, &id).await;
    assert_eq!(entries[0]["ending"][1], "ended", "{entries:?}");

    // On somebody's behalf: only without a token.
    let path = format!("/blob-get?id={id}&for=ann");
    assert_eq!(
        answer(server.user("acme", "bob").request(Method::GET, &path))
            .await
            .0,
        403
    );
    let whole = server
        .get(&path)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(whole.len(), bytes.len());
    let of_tenant = format!("/blob-history?id={id}&tenant=acme");
    let (_, entries) = answer(server.get(&of_tenant)).await;
    assert_eq!(entries.as_array().unwrap().len(), 1);
    assert_eq!(entries[0]["actor"], "ann");
    assert_eq!(entries[0]["via"], "link:1");

    // Page by page, each entry once.
    let all = record(&server, &id).await;
    let (mut before, mut places) = (String::new(), Vec::new());
    loop {
        let path = format!("/blob-history?id={id}&limit=1{before}");
        let (_, page) = answer(server.get(&path)).await;
        let Some(entry) = page.as_array().unwrap().first() else {
            break;
        };
        places.push(entry["place"].clone());
        before = format!("&before={}", entry["place"].as_str().unwrap());
    }
    let wanted: Vec<_> = all.iter().map(|entry| entry["place"].clone()).collect();
    assert_eq!(places, wanted);
    let database = server.database.connect().await;
    let report = audit::verify(&database, |_| {}).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
    server.stop().await;
}

async fn what_a_dead_gateway_was_sending_is_closed_as_lost(database: TestDatabase) {
    let server = misfit(database).await;
    let id = put(&server, content(1000)).await;
    answer(server.get(&format!("/blob-get?id={id}"))).await;
    let entries = record(&server, &id).await;
    // As if it had been written by one that died: the row of its download is still there.
    let gateway = match server.database.dialect {
        Dialect::Postgres => "gen_random_uuid()",
        Dialect::Mysql => "UNHEX(REPEAT('ab', 16))",
        Dialect::Sqlite => "randomblob(16)",
    };
    let (past, no) = match server.database.dialect {
        Dialect::Postgres => ("now() - interval '1 hour'", "false"),
        Dialect::Mysql => ("UTC_TIMESTAMP(6) - INTERVAL 1 HOUR", "false"),
        Dialect::Sqlite => ("0", "0"),
    };
    let opened = format!("/blob-get?id={id}&drop=1");
    answer(server.get(&opened)).await;
    let before = record(&server, &id).await;
    assert_eq!(before.len(), entries.len() + 1);
    let place = before[0]["place"].as_str().unwrap();
    let stamp = json!({
        "actor": null, "tenant": null, "via": null, "address": null, "agent": null,
        "request": "lost", "plugin": "misfit", "version": "1",
    });
    server
        .database
        .raw(&format!(
            "INSERT INTO gateway_downloads \
             (id, plugin, gateway, seen_at, is_ended, place, action, stamp) \
             VALUES ({gateway}, 'misfit', {gateway}, {past}, {no}, '{place}', 'file.download', '{stamp}')"
        ))
        .await;
    for _ in 0..100 {
        if server.database.count("gateway_downloads").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.database.count("gateway_downloads").await, 0);
    let lost = server
        .database
        .count("gateway_audit WHERE entity = 'download' AND details LIKE '%lost%'")
        .await;
    assert_eq!(lost, 1);
    server.stop().await;
}

on_every_database!(
    what_goes_in_comes_out,
    a_part_is_what_was_asked_for,
    what_is_too_long_or_not_what_was_promised_is_not_kept,
    equal_content_is_kept_once_within_a_scope,
    an_upload_goes_on_where_it_stopped,
    a_link_is_part_of_a_transaction_and_keeps_content,
    links_are_counted_and_the_last_one_begins_the_grace_time,
    what_comes_again_is_kept_for_another_grace_time,
    a_form_comes_part_by_part,
    every_end_of_a_download_is_on_record,
    what_a_dead_gateway_was_sending_is_closed_as_lost,
);
