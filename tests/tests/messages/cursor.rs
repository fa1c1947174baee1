//! Lists that go on behind a row, while others write and delete.

use std::collections::BTreeSet;

use futures_util::future::join;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{Answer, encode, send};

on_every_database!(
    a_list_goes_on_behind_its_last_row_while_others_write,
    what_is_no_place_in_the_list_is_refused,
    the_operator_says_how_long_a_page_is,
);

/// Messages that are there from the beginning to the end.
const LASTING: usize = 50;
/// Rows of a page: no divisor of [`LASTING`], so that pages end anywhere.
const PAGE: usize = 7;
/// Pages at most; a list that goes on for longer has no end.
const PAGES: usize = 100;

async fn post(user: &User<'_>, body: &str, subject: &str) -> String {
    let message = json!({
        "body": body, "subject": subject, "channelId": "c", "channelType": "group"
    });
    let (status, message) = user.post("/messages", &message).await;
    assert_eq!(status, 200, "{message}");
    message["id"].as_str().unwrap().to_owned()
}

fn first_page(order: &str) -> String {
    let filter = json!({"order": [order], "limit": PAGE});
    format!("/messages?filter={}", encode(&filter.to_string()))
}

async fn get(user: &User<'_>, path: &str) -> Answer {
    let answer = send(user.request(Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer
}

/// The path of the next page, by the header or by the link; none behind the last one.
fn next(answer: &Answer, first: &str, by_link: bool) -> Option<String> {
    let text = |name: &str| Some(answer.headers.get(name)?.to_str().unwrap());
    assert_eq!(text("x-next-cursor").is_some(), text("link").is_some());
    if by_link {
        let reference = text("link")?.strip_prefix('<').unwrap();
        let reference = reference.strip_suffix(">; rel=\"next\"").unwrap();
        return Some(format!("/messages{reference}"));
    }
    Some(format!("{first}&cursor={}", text("x-next-cursor")?))
}

/// All rows of a list, page by page, with `write` being done during every page.
async fn walk(
    user: &User<'_>,
    order: &str,
    by_link: bool,
    mut write: impl AsyncFnMut(),
) -> Vec<Value> {
    let first = first_page(order);
    let mut path = Some(first.clone());
    let mut rows = Vec::new();
    for _ in 0..PAGES {
        let Some(here) = path.take() else {
            return rows;
        };
        let (answer, ()) = join(get(user, &here), write()).await;
        let page = answer.json();
        let page = page.as_array().unwrap();
        path = next(&answer, &first, by_link);
        assert_eq!(path.is_some(), page.len() == PAGE, "{here}");
        rows.extend(page.iter().cloned());
    }
    panic!("a list without an end: {order}");
}

async fn a_list_goes_on_behind_its_last_row_while_others_write(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let mut lasting = BTreeSet::new();
    for number in 0..LASTING {
        lasting.insert(post(&alice, "lasting", &format!("{number:03}m")).await);
        post(&alice, "passing", &format!("{number:03}p")).await;
    }
    for (order, by_link) in [
        ("subject ASC", false),
        ("subject DESC", true),
        ("createdOn DESC", false),
        ("createdOn ASC", true),
    ] {
        let mut round = 0;
        // Written in front of the reader, behind and beside it; and one is taken away of
        // those that are not to last.
        let mut written = Vec::new();
        let rows = walk(&alice, order, by_link, async || {
            round += 1;
            if round > 10 {
                return;
            }
            for subject in ["0", "000", "025", "999"] {
                written.push(post(&alice, "passing", subject).await);
            }
            let filter = json!({"where": {"body": "passing"}, "order": ["id ASC"], "limit": 1});
            let path = format!("/messages?filter={}", encode(&filter.to_string()));
            let (_, oldest) = alice.get(&path).await;
            let id = oldest[0]["id"].as_str().unwrap();
            assert_eq!(alice.delete(&format!("/messages/{id}")).await.0, 204);
        })
        .await;

        let (key, direction) = order.split_once(' ').unwrap();
        let keys: Vec<_> = rows.iter().map(|row| row[key].as_str().unwrap()).collect();
        let sorted = match direction {
            "ASC" => keys.is_sorted(),
            _ => keys.iter().rev().is_sorted(),
        };
        assert!(sorted, "{order}: {keys:?}");
        let mut seen = BTreeSet::new();
        for row in &rows {
            let id = row["id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "{order}: twice: {row}");
        }
        let left_out: Vec<_> = lasting.difference(&seen).collect();
        assert!(left_out.is_empty(), "{order}: left out {left_out:?}");
        assert!(!written.is_empty());
    }
    server.stop().await;
}

async fn what_is_no_place_in_the_list_is_refused(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    for number in 0..=PAGE {
        post(&alice, "x", &format!("{number}")).await;
    }
    let path = first_page("subject ASC");
    let cursor = get(&alice, &path).await.headers["x-next-cursor"].clone();
    let cursor = cursor.to_str().unwrap();

    let mut forged = vec![
        String::new(),
        "*".to_owned(),
        // `{}`, and `[["subject","id"],["0","no id"]]`
        "e30".to_owned(),
        "W1sic3ViamVjdCIsImlkIl0sWyIwIiwibm8gaWQiXV0".to_owned(),
        format!("{cursor}="),
        format!("{cursor}{cursor}"),
        "A".repeat(3_000),
    ];
    // Cut anywhere, it is no cursor.
    forged.extend((1..cursor.len()).map(|end| cursor[..end].to_owned()));
    for text in forged {
        let answer = send(alice.request(Method::GET, &format!("{path}&cursor={text}"))).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.text);
        assert!(answer.text.contains("cursor"), "{text}: {}", answer.text);
    }
    // Another order, or a place that is counted as well.
    let with = |filter: Value| {
        let filter = encode(&filter.to_string());
        format!("/messages?filter={filter}&cursor={cursor}")
    };
    for filter in [
        json!({}),
        json!({"order": ["subject DESC"]}),
        json!({"order": ["createdOn ASC"]}),
        json!({"order": ["subject ASC", "createdOn ASC"]}),
        json!({"order": ["subject ASC"], "skip": 1}),
        json!({"order": ["subject ASC"], "offset": 1}),
    ] {
        let (status, body) = alice.get(&with(filter.clone())).await;
        assert_eq!(status, 400, "{filter}: {body}");
    }
    // A place grants nothing: the filter, and whose the rows are, count with it as before.
    let order = json!(["subject ASC"]);
    for (filter, wanted) in [
        (json!({"order": order}), 1),
        (json!({"order": order, "where": {"body": "x"}}), 1),
        (json!({"order": order, "where": {"body": "y"}}), 0),
    ] {
        let (_, rows) = alice.get(&with(filter.clone())).await;
        assert_eq!(rows.as_array().unwrap().len(), wanted, "{filter}");
    }
    let stranger = server.user("other", "alice");
    let (_, rows) = stranger.get(&with(json!({"order": order}))).await;
    assert_eq!(rows, json!([]));
    server.stop().await;
}

async fn the_operator_says_how_long_a_page_is(database: TestDatabase) {
    const CHAT: [(&str, &str); 1] = [("chat", "/")];
    let mut server = Server::chat(database).await;
    for number in 0..8 {
        post(&server.user("acme", "alice"), "x", &number.to_string()).await;
    }
    // Rows without a limit, with one of 3, and with one above every maximum.
    for (settings, wanted) in [
        ("page-limit-default=2, page-limit-max=5", [2, 3, 5]),
        ("page-limit-default=4", [4, 3, 8]),
        ("page-limit-max=1", [1, 1, 1]),
        // What makes no sense does not count, the rest does.
        ("page-limit-default=many, page-limit-max=5", [5, 3, 5]),
        ("page-limit-default=6, page-limit-max=5", [5, 3, 5]),
        ("page-limit-default=2, page-limit-max=0", [2, 3, 8]),
        ("page-limit-default=-1, page-limit-max=10001", [8, 3, 8]),
    ] {
        let env = [("GATEWAY_PLUGIN_CHAT_SETTINGS", settings)];
        server = server.restart(&CHAT, &env).await;
        let alice = server.user("acme", "alice");
        let filters = [json!({}), json!({"limit": 3}), json!({"limit": 100_000})];
        for (filter, wanted) in filters.iter().zip(wanted) {
            let path = format!("/messages?filter={}", encode(&filter.to_string()));
            let answer = get(&alice, &path).await;
            let rows = answer.json().as_array().unwrap().len();
            assert_eq!(rows, wanted, "{settings}: {filter}");
            // The page is full, whoever said how long it is.
            let goes_on = answer.headers.contains_key("x-next-cursor");
            assert_eq!(goes_on, wanted < 8, "{settings}: {filter}");
        }
    }
    server.stop().await;
}
