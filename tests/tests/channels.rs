//! Channels and what is said there, on each of the three databases.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use futures_util::future::join_all;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User, answer};
use reqwest::Method;
use serde_json::{Value, json};

on_every_database!(
    two_users_have_one_conversation_however_they_meet,
    many_senders_get_numbers_without_a_gap,
    a_channel_lives,
);

/// Requests at once: fewer than the attempts that a conflict is given.
const CROWD: usize = 4;

/// Asks, and again while the database had something else to do.
async fn ask(user: &User<'_>, method: &Method, path: &str, body: &Value) -> (u16, Value) {
    for _ in 0..50 {
        let request = user.request(method.clone(), path);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        let (status, value) = answer(request).await;
        if status != 503 {
            return (status, value);
        }
    }
    panic!("{method} {path} stays busy");
}

async fn done(user: &User<'_>, method: Method, path: &str, body: Value) -> Value {
    let (status, value) = ask(user, &method, path, &body).await;
    assert!(
        (200..300).contains(&status),
        "{method} {path}: {status} {value}"
    );
    value
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn two_users_have_one_conversation_however_they_meet(database: TestDatabase) {
    let server = Server::chat(database).await;
    for round in 0..5 {
        let (one, other) = (format!("a{round}"), format!("b{round}"));
        let users = [server.user("acme", &one), server.user("acme", &other)];
        let open = |number: usize| {
            let user = &users[number % 2];
            let with = if number.is_multiple_of(2) {
                &other
            } else {
                &one
            };
            done(
                user,
                Method::POST,
                "/channels",
                json!({"kind": "direct", "userId": with}),
            )
        };
        let opened = join_all((0..CROWD).map(open)).await;
        let first = id(&opened[0]);
        assert!(opened.iter().all(|it| id(it) == first), "{opened:?}");
        let list = done(&users[0], Method::GET, "/channels", Value::Null).await;
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    }
    server.stop().await;
}

async fn many_senders_get_numbers_without_a_gap(database: TestDatabase) {
    const EACH: usize = 10;
    let server = Server::chat(database).await;
    let owner = server.user("acme", "u0");
    let names: Vec<_> = (0..CROWD).map(|number| format!("u{number}")).collect();
    let new = json!({"kind": "group", "members": names});
    let channel = id(&done(&owner, Method::POST, "/channels", new).await);
    let path = format!("/channels/{channel}/messages");
    let send = |number: usize| {
        let (server, path, names) = (&server, &path, &names);
        async move {
            let user = server.user("acme", &names[number]);
            for count in 0..EACH {
                let name = format!("{number}-{count}");
                let message = json!({"body": name, "clientMessageId": name});
                // Each is sent twice at once, and is there once.
                let twice = [(); 2].map(|()| {
                    let message = message.clone();
                    done(&user, Method::POST, path, message)
                });
                let [one, two] = <[Value; 2]>::try_from(join_all(twice).await).unwrap();
                assert_eq!(one["id"], two["id"]);
            }
            // The original's route counts as well.
            let message =
                json!({"body": "x", "channelId": path.split('/').nth(2), "channelType": "group"});
            done(&user, Method::POST, "/messages", message).await;
        }
    };
    join_all((0..CROWD).map(send)).await;
    let history = done(
        &owner,
        Method::GET,
        &format!("{path}?limit=100"),
        Value::Null,
    )
    .await;
    let seqs: Vec<_> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["seq"].as_u64().unwrap())
        .collect();
    let all = u64::try_from(CROWD * (EACH + 1)).unwrap();
    assert_eq!(seqs, (1..=all).collect::<Vec<_>>());
    server.stop().await;
}

/// One after the other, what clients do: each statement on the real database.
async fn a_channel_lives(database: TestDatabase) {
    let server = Server::chat(database).await;
    let (ann, bob) = (server.user("acme", "ann"), server.user("acme", "bob"));
    let eve = server.user("acme", "eve");
    let null = || Value::Null;
    let new = json!({"kind": "public", "name": "Tea", "members": ["bob"]});
    let channel = id(&done(&ann, Method::POST, "/channels", new).await);
    let at = |way: &str| format!("/channels/{channel}{way}");
    let first = json!({"body": "The red Car", "mentions": ["bob"]});
    let first = id(&done(&ann, Method::POST, &at("/messages"), first).await);
    let reply = json!({"body": "a green car", "parentMessageId": first});
    let reply = id(&done(&bob, Method::POST, &at("/messages"), reply).await);
    let on = |message: &str, way: &str| format!("/messages/{message}{way}");

    done(
        &bob,
        Method::PUT,
        &on(&first, "/reactions/%F0%9F%91%8D"),
        null(),
    )
    .await;
    done(&bob, Method::PUT, &on(&first, "/favorite"), null()).await;
    done(&ann, Method::PUT, &on(&reply, "/pin"), null()).await;
    done(
        &ann,
        Method::PATCH,
        &on(&first, ""),
        json!({"body": "The blue Car"}),
    )
    .await;
    let versions = done(&bob, Method::GET, &on(&first, "/versions"), null()).await;
    assert_eq!(versions[0]["body"], "The red Car");
    let thread = done(&bob, Method::GET, &on(&first, "/thread"), null()).await;
    assert_eq!(thread[0]["id"], reply.as_str());

    let history = done(&bob, Method::GET, &at("/messages?around=1"), null()).await;
    let seen = &history["messages"][0];
    assert_eq!(
        (&seen["replyCount"], &seen["version"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        seen["reactions"],
        json!([{"emoji": "👍", "count": 1, "mine": true}])
    );
    assert_eq!(
        (&seen["isFavorite"], &seen["mentions"]),
        (&json!(true), &json!(["bob"]))
    );

    for (words, count) in [("car", 2), ("BLUE ca", 1), ("red", 0), ("blue green", 0)] {
        let path = format!("/search?q={}", words.replace(' ', "+"));
        let found = done(&bob, Method::GET, &path, null()).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{words}: {found}");
        let found = done(&eve, Method::GET, &path, null()).await;
        assert_eq!(found, json!([]), "{words}");
    }

    let list = done(&bob, Method::GET, "/channels?limit=10", null()).await;
    assert_eq!(
        (&list[0]["unread"], &list[0]["lastSeq"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(list[0]["lastMessage"]["id"], reply.as_str());
    let read = done(&bob, Method::PUT, &at("/read"), json!({"seq": 9})).await;
    assert_eq!((&read["readSeq"], &read["unread"]), (&json!(2), &json!(0)));
    done(&bob, Method::PUT, &at("/unread"), json!({"seq": 1})).await;
    done(&bob, Method::PUT, &at("/delivered"), json!({"seq": 2})).await;
    done(&bob, Method::PUT, &at("/mute"), null()).await;
    for (path, count) in [
        ("/mentions".to_owned(), 1),
        ("/favorites".to_owned(), 1),
        (at("/pins"), 1),
        (at("/members"), 2),
        (on(&first, "/reactions"), 1),
        ("/channels?public=true".to_owned(), 1),
    ] {
        let rows = done(&bob, Method::GET, &path, null()).await;
        assert_eq!(rows.as_array().unwrap().len(), count, "{path}: {rows}");
    }

    done(&eve, Method::POST, &at("/join"), null()).await;
    let report = done(
        &eve,
        Method::POST,
        &on(&first, "/reports"),
        json!({"reason": "r"}),
    )
    .await;
    assert_eq!(
        done(&ann, Method::GET, &at("/reports"), null()).await,
        json!([report])
    );
    let closed = format!("/reports/{}", id(&report));
    done(&ann, Method::PATCH, &closed, json!({"state": "dismissed"})).await;
    done(&eve, Method::PUT, "/presence", json!({"status": "online"})).await;
    let seen = done(&bob, Method::GET, "/presence?ids=eve", null()).await;
    assert_eq!(seen[0]["status"], "online");
    done(&eve, Method::PUT, "/blocks/bob", null()).await;
    done(&ann, Method::PUT, &at("/bans/eve"), json!({"reason": "r"})).await;
    let (status, _) = ask(&eve, &Method::GET, &at("/messages"), &null()).await;
    assert_eq!(status, 404);
    let (status, refused) = ask(&eve, &Method::POST, &at("/join"), &null()).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("BANNED")));
    done(&ann, Method::DELETE, &at("/bans/eve"), null()).await;
    done(&bob, Method::PUT, &on(&reply, "/hidden"), null()).await;
    let edit = json!({"retentionSeconds": 100_000, "slowSeconds": 0, "topic": "leaves"});
    done(&ann, Method::PATCH, &at(""), edit).await;
    done(&ann, Method::DELETE, &on(&reply, ""), null()).await;
    let (status, _) = ask(&ann, &Method::POST, &at("/leave"), &null()).await;
    assert_eq!(status, 409);

    let direct = json!({"kind": "direct", "userId": "bob"});
    let direct = id(&done(&ann, Method::POST, "/channels", direct).await);
    let forward = json!({"channelId": direct});
    let sent = done(&ann, Method::POST, &on(&first, "/forward"), forward).await;
    assert_eq!(sent["forwardedFrom"], first.as_str());

    let state = done(&bob, Method::GET, "/sync", null()).await;
    assert_eq!(state["channels"].as_array().unwrap().len(), 2, "{state}");
    let ticket = done(&bob, Method::POST, "/events/tickets", null()).await;
    assert!(ticket["ticket"].is_string());
    let export = done(&bob, Method::GET, "/export", null()).await;
    assert_eq!(export["others"]["memberships"].as_array().unwrap().len(), 2);
    for step in 0.. {
        assert!(step < 10);
        let erased = done(&bob, Method::POST, "/users/bob/erasure", null()).await;
        if erased["done"] == true {
            break;
        }
    }
    let state = done(&bob, Method::GET, "/sync", null()).await;
    assert_eq!(state["channels"], json!([]));
    done(&ann, Method::PUT, &at("/archive"), null()).await;
    server.stop().await;
}
