//! How long a page is when nobody, or somebody greedy, says so.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;
use serde_json::json;

on_every_database!(pages_are_bounded);

async fn pages_are_bounded(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let message = json!({"body": "x", "channelId": "general", "channelType": "group"});
    assert_eq!(alice.post("/messages", &message).await.0, 200);
    let id = server.database.pick(
        "randomblob(16)",
        "gen_random_uuid()",
        "UNHEX(REPLACE(UUID(), '-', ''))",
    );
    server
        .database
        .raw(&format!(
            "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
             created_by, created_on, modified_by, modified_on, deleted) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10), \
             k AS (SELECT a.i FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c) \
             SELECT {id}, m.tenant_id, m.channel_id, m.channel_type, m.body, m.status, \
             m.created_by, m.created_on, m.modified_by, m.modified_on, m.deleted \
             FROM chat_messages AS m CROSS JOIN k"
        ))
        .await;

    assert_eq!(alice.get("/messages/count").await.1, json!({"count": 1001}));
    for (query, wanted) in [
        ("", 100),
        ("?filter[where][body]=x", 100),
        ("?filter[limit]=1", 1),
        ("?filter[limit]=1000", 1000),
        ("?filter[limit]=1001", 1000),
        ("?filter[limit]=9007199254740991", 1000),
        ("?filter[limit]=1000&filter[skip]=1000", 1),
        ("?filter[skip]=9223372036854775807", 0),
    ] {
        let (status, list) = alice.get(&format!("/messages{query}")).await;
        assert_eq!(status, 200, "{query}");
        assert_eq!(list.as_array().unwrap().len(), wanted, "{query}");
    }

    // Page by page: all of one instant, none twice, none left out.
    let mut seen = std::collections::BTreeSet::new();
    for skip in (0..1001).step_by(250) {
        let path = format!("/messages?filter[limit]=250&filter[skip]={skip}&filter[fields][]=id");
        let (_, list) = alice.get(&path).await;
        for row in list.as_array().unwrap() {
            assert!(seen.insert(row["id"].as_str().unwrap().to_owned()), "twice");
        }
    }
    assert_eq!(seen.len(), 1001);
    server.stop().await;
}
