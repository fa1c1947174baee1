//! The plans of SQLite: a page of a channel is a range of an index.

use chat::ports::Value;
use serde_json::json;

use crate::support::{Param, Service, User, encoded, join};

/// Two tenants with two channels of some size.
fn scene() -> Service {
    let service = Service::new();
    for channel in ["big", "small"] {
        service.user("ann").say(channel, "first");
        join(&service, channel, "bob", "member");
    }
    let connection = &service.0.connection;
    connection
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status,
                created_by, created_on, modified_by, modified_on, deleted)
             SELECT randomblob(16), 't' || (i % 2), CASE WHEN i % 10 THEN 'big' ELSE 'small' END, 'group',
                'x' || i, 0, 'u' || (i % 50), i * 1000, 'u', i * 1000, i % 7 = 0 FROM n;
             UPDATE chat_messages SET tenant_id = 't' WHERE tenant_id = 't1';
             ANALYZE;",
        )
        .unwrap();
    service
}

/// The plans of all statements of a request.
fn plans(user: &User, path: &str) -> Vec<Vec<String>> {
    let world = &user.service.0;
    world.statements.borrow_mut().clear();
    assert_eq!(user.get(path).status, 200);
    let statements = world.statements.take();
    let plan = |(statement, params): &(String, Vec<Value>)| {
        let mut explain = world
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        let params = rusqlite::params_from_iter(params.iter().map(Param));
        let rows = explain.query_map(params, |row| row.get(3)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    statements.iter().map(plan).collect()
}

fn plan(user: &User, path: &str) -> Vec<String> {
    plans(user, path).remove(0)
}

/// Who is no member gets what is theirs by other indexes, and walks no channel.
fn outsider(plan: &[String]) {
    for access in [
        "SEARCH s USING INDEX chat_messages_by_sender (tenant_id=? AND created_by=? AND channel_id=? AND deleted=?",
        "SEARCH t USING INDEX chat_messages_by_addressee (tenant_id=? AND to_user_id=? AND channel_id=? AND deleted=?",
        "SEARCH r USING COVERING INDEX chat_recipients_by_holder (tenant_id=? AND holder_id=? AND channel_id=?)",
        "SEARCH g USING INDEX sqlite_autoindex_chat_messages_1 (id=?)",
    ] {
        assert!(
            plan.iter().any(|step| step.contains(access)),
            "{access}: {plan:#?}"
        );
    }
}

fn uses(plan: &[String], access: &str) {
    assert!(plan.iter().any(|step| step.contains(access)), "{plan:#?}");
    for step in plan {
        assert!(
            !step.contains("TEMP B-TREE") && !step.contains("SCAN"),
            "{plan:#?}"
        );
    }
}

#[test]
fn a_page_of_a_channel_is_a_range_of_an_index() {
    let service = scene();
    let range =
        "SEARCH m USING INDEX chat_messages_by_channel (tenant_id=? AND channel_id=? AND deleted=?";
    for order in ["createdOn ASC", "createdOn DESC"] {
        for more in [
            json!({}),
            json!({"createdOn": {"gt": 5_000}}),
            json!({"body": {"like": "x%"}}),
        ] {
            let mut condition = json!({"channelId": "big"});
            for (name, value) in more.as_object().unwrap() {
                condition[name] = value.clone();
            }
            let filter = json!({"where": condition, "order": order, "limit": 20});
            let path = format!("/messages?filter={}", encoded(&filter));
            for (user, statements) in [("ann", 1), ("bob", 1), ("eve", 2)] {
                let plans = plans(&service.user(user), &path);
                assert_eq!(plans.len(), statements, "{user}: {path}");
                uses(&plans[0], range);
                plans.get(1).into_iter().for_each(|plan| outsider(plan));
            }
        }
    }
    let path = format!(
        "/messages/count?where={}",
        encoded(&json!({"channelId": "big"}))
    );
    uses(
        &plan(&service.user("bob"), &path),
        "SEARCH m USING COVERING INDEX chat_messages_by_seq (tenant_id=? AND channel_id=? AND deleted=?",
    );
}

#[test]
fn a_page_over_all_channels_is_a_range_of_an_index() {
    let service = scene();
    let range = "SEARCH m USING INDEX chat_messages_by_time (tenant_id=? AND deleted=?";
    uses(
        &plan(&service.user("bob"), "/messages?filter[limit]=20"),
        range,
    );
    let newest = "/messages?filter[order]=createdOn+DESC&filter[limit]=20";
    uses(&plan(&service.user("bob"), newest), range);
}

#[test]
fn one_message_is_a_look_up() {
    let service = scene();
    let id = service.user("ann").say("big", "x");
    let plan = plan(&service.user("bob"), &format!("/messages/{id}"));
    uses(
        &plan,
        "SEARCH m USING INDEX sqlite_autoindex_chat_messages_1 (id=?)",
    );
}

#[test]
fn a_page_behind_a_cursor_starts_in_the_range() {
    let service = scene();
    let bob = service.user("bob");
    for (order, bound) in [
        (json!("createdOn"), "created_on>?"),
        (json!("createdOn DESC"), "created_on<?"),
        (json!(["createdOn DESC", "status"]), "created_on<?"),
    ] {
        for condition in [json!({"channelId": "big"}), json!({})] {
            let filter = json!({"where": condition, "order": order, "limit": 20});
            let path = format!("/messages?filter={}", encoded(&filter));
            let first = bob.get(&path);
            let cursor = first.header("x-next-cursor").unwrap();
            let plan = plan(&bob, &format!("{path}&cursor={cursor}"));
            let reads = |step: &String| {
                step.starts_with("SEARCH m USING INDEX chat_messages_by_") && step.contains(bound)
            };
            assert!(plan.iter().any(reads), "{filter}: {plan:#?}");
            // Nothing is sorted, where the order is that of the index.
            match order.is_string() {
                true => uses(&plan, bound),
                false => assert!(!plan.iter().any(|it| it.contains("SCAN")), "{plan:#?}"),
            }
        }
    }
}
