//! Who may see and change what. Whatever a caller may not see is answered like what
//! doesn't exist, to the byte.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/answer.rs"]
mod answer;
#[path = "common/raw.rs"]
mod raw;

use std::collections::BTreeMap;

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use gateway_tests::token;
use reqwest::Method;
use serde_json::{Value, json};

use answer::{Answer, encode, send};
use raw::texts;

on_every_database!(
    every_role_sees_and_changes_its_own_part,
    conditions_never_widen_the_scope,
    a_channel_belongs_to_whoever_was_first,
    a_race_for_a_channel_has_one_winner,
    everything_done_is_recorded,
    nobody_speaks_for_another_tenant,
);

const UNKNOWN: &str = "0190ffff-0000-7000-8000-000000000000";

fn message(body: &str, channel: &str) -> Value {
    json!({"body": body, "channelId": channel, "channelType": "group"})
}

async fn post(user: &User<'_>, body: &Value) -> String {
    let (status, answer) = user.post("/messages", body).await;
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// What has to be equal in two answers: everything but the ids and the time.
fn shape(answer: &Answer, id: &str) -> (u16, BTreeMap<String, String>, String) {
    let headers = answer.headers.iter();
    let headers = headers
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (
        answer.status,
        headers.collect(),
        answer.text.replace(id, "ID"),
    )
}

/// In the channel are alice, its owner, and bob, a member. Carol has written there and
/// is no member any more; dave was written to, and never was one. Eve is a stranger in
/// the same tenant. Elsewhere there is another alice.
struct Channel {
    /// By author, or by whom it is to: `alice`, `bob`, `carol`, `dave`.
    live: BTreeMap<&'static str, String>,
    deleted: BTreeMap<&'static str, String>,
}

const ROLES: [(&str, &str, &[&str], &[&str]); 6] = [
    // tenant, user, sees, may change
    (
        "acme",
        "alice",
        &["alice", "bob", "carol", "dave"],
        &["alice", "bob", "carol", "dave"],
    ),
    ("acme", "bob", &["alice", "bob", "carol", "dave"], &["bob"]),
    ("acme", "carol", &["carol"], &["carol"]),
    ("acme", "dave", &["dave"], &[]),
    ("acme", "eve", &[], &[]),
    ("other", "alice", &[], &[]),
];

async fn channel(server: &Server) -> Channel {
    let user = |name: &str| server.user("acme", name);
    let mut first = message("first", "general");
    first["toUserId"] = json!("bob");
    let first = post(&user("alice"), &first).await;
    let joined = server.database.pick(
        "0",
        "TIMESTAMPTZ '2026-01-01 00:00:00Z'",
        "'2026-01-01 00:00:00'",
    );
    server
        .database
        .raw(&format!(
            "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
             VALUES ('acme', 'general', 'carol', 'member', {joined})"
        ))
        .await;

    let mut made = [BTreeMap::new(), BTreeMap::new()];
    for (place, state) in made.iter_mut().zip(["live", "deleted"]) {
        for name in ["alice", "bob", "carol", "dave"] {
            let mut body = message(&format!("{state} {name}"), "general");
            let author = match name {
                "dave" => {
                    body["toUserId"] = json!("dave");
                    "alice"
                }
                author => author,
            };
            place.insert(name, post(&user(author), &body).await);
        }
    }
    let [live, deleted] = made;
    for id in deleted.values().chain([&first]) {
        let gone = user("alice").delete(&format!("/messages/{id}")).await;
        assert_eq!(gone.0, 204);
    }
    server
        .database
        .raw("DELETE FROM chat_members WHERE user_id = 'carol'")
        .await;
    Channel { live, deleted }
}

/// Each operation on one message, with a good body.
fn operations(name: &str) -> [(Method, Option<Value>); 4] {
    let mut body = message(&format!("live {name}"), "general");
    if name == "dave" {
        body["toUserId"] = json!("dave");
    }
    [
        (Method::GET, None),
        (Method::PATCH, Some(json!({"status": 5}))),
        (Method::PUT, Some(body)),
        (Method::DELETE, None),
    ]
}

async fn on_one(user: &User<'_>, method: &Method, id: &str, body: Option<&Value>) -> Answer {
    let request = user.request(method.clone(), &format!("/messages/{id}"));
    send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

async fn every_role_sees_and_changes_its_own_part(database: TestDatabase) {
    let server = Server::chat(database).await;
    let channel = channel(&server).await;
    let owner = server.user("acme", "alice");
    let everything = async || owner.get("/messages?filter[order]=id").await.1;

    for (tenant, name, sees, changes) in ROLES {
        let user = server.user(tenant, name);
        let who = format!("{name} of {tenant}");

        // Lists and counts hold what is seen, whoever asks for whatever.
        for query in ["", "?filter[where][channelId]=general"] {
            let (_, list) = user.get(&format!("/messages{query}")).await;
            let list = list.as_array().unwrap().iter();
            let mut bodies: Vec<_> = list.map(|it| it["body"].as_str().unwrap()).collect();
            bodies.sort_unstable();
            let wanted: Vec<_> = sees.iter().map(|it| format!("live {it}")).collect();
            assert_eq!(bodies, wanted, "{who} {query}");
        }
        for query in ["", "?where[channelId]=general"] {
            let (_, count) = user.get(&format!("/messages/count{query}")).await;
            assert_eq!(count, json!({"count": sees.len()}), "{who} {query}");
        }

        for (object, id) in &channel.live {
            for (method, body) in operations(object) {
                let what = format!("{who}: {method} of {object}'s");
                let body = body.as_ref();
                let before = everything().await;
                let answer = on_one(&user, &method, id, body).await;
                if !sees.contains(object) {
                    let unknown = on_one(&user, &method, UNKNOWN, body).await;
                    assert_eq!(answer.status, 404, "{what}");
                    assert_eq!(shape(&answer, id), shape(&unknown, UNKNOWN), "{what}");
                    assert_eq!(everything().await, before, "{what}");
                } else if method == Method::GET {
                    assert_eq!(answer.status, 200, "{what}");
                } else if !changes.contains(object) {
                    assert_eq!(answer.status, 403, "{what}: {}", answer.text);
                    assert_eq!(answer.json()["error"]["message"], "NotAllowedAccess");
                    assert_eq!(everything().await, before, "{what}");
                } else {
                    assert_eq!(answer.status, 204, "{what}: {}", answer.text);
                    assert_ne!(everything().await, before, "{what}");
                }
            }
            // What was deleted is put back for the next role.
            server
                .database
                .raw(&format!(
                    "UPDATE chat_messages SET deleted = FALSE, deleted_by = NULL, \
                     deleted_on = NULL WHERE body = 'live {object}'"
                ))
                .await;
        }

        // What is deleted is unknown to everybody, its author and the owner included.
        for (object, id) in &channel.deleted {
            for (method, body) in operations(object) {
                let answer = on_one(&user, &method, id, body.as_ref()).await;
                let unknown = on_one(&user, &method, UNKNOWN, body.as_ref()).await;
                assert_eq!(answer.status, 404, "{who}: {method} of {object}'s deleted");
                assert_eq!(
                    shape(&answer, id),
                    shape(&unknown, UNKNOWN),
                    "{who}: {method}"
                );
            }
        }

        // Nothing unseen can be the parent of something.
        let own = post(&user, &message("own", &format!("of-{tenant}-{name}"))).await;
        let hidden = channel.live.iter().filter(|(it, _)| !sees.contains(it));
        for (_, id) in hidden.chain(&channel.deleted) {
            for (method, path, mut body) in [
                (Method::PATCH, format!("/messages/{own}"), json!({})),
                (
                    Method::PATCH,
                    format!("/messages?where[id]={own}"),
                    json!({}),
                ),
                (
                    Method::POST,
                    "/messages".to_owned(),
                    message("reply", &format!("of-{tenant}-{name}")),
                ),
            ] {
                let mut told = Vec::new();
                for parent in [id.as_str(), UNKNOWN] {
                    body["parentMessageId"] = json!(parent);
                    let answer = send(user.request(method.clone(), &path).json(&body)).await;
                    told.push(shape(&answer, parent));
                }
                assert_eq!(told[0].0, 404, "{who}: {method} {path}");
                assert_eq!(told[0], told[1], "{who}: {method} {path}");
            }
        }
        assert_eq!(user.delete(&format!("/messages/{own}")).await.0, 204);

        // A bulk change takes what the caller may change, and leaves the rest alone.
        for query in ["", "?where[channelId]=general"] {
            let path = format!("/messages{query}");
            let (status, count) = user
                .send(Method::PATCH, &path, &json!({"subject": name}))
                .await;
            assert_eq!(
                (status, count),
                (200, json!({"count": changes.len()})),
                "{who}"
            );
            let marked = everything().await;
            let marked = marked.as_array().unwrap().iter();
            let marked = marked.filter(|it| it["subject"] == name && it["modifiedBy"] == name);
            assert_eq!(marked.count(), changes.len(), "{who}");
            owner
                .send(Method::PATCH, "/messages", &json!({"subject": "-"}))
                .await;
        }
    }

    // Whoever moderates changes what they see, and sees no more than before.
    for (name, wanted) in [("bob", 204), ("dave", 404), ("eve", 404)] {
        let mut claims = token::claims("acme", name);
        let permissions = claims["permissions"].as_array_mut().unwrap();
        permissions.push(json!("ModerateMessage"));
        let moderator = server.caller(&claims);
        let patch = json!({"status": 6});
        let answer = on_one(
            &moderator,
            &Method::PATCH,
            &channel.live["alice"],
            Some(&patch),
        )
        .await;
        assert_eq!(answer.status, wanted, "{name}: {}", answer.text);
    }
    server.stop().await;
}

async fn conditions_never_widen_the_scope(database: TestDatabase) {
    let server = Server::chat(database).await;
    let channel = channel(&server).await;
    let ids: Vec<_> = channel
        .live
        .values()
        .chain(channel.deleted.values())
        .collect();
    let conditions = [
        json!({"or": [{"createdBy": "alice"}, {"createdBy": {"neq": "alice"}}]}),
        json!({"or": [{}, {"status": 0}]}),
        json!({"or": [{"channelId": "general"}, {"toUserId": "dave"}], "status": {"gte": 0}}),
        json!({"channelId": "general", "or": [{"status": {"gte": 0}}, {"body": {"like": "%"}}]}),
        json!({"and": [{"or": [{"deleted": true}, {"deleted": false}]}]}),
        json!({"or": [{"deleted": true}, {"deletedOn": {"neq": null}}, {"status": 0}]}),
        json!({"id": {"inq": ids}}),
        json!({"body": {"regexp": ""}}),
        json!({"body": {"nin": []}}),
        json!({"channelId": {"inq": ["general", "other"]}}),
    ];
    for (tenant, name, sees, changes) in ROLES {
        let user = server.user(tenant, name);
        for condition in &conditions {
            let filter = encode(&json!({"where": condition}).to_string());
            let only = encode(&condition.to_string());
            let (_, list) = user.get(&format!("/messages?filter={filter}")).await;
            let mut bodies: Vec<_> = list.as_array().unwrap().iter().collect();
            bodies.sort_by_key(|it| it["body"].as_str().map(str::to_owned));
            let bodies: Vec<_> = bodies.iter().map(|it| it["body"].clone()).collect();
            let wanted: Vec<_> = sees.iter().map(|it| format!("live {it}")).collect();
            assert_eq!(bodies, wanted, "{name} of {tenant}: {condition}");
            let (_, count) = user.get(&format!("/messages/count?where={only}")).await;
            assert_eq!(count, json!({"count": sees.len()}), "{name}: {condition}");
            let path = format!("/messages?where={only}");
            let (_, count) = user.send(Method::PATCH, &path, &json!({})).await;
            assert_eq!(
                count,
                json!({"count": changes.len()}),
                "{name}: {condition}"
            );
        }
    }
    server.stop().await;
}

async fn a_channel_belongs_to_whoever_was_first(database: TestDatabase) {
    let server = Server::chat(database).await;
    channel(&server).await;
    for (tenant, name, wanted) in [
        ("acme", "alice", 200),
        ("acme", "bob", 200),
        // Written there before, written to, or never seen: not members.
        ("acme", "carol", 404),
        ("acme", "dave", 404),
        ("acme", "eve", 404),
        // The same name in another tenant is another channel.
        ("other", "alice", 200),
        ("other", "eve", 404),
    ] {
        let user = server.user(tenant, name);
        let (status, answer) = user.post("/messages", &message("hi", "general")).await;
        assert_eq!(status, wanted, "{name} of {tenant}: {answer}");
        if wanted == 404 {
            assert_eq!(answer["error"]["code"], "ENTITY_NOT_FOUND");
            let message = "Entity not found: channels with id \"general\"";
            assert_eq!(answer["error"]["message"], message);
        }
    }
    let elsewhere = server.user("other", "alice").get("/messages").await.1;
    assert_eq!(elsewhere.as_array().unwrap().len(), 1);
    server.stop().await;
}

async fn a_race_for_a_channel_has_one_winner(database: TestDatabase) {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 5;
    let server = Server::chat(database).await;
    let race = async |channel: &str, name: fn(usize) -> String| {
        let mut racers = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let user = server.user("acme", &name(client));
            let body = message("first!", channel);
            let request = user.request(Method::POST, "/messages").json(&body);
            racers.spawn(async move { send(request).await.status });
        }
        let mut statuses = racers.join_all().await;
        statuses.sort_unstable();
        statuses
    };
    for round in 0..ROUNDS {
        let channel = format!("race-{round}");
        let statuses = race(&channel, |client| format!("user-{client}")).await;
        let mut wanted = vec![404; CLIENTS];
        wanted[0] = 200;
        assert_eq!(statuses, wanted, "{channel}");

        let together = format!("together-{round}");
        let statuses = race(&together, |_| "alice".to_owned()).await;
        assert_eq!(statuses, [200; CLIENTS], "{together}");

        for (channel, messages) in [(channel, 1), (together, CLIENTS)] {
            let one = |table: &str, and: &str| {
                format!("SELECT created_by FROM {table} WHERE channel_id = '{channel}'{and}")
            };
            let owners = texts(&server.database, &one("chat_channels", "")).await;
            assert_eq!(owners.len(), 1, "{channel}: {owners:?}");
            let members = format!(
                "SELECT user_id FROM chat_members WHERE channel_id = '{channel}' \
                 AND role = 'owner'"
            );
            assert_eq!(texts(&server.database, &members).await, owners);
            let authors = texts(&server.database, &one("chat_messages", "")).await;
            assert_eq!(authors, vec![owners[0].clone(); messages], "{channel}");
        }
    }
    server.stop().await;
}

async fn everything_done_is_recorded(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let bob = server.user("acme", "bob");
    let mut first = message("a secret of alice", "general");
    first["toUserId"] = json!("bob");
    let id = post(&alice, &first).await;
    let path = format!("/messages/{id}");
    let patch = json!({"body": "another secret", "createdBy": "mallory", "tenantId": "x"});
    assert_eq!(alice.send(Method::PATCH, &path, &patch).await.0, 422);
    let patch = json!({"body": "another secret", "createdBy": "mallory"});
    assert_eq!(alice.send(Method::PATCH, &path, &patch).await.0, 204);
    let put = message("a third secret", "general");
    assert_eq!(alice.send(Method::PUT, &path, &put).await.0, 204);
    let bulk = json!({"subject": "secret as well"});
    assert_eq!(
        alice.send(Method::PATCH, "/messages", &bulk).await.1,
        json!({"count": 1})
    );
    // Denied: bob sees it and may not, eve isn't in the channel.
    assert_eq!(bob.send(Method::PATCH, &path, &bulk).await.0, 403);
    assert_eq!(bob.delete(&path).await.0, 403);
    let eve = server.user("acme", "eve");
    assert_eq!(eve.post("/messages", &message("x", "general")).await.0, 404);
    assert_eq!(alice.delete(&path).await.0, 204);
    // Nothing was done here.
    assert_eq!(alice.delete(&path).await.0, 404);
    assert_eq!(alice.get(&path).await.0, 404);
    let elsewhere = server.user("other", "alice");
    let other = post(&elsewhere, &message("x", "general")).await;

    let join = |parts: &str| {
        server
            .database
            .pick(
                &parts.replace(", ", " || '|' || "),
                &parts.replace(", ", " || '|' || "),
                &format!("CONCAT_WS('|', {parts})"),
            )
            .to_owned()
    };
    let columns = join("tenant, actor, plugin, action, entity, entity_id, outcome");
    let rows = texts(
        &server.database,
        &format!(
            "SELECT {columns} FROM gateway_audit WHERE entity <> 'plugin' ORDER BY at, tenant"
        ),
    )
    .await;
    let mut wanted = vec![
        format!("acme|alice|chat|message.create|message|{id}|allowed"),
        format!("acme|alice|chat|message.update|message|{id}|allowed"),
        format!("acme|alice|chat|message.update|message|{id}|allowed"),
        "acme|alice|chat|message.update|message|*|allowed".to_owned(),
        format!("acme|bob|chat|message.update|message|{id}|denied"),
        format!("acme|bob|chat|message.delete|message|{id}|denied"),
        "acme|eve|chat|message.create|channel|general|denied".to_owned(),
        format!("acme|alice|chat|message.delete|message|{id}|allowed"),
        format!("other|alice|chat|message.create|message|{other}|allowed"),
    ];
    let mut sorted = rows.clone();
    sorted.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(sorted, wanted, "{rows:#?}");

    let details = "SELECT details FROM gateway_audit WHERE details IS NOT NULL";
    let details = texts(&server.database, details).await.join("\n");
    assert!(
        !details.contains("secret"),
        "what users write is none of its business: {details}"
    );
    assert!(
        details.contains(&format!("\"ids\":[\"{id}\"]")),
        "{details}"
    );
    let empty = "SELECT request FROM gateway_audit WHERE request = ''";
    assert_eq!(texts(&server.database, empty).await, [""; 0]);
    let connected = server.database.connect().await;
    let report = gateway::capability::audit::verify(&connected, |_| {})
        .await
        .unwrap();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.rows, 9 + 2);
    server.stop().await;
}

async fn nobody_speaks_for_another_tenant(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let id = post(&alice, &message("secret", "general")).await;

    // Not with a body, a query or a header.
    let mallory = server.user("evil", "alice");
    for name in ["tenantId", "tenant_id", "tenant", "userTenantId"] {
        let mut body = message("x", "general");
        body[name] = json!("acme");
        assert_eq!(mallory.post("/messages", &body).await.0, 422, "{name}");
        let filter = format!("/messages?filter[where][{name}]=acme");
        assert_eq!(mallory.get(&filter).await.0, 400, "{name}");
        let headed = mallory.request(Method::GET, &format!("/messages?{name}=acme"));
        let answer = send(headed.header(name, "acme").header("x-tenant-id", "acme")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "[]"), "{name}");
    }
    // Not without a tenant, and not with one that only looks the same.
    for tenant in [
        json!(null),
        json!("ACME"),
        json!("acme\u{301}"),
        json!("acm_"),
    ] {
        let mut claims = token::claims("acme", "alice");
        claims["tenantId"] = tenant.clone();
        let (status, list) = server.caller(&claims).get("/messages").await;
        assert_eq!((status, list), (200, json!([])), "{tenant}");
    }
    for tenant in [
        json!(""),
        json!(" acme"),
        json!("acme "),
        json!("acme\0"),
        json!(["acme"]),
        json!(1),
    ] {
        let mut claims = token::claims("acme", "alice");
        claims["tenantId"] = tenant.clone();
        let (status, error) = server.caller(&claims).get("/messages").await;
        assert_eq!(status, 401, "{tenant}: {error}");
    }
    // Users that only look the same are others, too.
    for user in ["Alice", "ALICE", "ali_e", "%", "àlice"] {
        let (status, error) = server
            .user("acme", user)
            .get(&format!("/messages/{id}"))
            .await;
        assert_eq!(status, 404, "{user}: {error}");
    }
    assert_eq!(alice.get(&format!("/messages/{id}")).await.0, 200);
    server.stop().await;
}
