//! `include`.

use serde_json::{Value as Json, json};

use crate::support::{Service, User, encoded, join};

fn read(user: &User, path: &str, filter: &Json) -> Json {
    user.read(&format!("{path}?filter={}", encoded(filter)))
}

fn texts(rows: &Json, name: &str) -> Vec<String> {
    let text = |row: &Json| row[name].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(text).collect()
}

/// Two questions of ann, with three and one replies of bob.
fn scene() -> (Service, User, User, String, String) {
    let service = Service::new();
    let (ann, bob) = (service.user("ann"), service.user("bob"));
    let first = ann.say("c", "q1");
    join(&service, "c", "bob", "member");
    let second = ann.say("c", "q2");
    for body in ["a", "b", "c"] {
        bob.say_with("c", body, json!({"parentMessageId": first}));
    }
    bob.say_with("c", "d", json!({"parentMessageId": second}));
    bob.make(
        "/attach-files",
        json!({"fileKey": "own", "messageId": bob.say("c", "with file")}),
    );
    (service, ann, bob, first, second)
}

#[test]
fn relations_come_with_the_rows_and_are_absent_when_empty() {
    let (_, ann, _, first, second) = scene();
    let page = read(
        &ann,
        "/messages",
        &json!({"include": ["messages", "parentMessage", "attachmentFiles"]}),
    );
    let rows = page.as_array().unwrap();
    let by_body = |body: &str| rows.iter().find(|row| row["body"] == body).unwrap();
    assert_eq!(texts(&by_body("q1")["messages"], "body"), ["a", "b", "c"]);
    assert_eq!(texts(&by_body("q2")["messages"], "body"), ["d"]);
    assert_eq!(by_body("a")["parentMessage"]["id"], first.as_str());
    assert_eq!(by_body("d")["parentMessage"]["id"], second.as_str());
    assert!(by_body("a").get("messages").is_none());
    assert!(by_body("q1").get("parentMessage").is_none());
    assert_eq!(by_body("with file")["attachmentFiles"][0]["fileKey"], "own");
    // One by id, in the form of a string and of brackets.
    let one = ann.read(&format!("/messages/{first}?filter[include]=messages"));
    assert_eq!(texts(&one["messages"], "body"), ["a", "b", "c"]);
    let one = ann.read(&format!(
        "/messages/{first}?filter[include][0][relation]=messages\
         &filter[include][0][scope][limit]=1"
    ));
    assert_eq!(texts(&one["messages"], "body"), ["a"]);
}

#[test]
fn a_scope_counts_for_each_row_and_takes_one_statement() {
    let (service, ann, _, _, _) = scene();
    let scoped = |scope: Json| {
        let filter = json!({
            "where": {"parentMessageId": null, "body": {"like": "q_"}},
            "include": [{"relation": "messages", "scope": scope}],
        });
        service.0.statements.borrow_mut().clear();
        let page = read(&ann, "/messages", &filter);
        assert_eq!(service.0.statements.borrow().len(), 2);
        let replies = |row: &Json| match row.get("messages") {
            Some(rows) => texts(rows, "body"),
            None => Vec::new(),
        };
        let rows = page.as_array().unwrap();
        (replies(&rows[0]), replies(&rows[1]))
    };
    let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let both = |one: &str, two: &str| (list(one), list(two));
    assert_eq!(scoped(json!({})), both("abc", "d"));
    assert_eq!(scoped(json!({"limit": 2})), both("ab", "d"));
    assert_eq!(
        scoped(json!({"limit": 2, "order": "createdOn DESC"})),
        both("cb", "d")
    );
    assert_eq!(scoped(json!({"limit": 1, "skip": 1})), both("b", ""));
    assert_eq!(scoped(json!({"offset": 2})), both("c", ""));
    assert_eq!(
        scoped(json!({"where": {"or": [{"body": "b"}, {"body": "d"}]}})),
        both("b", "d")
    );
    assert_eq!(scoped(json!({"where": {"body": "x"}})), both("", ""));
    assert_eq!(
        scoped(json!({"fields": ["body"], "limit": 1})),
        both("a", "d")
    );
}

#[test]
fn keys_are_read_and_not_shown_when_the_fields_omit_them() {
    let (_, ann, _, _, _) = scene();
    let filter = json!({
        "fields": ["body"],
        "where": {"body": "q2"},
        "include": [{"relation": "messages", "scope": {
            "fields": ["body"], "include": [{"relation": "parentMessage", "scope": {"fields": ["status"]}}],
        }}],
    });
    let page = read(&ann, "/messages", &filter);
    let wanted =
        json!([{"body": "q2", "messages": [{"body": "d", "parentMessage": {"status": 0}}]}]);
    assert_eq!(page, wanted);
}

#[test]
fn what_the_caller_may_not_see_is_not_included() {
    let (service, ann, bob, first, _) = scene();
    let eve = service.user("eve");
    // Eve is shown one reply; its parent and its siblings are none of her business.
    let id = bob.say_with("c", "look", json!({"parentMessageId": first}));
    bob.make(
        "/message-recipients",
        json!({"channelId": "c", "messageId": id, "recipientId": "eve"}),
    );
    let everything = json!({"include": [
        "parentMessage", "messages", "messageRecipients", "attachmentFiles",
    ]});
    let page = read(&eve, "/messages", &everything);
    assert_eq!(texts(&page, "body"), ["look"]);
    assert!(page[0].get("parentMessage").is_none());
    assert_eq!(texts(&page[0]["messageRecipients"], "recipientId"), ["eve"]);
    let rows = read(
        &eve,
        "/message-recipients",
        &json!({"include": ["message"]}),
    );
    assert_eq!(rows[0]["message"]["body"], "look");
    // A deleted one is included for nobody.
    assert_eq!(ann.delete(&format!("/messages/{first}")).status, 204);
    let page = read(
        &bob,
        "/messages",
        &json!({"where": {"body": "look"}, "include": "parentMessage"}),
    );
    assert!(page[0].get("parentMessage").is_none());
}
