//! `ETag`, `If-None-Match` and `If-Match`.

use chat::api::Body;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Service, User, join};

fn with(user: &User, method: &str, path: &str, header: (&str, &str), body: Option<Json>) -> Answer {
    let headers = [("content-type", "application/json"), header];
    let body = body.map_or(Body::Empty, |it| Body::Bytes(it.to_string().into_bytes()));
    user.send_with(method, path, &headers, body)
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

#[test]
fn a_read_has_a_tag_and_is_answered_once() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "x");
    for path in [
        "/messages".to_owned(),
        "/messages/count".to_owned(),
        format!("/messages/{id}"),
        format!("/messages/{id}/messages"),
        "/messages/x/messages".to_owned(),
    ] {
        let first = ann.get(&path);
        let tag = tag(&first);
        assert_eq!((tag.len(), &tag[..1]), (34, "\""), "{path}");
        assert_eq!(first.header("cache-control"), Some("private, no-cache"));
        for known in [tag.clone(), format!("\"a\", W/{tag}"), "*".to_owned()] {
            for method in ["GET", "HEAD"] {
                let again = with(&ann, method, &path, ("if-none-match", &known), None);
                assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
                assert_eq!(again.header("etag"), Some(tag.as_str()));
                assert_eq!(again.header("content-type"), None);
            }
        }
        for unknown in ["\"a\"", "nonsense", "W/\"\""] {
            let again = with(&ann, "GET", &path, ("if-none-match", unknown), None);
            assert_eq!(
                (again.status, again.text),
                (200, first.text.clone()),
                "{path}"
            );
        }
    }
    let missing = with(&ann, "GET", "/messages/x", ("if-none-match", "*"), None);
    assert_eq!((missing.status, missing.header("etag")), (404, None));
}

#[test]
fn a_change_gives_another_tag() {
    let service = Service::new();
    let ann = service.user("ann");
    let path = format!("/messages/{}", ann.say("c", "x"));
    let before = tag(&ann.get(&path));
    ann.patch(&path, json!({"body": "y"}));
    assert_ne!(tag(&ann.get(&path)), before);
}

#[test]
fn what_has_changed_since_is_not_changed() {
    let service = Service::new();
    let ann = service.user("ann");
    let path = format!("/messages/{}", ann.say("c", "x"));
    let old = tag(&ann.get(&path));
    let change = |tag: &str| {
        with(
            &ann,
            "PATCH",
            &path,
            ("if-match", tag),
            Some(json!({"body": "y"})),
        )
    };
    assert_eq!(change(&format!("W/{old}")).status, 412, "compared strongly");
    assert_eq!(change(&format!("\"a\", {old}")).status, 204);
    let full = json!({"body": "z", "channelId": "c", "channelType": "group"});
    let recorded = service.0.audit.borrow().len();
    for answer in [
        change(&old),
        with(&ann, "PUT", &path, ("if-match", &old), Some(full)),
        with(&ann, "DELETE", &path, ("if-match", &old), None),
    ] {
        assert_eq!(answer.status, 412);
        assert_eq!(answer.json["error"]["name"], "PreconditionFailedError");
    }
    assert_eq!(ann.read(&path)["body"], "y");
    assert_eq!(service.0.audit.borrow().len(), recorded);
    for malformed in ["", "x", "\"a", "\"a\" \"b\""] {
        let answer = change(malformed);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json["error"]["code"], "INVALID_IF_MATCH");
    }
    assert_eq!(change("*").status, 204);
    let new = tag(&ann.get(&path));
    assert_eq!(
        with(&ann, "DELETE", &path, ("if-match", &new), None).status,
        204
    );
}

/// A tag tells nothing about what the caller can't see or may not change.
#[test]
fn who_may_not_change_a_thing_learns_nothing_from_a_tag() {
    let service = Service::new();
    let ann = service.user("ann");
    let path = format!("/messages/{}", ann.say("c", "x"));
    let current = tag(&ann.get(&path));
    join(&service, "c", "bob", "member");
    for tag in [current.as_str(), "\"a\"", "*"] {
        let status = |user: &User, path: &str| {
            with(
                user,
                "PATCH",
                path,
                ("if-match", tag),
                Some(json!({"body": "y"})),
            )
            .status
        };
        assert_eq!(status(&service.user("eve"), &path), 404, "{tag}");
        assert_eq!(status(&service.user("bob"), &path), 403, "{tag}");
        assert_eq!(status(&ann, "/messages/x"), 404, "{tag}");
    }
}
