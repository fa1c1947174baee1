//! All the ways in.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use reqwest::Method;
use serde_json::json;

use super::{PNG, chat, content, get, record, say, upload, user};

on_every_database!(
    strangers_get_what_isnt_there,
    parts_and_conditions,
    bytes_are_never_taken_for_more,
);

const UNKNOWN: &str = "0190ffff-0000-7000-8000-000000000000";

/// Who asks for what, and what has become of it.
struct Case<'a> {
    name: &'a str,
    who: &'a User<'a>,
    id: &'a str,
    gets_it: bool,
}

async fn check(server: &Server, case: Case<'_>) {
    let unknown = get(case.who, &content(UNKNOWN), &[]).await;
    for path in [
        content(case.id),
        format!("/attach-files/{}/content", case.id),
    ] {
        let before = record(server, case.id).await;
        let got = get(case.who, &path, &[]).await;
        let name = format!("{}: {path}", case.name);
        let mut after = before;
        match case.gets_it {
            true => {
                assert_eq!((got.status, got.bytes.as_slice()), (200, PNG), "{name}");
                after[0] += 1;
            }
            false => {
                assert_eq!((got.status, &got.bytes), (404, &unknown.bytes), "{name}");
                let names = |headers: &reqwest::header::HeaderMap| {
                    let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
                    names.sort();
                    names
                };
                assert_eq!(names(&got.headers), names(&unknown.headers), "{name}");
                after[1] += 1;
            }
        }
        assert_eq!(record(server, case.id).await, after, "{name}");
    }
}

async fn strangers_get_what_isnt_there(database: TestDatabase) {
    let server = chat(database, "").await;
    let (ann, bob) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
    );
    let eve = user(&server, "t", "eve", &["ModerateMessage"]);
    let foreign = user(&server, "u", "bob", &["ModerateMessage"]);
    let moderator = user(&server, "t", "ann", &["ModerateMessage"]);
    say(&ann, "first", &[], Some("bob")).await;

    let id = upload(&bob, "../../a.png", PNG).await;
    let is = |name, who, gets_it| Case {
        name,
        who,
        id: &id,
        gets_it,
    };
    check(&server, is("unlinked, its uploader", &bob, true)).await;
    check(&server, is("unlinked, a member", &ann, false)).await;
    let message = say(&bob, "see", &[&id], None).await;
    check(&server, is("linked, a member", &ann, true)).await;
    check(&server, is("never a member", &eve, false)).await;
    check(&server, is("another tenant", &foreign, false)).await;

    let dan = user(&server, "t", "dan", &[]);
    let row =
        json!({"channelId": "c", "recipientId": "dan", "messageId": message, "forwardedBy": "ann"});
    let (status, row) = ann.post("/message-recipients", &row).await;
    assert_eq!(status, 200, "{row}");
    check(&server, is("a recipient", &dan, true)).await;
    let path = format!("/message-recipients/{}", row["id"].as_str().unwrap());
    assert_eq!(dan.delete(&path).await.0, 204);
    check(&server, is("a recipient no more", &dan, false)).await;
    server
        .database
        .raw("DELETE FROM chat_members WHERE user_id = 'ann'")
        .await;
    check(&server, is("no longer a member", &ann, false)).await;
    let joined = server.database.pick(
        "0",
        "TIMESTAMPTZ '2026-01-01 00:00:00Z'",
        "'2026-01-01 00:00:00'",
    );
    let join = format!(
        "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
         VALUES ('t', 'c', 'ann', 'owner', {joined})"
    );
    server.database.raw(&join).await;

    let one = format!("/attachments/{id}");
    let state = |state: &str| json!({ "state": state });
    let set = async |who: &User<'_>, to: &str| who.send(Method::PATCH, &one, &state(to)).await.0;
    assert_eq!(set(&bob, "quarantined").await, 403);
    assert_eq!(set(&eve, "quarantined").await, 404);
    assert_eq!(set(&moderator, "quarantined").await, 204);
    check(&server, is("quarantined, a member", &ann, false)).await;
    check(&server, is("quarantined, its uploader", &bob, false)).await;
    assert_eq!(bob.get(&one).await.1["state"], "quarantined");
    assert_eq!(set(&moderator, "ready").await, 204);
    check(&server, is("free again", &ann, true)).await;

    // Who has it is for its sender to know, and for nobody else.
    let (status, downloads) = bob.get(&format!("{one}/downloads?limit=100")).await;
    assert_eq!(status, 200, "{downloads}");
    let rows = downloads.as_array().unwrap();
    let of = |name: &str| rows.iter().filter(|it| it["actor"] == name).count();
    assert_eq!((of("bob"), of("eve"), of("dan")), (4, 2, 4), "{downloads}");
    assert_eq!(eve.get(&format!("{one}/downloads")).await.0, 404);

    assert_eq!(bob.delete(&format!("/messages/{message}")).await.0, 204);
    check(&server, is("message deleted, its sender", &bob, false)).await;
    check(&server, is("message deleted, a member", &ann, false)).await;
    // An inspection that still runs needs the bytes as well.
    super::until(&server.database, "gateway_blobs WHERE links > 0", 0).await;

    for odd in ["x", "..%2F..%2Fetc%2Fpasswd", "%00", "%FF", "%2e%2e"] {
        let got = get(&bob, &format!("/attachments/{odd}/content"), &[]).await;
        assert_eq!(got.status, 404, "{odd}");
    }
    server.stop().await;
}

async fn parts_and_conditions(database: TestDatabase) {
    let server = chat(database, "").await;
    let bob = user(&server, "t", "bob", &[]);
    let id = upload(&bob, "a", b"0123456789").await;
    let path = content(&id);
    let whole = get(&bob, &path, &[]).await;
    let tag = whole.header("etag").to_owned();
    assert_eq!(whole.header("content-length"), "10");
    let huge = format!("bytes={}-", "9".repeat(40));
    for (headers, status, bytes) in [
        (&[("range", "bytes=2-4")][..], 206, "234"),
        (&[("range", "bytes=-3")], 206, "789"),
        (&[("range", "bytes=-99")], 206, "0123456789"),
        (&[("range", "bytes=8-18446744073709551615")], 206, "89"),
        (&[("range", "bytes=4-2")], 200, "0123456789"),
        (&[("range", "bytes=0-0,2-3")], 200, "0123456789"),
        (&[("range", "lines=0-0")], 200, "0123456789"),
        (&[("range", "bytes=2-4"), ("if-range", &tag)], 206, "234"),
        (
            &[("range", "bytes=2-4"), ("if-range", "\"x\"")],
            200,
            "0123456789",
        ),
        (&[("if-none-match", &tag)], 304, ""),
    ] {
        let got = get(&bob, &path, headers).await;
        assert_eq!(got.status, status, "{headers:?}");
        assert_eq!(got.bytes, bytes.as_bytes(), "{headers:?}");
        assert_eq!(got.header("etag"), tag);
    }
    for range in ["bytes=10-", "bytes=-0", &huge] {
        let got = get(&bob, &path, &[("range", range)]).await;
        assert_eq!(
            (got.status, got.header("content-range")),
            (416, "bytes */10"),
            "{range}"
        );
    }
    let head = super::ask(bob.request(Method::HEAD, &path), &[("range", "bytes=2-4")]).await;
    assert_eq!((head.status, head.header("content-length")), (200, "10"));
    // Each attempt: 12 that were allowed, and 3 that asked for what isn't there.
    assert_eq!(record(&server, &id).await, [12, 0, 3]);
    server.stop().await;
}

async fn bytes_are_never_taken_for_more(database: TestDatabase) {
    let server = chat(database, "").await;
    let bob = user(&server, "t", "bob", &[]);
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 10 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let cases: [(&str, &[u8], &str, &str); 9] = [
        (
            "a.png",
            b"GIF89a/*<script>alert(1)</script>*/=1",
            "image/gif",
            "inline; filename=\"a.png\"",
        ),
        (
            "a.png",
            b"%PDF-1.4\n<html><script>",
            "application/pdf",
            "attachment; filename=\"a.png\"",
        ),
        (
            "a.png",
            b"<html><script>alert(1)",
            "text/html",
            "attachment; filename=\"a.png\"",
        ),
        (
            "a.jpg.svg",
            b"<svg onload='alert(1)'/>",
            "image/svg+xml",
            "attachment; filename=\"a.jpg.svg\"",
        ),
        (
            "a.gz",
            &bomb,
            "application/gzip",
            "attachment; filename=\"a.gz\"",
        ),
        (
            "../../x",
            b"\0\x01\x02",
            "application/octet-stream",
            "attachment; filename=\"_.._x\"",
        ),
        (
            "a\"\r\nSet-Cookie: a=b",
            b"\0\x01\x02",
            "application/octet-stream",
            "attachment; filename=\"a_Set-Cookie_ a=b\"; filename*=UTF-8''a%22Set-Cookie_%20a%3Db",
        ),
        (
            "gpj.\u{202e}exe",
            b"\0\x01\x02",
            "application/octet-stream",
            "attachment; filename=\"gpj.exe\"",
        ),
        (
            "\u{fc}.bin",
            b"\0\x01\x02",
            "application/octet-stream",
            "attachment; filename=\"_.bin\"; filename*=UTF-8''%C3%BC.bin",
        ),
    ];
    for (name, bytes, media_type, disposition) in cases {
        let id = upload(&bob, name, bytes).await;
        let got = get(&bob, &content(&id), &[("accept-encoding", "gzip")]).await;
        assert_eq!((got.status, got.bytes.as_slice()), (200, bytes), "{name}");
        for (header, value) in [
            ("content-type", media_type),
            ("content-disposition", disposition),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("cache-control", "private, no-cache"),
            ("content-encoding", ""),
            ("set-cookie", ""),
        ] {
            assert_eq!(got.header(header), value, "{name}: {header}");
        }
        assert_eq!(record(&server, &id).await, [1, 0, 0]);
    }
    // What comes compressed by the protocol is not unpacked either, but refused.
    let (_, made) = super::announce(&bob, "a", 3).await;
    let path = content(made["id"].as_str().unwrap());
    let request = bob.request(Method::PUT, &path).body(bomb);
    let refused = super::ask(request, &[("content-encoding", "gzip")]).await;
    assert_eq!(refused.status, 415);
    server.stop().await;
}
