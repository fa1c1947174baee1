//! Links, and what their sender learns.

use chat::api::Body;
use serde_json::{Value as Json, json};

use super::{PATH, PNG, Scene, content, send, text, upload};
use crate::support::{User, join};

#[test]
fn a_link_is_for_a_while_and_for_its_maker() {
    let scene = Scene::with(&[("attachment-link-seconds", "600")]);
    let id = upload(&scene.bob, "a.png", PNG);
    let message = send(&scene.bob, &[&id]);
    let links = format!("{PATH}/{id}/links");
    let make = |user: &User, body: Json| {
        let made = user.post(&links, body);
        assert_eq!(made.status, 201, "{}", made.text);
        let url = text(&made, "url");
        let secret = url.strip_prefix("../../links/").unwrap();
        assert_eq!(secret.len(), 43, "{secret}");
        (format!("/links/{secret}"), text(&made, "id"))
    };
    let nobody = scene.service.nobody();
    let (path, link) = make(&scene.cat, json!({}));
    let got = nobody.get(&path);
    assert_eq!((got.status, got.content.as_deref()), (200, Some(PNG)));
    let opened = scene
        .service
        .0
        .shelf
        .opened
        .borrow()
        .last()
        .unwrap()
        .clone();
    let actor = opened.actor.unwrap();
    assert_eq!(
        (actor.subject.as_str(), actor.tenant.as_deref()),
        ("cat", Some("t"))
    );
    assert_eq!(actor.via, format!("link:{link}"));
    // The secret itself is nowhere.
    let secret = path.strip_prefix("/links/").unwrap();
    let kept = scene.number(&format!(
        "SELECT COUNT(*) FROM chat_links WHERE CAST(secret_hash AS TEXT) LIKE '%{secret}%'"
    ));
    assert_eq!(kept, 0);

    let (once, _) = make(&scene.cat, json!({"once": true, "expiresIn": 600}));
    assert_eq!(nobody.send("HEAD", &once, Body::Empty).status, 200);
    assert_eq!(nobody.get(&once).status, 200);
    let unknown = nobody.get("/links/AAAA");
    assert_eq!(unknown.status, 404);
    assert_eq!(nobody.get(&once).text, unknown.text);
    assert_eq!(
        nobody.get(&format!("/links/{}", "A".repeat(43))).text,
        unknown.text
    );
    assert_eq!(nobody.post(&path, json!({})).status, 405);
    for (body, code) in [
        (json!({"expiresIn": 601}), "maximum"),
        (json!({"expiresIn": 0}), "minimum"),
        (json!({"expiresIn": "1"}), "type"),
        (json!({"once": 1}), "type"),
        (json!({"x": 1}), "additionalProperties"),
    ] {
        let answer = scene.cat.post(&links, body);
        assert_eq!(answer.json["error"]["details"][0]["code"], code);
    }
    assert_eq!(scene.eve.post(&links, json!({})).status, 404);

    let (late, _) = make(&scene.cat, json!({"expiresIn": 60}));
    let now = &scene.service.0.now;
    now.set(now.get() + 61_000_000);
    assert_eq!(nobody.get(&late).text, unknown.text);
    // Its maker's rights count, as they are now.
    let leave = "DELETE FROM chat_members WHERE user_id = 'cat'";
    scene.service.0.connection.execute_batch(leave).unwrap();
    assert_eq!(nobody.get(&path).text, unknown.text);
    join(&scene.service, "c", "cat", "member");
    assert_eq!(nobody.get(&path).status, 200);
    scene.bob.delete(&format!("/messages/{message}"));
    assert_eq!(nobody.get(&path).text, unknown.text);
}

#[test]
fn the_sender_learns_who_has_it() {
    let scene = Scene::new();
    let id = upload(&scene.bob, "a", b"x");
    send(&scene.bob, &[&id]);
    for _ in 0..3 {
        scene.cat.get(&content(&id));
    }
    scene.eve.get(&content(&id));
    let path = format!("{PATH}/{id}/downloads");
    let page = scene.bob.get(&path);
    assert_eq!(page.status, 200, "{}", page.text);
    let rows = page.json.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(
        (&rows[0]["outcome"], &rows[0]["reason"]),
        (&json!("denied"), &json!("not visible"))
    );
    assert_eq!(
        (&rows[1]["outcome"], &rows[1]["ended"]["how"]),
        (&json!("allowed"), &json!("cut"))
    );
    // From where is for moderators.
    assert_eq!(rows[1]["address"], Json::Null);
    let moderated = scene.ann.clone().moderator().get(&path);
    assert_eq!(moderated.json[1]["address"], "192.0.2.1");
    assert_eq!(scene.ann.get(&path).status, 200);
    for user in [&scene.cat, &scene.eve] {
        assert_eq!(user.get(&path).status, 404);
    }
    let mut seen = 0;
    let mut next = format!("{path}?limit=3");
    loop {
        let page = scene.bob.get(&next);
        seen += page.json.as_array().unwrap().len();
        let Some(cursor) = page.header("x-next-cursor") else {
            break;
        };
        next = format!("{path}?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, 4);
    for bad in ["limit=0", "limit=101", "limit=x", "cursor=*"] {
        assert_eq!(scene.bob.get(&format!("{path}?{bad}")).status, 400, "{bad}");
    }
}
