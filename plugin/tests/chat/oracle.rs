//! Conditions in SQL against the same conditions in Rust, on random rows; and the
//! filter language against anything.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::support::{Service, User, encoded};

const TEXTS: [&str; 7] = ["", "a", "A", "ab", "b", "ä", "a%"];

/// A row as the oracle sees it.
#[derive(Clone, Debug)]
struct Line {
    body: String,
    status: i64,
    subject: Option<String>,
    created_on: i64,
}

impl Line {
    fn get(&self, property: &str) -> Json {
        match property {
            "body" => json!(self.body),
            "status" => json!(self.status),
            "subject" => json!(self.subject),
            "createdOn" => json!(self.created_on),
            other => panic!("{other}"),
        }
    }

    fn fulfils(&self, condition: &Json) -> bool {
        let each = |(key, value): (&String, &Json)| match key.as_str() {
            "and" => value.as_array().unwrap().iter().all(|it| self.fulfils(it)),
            "or" => value.as_array().unwrap().iter().any(|it| self.fulfils(it)),
            property => match value.as_object() {
                Some(tests) => tests
                    .iter()
                    .all(|(it, value)| holds(&self.get(property), it, value)),
                None => holds(&self.get(property), "eq", value),
            },
        };
        condition.as_object().unwrap().iter().all(each)
    }
}

/// Three-valued logic comes down to this: NULL fulfils nothing but a question for NULL.
fn holds(stored: &Json, operator: &str, value: &Json) -> bool {
    match (operator, value) {
        ("eq", Json::Null) | ("exists", Json::Bool(false)) => return stored.is_null(),
        ("neq", Json::Null) | ("exists", Json::Bool(true)) => return !stored.is_null(),
        _ if stored.is_null() => return false,
        _ => {}
    }
    let compare = |other: &Json| match (stored, other) {
        (Json::Number(one), Json::Number(other)) => one.as_i64().cmp(&other.as_i64()),
        (Json::String(one), Json::String(other)) => one.as_bytes().cmp(other.as_bytes()),
        other => panic!("{other:?}"),
    };
    let text = || stored.as_str().unwrap().chars().collect::<Vec<_>>();
    let pattern = || value.as_str().unwrap().chars().collect::<Vec<_>>();
    let lower = |text: Vec<char>| {
        text.iter()
            .flat_map(|it| it.to_lowercase())
            .collect::<Vec<_>>()
    };
    match operator {
        "eq" => compare(value).is_eq(),
        "neq" => compare(value).is_ne(),
        "gt" => compare(value).is_gt(),
        "gte" => compare(value).is_ge(),
        "lt" => compare(value).is_lt(),
        "lte" => compare(value).is_le(),
        "between" => compare(&value[0]).is_ge() && compare(&value[1]).is_le(),
        "inq" => value
            .as_array()
            .unwrap()
            .iter()
            .any(|it| compare(it).is_eq()),
        "nin" => value
            .as_array()
            .unwrap()
            .iter()
            .all(|it| compare(it).is_ne()),
        "like" => like(&text(), &pattern()),
        "nlike" => !like(&text(), &pattern()),
        "ilike" => like(&lower(text()), &lower(pattern())),
        "nilike" => !like(&lower(text()), &lower(pattern())),
        other => panic!("{other}"),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['%', rest @ ..], text) => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        (['\\', literal, rest @ ..], [first, text @ ..]) => first == literal && like(text, rest),
        (['_', rest @ ..], [_, text @ ..]) => like(text, rest),
        ([literal, rest @ ..], [first, text @ ..]) => first == literal && like(text, rest),
        (_, []) => false,
    }
}

fn text() -> impl Strategy<Value = Json> {
    prop::sample::select(&TEXTS[..]).prop_map(|text| json!(text))
}

fn number() -> impl Strategy<Value = Json> {
    (0..5_i64).prop_map(|number| json!(number))
}

fn tests(value: BoxedStrategy<Json>, nullable: bool, patterns: bool) -> BoxedStrategy<Json> {
    let compare = prop::sample::select(&["eq", "neq", "gt", "gte", "lt", "lte"][..]);
    let list = prop::collection::vec(value.clone(), 0..4);
    let mut choices = vec![
        value.clone().boxed(),
        (compare, value.clone())
            .prop_map(|(it, value)| json!({it: value}))
            .boxed(),
        (value.clone(), value)
            .prop_map(|pair| json!({"between": [pair.0, pair.1]}))
            .boxed(),
        (prop::bool::ANY, list)
            .prop_map(|(inq, list)| json!({if inq { "inq" } else { "nin" }: list}))
            .boxed(),
        prop::bool::ANY
            .prop_map(|exists| json!({"exists": exists}))
            .boxed(),
    ];
    if nullable {
        choices.push(Just(Json::Null).boxed());
        choices.push(Just(json!({"neq": null})).boxed());
    }
    if patterns {
        let operator = prop::sample::select(&["like", "nlike", "ilike", "nilike"][..]);
        let pattern = "([%_abAÄ]|\\\\%){0,4}";
        let both = (operator, pattern).prop_map(|(it, pattern)| json!({it: pattern}));
        choices.push(both.boxed());
    }
    prop::strategy::Union::new(choices).boxed()
}

fn condition() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        tests(text().boxed(), false, true).prop_map(|test| json!({"body": test})),
        tests(number().boxed(), false, false).prop_map(|test| json!({"status": test})),
        tests(text().boxed(), true, true).prop_map(|test| json!({"subject": test})),
        tests(number().boxed(), false, false).prop_map(|test| json!({"createdOn": test})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        (prop::bool::ANY, list, inner).prop_map(|(and, list, beside)| {
            let mut object = beside.as_object().cloned().unwrap_or_else(Map::new);
            object.insert(if and { "and" } else { "or" }.to_owned(), json!(list));
            Json::Object(object)
        })
    })
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let body = prop::sample::select(&TEXTS[1..]);
    let subject = prop::option::of(prop::sample::select(&TEXTS[..]));
    let line =
        (body, 0..5_i64, subject, 0..5_i64).prop_map(|(body, status, subject, created_on)| Line {
            body: body.to_owned(),
            status,
            subject: subject.map(str::to_owned),
            created_on,
        });
    prop::collection::vec(line, 0..12)
}

fn populated(lines: &[Line]) -> User {
    let service = Service::new();
    let ann = service.user("ann");
    for line in lines {
        service.0.now.set(line.created_on * 1_000);
        let mut message = json!({
            "body": line.body, "channelId": "c", "channelType": "g", "status": line.status,
        });
        if let Some(subject) = &line.subject {
            message["subject"] = json!(subject);
        }
        assert_eq!(ann.post("/messages", message).status, 200);
    }
    ann
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sql_selects_what_the_condition_says(lines in lines(), condition in condition()) {
        let ann = populated(&lines);
        let wanted: Vec<_> = lines.iter().filter(|line| line.fulfils(&condition)).collect();
        let mut found = ann.bodies(json!({"where": condition}));
        let mut bodies: Vec<_> = wanted.iter().map(|line| line.body.clone()).collect();
        found.sort();
        bodies.sort();
        prop_assert_eq!(found, bodies, "{}", condition);
        prop_assert_eq!(ann.count(condition.clone()), wanted.len() as u64);
        let path = format!("/messages?where={}", encoded(&condition));
        let touched = ann.patch(&path, json!({"channelType": "touched"}));
        prop_assert_eq!(touched.json, json!({"count": wanted.len()}));
        prop_assert_eq!(ann.count(json!({"channelType": "touched"})), wanted.len() as u64);
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(
        &[
            "where",
            "and",
            "or",
            "body",
            "status",
            "id",
            "createdOn",
            "deleted",
            "like",
            "regexp",
            "inq",
            "between",
            "eq",
            "fields",
            "order",
            "limit",
            "skip",
            "include",
            "__proto__",
            "",
            "x",
        ][..],
    );
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,8}".prop_map(Json::from),
        word.clone().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|entries| {
                Json::Object(
                    entries
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_json_is_answered(json in any_json()) {
        let ann = Service::new().user("ann");
        for path in ["/messages?filter", "/messages/count?where", "/messages/x?filter"] {
            let answer = ann.get(&format!("{path}={}", encoded(&json)));
            prop_assert!([200, 400, 404].contains(&answer.status), "{json}: {}", answer.text);
        }
        let answer = ann.post("/messages", json.clone());
        prop_assert!([200, 422].contains(&answer.status), "{json}: {}", answer.text);
    }

    #[test]
    fn any_query_is_answered(query in "(filter|where|[a-z])?(\\[[a-z0-9]{0,5}\\]|%5[bB]|%5D|[\\[\\]=&%+{}\":,.a-f0-9]|\\PC){0,30}") {
        let ann = Service::new().user("ann");
        for path in ["/messages", "/messages/count", "/messages/x"] {
            let answer = ann.get(&format!("{path}?{query}"));
            prop_assert!([200, 400, 404].contains(&answer.status), "{query}: {}", answer.text);
        }
    }
}
