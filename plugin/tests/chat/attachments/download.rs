//! Who gets them, and what stays on record.

use chat::api::Body;
use chat::ports::{BlobError, Outcome};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{PATH, PNG, Scene, announce, content, put, send, text, upload};
use crate::support::{User, join};

#[test]
fn what_goes_in_comes_out() {
    let scene = Scene::new();
    let made = announce(&scene.bob, "Ferien.png", PNG.len());
    assert_eq!(
        (made.status, text(&made, "state")),
        (201, "pending".to_owned())
    );
    let id = text(&made, "id");
    assert_eq!(
        made.header("location"),
        Some(format!("attachments/{id}").as_str())
    );
    assert_eq!(made.json["contentUrl"], format!("attachments/{id}/content"));

    let kept = put(&scene.bob, &id, PNG);
    let digest: String = Sha256::digest(PNG)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    assert_eq!(kept.json["sha256"], digest);
    assert_eq!(kept.json["type"], "image/png");
    assert_eq!(kept.json["state"], "ready");

    // Its uploader's alone before it is sent, and then the channel's.
    assert_eq!(scene.cat.get(&content(&id)).status, 404);
    assert_eq!(scene.bob.get(&content(&id)).status, 200);
    let message = send(&scene.bob, &[&id]);
    let got = scene.cat.get(&content(&id));
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(got.content.as_deref(), Some(PNG));
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "inline; filename=\"Ferien.png\""),
        ("etag", &format!("\"{digest}\"")),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "same-site"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    // The same row by the older path, and with the message.
    let older = scene.cat.get(&format!("/attach-files/{id}/content"));
    assert_eq!(older.content.as_deref(), Some(PNG));
    let row = scene.cat.read(&format!("/attach-files/{id}"));
    assert_eq!(
        row["metaData"],
        json!({"name": "Ferien.png", "size": PNG.len(), "type": "image/png"})
    );
    assert_eq!(row["fileKey"].as_str().unwrap().len(), 32);
    let filter = crate::support::encoded(&json!({"include": ["attachmentFiles"]}));
    let read = scene
        .cat
        .read(&format!("/messages/{message}?filter={filter}"));
    assert_eq!(read["attachmentFiles"][0]["id"], id.as_str());

    let opened = scene.service.0.shelf.opened.borrow();
    let tags = &opened.last().unwrap().tags;
    assert_eq!(tags.len(), 4, "{tags:?}");
    assert!(tags[0].starts_with("attachment:"), "{tags:?}");
}

/// All the ways in, and what each leaves on record.
#[test]
fn who_may_not_see_it_gets_what_isnt_there() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    let unknown = scene
        .eve
        .get(&content("0190ffff-0000-7000-8000-000000000000"));
    assert_eq!(unknown.status, 404);
    let refused = |user: &User, id: &str, reason: &str| {
        for path in [content(id), format!("/attach-files/{id}/content")] {
            let before = scene.record(id).len();
            let answer = user.get(&path);
            assert_eq!(
                (answer.status, &answer.text),
                (404, &unknown.text),
                "{reason}"
            );
            assert_eq!(answer.headers.len(), unknown.headers.len());
            let record = scene.record(id);
            assert_eq!(record.len(), before + 1, "{reason}");
            assert_eq!(
                record.last().unwrap(),
                &(Outcome::Denied, reason.to_owned())
            );
        }
    };
    let got = |user: &User| {
        let before = scene.record(&id).len();
        let answer = user.get(&content(&id));
        assert_eq!((answer.status, answer.content.as_deref()), (200, Some(PNG)));
        assert_eq!(scene.record(&id).len(), before + 1);
        assert_eq!(scene.record(&id).last().unwrap().0, Outcome::Allowed);
    };
    let foreign = scene.bob.clone().claim("tenantId", json!("u"));
    let hidden = "not visible";
    refused(&scene.cat, &id, hidden);
    refused(&scene.eve.clone().moderator(), &id, hidden);
    got(&scene.bob);
    let message = send(&scene.bob, &[&id]);
    got(&scene.cat);
    refused(&scene.eve, &id, hidden);
    refused(&foreign, &id, hidden);
    for odd in ["x", "..%2f..%2fetc%2fpasswd", "%00", "%ff"] {
        assert_eq!(scene.bob.get(&content(odd)).text, unknown.text, "{odd}");
    }
    let leave = "DELETE FROM chat_members WHERE user_id = 'cat'";
    scene.service.0.connection.execute_batch(leave).unwrap();
    refused(&scene.cat, &id, hidden);
    join(&scene.service, "c", "cat", "member");

    // Kept back: nobody gets it, and only those who may change it see that.
    let one = format!("{PATH}/{id}");
    let quarantine = json!({"state": "quarantined"});
    let denied = scene.bob.patch(&one, quarantine.clone());
    assert_eq!(denied.status, 403);
    assert_eq!(
        scene.ann.clone().moderator().patch(&one, quarantine).status,
        204
    );
    assert!(scene.service.0.shelf.ended.borrow()[0].starts_with("attachment:"));
    refused(&scene.cat, &id, "quarantined");
    refused(&scene.bob, &id, "quarantined");
    refused(&scene.ann.clone().moderator(), &id, "quarantined");
    assert_eq!(scene.bob.read(&one)["state"], "quarantined");
    assert_eq!(scene.cat.get(&one).status, 404);
    assert_eq!(
        scene.bob.post(&format!("{one}/links"), json!({})).status,
        404
    );
    let release = json!({"state": "ready"});
    assert_eq!(
        scene.ann.clone().moderator().patch(&one, release).status,
        204
    );
    got(&scene.cat);

    assert_eq!(
        scene.bob.delete(&format!("/messages/{message}")).status,
        204
    );
    let ended = scene.service.0.shelf.ended.borrow();
    assert!(ended.last().unwrap().starts_with("message:"), "{ended:?}");
    drop(ended);
    assert_eq!((scene.links(), scene.used("bob")), (0, 0));
    for user in [&scene.bob, &scene.ann, &scene.cat] {
        refused(user, &id, hidden);
    }
}

#[test]
fn parts_and_conditions() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a", b"0123456789");
    let ask = |method: &str, headers: &[(&str, &str)]| {
        scene
            .bob
            .send_with(method, &content(&id), headers, Body::Empty)
    };
    let tag = ask("GET", &[]).header("etag").unwrap().to_owned();
    let part = ask("GET", &[("range", "bytes=2-4")]);
    assert_eq!(
        (part.status, part.content.as_deref()),
        (206, Some(&b"234"[..]))
    );
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let tail = ask("GET", &[("range", "bytes=-3"), ("if-range", &tag)]);
    assert_eq!(tail.content.as_deref(), Some(&b"789"[..]));
    for headers in [
        &[("range", "bytes=2-4"), ("if-range", "\"other\"")][..],
        &[
            ("range", "bytes=2-4"),
            ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ],
        &[("range", "bytes=4-2")],
        &[("range", "bytes=0-0,2-3")],
    ] {
        let whole = ask("GET", headers);
        assert_eq!(
            (whole.status, whole.content.unwrap().len()),
            (200, 10),
            "{headers:?}"
        );
    }
    let head = ask("HEAD", &[("range", "bytes=2-4")]);
    assert_eq!((head.status, head.content.unwrap().len()), (200, 10));
    let beyond = ask("GET", &[("range", "bytes=10-")]);
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(
        scene.record(&id).last().unwrap(),
        &(Outcome::Failed, "no such range".to_owned())
    );
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let same = ask("GET", &[("if-none-match", &known), ("range", "bytes=0-1")]);
        assert_eq!(
            (same.status, same.content.is_none()),
            (304, true),
            "{known}"
        );
        assert_eq!(same.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(
        scene.record(&id).last().unwrap(),
        &(Outcome::Allowed, "not modified".to_owned())
    );
}

#[test]
fn names_can_not_break_out() {
    let scene = Scene::new();
    for name in [
        "a\"\r\nSet-Cookie: x=1",
        "../../etc/passwd",
        "a.png.exe",
        "gpj.\u{202e}exe",
        "ü;=.txt",
    ] {
        let id = upload(&scene.bob, name, b"x\0");
        let got = scene.bob.get(&content(&id));
        let said = got.header("content-disposition").unwrap();
        assert!(
            said.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{said}"
        );
        assert!(said.starts_with("attachment; filename=\""), "{said}");
        assert!(!said.contains('/') && !said.contains('\\'), "{said}");
        assert_eq!(scene.bob.read(&format!("{PATH}/{id}"))["name"], name);
    }
}

#[test]
fn without_a_record_there_is_nothing() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a", b"x");
    scene.service.0.audit_is_down.set(true);
    for user in [&scene.bob, &scene.eve] {
        let answer = user.get(&content(&id));
        assert_eq!((answer.status, answer.content.is_none()), (503, true));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(scene.bob.get("/links/x").status, 400);
    assert_eq!(scene.service.nobody().get("/links/x").status, 503);
    assert_eq!(scene.bob.get(&format!("{PATH}/{id}/downloads")).status, 503);
    scene.service.0.audit_is_down.set(false);
    for (fault, status, reason) in [
        (BlobError::Busy, 503, "busy"),
        (BlobError::Unavailable, 503, "store unavailable"),
        (BlobError::NoSuchBlob, 404, "lost"),
        (BlobError::Other, 500, "store failed"),
    ] {
        scene.service.0.shelf.fault.replace(Some(fault));
        assert_eq!(scene.bob.get(&content(&id)).status, status);
        assert_eq!(
            scene.record(&id).last().unwrap(),
            &(Outcome::Failed, reason.to_owned())
        );
    }
    for (fault, status) in [
        (BlobError::Busy, 503),
        (BlobError::Full, 507),
        (BlobError::Timeout, 408),
        (BlobError::Disconnected, 400),
        (BlobError::TooLarge(1), 413),
    ] {
        let id = text(&announce(&scene.bob, "b", 2), "id");
        scene.service.0.shelf.fault.replace(Some(fault));
        assert_eq!(put(&scene.bob, &id, b"xy").status, status);
    }
}

#[test]
fn what_ends_while_a_download_begins_is_not_sent() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a", b"x");
    send(&scene.bob, &[&id]);
    let sql = "UPDATE chat_messages SET deleted = TRUE WHERE body = 'see'";
    scene.service.0.shelf.interruption.set(Some(sql));
    let answer = scene.cat.get(&content(&id));
    assert_eq!((answer.status, answer.content.is_none()), (404, true));
    assert_eq!(scene.service.0.shelf.opened.borrow().len(), 1);
}
