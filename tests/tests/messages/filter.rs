//! The filter language: every operator, in both syntaxes, over one fixed set of rows. The
//! tables hold what all three databases have to answer.

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::{encode, send};

on_every_database!(every_condition_finds_its_rows, selections_take_their_part);

/// Each row's `status` is its index; the tables below name rows by it.
const BODIES: [&str; 14] = [
    "alpha",
    "Alpha",
    "ALPHA BETA",
    "ärger",
    "ÄRGER",
    "👋 wave",
    "100% sure",
    "snake_case",
    "back\\slash",
    "it's \"quoted\"",
    "line\nbreak",
    "a.b+c(d)",
    "snakeXcase",
    "100 and more",
];
const SUBJECTS: [Option<&str>; 14] = [
    Some("One"),
    None,
    Some("one"),
    Some("Ünï"),
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    Some(""),
];

/// Posts the rows, dates them (0 to 2 at one instant, then an hour apart), and returns
/// their ids.
async fn rows(server: &Server, alice: &User<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for (index, (body, subject)) in BODIES.iter().zip(SUBJECTS).enumerate() {
        let mut message = json!({
            "body": body, "channelId": "general", "status": index,
            "channelType": if index % 2 == 0 { "even" } else { "odd" },
        });
        if let Some(subject) = subject {
            message["subject"] = json!(subject);
        }
        if index == 0 {
            message["toUserId"] = json!("bob");
        }
        if index == 7 {
            message["parentMessageId"] = json!(ids[0]);
        }
        let (status, answer) = alice.post("/messages", &message).await;
        assert_eq!(status, 200, "{answer}");
        ids.push(answer["id"].as_str().unwrap().to_owned());

        let hour = index.saturating_sub(2);
        let time = match server.database.dialect {
            Dialect::Sqlite => {
                format!(
                    "{}",
                    1_767_225_600_000_000_u64 + hour as u64 * 3_600_000_000
                )
            }
            Dialect::Postgres => format!("'2026-01-01T{hour:02}:00:00Z'"),
            Dialect::Mysql => format!("'2026-01-01 {hour:02}:00:00'"),
        };
        let date = format!("UPDATE chat_messages SET created_on = {time} WHERE status = {index}");
        server.database.raw(&date).await;
    }
    ids
}

fn conditions(ids: &[String]) -> Vec<(Value, &'static [i64])> {
    let [first, second] = [&ids[0], &ids[1]];
    vec![
        // Equality, and what it says about case, accents, quotes and NULL.
        (json!({}), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
        (json!({"body": "alpha"}), &[0]),
        (json!({"body": {"eq": "ÄRGER"}}), &[4]),
        (json!({"body": "arger"}), &[]),
        (json!({"body": "back\\slash"}), &[8]),
        (json!({"body": "it's \"quoted\""}), &[9]),
        (json!({"body": "line\nbreak"}), &[10]),
        (json!({"body": "👋 wave"}), &[5]),
        (json!({"subject": "one"}), &[2]),
        (json!({"subject": ""}), &[13]),
        (json!({"subject": {"neq": "one"}}), &[0, 3, 13]),
        (json!({"subject": null}), &[1, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        (
            json!({"subject": {"eq": null}}),
            &[1, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        ),
        (json!({"subject": {"neq": null}}), &[0, 2, 3, 13]),
        (json!({"subject": {"exists": true}}), &[0, 2, 3, 13]),
        (
            json!({"subject": {"exists": false}, "status": {"lt": 5}}),
            &[1, 4],
        ),
        (json!({"toUserId": "bob"}), &[0]),
        (json!({"createdBy": "alice", "status": 3}), &[3]),
        (json!({"createdBy": "Alice"}), &[]),
        (json!({"channelId": "General"}), &[]),
        (json!({"deleted": false, "status": 3}), &[3]),
        // What is deleted is not to be had.
        (json!({"deleted": true}), &[]),
        (json!({"or": [{"deleted": true}, {"status": 1}]}), &[1]),
        (json!({"id": first}), &[0]),
        (json!({"id": {"inq": [first, second]}}), &[0, 1]),
        (json!({"id": {"neq": first}, "status": {"lte": 1}}), &[1]),
        (json!({"parentMessageId": first}), &[7]),
        (
            json!({"parentMessageId": null, "status": {"between": [6, 8]}}),
            &[6, 8],
        ),
        // Ranges.
        (json!({"status": {"gt": 12}}), &[13]),
        (json!({"status": {"gte": 12}}), &[12, 13]),
        (json!({"status": {"lt": 1}}), &[0]),
        (json!({"status": {"lte": 1}}), &[0, 1]),
        (json!({"status": {"gt": 2, "lt": 5}}), &[3, 4]),
        (json!({"status": {"between": [3, 5]}}), &[3, 4, 5]),
        (json!({"status": {"between": [5, 3]}}), &[]),
        (json!({"status": -1}), &[]),
        // Texts compare by their code points.
        (json!({"body": {"lt": "A"}}), &[6, 13]),
        (json!({"body": {"gte": "s"}}), &[3, 4, 5, 7, 12]),
        (
            json!({"body": {"between": ["Alpha", "a.b+c(d)"]}}),
            &[1, 11],
        ),
        (json!({"createdOn": "2026-01-01T01:00:00.000Z"}), &[3]),
        (json!({"createdOn": "2026-01-01T02:00:00+01:00"}), &[3]),
        (
            json!({"createdOn": {"lt": "2026-01-01T00:00:00.001Z"}}),
            &[0, 1, 2],
        ),
        (json!({"createdOn": {"lte": "2026-01-01"}}), &[0, 1, 2]),
        (json!({"createdOn": {"gte": "2026-01-01T11:00:00Z"}}), &[13]),
        (
            json!({"createdOn": {"between": ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"]}}),
            &[0, 1, 2, 3],
        ),
        (json!({"deletedOn": null, "status": 0}), &[0]),
        // Lists. NULL is in none, and outside of none.
        (json!({"status": {"inq": [1, 3, 99]}}), &[1, 3]),
        (json!({"status": {"inq": []}}), &[]),
        (
            json!({"status": {"nin": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}),
            &[11, 12, 13],
        ),
        (json!({"subject": {"nin": ["one"]}}), &[0, 3, 13]),
        (json!({"subject": {"nin": []}}), &[0, 2, 3, 13]),
        (json!({"body": {"inq": ["ärger", "alpha"]}}), &[0, 3]),
        // Patterns.
        (json!({"body": {"like": "%lpha%"}}), &[0, 1]),
        (json!({"body": {"like": "alpha"}}), &[0]),
        (json!({"body": {"like": "_lpha"}}), &[0, 1]),
        (json!({"body": {"like": "ä%"}}), &[3]),
        (json!({"body": {"like": "_ wave"}}), &[5]),
        (json!({"body": {"like": "snake_case"}}), &[7, 12]),
        (json!({"body": {"like": "snake\\_case"}}), &[7]),
        (json!({"body": {"like": "100%"}}), &[6, 13]),
        (json!({"body": {"like": "100\\%%"}}), &[6]),
        (json!({"body": {"like": "back\\\\slash"}}), &[8]),
        (json!({"body": {"like": "line%break"}}), &[10]),
        (json!({"body": {"like": "%'%\"%"}}), &[9]),
        (json!({"body": {"like": "a.b+c(d)"}}), &[11]),
        (json!({"body": {"like": ""}}), &[]),
        (json!({"subject": {"like": "%"}}), &[0, 2, 3, 13]),
        (json!({"body": {"nlike": "%a%"}}), &[2, 3, 4, 6, 9]),
        (json!({"subject": {"nlike": "O%"}}), &[2, 3, 13]),
        (json!({"body": {"ilike": "ALPHA"}}), &[0, 1]),
        (json!({"body": {"ilike": "%alpha%"}}), &[0, 1, 2]),
        (json!({"body": {"ilike": "Ärger"}}), &[3, 4]),
        (json!({"subject": {"ilike": "üNÏ"}}), &[3]),
        (json!({"body": {"ilike": "SNAKE\\_CASE"}}), &[7]),
        (json!({"subject": {"nilike": "ONE"}}), &[3, 13]),
        (json!({"body": {"nilike": "%A%"}}), &[3, 4, 6, 9]),
        (json!({"body": {"regexp": "^a"}}), &[0, 11]),
        (json!({"body": {"regexp": "/^a/"}}), &[0, 11]),
        (json!({"body": {"regexp": "/^a/i"}}), &[0, 1, 2, 11]),
        (json!({"body": {"regexp": "/^ä/i"}}), &[3, 4]),
        (json!({"body": {"regexp": "lpha$"}}), &[0, 1]),
        (json!({"body": {"regexp": "^(alpha|ärger)$"}}), &[0, 3]),
        (json!({"body": {"regexp": "\\.b\\+c\\("}}), &[11]),
        (json!({"body": {"regexp": "^\\d{3}"}}), &[6, 13]),
        (json!({"body": {"regexp": "^. wave"}}), &[5]),
        (json!({"body": {"regexp": "e.b"}}), &[10]),
        (json!({"body": {"regexp": "^[a-s]+_"}}), &[7]),
        (json!({"body": {"regexp": "\\\\"}}), &[8]),
        (json!({"subject": {"regexp": ""}}), &[0, 2, 3, 13]),
        // Groups; what stands beside an `or` counts.
        (
            json!({"and": [{"status": {"gt": 3}}, {"status": {"lt": 5}}]}),
            &[4],
        ),
        (json!({"or": [{"body": "alpha"}, {"status": 9}]}), &[0, 9]),
        (
            json!({"or": [{"body": "alpha"}, {"status": 9}], "channelType": "odd"}),
            &[9],
        ),
        (
            json!({"channelType": "odd", "or": [{"status": 8}, {"status": 9}],
                "and": [{"status": {"lt": 20}}]}),
            &[9],
        ),
        (
            json!({"or": [{"and": [{"status": 1}, {"channelType": "even"}]}, {"status": 2}]}),
            &[2],
        ),
        (
            json!({"or": [{}]}),
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ),
        // Hostile texts are texts.
        (json!({"body": "' OR '1'='1"}), &[]),
        (
            json!({"body": {"like": "%'; DROP TABLE chat_messages; --"}}),
            &[],
        ),
        (json!({"channelId": "general' --"}), &[]),
    ]
}

/// The same with brackets; none when brackets can't say it.
fn brackets(path: &str, value: &Value) -> Option<String> {
    let children: Vec<_> = match value {
        Value::Null => return None,
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        Value::Object(entries) => entries.iter().map(|(key, it)| (key.clone(), it)).collect(),
        Value::String(text) => return Some(format!("{path}={}", encode(text))),
        scalar => return Some(format!("{path}={scalar}")),
    };
    if children.is_empty() {
        return None;
    }
    let parts = children
        .into_iter()
        .map(|(key, child)| brackets(&format!("{path}[{key}]"), child));
    parts.collect::<Option<Vec<_>>>().map(|it| it.join("&"))
}

async fn every_condition_finds_its_rows(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let ids = rows(&server, &alice).await;

    let mut wrong = Vec::new();
    let mut in_brackets = 0;
    for (condition, wanted) in conditions(&ids) {
        let filter = json!({"where": condition, "order": "status", "fields": ["status"]});
        let mut queries = vec![(
            format!("filter={}", encode(&filter.to_string())),
            format!("where={}", encode(&condition.to_string())),
        )];
        if let (Some(filter), Some(condition)) =
            (brackets("filter", &filter), brackets("where", &condition))
        {
            in_brackets += 1;
            queries.push((filter, condition));
        }
        for (filter, only) in queries {
            let list = send(alice.request(Method::GET, &format!("/messages?{filter}"))).await;
            let count = send(alice.request(Method::GET, &format!("/messages/count?{only}"))).await;
            let list: Vec<_> = match list.json() {
                Value::Array(rows) => rows.iter().map(|row| row["status"].clone()).collect(),
                error => vec![error],
            };
            let count = count.json()["count"].clone();
            if list != wanted || count != wanted.len() {
                let found = Value::Array(list);
                wrong.push(format!(
                    "{condition}: {found}, counted {count}, wanted {wanted:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(in_brackets > 60, "{in_brackets}");
    server.stop().await;
}

async fn selections_take_their_part(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let ids = rows(&server, &alice).await;
    let list = async |filter: Value| {
        let mut texts = Vec::new();
        let json = format!("filter={}", encode(&filter.to_string()));
        for query in [Some(json), brackets("filter", &filter)]
            .into_iter()
            .flatten()
        {
            let path = format!("/messages?{query}");
            let answer = send(alice.request(Method::GET, &path)).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.text);
            texts.push(answer.text);
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "the syntaxes differ: {texts:?}");
        texts.remove(0)
    };

    // `fields` in its three forms; the answer keeps the order of the wire.
    let one = r#"[{"id":"ID","body":"alpha","status":0}]"#.replace("ID", &ids[0]);
    for fields in [
        json!(["status", "id", "body"]),
        json!({"status": true, "body": true, "id": true}),
        json!({"status": true, "body": true, "id": true, "subject": false}),
    ] {
        let filter = json!({"where": {"status": 0}, "fields": fields});
        assert_eq!(list(filter).await, one);
    }
    let without = json!({
        "where": {"status": 0},
        "fields": {
            "deletedOn": false, "deletedBy": false, "createdOn": false, "modifiedOn": false,
            "createdBy": false, "modifiedBy": false, "parentMessageId": false,
            "channelId": false, "deleted": false, "channelType": false, "toUserId": false,
            "subject": false,
        },
    });
    assert_eq!(list(without).await, one);
    let path = format!(
        "/messages/{}?filter[fields][]=body&filter[fields][]=id",
        ids[0]
    );
    let answer = send(alice.request(Method::GET, &path)).await;
    assert_eq!(
        answer.text,
        format!(r#"{{"id":"{}","body":"alpha"}}"#, ids[0])
    );

    let statuses = async |filter: Value| -> Vec<i64> {
        let mut filter = filter;
        filter["fields"] = json!(["status"]);
        let rows: Vec<Value> = serde_json::from_str(&list(filter).await).unwrap();
        rows.iter()
            .map(|row| row["status"].as_i64().unwrap())
            .collect()
    };
    // Three rows of one instant: their ids decide.
    let mut ties = [0, 1, 2];
    ties.sort_by_key(|&index: &i64| &ids[usize::try_from(index).unwrap()]);
    let oldest: Vec<i64> = ties.iter().copied().chain(3..14).collect();
    let newest: Vec<i64> = oldest.iter().rev().copied().collect();
    for (filter, wanted) in [
        (json!({}), &oldest[..]),
        (json!({"order": "createdOn"}), &oldest),
        (json!({"order": "createdOn asc"}), &oldest),
        (json!({"order": ["created_on DESC"]}), &newest),
        (json!({"order": "createdOn Desc", "limit": 2}), &newest[..2]),
        (
            json!({"order": ["channelType DESC", "status DESC"], "limit": 3}),
            &[13, 11, 9],
        ),
        (
            json!({"order": ["channelType ASC", "status DESC"], "limit": 3}),
            &[12, 10, 8],
        ),
        // NULL comes last, or first when the order is turned.
        (
            json!({"order": ["subject", "status"], "limit": 6}),
            &[13, 0, 2, 3, 1, 4],
        ),
        (
            json!({"order": ["subject DESC", "status DESC"], "skip": 9}),
            &[1, 3, 2, 0, 13],
        ),
        (json!({"order": "body", "limit": 6}), &[13, 6, 2, 1, 11, 0]),
        (json!({"order": "body DESC", "limit": 3}), &[5, 3, 4]),
        (json!({"order": "status", "limit": 2, "skip": 3}), &[3, 4]),
        (json!({"order": "status", "limit": 2, "offset": 5}), &[5, 6]),
        (
            json!({"order": "status", "limit": 2, "offset": 5, "skip": 3}),
            &[5, 6],
        ),
        (
            json!({"order": "status", "limit": 2, "offset": 0, "skip": 3}),
            &[3, 4],
        ),
        (json!({"order": "status", "skip": 12}), &[12, 13]),
        (json!({"order": "status", "skip": 14}), &[]),
        (json!({"include": [], "order": "status", "limit": 1}), &[0]),
    ] {
        assert_eq!(statuses(filter.clone()).await, wanted, "{filter}");
    }
    server.stop().await;
}
