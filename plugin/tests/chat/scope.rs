//! Who sees and changes what. What the caller may not see answers as what isn't there.

use serde_json::json;

use crate::support::{Answer, Service, User, join};

const UNKNOWN: &str = "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69";

/// A channel of `owner` with a message of `author` to `recipient`, who is no member.
struct Scene {
    service: Service,
    id: String,
}

impl Scene {
    fn new() -> Self {
        let service = Service::new();
        service.user("owner").say("c", "first");
        for user in ["author", "member"] {
            join(&service, "c", user, "member");
        }
        join(&service, "c", "steward", "moderator");
        let id = service
            .user("author")
            .say_with("c", "target", json!({"toUserId": "recipient"}));
        Self { service, id }
    }

    fn user(&self, name: &str) -> User {
        match name.strip_suffix("+") {
            Some(name) => self.service.user(name).moderator(),
            None => self.service.user(name),
        }
    }

    fn other_tenant(&self, name: &str) -> User {
        self.user(name).moderator().claim("tenantId", json!("u"))
    }
}

/// All eight, as the status of each.
fn walk(user: &User, id: &str) -> [u16; 8] {
    let path = format!("/messages/{id}");
    let found = |answer: Answer| match answer.json.as_array() {
        Some(rows) => u16::from(rows.iter().any(|row| row["id"] == id)),
        None => answer.json["count"].as_u64().unwrap() as u16,
    };
    let whole = json!({"body": "y", "channelId": "c", "channelType": "g", "toUserId": "recipient"});
    [
        user.post("/messages", whole.clone()).status,
        found(user.get("/messages")),
        found(user.get(&format!("/messages/count?where[id]={id}"))),
        user.get(&path).status,
        found(user.patch(&format!("/messages?where[id]={id}"), json!({"status": 1}))),
        user.patch(&path, json!({"status": 2})).status,
        user.put(&path, whole).status,
        user.delete(&path).status,
    ]
}

#[test]
fn the_eight_routes_for_everybody() {
    //                post list count get bulk patch put delete
    let yes = [200, 1, 1, 200, 1, 204, 204, 204];
    let reads = [200, 1, 1, 200, 0, 403, 403, 403];
    let reads_only = [404, 1, 1, 200, 0, 403, 403, 403];
    let nothing = [404, 0, 0, 404, 0, 404, 404, 404];
    for (name, wanted) in [
        ("author", yes),
        ("owner", yes),
        ("owner+", yes),
        ("member", reads),
        // Whoever moderates a channel deletes there, and edits nothing.
        ("steward", [200, 1, 1, 200, 0, 403, 403, 204]),
        ("member+", yes),
        ("recipient", reads_only),
        ("recipient+", [404, 1, 1, 200, 1, 204, 204, 204]),
        ("stranger", nothing),
        // A permission opens no door to what its holder can't see.
        ("stranger+", nothing),
    ] {
        let scene = Scene::new();
        assert_eq!(walk(&scene.user(name), &scene.id), wanted, "{name}");
    }
}

#[test]
fn another_tenant_sees_nothing_whatever_its_users_are_called() {
    for name in ["author", "owner", "member", "recipient"] {
        let scene = Scene::new();
        // The name of the channel is free in the other tenant.
        let wanted = [200, 0, 0, 404, 0, 404, 404, 404];
        assert_eq!(walk(&scene.other_tenant(name), &scene.id), wanted, "{name}");
    }
}

#[test]
fn nobody_sees_a_deleted_message() {
    for name in ["author", "owner+", "member", "recipient", "stranger"] {
        let scene = Scene::new();
        scene
            .user("author")
            .delete(&format!("/messages/{}", scene.id));
        let statuses = walk(&scene.user(name), &scene.id);
        assert_eq!(statuses[1..], [0, 0, 404, 0, 404, 404, 404], "{name}");
    }
}

#[test]
fn an_author_who_left_keeps_the_message_but_not_the_channel() {
    let scene = Scene::new();
    let sql = "DELETE FROM chat_members WHERE user_id = 'author'";
    scene.service.0.connection.execute(sql, ()).unwrap();
    let wanted = [404, 1, 1, 200, 1, 204, 204, 204];
    assert_eq!(walk(&scene.user("author"), &scene.id), wanted);
    assert_eq!(scene.user("author").count(json!({})), 0);
}

#[test]
fn invisible_and_unknown_answer_the_same() {
    let scene = Scene::new();
    let stranger = scene.user("stranger+");
    let whole = json!({"body": "y", "channelId": "c", "channelType": "g"});
    let answers = |id: &str| {
        let path = format!("/messages/{id}");
        [
            stranger.get(&path),
            stranger.patch(&path, json!({})),
            stranger.patch(&path, json!({"channelId": "d", "parentMessageId": UNKNOWN})),
            stranger.put(&path, whole.clone()),
            stranger.delete(&path),
        ]
        .map(|answer| (answer.status, answer.text.replace(id, "ID")))
    };
    let hidden = answers(&scene.id);
    assert_eq!(hidden, answers(UNKNOWN));
    assert_eq!(hidden, answers("no-uuid"));
    let reply = |id: &str| {
        let body =
            json!({"body": "y", "channelId": "own", "channelType": "g", "parentMessageId": id});
        stranger.post("/messages", body).text.replace(id, "ID")
    };
    assert_eq!(reply(&scene.id), reply(UNKNOWN));
}

/// Asking with a reply must not tell which channels there are: it creates nothing that
/// would give the asker away.
#[test]
fn a_reply_to_a_foreign_channel_answers_as_one_to_no_channel() {
    let scene = Scene::new();
    let stranger = scene.user("stranger+");
    let own = stranger.say("own", "mine");
    let recorded = scene.service.0.audit.borrow().len();
    for parent in [UNKNOWN, &scene.id, &own] {
        let reply = |channel: &str| {
            let body = json!({
                "body": "y", "channelId": channel, "channelType": "g", "parentMessageId": parent,
            });
            let before = scene.service.0.statements.borrow().len();
            let answer = stranger.post("/messages", body);
            let statements = scene.service.0.statements.borrow().len() - before;
            (answer.status, answer.text, statements)
        };
        let foreign = reply("c");
        assert_eq!(foreign.0, 404, "{}", foreign.1);
        assert!(foreign.1.contains(parent), "{}", foreign.1);
        assert_eq!(foreign, reply("nowhere"));
    }
    assert_eq!(scene.service.0.audit.borrow().len(), recorded);
    assert_eq!(stranger.count(json!({})), 1);
}

#[test]
fn a_filter_never_widens_the_scope() {
    let scene = Scene::new();
    let stranger = scene.user("stranger");
    stranger.say("own", "mine");
    for filter in [
        json!({"where": {"channelId": "c"}}),
        json!({"where": {"or": [{"channelId": "c"}, {"createdBy": "author"}]}}),
        json!({"where": {"or": [{}, {"id": scene.id}], "channelId": "c"}}),
        json!({"where": {"channelId": {"inq": ["c"]}}}),
        json!({"where": {"and": [{"channelId": "own"}, {"channelId": "c"}]}}),
        json!({"where": {"channelId": "own", "or": [{"channelId": "c"}]}}),
    ] {
        assert_eq!(stranger.bodies(filter.clone()), [""; 0], "{filter}");
        let count = stranger.count(filter["where"].clone());
        assert_eq!(count, 0, "{filter}");
    }
    for filter in [
        json!({}),
        json!({"where": {"or": [{"channelId": "c"}, {}]}}),
    ] {
        assert_eq!(stranger.bodies(filter.clone()), ["mine"], "{filter}");
    }
}

/// Membership of one pinned channel must not open another one.
#[test]
fn two_channels_in_one_condition_open_neither() {
    let scene = Scene::new();
    let stranger = scene.user("stranger");
    stranger.say("own", "mine");
    let both = json!({"channelId": "own", "or": [{"channelId": "own"}, {"channelId": "c"}]});
    assert_eq!(stranger.bodies(json!({"where": both})), ["mine"]);
    let both = json!({"or": [{"channelId": "own"}, {"channelId": "c"}]});
    assert_eq!(stranger.bodies(json!({"where": both})), ["mine"]);
}

#[test]
fn bulk_patch_touches_only_what_the_caller_may_touch() {
    for (name, touched) in [
        ("author", 1),
        ("owner", 3),
        ("member", 1),
        ("member+", 3),
        ("recipient", 0),
        ("recipient+", 1),
        ("stranger+", 0),
    ] {
        let scene = Scene::new();
        scene.user("member").say("c", "of the member");
        let answer = scene.user(name).patch("/messages", json!({"status": 9}));
        assert_eq!(answer.json, json!({"count": touched}), "{name}");
        let rows: i64 = scene
            .service
            .0
            .connection
            .query_row(
                "SELECT COUNT(*) FROM chat_messages WHERE status = 9",
                (),
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(rows, touched, "{name}");
    }
}

#[test]
fn denials_are_recorded() {
    let scene = Scene::new();
    let path = format!("/messages/{}", scene.id);
    scene.user("member").delete(&path);
    let entry = scene.service.last_entry();
    let denied = chat::ports::Outcome::Denied;
    assert_eq!(
        (entry.action.as_str(), entry.outcome),
        ("message.delete", denied)
    );
    assert_eq!(entry.entity_id, scene.id);

    let long = "ü".repeat(128);
    scene.user("owner").say(&long, "x");
    let body = json!({"body": "y", "channelId": long, "channelType": "g"});
    assert_eq!(
        scene
            .user("stranger")
            .post("/messages", body.clone())
            .status,
        404
    );
    let entry = scene.service.last_entry();
    assert_eq!(
        (entry.action.as_str(), entry.outcome),
        ("message.create", denied)
    );
    assert_eq!(entry.entity_id, "ü".repeat(64));

    scene.service.0.audit_is_down.set(true);
    assert_eq!(scene.user("stranger").post("/messages", body).status, 503);
    assert_eq!(scene.user("member").delete(&path).status, 503);
}
