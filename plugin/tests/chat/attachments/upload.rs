//! How they come in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chat::api::Body;
use chat::ports::Error;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{PATH, PNG, Scene, announce, content, form, put, send, text, tus, upload};
use crate::blobs;
use crate::support::START;

#[test]
fn what_is_announced_has_to_come() {
    let scene = Scene::new();
    let (bob, eve) = (&scene.bob, &scene.eve);
    let id = text(&announce(bob, "a.png", PNG.len()), "id");
    let digest = |bytes: &[u8]| format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)));
    let with = |header: &str, bytes: &[u8]| {
        let headers = [("content-digest", header)];
        bob.send_with("PUT", &content(&id), &headers, Body::Bytes(bytes.to_vec()))
    };
    let chunked = |bytes: &[u8], is_cut| {
        let stream = blobs::Body {
            is_cut,
            ..blobs::Body::chunked(bytes)
        };
        bob.stream("PUT", &content(&id), &[], (Body::Long, Some(stream)))
    };
    let long = [PNG, b"!"].concat();
    for (answer, status, code) in [
        (put(bob, &id, &PNG[1..]), 422, "SIZE_MISMATCH"),
        (put(bob, &id, &long), 422, "SIZE_MISMATCH"),
        (put(bob, &id, b""), 422, "SIZE_MISMATCH"),
        (chunked(&PNG[1..], false), 422, "SIZE_MISMATCH"),
        (chunked(&long, false), 422, "SIZE_MISMATCH"),
        (chunked(PNG, true), 400, "BODY_CUT"),
        (with(&digest(b"other"), PNG), 422, "DIGEST_MISMATCH"),
        (with("sha-256=x", PNG), 400, "INVALID_CONTENT_DIGEST"),
        (put(eve, &id, PNG), 404, ""),
        (put(&scene.ann, &id, PNG), 404, ""),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        let found = answer.json["error"]["code"].as_str().unwrap_or_default();
        assert_eq!(found, code, "{}", answer.text);
    }
    assert_eq!(
        scene.number("SELECT COUNT(*) FROM host_blobs WHERE links > 0"),
        0
    );
    assert_eq!(bob.get(&content(&id)).status, 404);
    assert_eq!(with(&digest(PNG), PNG).status, 200);
    let again = put(bob, &id, PNG);
    assert_eq!(
        (again.status, again.json["error"]["code"].as_str()),
        (409, Some("NOT_PENDING"))
    );
    assert_eq!(
        (scene.links(), scene.used("bob"), scene.used("")),
        (1, PNG.len() as i64, PNG.len() as i64)
    );
}

#[test]
fn announcements_are_checked() {
    let scene = Scene::new();
    let good = json!({"channelId": "c", "name": "a", "size": 1});
    for (name, value, path, code) in [
        ("channelId", json!(null), "/channelId", "type"),
        ("channelId", json!(" c"), "/channelId", "pattern"),
        ("name", json!(""), "/name", "format"),
        ("name", json!("a\u{0}"), "/name", "format"),
        ("name", json!("x".repeat(256)), "/name", "maxLength"),
        ("size", json!(-1), "/size", "type"),
        ("size", json!("1"), "/size", "type"),
        ("type", json!("png"), "/type", "format"),
        ("type", json!("a/b\r\nx: y"), "/type", "format"),
        ("other", json!(1), "", "additionalProperties"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let answer = scene.bob.post(PATH, body);
        let detail = &answer.json["error"]["details"][0];
        assert_eq!(
            (answer.status, &detail["path"], &detail["code"]),
            (422, &json!(path), &json!(code))
        );
    }
    for missing in ["channelId", "name", "size"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(missing);
        let answer = scene.bob.post(PATH, body);
        assert_eq!(
            answer.json["error"]["details"][0]["code"], "required",
            "{}",
            answer.text
        );
    }
    assert_eq!(scene.bob.post(PATH, good).status, 201);
}

#[test]
fn the_limit_passes_and_one_more_does_not() {
    let scene = Scene::with(&[("attachment-max-bytes", "10")]);
    assert_eq!(upload(&scene.bob, "a", b"0123456789").len(), 36);
    let more = announce(&scene.bob, "a", 11);
    assert_eq!(
        (more.status, &more.json["error"]["name"]),
        (413, &json!("PayloadTooLargeError"))
    );
    let form = |content: &str| form(&scene.bob, &[("channelId", "c")], "a.txt", content);
    assert_eq!(form("0123456789").status, 201);
    assert_eq!(form("0123456789x").status, 413);
    // Nothing is a content as well.
    assert_eq!(upload(&scene.bob, "empty", b"").len(), 36);
    let id = upload(&scene.bob, "empty", b"");
    let got = scene.bob.get(&content(&id));
    assert_eq!((got.status, got.content.as_deref()), (200, Some(&b""[..])));
    let tus = tus(
        &scene.bob,
        "POST",
        "/attachments/uploads",
        &[
            ("upload-length", "11"),
            ("upload-metadata", "channelId Yw=="),
        ],
        b"",
    );
    assert_eq!(tus.status, 413);
}

#[test]
fn a_form_is_all_at_once() {
    let scene = Scene::new();
    let made = form(&scene.bob, &[("channelId", "c")], "a.txt", "hello");
    assert_eq!(
        (made.status, text(&made, "state")),
        (201, "ready".to_owned()),
        "{}",
        made.text
    );
    assert_eq!(
        (text(&made, "name"), text(&made, "type")),
        ("a.txt".to_owned(), "text/plain; charset=utf-8".to_owned())
    );
    let named = form(
        &scene.bob,
        &[("channelId", "c"), ("name", "b")],
        "a.txt",
        "hello",
    );
    assert_eq!(text(&named, "name"), "b");
    for (fields, status) in [
        (&[][..], 422),
        (&[("channelId", " c")][..], 422),
        (&[("other", "c")][..], 422),
        (&[("channelId", "c"), ("type", "x")][..], 422),
    ] {
        let answer = form(&scene.bob, fields, "a.txt", "hello");
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let headers = [("content-type", "multipart/form-data")];
    let bad = scene
        .bob
        .send_with("POST", PATH, &headers, Body::Bytes(b"x".to_vec()));
    assert_eq!(
        (bad.status, &bad.json["error"]["code"]),
        (400, &json!("MALFORMED"))
    );
    // What came to nothing leaves nothing.
    assert_eq!(
        scene.number("SELECT COUNT(*) FROM chat_files WHERE deleted = 0"),
        2
    );
}

#[test]
fn types_come_from_the_bytes() {
    let deny = [("attachment-types-denied", "text/html,image/svg+xml")];
    let scene = Scene::with(&deny);
    let html = b"<html><script>alert(1)</script>";
    // Said to be a picture, and named like one.
    let id = text(&announce(&scene.bob, "a.png", html.len()), "id");
    let refused = put(&scene.bob, &id, html);
    assert_eq!(
        (refused.status, &refused.json["error"]["code"]),
        (415, &json!("TYPE_NOT_ALLOWED"))
    );
    // In parts as well: what it is is known with the last one, and nothing is kept then.
    let length = html.len().to_string();
    let new = [
        ("upload-length", length.as_str()),
        ("upload-metadata", "channelId Yw=="),
    ];
    let made = tus(&scene.bob, "POST", "/attachments/uploads", &new, b"");
    let path = format!("{PATH}/{}", made.header("location").unwrap());
    let part = [
        ("content-type", "application/offset+octet-stream"),
        ("upload-offset", "0"),
    ];
    assert_eq!(tus(&scene.bob, "PATCH", &path, &part, html).status, 415);
    assert_eq!(tus(&scene.bob, "HEAD", &path, &[], b"").status, 404);
    assert_eq!((scene.links(), scene.used("bob")), (0, 0));
    let declared = scene.bob.post(
        PATH,
        json!({"channelId": "c", "name": "a", "size": 1, "type": "text/html"}),
    );
    assert_eq!(declared.status, 415);

    let scene = Scene::new();
    for (bytes, media_type, is_inline) in [
        (&html[..], "text/html", false),
        (
            b"<svg xmlns='x' onload='alert(1)'/>",
            "image/svg+xml",
            false,
        ),
        (b"GIF89a/*<script>*/=1", "image/gif", true),
        (b"%PDF-1.4 <html>", "application/pdf", false),
        (b"PK\x03\x04 a bomb", "application/zip", false),
        (b"just words", "text/plain; charset=utf-8", true),
        (b"\x7fELF\x02\x01", "application/octet-stream", false),
    ] {
        let id = upload(&scene.bob, "holiday.png", bytes);
        let got = scene.bob.get(&content(&id));
        assert_eq!(got.content.as_deref(), Some(bytes));
        let kind = if is_inline { "inline" } else { "attachment" };
        let wanted = format!("{kind}; filename=\"holiday.png\"");
        assert_eq!(
            got.header("content-disposition"),
            Some(wanted.as_str()),
            "{media_type}"
        );
        if media_type != "application/octet-stream" {
            assert_eq!(got.header("content-type"), Some(media_type));
        }
    }
}

#[test]
fn quotas_are_exact_and_given_back() {
    let quotas = [
        ("attachment-quota-user", "10"),
        ("attachment-quota-tenant", "15"),
    ];
    let scene = Scene::with(&quotas);
    let id = upload(&scene.bob, "a", b"012345");
    let full = announce(&scene.bob, "b", 5);
    assert_eq!(
        (full.status, &full.json["error"]["code"]),
        (507, &json!("QUOTA_EXCEEDED"))
    );
    // What both announce fits; what both send does not.
    let (one, two) = (announce(&scene.bob, "b", 4), announce(&scene.bob, "c", 4));
    assert_eq!(put(&scene.bob, &text(&one, "id"), b"0123").status, 200);
    assert_eq!(put(&scene.bob, &text(&two, "id"), b"4567").status, 507);
    assert_eq!(
        (scene.used("bob"), scene.used(""), scene.links()),
        (10, 10, 2)
    );
    assert_eq!(announce(&scene.ann, "b", 6).status, 507);
    upload(&scene.ann, "b", b"01234");
    assert_eq!((scene.used("ann"), scene.used("")), (5, 15));
    // A form has no size before it is there.
    assert_eq!(
        form(&scene.ann, &[("channelId", "c")], "a", "x").status,
        507
    );
    assert_eq!(scene.bob.delete(&format!("{PATH}/{id}")).status, 204);
    assert_eq!(
        (scene.used("bob"), scene.used(""), scene.links()),
        (4, 9, 2)
    );
    assert_eq!(
        form(&scene.ann, &[("channelId", "c")], "a", "x").status,
        201
    );
}

#[test]
fn few_are_under_way_and_none_for_ever() {
    let bounds = [
        ("attachments-pending", "2"),
        ("attachment-unsent-seconds", "60"),
    ];
    let scene = Scene::with(&bounds);
    let first = text(&announce(&scene.bob, "a", 1), "id");
    announce(&scene.bob, "b", 1);
    let third = announce(&scene.bob, "c", 1);
    assert_eq!(
        (third.status, third.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(announce(&scene.ann, "a", 1).status, 201);
    assert_eq!(scene.bob.delete(&format!("{PATH}/{first}")).status, 204);
    assert_eq!(announce(&scene.bob, "c", 1).status, 201);

    let unsent = upload(&scene.cat, "a", b"unsent");
    let sent = upload(&scene.cat, "b", b"sent");
    send(&scene.cat, &[&sent]);
    assert_eq!(scene.links(), 2);
    let now = &scene.service.0.now;
    now.set(START + 90_000_000);
    assert_eq!(announce(&scene.bob, "d", 1).status, 201);
    assert_eq!((scene.links(), scene.used("cat")), (1, 4));
    assert_eq!(scene.cat.get(&content(&unsent)).status, 404);
    assert_eq!(scene.cat.get(&content(&sent)).status, 200);
}

#[test]
fn what_fails_in_the_last_step_leaves_nothing() {
    let scene = Scene::new();
    let id = text(&announce(&scene.bob, "a", 1), "id");
    // Found, counted, and then the commit fails.
    let faults = [None, None, None, None, None, Some(Error::Unavailable)];
    scene.service.0.faults.borrow_mut().extend(faults);
    let failed = put(&scene.bob, &id, b"x");
    scene.service.0.faults.borrow_mut().clear();
    assert_eq!(failed.status, 503, "{}", failed.text);
    assert_eq!((scene.links(), scene.used("bob")), (0, 0));
    assert_eq!(scene.bob.get(&content(&id)).status, 404);
    assert_eq!(put(&scene.bob, &id, b"x").status, 200);
    assert_eq!((scene.links(), scene.used("bob")), (1, 1));
}
