//! How they get into messages, and out of them.

use serde_json::{Value as Json, json};

use super::{PATH, Scene, announce, content, put, send, text, upload};

#[test]
fn only_what_is_ones_own_and_there_is_sent() {
    let scene = Scene::with(&[("attachments-per-message", "2")]);
    let own = upload(&scene.bob, "a", b"1");
    let cats = upload(&scene.cat, "a", b"2");
    let pending = text(&announce(&scene.bob, "a", 1), "id");
    let other = scene
        .bob
        .post(PATH, json!({"channelId": "d", "name": "a", "size": 1}));
    let elsewhere = text(&other, "id");
    assert_eq!(put(&scene.bob, &elsewhere, b"3").status, 200);
    let sent = upload(&scene.bob, "a", b"4");
    send(&scene.bob, &[&sent]);
    let gone = upload(&scene.bob, "a", b"5");
    scene.bob.delete(&format!("{PATH}/{gone}"));
    // The same name in another tenant is somebody else.
    let namesake = scene.bob.clone().claim("tenantId", json!("u"));
    let foreign = upload(&namesake, "a", b"6");
    let unknown = "0190ffff-0000-7000-8000-000000000000";
    let post = |ids: Json| {
        let body =
            json!({"body": "see", "channelId": "c", "channelType": "group", "attachmentIds": ids});
        scene.bob.post("/messages", body)
    };
    let refused = post(json!([unknown]));
    assert_eq!(refused.status, 422);
    for bad in [&cats, &pending, &elsewhere, &sent, &gone, &foreign] {
        let answer = post(json!([own, bad]));
        // Nobody learns whose it is, or whether it is there.
        assert_eq!(
            (answer.status, answer.text),
            (422, refused.text.clone()),
            "{bad}"
        );
    }
    for (ids, code) in [
        (json!([own, own]), "uniqueItems"),
        (json!(["x"]), "format"),
        (json!([1]), "type"),
        (json!("x"), "type"),
        (json!([own, unknown, cats]), "maxItems"),
    ] {
        let answer = post(ids);
        assert_eq!(
            answer.json["error"]["details"][0]["code"], code,
            "{}",
            answer.text
        );
    }
    assert_eq!(scene.number("SELECT COUNT(*) FROM chat_messages"), 2);
    assert_eq!(post(json!([own])).status, 200);
    // The older way asks the same of what has bytes.
    let message = scene.bob.say("c", "later");
    let link = json!({"messageId": message});
    assert_eq!(
        scene
            .bob
            .patch(&format!("/attach-files/{pending}"), link.clone())
            .status,
        404
    );
    let late = upload(&scene.bob, "a", b"6");
    assert_eq!(
        scene
            .bob
            .patch(&format!("/attach-files/{late}"), link)
            .status,
        204
    );
    assert_eq!(scene.cat.get(&content(&late)).status, 200);
}

#[test]
fn deleting_in_bulk_ends_downloads_as_well() {
    let scene = Scene::new();
    let parent = scene.bob.say("c", "parent");
    for _ in 0..3 {
        let id = upload(&scene.bob, "a", b"same");
        scene.bob.say_with(
            "c",
            "reply",
            json!({"parentMessageId": parent, "attachmentIds": [id]}),
        );
    }
    assert_eq!(scene.links(), 3);
    let recipient = scene.bob.make(
        "/message-recipients",
        json!({"channelId": "c", "recipientId": "eve", "messageId": parent}),
    );
    let path = format!("/message-recipients/{}", recipient["id"].as_str().unwrap());
    let held = upload(&scene.bob, "a", b"held");
    assert_eq!(
        scene
            .bob
            .patch(
                &format!("/attach-files/{held}"),
                json!({"messageId": parent})
            )
            .status,
        204
    );
    assert_eq!(scene.eve.get(&content(&held)).status, 200);
    assert_eq!(scene.bob.delete(&path).status, 204);
    assert_eq!(scene.eve.get(&content(&held)).status, 404);
    let tags = scene
        .service
        .0
        .shelf
        .opened
        .borrow()
        .last()
        .unwrap()
        .tags
        .clone();
    assert!(tags.contains(scene.service.0.shelf.ended.borrow().last().unwrap()));

    let deleted = scene.bob.delete(&format!("/messages/{parent}/messages"));
    assert_eq!(deleted.json["count"], 3, "{}", deleted.text);
    assert_eq!((scene.links(), scene.used("bob")), (1, 4));
    assert_eq!(scene.service.0.shelf.ended.borrow().len(), 4);
    assert_eq!(
        scene.bob.delete(&format!("/attach-files/{held}")).status,
        204
    );
    assert_eq!((scene.links(), scene.used("bob")), (0, 0));
}
