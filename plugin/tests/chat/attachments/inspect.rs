//! What inspectors find, and what follows from it.

use chat::api::Body;
use chat::ports::{Derived, Error, Finding, Incoming, Inspection, Outcome, Report, Storing};
use serde_json::{Value as Json, json};

use super::{PATH, PNG, Scene, announce, content, form, put, send, text, tus, upload};
use crate::blobs;
use crate::support::User;

const SMALL: &[u8] = b"a small picture";

fn thumbnail(id: &str) -> String {
    format!("{PATH}/{id}/thumbnail")
}

fn by(inspector: &str, finding: Finding) -> Inspection {
    Inspection {
        inspector: inspector.to_owned(),
        finding,
        facts: Vec::new(),
        derived: Vec::new(),
    }
}

fn suspicious() -> Inspection {
    by("scanner", Finding::Suspicious("EICAR".to_owned()))
}

fn failed() -> Inspection {
    by("scanner", Finding::Failed("trap".to_owned()))
}

impl Scene {
    /// What was asked for last: blob, media type and tag.
    fn asked(&self) -> (String, String, String) {
        let asked = self.service.0.shelf.asked.borrow();
        asked.last().unwrap().clone()
    }

    /// Reports on what was uploaded last.
    fn report(&self, inspections: Vec<Inspection>) -> Result<(), String> {
        let (blob, _, tag) = self.asked();
        self.service.report(&tag, &Report { blob, inspections })
    }

    /// A picture, with a small one in the store as the host puts it there.
    fn picture(&self, small: &[u8]) -> Inspection {
        let how = Storing {
            scope: "derived".to_owned(),
            limit: 1_000_000,
            sha256: None,
        };
        let world = &self.service.0;
        let body = blobs::Body::of(small);
        let stored = world.shelf.put(&world.connection, body, &how).unwrap();
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Inspection {
            facts: vec![fact("width", "640"), fact("height", "480")],
            derived: vec![Derived {
                name: "thumbnail".to_owned(),
                media_type: "image/jpeg".to_owned(),
                blob: stored.id,
                size: stored.size,
            }],
            ..by("pictures", Finding::Clean)
        }
    }

    /// Entries of the record about an attachment: action and details.
    fn told(&self, id: &str) -> Vec<(String, Json)> {
        let audit = self.service.0.audit.borrow();
        let entries = audit.iter();
        let entries = entries.filter(|it| it.entity == "attachment" && it.entity_id == id);
        entries
            .map(|it| {
                let details = it.details.as_deref().unwrap_or("null");
                (it.action.clone(), serde_json::from_str(details).unwrap())
            })
            .collect()
    }

    fn state(&self, user: &User, id: &str) -> (Json, Json) {
        let read = user.read(&format!("{PATH}/{id}"));
        (read["state"].clone(), read["available"].clone())
    }
}

#[test]
fn each_way_in_asks_for_an_inspection_with_the_commit() {
    let scene = Scene::new();
    let asked = || scene.service.0.shelf.asked.borrow().len();
    let made = announce(&scene.bob, "a.png", PNG.len());
    let id = text(&made, "id");
    assert_eq!(asked(), 0);
    // What is not committed is not asked for, wherever it fails: the last of these is the
    // commit itself.
    let mut failed = 0;
    loop {
        let faults = (0..failed).map(|_| None).chain([Some(Error::Other)]);
        scene.service.0.faults.borrow_mut().extend(faults);
        let answer = put(&scene.bob, &id, PNG);
        if !scene.service.0.faults.take().is_empty() {
            assert_eq!(answer.status, 200, "{}", answer.text);
            break;
        }
        assert_eq!((answer.status, asked()), (500, 0), "{}", answer.text);
        failed += 1;
    }
    assert!(failed > 4, "{failed}");
    let (blob, media_type, tag) = scene.asked();
    assert_eq!(media_type, "image/png");
    assert_eq!(tag, format!("attachment:{}", id.replace('-', "")));
    let kept = scene.number(&format!(
        "SELECT COUNT(*) FROM chat_files WHERE blob_id = '{blob}'"
    ));
    assert_eq!((kept, asked()), (1, 1));

    let made = form(&scene.bob, &[("channelId", "c")], "a.txt", "hello");
    assert_eq!((made.status, asked()), (201, 2), "{}", made.text);
    assert_eq!(scene.asked().1, "text/plain; charset=utf-8");

    let head = [
        ("upload-length", "3"),
        ("upload-metadata", "channelId Yw=="),
    ];
    let begun = tus(&scene.bob, "POST", "/attachments/uploads", &head, b"");
    let place = format!("{PATH}/{}", begun.header("location").unwrap());
    for (offset, part, wanted) in [("0", b"ab".as_slice(), 2), ("2", b"c", 3)] {
        let headers = [
            ("content-type", "application/offset+octet-stream"),
            ("upload-offset", offset),
        ];
        let sent = tus(&scene.bob, "PATCH", &place, &headers, part);
        assert_eq!((sent.status, asked()), (204, wanted), "{}", sent.text);
    }
}

#[test]
fn a_picture_is_measured_and_has_a_small_one() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    let before = scene.bob.read(&format!("{PATH}/{id}"));
    assert_eq!(
        (&before["width"], &before["thumbnail"], &before["available"]),
        (&json!(null), &json!(false), &json!(true))
    );
    assert_eq!(scene.bob.get(&thumbnail(&id)).status, 404);
    let picture = scene.picture(SMALL);
    scene.report(vec![picture.clone()]).unwrap();
    let (links, used) = (scene.links(), scene.used("bob"));
    assert_eq!((links, used), (2, (PNG.len() + SMALL.len()) as i64));
    assert_eq!(scene.used(""), used);
    // The host tells it again when it could not note that it was taken.
    scene.report(vec![picture]).unwrap();
    scene.report(vec![suspicious()]).unwrap();
    assert_eq!((scene.links(), scene.used("bob")), (links, used));
    let told = scene.told(&id);
    let inspected = told.iter().filter(|it| it.0 == "attachment.inspect");
    assert_eq!(inspected.count(), 1, "{told:?}");

    let read = scene.bob.read(&format!("{PATH}/{id}"));
    assert_eq!(
        (&read["width"], &read["height"], &read["thumbnail"]),
        (&json!(640), &json!(480), &json!(true))
    );
    let file = scene.bob.read(&format!("/attach-files/{id}"));
    assert_eq!(
        file["metaData"],
        json!({
            "name": "a.png", "size": PNG.len(), "type": "image/png",
            "width": 640, "height": 480, "thumbnail": true,
        })
    );

    let got = scene.bob.get(&thumbnail(&id));
    assert_eq!(
        (got.status, got.content.as_deref()),
        (200, Some(SMALL)),
        "{}",
        got.text
    );
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-disposition", "inline; filename=\"thumbnail.jpeg\""),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cross-origin-resource-policy", "same-site"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    let tag = got.header("etag").unwrap().to_owned();
    let ask = |name, value: &str| {
        let headers = [(name, value)];
        let path = thumbnail(&id);
        scene.bob.send_with("GET", &path, &headers, Body::Empty)
    };
    assert_eq!(ask("if-none-match", &tag).status, 304);
    let part = ask("range", "bytes=2-6");
    assert_eq!(
        (part.status, part.content.as_deref()),
        (206, Some(&SMALL[2..7]))
    );
    assert_eq!(ask("range", "bytes=99-").status, 416);
    assert_ne!(scene.bob.get(&content(&id)).header("etag").unwrap(), tag);
}

/// The small picture is as visible as the large one, and as well recorded.
#[test]
fn a_small_picture_follows_its_message() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    scene.report(vec![scene.picture(SMALL)]).unwrap();
    let path = thumbnail(&id);
    let last = || scene.record(&id).last().unwrap().clone();
    let hidden = (Outcome::Denied, "not visible".to_owned());
    let unknown = scene.eve.get(&thumbnail("x")).text;

    assert_eq!(scene.cat.get(&path).status, 404);
    assert_eq!(last(), hidden);
    let message = send(&scene.bob, &[&id]);
    let got = scene.cat.get(&path);
    assert_eq!(got.content.as_deref(), Some(SMALL));
    assert_eq!(last(), (Outcome::Allowed, String::new()));
    let opened = scene.service.0.shelf.opened.borrow();
    let tags = &opened.last().unwrap().tags;
    assert_eq!(tags.len(), 4, "{tags:?}");
    drop(opened);
    let head = scene.cat.send("HEAD", &path, Body::Empty);
    assert_eq!(head.status, 200);
    assert_eq!(scene.eve.get(&path).text, unknown);
    assert_eq!(last(), hidden);
    let foreign = scene.bob.clone().claim("tenantId", json!("u"));
    assert_eq!(foreign.get(&path).text, unknown);

    // Which bytes it was is told to those who may know who had them.
    let downloads = scene.bob.read(&format!("{PATH}/{id}/downloads"));
    let what: Vec<_> = downloads.as_array().unwrap().iter().collect();
    assert!(what.iter().all(|it| it["what"] == "thumbnail"), "{what:?}");
    scene.cat.get(&content(&id));
    let downloads = scene.bob.read(&format!("{PATH}/{id}/downloads"));
    assert_eq!(downloads[0]["what"], "content");

    scene.service.0.audit_is_down.set(true);
    assert_eq!(scene.cat.get(&path).status, 503);
    scene.service.0.audit_is_down.set(false);

    assert_eq!(
        scene.bob.delete(&format!("/messages/{message}")).status,
        204
    );
    assert_eq!(scene.cat.get(&path).text, unknown);
    // Both are given up, and the room with them.
    assert_eq!(
        (scene.links(), scene.used("bob"), scene.used("")),
        (0, 0, 0)
    );
    // A report that comes now finds nothing to say it of.
    scene.report(vec![scene.picture(b"late")]).unwrap();
    assert_eq!((scene.links(), scene.used("bob")), (0, 0));
}

#[test]
fn what_is_suspicious_is_kept_back() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    send(&scene.bob, &[&id]);
    assert_eq!(scene.cat.get(&content(&id)).status, 200);
    scene
        .report(vec![scene.picture(SMALL), suspicious()])
        .unwrap();
    // A download that runs is ended.
    let ended = scene.service.0.shelf.ended.borrow().clone();
    assert_eq!(ended, [format!("attachment:{}", id.replace('-', ""))]);
    for path in [content(&id), thumbnail(&id)] {
        for user in [&scene.cat, &scene.bob, &scene.ann.clone().moderator()] {
            assert_eq!(user.get(&path).status, 404, "{path}");
        }
    }
    assert_eq!(
        scene.record(&id).last().unwrap(),
        &(Outcome::Denied, "quarantined".to_owned())
    );
    assert_eq!(scene.cat.get(&format!("{PATH}/{id}")).status, 404);
    let wanted = (json!("quarantined"), json!(false));
    assert_eq!(scene.state(&scene.bob, &id), wanted);
    let (action, details) = scene.told(&id).pop().unwrap();
    assert_eq!(action, "attachment.quarantine");
    assert_eq!(
        details,
        json!({
            "tenant": "t", "cleanBy": "pictures", "silent": [],
            "suspiciousBy": "scanner", "reason": "EICAR",
        })
    );

    // Somebody who may looks at it, and gives it free; a report that comes again is late.
    let moderator = scene.ann.clone().moderator();
    let one = format!("{PATH}/{id}");
    assert_eq!(moderator.patch(&one, json!({"state": "ready"})).status, 204);
    scene.report(vec![suspicious()]).unwrap();
    assert_eq!(scene.cat.get(&content(&id)).status, 200);
    assert_eq!(
        scene.cat.get(&thumbnail(&id)).content.as_deref(),
        Some(SMALL)
    );
    // What is not in a message yet can't be sent any more.
    let other = upload(&scene.bob, "b.png", b"other");
    scene.report(vec![suspicious()]).unwrap();
    let body = json!({
        "body": "see", "channelId": "c", "channelType": "group", "attachmentIds": [other],
    });
    assert_eq!(scene.bob.post("/messages", body).status, 422);
}

#[test]
fn what_a_moderator_kept_back_stays_so() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    send(&scene.bob, &[&id]);
    let moderator = scene.ann.clone().moderator();
    let one = format!("{PATH}/{id}");
    let kept = moderator.patch(&one, json!({"state": "quarantined"}));
    assert_eq!(kept.status, 204);
    scene.report(vec![by("scanner", Finding::Clean)]).unwrap();
    assert_eq!(
        scene.state(&scene.bob, &id),
        (json!("quarantined"), json!(false))
    );
}

#[test]
fn what_could_not_be_looked_into_stays_usable_unless_the_operator_says_otherwise() {
    let nothing = || by("scanner", Finding::Unknown("no text".to_owned()));
    let clean = || by("scanner", Finding::Clean);
    let of_another = || by("pictures", Finding::Clean);
    for (required, report, available) in [
        ("", None, true),
        ("", Some(vec![]), true),
        ("", Some(vec![failed()]), true),
        ("", Some(vec![nothing()]), true),
        ("scanner", None, false),
        ("scanner", Some(vec![]), false),
        ("scanner", Some(vec![failed()]), false),
        ("scanner", Some(vec![nothing(), of_another()]), false),
        ("scanner", Some(vec![clean(), failed()]), true),
        ("scanner", Some(vec![clean()]), true),
        ("scanner, pictures", Some(vec![clean()]), false),
        ("scanner pictures", Some(vec![clean(), of_another()]), true),
        ("scan", Some(vec![clean()]), false),
    ] {
        let scene = Scene::with(&[("attachment-clean-by", required)]);
        let id = upload(&scene.bob, "a.png", PNG);
        // It can be sent; who gets it is another question.
        send(&scene.bob, &[&id]);
        let case = format!("{required:?} {report:?}");
        if let Some(report) = report {
            scene.report(report).unwrap();
        }
        assert_eq!(
            scene.state(&scene.bob, &id),
            (json!("ready"), json!(available)),
            "{case}"
        );
        let status = if available { 200 } else { 404 };
        for user in [&scene.bob, &scene.cat] {
            assert_eq!(user.get(&content(&id)).status, status, "{case}");
        }
        if !available {
            assert_eq!(
                scene.record(&id).last().unwrap(),
                &(Outcome::Denied, "not called clean".to_owned())
            );
            assert_eq!(scene.bob.get(&thumbnail(&id)).status, 404);
            // A moderator's word is as good.
            let moderator = scene.ann.clone().moderator();
            let one = format!("{PATH}/{id}");
            let release = json!({"state": "ready"});
            assert_eq!(moderator.patch(&one, release).status, 204, "{case}");
            assert_eq!(scene.cat.get(&content(&id)).status, 200, "{case}");
        }
    }
}

/// A link follows the same rule, whenever it was made.
#[test]
fn a_link_gives_nothing_before_it_is_clean() {
    let scene = Scene::with(&[("attachment-clean-by", "scanner")]);
    let id = upload(&scene.bob, "a.png", PNG);
    let made = scene.bob.post(&format!("{PATH}/{id}/links"), json!({}));
    let url = text(&made, "url");
    let path = url.strip_prefix("../..").unwrap();
    let nobody = scene.service.nobody();
    assert_eq!(nobody.get(path).status, 404);
    scene.report(vec![by("scanner", Finding::Clean)]).unwrap();
    assert_eq!(nobody.get(path).content.as_deref(), Some(PNG));
}

#[test]
fn a_report_that_can_not_be_kept_comes_again() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    let picture = scene.picture(SMALL);
    let faults = |faults: Vec<Option<Error>>| scene.service.0.faults.borrow_mut().extend(faults);
    faults(vec![Some(Error::Unavailable)]);
    assert!(scene.report(vec![picture.clone()]).is_err());
    scene.service.0.faults.borrow_mut().clear();
    // Tried again at once where another transaction came in between.
    faults(vec![None, Some(Error::Conflict)]);
    scene.report(vec![picture]).unwrap();
    assert_eq!((scene.links(), scene.told(&id).len()), (2, 3));

    // The small picture was collected before it was taken: the host makes another.
    let id = upload(&scene.bob, "b.png", b"other");
    let mut gone = scene.picture(SMALL);
    gone.derived[0].blob = "gone".to_owned();
    let refused = scene.report(vec![gone]);
    assert_eq!(refused, Err("the small picture is gone".to_owned()));
    assert_eq!(
        scene.bob.read(&format!("{PATH}/{id}"))["width"],
        json!(null)
    );

    // What is none of ours is no better the next time, and what is of another blob neither.
    let none = Report {
        blob: "b".to_owned(),
        inspections: vec![suspicious()],
    };
    for tag in [
        "",
        "attachment:x",
        "message:0190ffff000070008000000000000000",
    ] {
        assert_eq!(scene.service.report(tag, &none), Ok(()), "{tag}");
    }
    assert_eq!(scene.service.0.log.borrow().len(), 3);
    let (_, _, tag) = scene.asked();
    assert_eq!(scene.service.report(&tag, &none), Ok(()));
    assert_eq!(scene.state(&scene.bob, &id), (json!("ready"), json!(true)));
}

#[test]
fn what_a_client_says_of_a_file_is_left_alone() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a.png", PNG);
    let own = json!({"metaData": {"mine": 1}});
    let changed = scene.bob.patch(&format!("/attach-files/{id}"), own);
    assert_eq!(changed.status, 204, "{}", changed.text);
    scene.report(vec![scene.picture(SMALL)]).unwrap();
    let file = scene.bob.read(&format!("/attach-files/{id}"));
    assert_eq!(file["metaData"], json!({"mine": 1}));
}
