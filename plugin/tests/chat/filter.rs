//! What filters select, told by examples.

use serde_json::{Value as Json, json};

use crate::support::{Service, User, encoded};

/// Five messages, a millisecond apart.
fn scene() -> User {
    let service = Service::new();
    let ann = service.user("ann");
    for (body, more) in [
        ("Alpha", json!({"status": 1, "subject": "one"})),
        ("beta", json!({"status": 2, "subject": "50%"})),
        ("Ärger", json!({"status": 3, "toUserId": "bob"})),
        ("a_b", json!({"status": 4, "channelType": "dm"})),
        ("line\nbreak", json!({"status": 5})),
    ] {
        ann.say_with("c", body, more);
    }
    ann
}

#[test]
fn operators() {
    let ann = scene();
    for (condition, wanted) in [
        (json!({}), "12345"),
        (json!({"status": 1}), "1"),
        (json!({"status": "1"}), "1"),
        (json!({"status": {"eq": 2}}), "2"),
        (json!({"status": {"neq": 2}}), "1345"),
        (json!({"status": {"gt": 2, "lt": 5}}), "34"),
        (json!({"status": {"gte": 2}}), "2345"),
        (json!({"status": {"lte": 2}}), "12"),
        (json!({"status": {"between": [2, 4]}}), "234"),
        (json!({"status": {"inq": [1, "5"]}}), "15"),
        (json!({"status": {"inq": []}}), ""),
        (json!({"status": {"nin": [1, 5]}}), "234"),
        (json!({"status": {"nin": []}}), "12345"),
        (json!({"subject": null}), "345"),
        (json!({"subject": {"neq": null}}), "12"),
        (json!({"subject": {"exists": true}}), "12"),
        (json!({"subject": {"exists": false}}), "345"),
        (json!({"subject": {"nin": []}}), "12"),
        (json!({"subject": {"neq": "one"}}), "2"),
        (json!({"subject": {"nlike": "o%"}}), "2"),
        (json!({"subject": {"like": "50\\%"}}), "2"),
        (json!({"body": {"like": "a%"}}), "4"),
        (json!({"body": {"like": "%a"}}), "12"),
        (json!({"body": {"like": "a_b"}}), "4"),
        (json!({"body": {"like": "a\\_b"}}), "4"),
        (json!({"body": {"like": "line%k"}}), "5"),
        (json!({"body": {"nlike": "%a"}}), "345"),
        (json!({"body": {"ilike": "A%"}}), "14"),
        (json!({"body": {"ilike": "äRG%"}}), "3"),
        (json!({"body": {"nilike": "A%"}}), "235"),
        (json!({"body": {"regexp": "^[A-Z]"}}), "1"),
        (json!({"body": {"regexp": "/^a/i"}}), "14"),
        (json!({"body": {"regexp": "line.break"}}), "5"),
        (json!({"body": {"gt": "b"}}), "235"),
        (json!({"channelType": "dm"}), "4"),
        (json!({"toUserId": "bob"}), "3"),
        (json!({"deleted": false}), "12345"),
        (json!({"deleted": "true"}), ""),
        (
            json!({"createdOn": {"gt": "2026-11-24T09:16:17.765Z"}}),
            "345",
        ),
        (json!({"createdOn": "2026-11-24T10:16:17.765+01:00"}), "2"),
        (json!({"createdOn": {"lte": 1_795_511_777_765_i64}}), "12"),
        (json!({"createdOn": {"gte": "2026-11-24"}}), "12345"),
        (json!({"createdOn": {"gte": "2026-11-25T00:00:00"}}), ""),
        (json!({"or": [{"status": 1}, {"status": 2}]}), "12"),
        (
            json!({"or": [{"status": 1}, {"status": 2}], "status": 2}),
            "2",
        ),
        (
            json!({"or": [{"status": 1}, {"status": 2}], "and": [{"status": 2}, {"body": "beta"}]}),
            "2",
        ),
        (
            json!({"and": [{"or": [{"status": 1}, {"subject": null}]}, {"status": {"lt": 4}}]}),
            "13",
        ),
    ] {
        let page = ann.get(&format!(
            "/messages?filter={}",
            crate::support::encoded(&json!({"where": condition, "fields": ["status"]}))
        ));
        let statuses = page.json.as_array().map(|rows| rows.iter());
        let statuses: String = statuses
            .unwrap_or_else(|| panic!("{condition}: {}", page.text))
            .map(|row| row["status"].to_string())
            .collect();
        assert_eq!(statuses, wanted, "{condition}");
        assert_eq!(ann.count(condition), wanted.len() as u64);
    }
}

#[test]
fn brackets_say_the_same() {
    let ann = scene();
    for (query, wanted) in [
        (
            "filter[where][status][inq][]=1&filter[where][status][inq][]=4",
            2,
        ),
        (
            "filter[where][status][between][0]=2&filter[where][status][between][1]=4",
            3,
        ),
        (
            "filter[where][or][0][body]=beta&filter[where][or][1][status]=5",
            2,
        ),
        ("filter[where][deleted]=false&filter[limit]=2", 2),
        ("filter[where][subject][exists]=true", 2),
        ("filter[skip]=1&filter[order]=status+DESC", 4),
        ("filter[offset]=2&filter[skip]=1", 3),
    ] {
        let answer = ann.get(&format!("/messages?{query}"));
        assert_eq!(
            answer.json.as_array().map(Vec::len),
            Some(wanted),
            "{query} {}",
            answer.text
        );
    }
}

#[test]
fn order_limit_and_skip() {
    let ann = scene();
    let bodies = |filter: Json| ann.bodies(filter).concat();
    let bytewise = "Alphaa_bbetaline\nbreakÄrger";
    assert_eq!(bodies(json!({"order": "body"})), bytewise);
    assert_eq!(bodies(json!({"order": ["body ASC"]})), bytewise);
    assert_eq!(
        bodies(json!({"order": "created_on DESC", "limit": 2})),
        "line\nbreaka_b"
    );
    assert_eq!(bodies(json!({"limit": 2, "skip": 1})), "betaÄrger");
    assert_eq!(
        bodies(json!({"limit": "2", "offset": 3, "skip": 1})),
        "a_bline\nbreak"
    );
    assert_eq!(bodies(json!({"skip": i64::MAX})), "");
    // NULL counts as the largest, then age decides.
    assert_eq!(
        bodies(json!({"order": "subject"})),
        "betaAlphaÄrgera_bline\nbreak"
    );
    assert_eq!(
        bodies(json!({"order": ["subject DESC", "createdOn"]})),
        "Ärgera_bline\nbreakAlphabeta"
    );
    assert_eq!(bodies(json!({"order": []})), bodies(json!({})));
}

#[test]
fn limits_of_a_page() {
    let service = Service::new();
    let ann = service.user("ann");
    for number in 0..1_001 {
        ann.say("c", &number.to_string());
    }
    assert_eq!(ann.bodies(json!({})).len(), 100);
    assert_eq!(ann.bodies(json!({"limit": 101})).len(), 101);
    assert_eq!(ann.bodies(json!({"limit": 1_000_000})).len(), 1_000);
}

/// A control character takes six bytes in JSON: 22 of the longest bodies are more than
/// 8 MiB, and 21 are less.
#[test]
fn a_page_has_a_bound_in_bytes() {
    let service = Service::new();
    let ann = service.user("ann");
    let body = "\u{1}".repeat(65_535);
    for _ in 0..22 {
        ann.say("c", &body);
    }
    let answer = ann.get("/messages");
    let wanted = json!({"error": {
        "statusCode": 400, "name": "BadRequestError", "code": "RESULT_TOO_LARGE",
        "message": "The result is too large; ask for a smaller `limit`, or for fewer `fields`",
    }});
    assert_eq!((answer.status, answer.json), (400, wanted));

    let page = ann.get("/messages?filter[limit]=21");
    assert_eq!(
        (page.status, page.json.as_array().unwrap().len()),
        (200, 21)
    );
    assert!(page.text.len() <= 8 * 1024 * 1024);
    let rest = ann.bodies(json!({"skip": 21}));
    assert_eq!(rest, [body]);
    let ids = ann.get("/messages?filter[fields][]=id");
    assert_eq!((ids.status, ids.json.as_array().unwrap().len()), (200, 22));
}

#[test]
fn fields_choose_the_keys_and_not_their_order() {
    let ann = scene();
    let page = ann.get("/messages?filter[fields][]=body&filter[fields][]=id&filter[limit]=1");
    let row = page.json[0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["id", "body"]);
    let id = row["id"].as_str().unwrap();
    let one = ann.get(&format!(
        "/messages/{id}?filter={{\"fields\":{{\"body\":false}}}}"
    ));
    assert_eq!((one.keys().len(), one.json.get("body")), (14, None));
}

/// Messages of one millisecond come in one order, so that pages neither repeat nor skip.
#[test]
fn pages_fit_together() {
    let service = Service::new();
    let ann = service.user("ann");
    for number in 0..30 {
        let message = json!({"body": number.to_string(), "channelId": "c", "channelType": "g"});
        assert_eq!(ann.post("/messages", message).status, 200);
    }
    for order in ["createdOn", "createdOn DESC", "status DESC"] {
        let mut seen = Vec::new();
        for skip in [0, 7, 14, 21, 28] {
            seen.extend(ann.bodies(json!({"order": order, "limit": 7, "skip": skip})));
        }
        assert_eq!(seen, ann.bodies(json!({"order": order})), "{order}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 30);
    }
}

/// A page of one number looks like a count, and a status of 0 like none.
#[test]
fn a_page_may_show_nothing_but_a_number() {
    let service = Service::new();
    let ann = service.user("ann");
    ann.say("c", "x");
    let filter = json!({"where": {"channelId": "c"}, "fields": ["status"]});
    let page = ann.read(&format!("/messages?filter={}", encoded(&filter)));
    assert_eq!(page, json!([{"status": 0}]));
}
