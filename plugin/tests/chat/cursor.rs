//! Lists read page by page with a cursor.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{Answer, Service, User, encoded};

/// Whom the rows belong to.
fn ann() -> User {
    let ann = Service::new().user("ann");
    ann.say("c", "first");
    let connection = &ann.service.0.connection;
    connection.execute("DELETE FROM chat_messages", ()).unwrap();
    ann
}

/// A message, written past the service.
fn insert(ann: &User, id: u8, status: i64, subject: Option<&str>, created_on: i64) {
    let sql = "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status,
            subject, created_by, created_on, modified_by, modified_on, deleted)
         VALUES (?, 't', 'c', 'group', 'x', ?, ?, 'ann', ?, 'ann', 0, 0)";
    let id = [id; 16];
    let params = (id, status, subject, created_on * 1_000);
    ann.service.0.connection.execute(sql, params).unwrap();
}

fn page(user: &User, path: &str, filter: &Json, cursor: Option<&str>) -> Answer {
    let cursor = cursor.map_or(String::new(), |it| format!("&cursor={it}"));
    let answer = user.get(&format!("{path}?filter={}{cursor}", encoded(filter)));
    assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    answer
}

fn rows(answer: &Answer) -> Vec<Json> {
    answer.json.as_array().unwrap().clone()
}

/// All rows, page by page; `between` is done after each page.
fn walk(user: &User, path: &str, filter: &Json, mut between: impl FnMut()) -> Vec<Json> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..100 {
        let answer = page(user, path, filter, cursor.as_deref());
        all.extend(rows(&answer));
        match answer.header("x-next-cursor") {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
        between();
    }
    panic!("a list without an end: {filter}");
}

/// What a client that knows links gets.
fn follow(user: &User, path: &str, filter: &Json) -> Vec<Json> {
    let mut all = Vec::new();
    let mut reference = format!("?filter={}", encoded(filter));
    for _ in 0..100 {
        let answer = user.get(&format!("{path}{reference}"));
        all.extend(rows(&answer));
        let Some(link) = answer.header("link") else {
            return all;
        };
        let link = link.strip_prefix('<').unwrap();
        reference = link.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    panic!("links without an end: {filter}");
}

const KEYS: [&str; 6] = [
    "status",
    "subject",
    "createdOn",
    "deleted",
    "toUserId",
    "id",
];

fn orders() -> impl Strategy<Value = Vec<String>> {
    let key = (proptest::sample::select(&KEYS[..]), any::<bool>());
    let text = key.prop_map(|(name, up)| format!("{name} {}", if up { "ASC" } else { "DESC" }));
    proptest::collection::vec(text, 0..4)
}

fn lines() -> impl Strategy<Value = Vec<(i64, Option<&'static str>, i64)>> {
    let subject = proptest::option::of(proptest::sample::select(&["", "a", "b", "ä"][..]));
    proptest::collection::vec((0..3_i64, subject, 0..3_i64), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn the_pages_are_the_list(
        lines in lines(),
        order in orders(),
        limit in 1..6_i64,
        in_channel in any::<bool>(),
        few in any::<bool>(),
    ) {
        let ann = ann();
        for (index, (status, subject, created_on)) in lines.iter().enumerate() {
            insert(&ann, 3 + 7 * index as u8, *status, *subject, *created_on);
        }
        let mut filter = json!({"order": order, "where": {"status": {"lt": 2}}});
        if in_channel {
            filter["where"]["channelId"] = json!("c");
        }
        if few {
            filter["fields"] = json!(["body", "id"]);
        }
        let whole = rows(&page(&ann, "/messages", &filter, None));
        filter["limit"] = json!(limit);
        prop_assert_eq!(&walk(&ann, "/messages", &filter, || ()), &whole);
        prop_assert_eq!(&follow(&ann, "/messages", &filter), &whole);
    }

    #[test]
    fn what_comes_in_between_shifts_nothing(
        lines in lines(),
        more in lines(),
        order in orders(),
        limit in 1..6_i64,
    ) {
        let ann = ann();
        for (index, (status, subject, created_on)) in lines.iter().enumerate() {
            insert(&ann, 3 + 7 * index as u8, *status, *subject, *created_on);
        }
        let filter = json!({"order": order, "limit": limit});
        let unpaged = json!({"order": order});
        let whole = rows(&page(&ann, "/messages", &unpaged, None));
        let mut more = more.iter().enumerate();
        let walked = walk(&ann, "/messages", &filter, || {
            if let Some((index, (status, subject, created_on))) = more.next() {
                insert(&ann, 5 + 7 * index as u8, *status, *subject, *created_on);
            }
        });
        let counts = walked.iter().fold(BTreeMap::new(), |mut counts, row| {
            *counts.entry(row["id"].to_string()).or_insert(0) += 1;
            counts
        });
        prop_assert!(counts.values().all(|count| *count == 1), "a row comes twice");
        let known: Vec<_> = walked.into_iter().filter(|row| whole.contains(row)).collect();
        prop_assert_eq!(known, whole);
    }
}

#[test]
fn lists_below_a_message_and_of_other_models_have_cursors() {
    let service = Service::new();
    let ann = service.user("ann");
    let id = ann.say("c", "top");
    for number in 0..5 {
        ann.say_with("c", "reply", json!({"parentMessageId": id}));
        ann.make("/attach-files", json!({"channelId": "c", "messageId": id}));
        let recipient = format!("r{number}");
        let recipient = json!({"channelId": "c", "messageId": id, "recipientId": recipient});
        ann.make("/message-recipients", recipient);
    }
    for path in [
        format!("/messages/{id}/messages"),
        format!("/messages/{id}/message-recipients"),
        "/attach-files".to_owned(),
        "/message-recipients".to_owned(),
    ] {
        let filter = json!({"limit": 2, "order": ["modifiedBy DESC", "createdOn"]});
        let whole = json!({"order": ["modifiedBy DESC", "createdOn"]});
        let whole = rows(&page(&ann, &path, &whole, None));
        assert_eq!(whole.len(), 5, "{path}");
        assert_eq!(walk(&ann, &path, &filter, || ()), whole, "{path}");
        assert_eq!(follow(&ann, &path, &filter), whole, "{path}");
    }
}

#[test]
fn only_a_full_page_goes_on() {
    let ann = ann();
    for id in 1..=3 {
        insert(&ann, id, 0, None, 0);
    }
    for (limit, goes_on) in [(1, true), (3, true), (4, false)] {
        let answer = page(&ann, "/messages", &json!({"limit": limit}), None);
        assert_eq!(answer.header("x-next-cursor").is_some(), goes_on, "{limit}");
        assert_eq!(answer.header("link").is_some(), goes_on, "{limit}");
    }
    let first = page(&ann, "/messages", &json!({"limit": 3}), None);
    let last = page(
        &ann,
        "/messages",
        &json!({"limit": 3}),
        first.header("x-next-cursor"),
    );
    assert_eq!((last.text.as_str(), last.header("link")), ("[]", None));
}

#[test]
fn a_cursor_grants_nothing() {
    let ann = ann();
    for id in 1..=4 {
        insert(&ann, id, i64::from(id), None, i64::from(id));
    }
    let eve = ann.service.user("eve");
    let answer = page(&ann, "/messages", &json!({"limit": 1}), None);
    let cursor = answer.header("x-next-cursor");
    assert_eq!(rows(&page(&ann, "/messages", &json!({}), cursor)).len(), 3);
    assert!(rows(&page(&eve, "/messages", &json!({}), cursor)).is_empty());
    let some = json!({"where": {"status": 4}});
    assert_eq!(rows(&page(&ann, "/messages", &some, cursor)).len(), 1);
}

#[test]
fn what_is_unchanged_keeps_its_link() {
    let ann = ann();
    insert(&ann, 1, 0, None, 0);
    let path = "/messages?filter[limit]=1";
    let first = ann.get(path);
    let known = [("if-none-match", first.header("etag").unwrap())];
    let again = ann.send_with("GET", path, &known, chat::api::Body::Empty);
    assert_eq!(again.status, 304);
    assert_eq!(again.header("link"), first.header("link"));
    assert_eq!(again.header("content-type"), None);
}

#[test]
fn long_texts_and_skipped_rows() {
    let ann = ann();
    ann.say("c", &"x".repeat(1_100));
    ann.say("c", "short");
    let by_body = page(
        &ann,
        "/messages",
        &json!({"order": "body DESC", "limit": 1}),
        None,
    );
    assert_eq!(by_body.header("x-next-cursor"), None);
    let skipped = page(&ann, "/messages", &json!({"skip": 1, "limit": 1}), None);
    assert_eq!(skipped.header("link"), None);
    assert!(skipped.header("x-next-cursor").is_some());
    let long = format!("{:4000}", "x");
    let long = json!({"limit": 1, "where": {"body": {"neq": long}}});
    let long = page(&ann, "/messages", &long, None);
    assert_eq!(long.header("link"), None);
    assert!(long.header("x-next-cursor").is_some());
}

#[test]
fn refusals() {
    let ann = ann();
    insert(&ann, 1, 0, None, 0);
    let id = ann.say("c", "x");
    let answer = ann.get("/messages?filter[limit]=1");
    let cursor = answer.header("x-next-cursor").unwrap();
    let no_message = format!("/messages/x/messages?cursor={cursor}x");
    for (path, code) in [
        (format!("/messages?cursor={cursor}x"), "format"),
        ("/messages?cursor=".to_owned(), "format"),
        ("/messages?cursor=%00".to_owned(), "format"),
        (format!("/messages/{id}/messages?cursor=e30"), "format"),
        (no_message, "format"),
        (
            format!("/messages?cursor={cursor}&filter[order]=createdOn+DESC"),
            "order",
        ),
        (
            format!("/messages?cursor={cursor}&filter[order]=status"),
            "order",
        ),
        (format!("/messages?cursor={cursor}&filter[skip]=1"), "not"),
        (format!("/messages?cursor={cursor}&filter[offset]=1"), "not"),
    ] {
        let error = &ann.get(&path).json["error"];
        assert_eq!(error["statusCode"], 400, "{path}");
        assert_eq!(error["code"], "INVALID_PARAMETER_VALUE", "{path}");
        assert_eq!(
            error["message"], "Invalid data for parameter \"cursor\".",
            "{path}"
        );
        assert_eq!(error["details"][0]["code"], code, "{path}");
    }
    for path in ["/messages?cursor=a&cursor=a", "/messages?cursor[a]=b"] {
        let error = &ann.get(path).json["error"];
        assert_eq!(error["code"], "INVALID_PARAMETER_VALUE", "{path}");
        assert!(error["details"]["syntaxError"].is_string(), "{path}");
    }
    // The same order in other words, and a skip of nothing.
    for same in ["filter[order]=created_on+asc", "filter[skip]=0"] {
        let answer = ann.get(&format!("/messages?cursor={cursor}&{same}"));
        assert_eq!(rows(&answer).len(), 1, "{same}");
    }
}
