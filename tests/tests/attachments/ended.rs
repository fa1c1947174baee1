//! Downloads that are ended while they run.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, User};
use reqwest::{Method, Response};
use serde_json::json;

use super::{chat, content, say, until, upload, user};

on_every_database!(
    who_may_not_have_it_any_more_is_cut,
    who_leaves_or_is_taken_out_is_cut
);

/// More than sockets buffer.
const LENGTH: usize = 32 << 20;

/// A download that has begun, and goes on only when somebody reads.
pub(super) async fn begin(user: &User<'_>, path: &str) -> Response {
    let request = user.request(Method::GET, path).send().await;
    let mut response = request.unwrap();
    assert_eq!(response.status(), 200);
    response.chunk().await.unwrap().unwrap();
    response
}

/// Reads on: whether it came to its end.
pub(super) async fn is_whole(mut response: Response) -> bool {
    loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// How the downloads ended that are on record, in their order.
pub(super) async fn endings(server: &Server, count: u64) -> Vec<String> {
    let ended = "gateway_audit WHERE entity = 'download'";
    until(&server.database, ended, count).await;
    let sql = format!("SELECT details FROM {ended} ORDER BY at");
    let rows = server.database.texts(&sql).await;
    let how = |text: &String| {
        let details: serde_json::Value = serde_json::from_str(text).unwrap();
        details["how"].as_str().unwrap().to_owned()
    };
    rows.iter().flatten().map(how).collect()
}

/// By a message that is deleted, and by a recipient who is none any more.
async fn who_may_not_have_it_any_more_is_cut(database: TestDatabase) {
    let server = chat(database, "").await;
    let (ann, bob, dan) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "bob", &[]),
        user(&server, "t", "dan", &[]),
    );
    say(&ann, "first", &[], Some("bob")).await;
    let id = upload(&bob, "long", &vec![7; LENGTH]).await;
    let message = say(&bob, "see", &[&id], None).await;
    let other = upload(&bob, "other", &vec![8; LENGTH]).await;
    say(&bob, "and this", &[&other], None).await;
    let row = json!({"channelId": "c", "recipientId": "dan", "messageId": message});
    let (status, row) = bob.post("/message-recipients", &row).await;
    assert_eq!(status, 200, "{row}");

    let of_dan = begin(&dan, &content(&id)).await;
    let of_ann = begin(&ann, &content(&id)).await;
    let of_another = begin(&ann, &content(&other)).await;
    let path = format!("/message-recipients/{}", row["id"].as_str().unwrap());
    assert_eq!(dan.delete(&path).await.0, 204);
    // Only now is anything read: whoever reads fast could be through before.
    assert_eq!(endings(&server, 1).await, ["ended"]);
    assert!(!is_whole(of_dan).await);

    assert_eq!(bob.delete(&format!("/messages/{message}")).await.0, 204);
    assert_eq!(endings(&server, 2).await, ["ended", "ended"]);
    assert!(!is_whole(of_ann).await);
    // What was sent with another message is nobody's business here.
    assert!(is_whole(of_another).await);
    assert_eq!(endings(&server, 3).await, ["ended", "ended", "complete"]);
    server.stop().await;
}

/// Of a group: one leaves, one is taken out, and the third reads on.
async fn who_leaves_or_is_taken_out_is_cut(database: TestDatabase) {
    let server = chat(database, "").await;
    let (ann, eve, fay, gil) = (
        user(&server, "t", "ann", &[]),
        user(&server, "t", "eve", &[]),
        user(&server, "t", "fay", &[]),
        user(&server, "t", "gil", &[]),
    );
    say(&ann, "first", &[], None).await;
    for name in ["eve", "fay", "gil"] {
        let put = ann.request(Method::PUT, &format!("/channels/c/members/{name}"));
        let status = put.json(&json!({})).send().await.unwrap().status();
        assert!(status.is_success(), "{status}");
    }
    let id = upload(&ann, "long", &vec![7; LENGTH]).await;
    say(&ann, "see", &[&id], None).await;
    let of_eve = begin(&eve, &content(&id)).await;
    let of_fay = begin(&fay, &content(&id)).await;
    let of_gil = begin(&gil, &content(&id)).await;

    let (status, body) = eve.post("/channels/c/leave", &json!({})).await;
    assert!((200..300).contains(&status), "{status}: {body}");
    assert_eq!(endings(&server, 1).await, ["ended"]);
    assert!(!is_whole(of_eve).await);
    let (status, body) = ann.delete("/channels/c/members/fay").await;
    assert!((200..300).contains(&status), "{status}: {body}");
    assert_eq!(endings(&server, 2).await, ["ended", "ended"]);
    assert!(!is_whole(of_fay).await);
    for gone in [&eve, &fay] {
        let request = gone.request(Method::GET, &content(&id)).send().await;
        assert_eq!(request.unwrap().status(), 404);
    }
    assert!(is_whole(of_gil).await);
    server.stop().await;
}
