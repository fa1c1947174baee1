//! How many rows a page has, as the operator sets it.

use serde_json::json;

use crate::support::Service;

/// The rows of a page without a limit, and of one that asks for all; what was logged.
fn pages(settings: &[(&'static str, &str)]) -> (usize, usize, Vec<String>) {
    let service = Service::new();
    for (name, value) in settings {
        let mut all = service.0.settings.borrow_mut();
        all.insert(name, (*value).to_owned());
    }
    let ann = service.user("ann");
    ann.say("c", "first");
    service
        .0
        .connection
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
             INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status,
                created_by, created_on, modified_by, modified_on, deleted)
             SELECT randomblob(16), 't', 'c', 'group', 'x', 0, 'ann', i, 'ann', i, 0 FROM n",
        )
        .unwrap();
    let page = ann.bodies(json!({})).len();
    let all = ann.bodies(json!({"limit": 1_000_000})).len();
    (page, all, service.0.log.take())
}

#[test]
fn the_operator_sets_both_within_bounds() {
    for (settings, default, max) in [
        (&[][..], 100, 1_000),
        (
            &[("page-limit-max", "500"), ("page-limit-default", " 50 ")],
            50,
            500,
        ),
        (&[("page-limit-default", "1000")], 1_000, 1_000),
        (&[("page-limit-max", "10000")], 100, 1_101),
        // Nobody has to set both.
        (&[("page-limit-max", "1")], 1, 1),
    ] {
        assert_eq!(pages(settings), (default, max, vec![]), "{settings:?}");
    }
}

#[test]
fn what_makes_no_sense_is_logged_once_and_the_default_counts() {
    for bad in ["0", "-1", "10001", "1e3", "", "many"] {
        let log = "Error the setting page-limit-max is no whole number from 1 to 10000: its \
                   default counts";
        let wanted = (100, 1_000, vec![log.to_owned()]);
        assert_eq!(pages(&[("page-limit-max", bad)]), wanted, "{bad}");
    }
    let log = "Error the setting page-limit-default is no whole number from 1 to 20: its \
               default counts";
    let settings = [("page-limit-max", "20"), ("page-limit-default", "21")];
    assert_eq!(pages(&settings), (20, 20, vec![log.to_owned()]));
}

#[test]
fn the_largest_page_counts_for_what_is_included() {
    let service = Service::new();
    let mut settings = service.0.settings.borrow_mut();
    settings.insert("page-limit-max", "2".to_owned());
    drop(settings);
    let ann = service.user("ann");
    let id = ann.say("c", "first");
    for _ in 0..3 {
        ann.say_with("c", "reply", json!({"parentMessageId": id}));
    }
    let filter = json!({"include": [{"relation": "messages", "scope": {"limit": 3}}]});
    let filter = crate::support::encoded(&filter);
    let message = ann.read(&format!("/messages/{id}?filter={filter}"));
    assert_eq!(message["messages"].as_array().unwrap().len(), 2);
}
