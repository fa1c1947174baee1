//! A version that gets a part of the traffic.

use gateway_tests::database::TestDatabase;
use serde_json::json;

use super::{deploy, recorded, server, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_traps_on_one_request_in_ten_is_rolled_back_by_itself() {
    let env = [("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms")];
    let server = server(TestDatabase::sqlite().await, &env).await;
    deploy(&server, "2.0.0", &[("faults", "010")]).await;
    let body = json!({ "version": "2.0.0", "percent": 20 });
    let (status, body) = server.activate("misfit", &body).await;
    assert_eq!(status, 200, "{body}");

    let (mut failed, mut of_canary) = (0, 0);
    for _ in 0..3_000 {
        let response = server.get("/work").send().await.unwrap();
        match response.status().as_u16() {
            200 => of_canary += u32::from(response.text().await.unwrap() == "2"),
            500 => failed += 1,
            other => panic!("{other}"),
        }
        if failed >= 3 && super::plugin(&server).await["pointer"]["canary"].is_null() {
            break;
        }
    }
    let state = until(&server, "it is rolled back", |state| {
        state["pointer"]["canary"].is_null()
    })
    .await;
    assert_eq!(state["pointer"]["active"], "0.1.0", "{state}");
    assert!(
        of_canary > 0 && (3..60).contains(&failed),
        "{of_canary} {failed}"
    );
    let record = recorded(&server).await;
    assert_eq!(
        record.last().map(String::as_str),
        Some("plugin.rollback allowed")
    );
    // Nobody sees it any more.
    for _ in 0..50 {
        assert_eq!(server.get("/work").send().await.unwrap().status(), 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_canary_takes_over_step_by_step() {
    let env = [("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "50ms")];
    let server = server(TestDatabase::sqlite().await, &env).await;
    deploy(&server, "2.0.0", &[]).await;
    let plan = json!({
        "version": "2.0.0", "percent": 30, "steps": [60, 100], "step_seconds": 0.1,
        "band": { "failures": 0.01, "p99": 1000.0, "requests": 20 },
    });
    let (status, body) = server.activate("misfit", &plan).await;
    assert_eq!(status, 200, "{body}");
    // Without requests there is no step, however long one waits.
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let state = super::plugin(&server).await;
    assert_eq!(state["pointer"]["canary"]["share"], 3_000, "{state}");
    for _ in 0..2_000 {
        assert_eq!(server.get("/work").send().await.unwrap().status(), 200);
        if super::plugin(&server).await["pointer"]["active"] == "2.0.0" {
            break;
        }
    }
    let state = super::plugin(&server).await;
    assert_eq!(state["pointer"]["active"], "2.0.0", "{state}");
    assert_eq!(state["pointer"]["previous"], "0.1.0", "{state}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sticky_caller_always_meets_the_same_version() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    deploy(&server, "2.0.0", &[]).await;
    let plan = json!({ "version": "2.0.0", "percent": 50, "sticky": true });
    assert_eq!(server.activate("misfit", &plan).await.0, 200);
    let mut met = std::collections::BTreeSet::new();
    for number in 0..20 {
        let user = server.user("tenant", &format!("user-{number}"));
        let first = user.get("/version").await.1;
        for _ in 0..5 {
            assert_eq!(user.get("/version").await.1, first);
        }
        met.insert(first.to_string());
    }
    assert_eq!(met.len(), 2, "both are met by some");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_makes_no_sense_is_refused() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    deploy(&server, "2.0.0", &[]).await;
    for (plan, expected) in [
        (json!({ "version": "2.0.0", "percent": 0 }), 400),
        (json!({ "version": "2.0.0", "percent": 101 }), 400),
        (json!({ "version": "2.0.0", "steps": [50] }), 400),
        (
            json!({ "version": "2.0.0", "percent": 50, "steps": [50] }),
            400,
        ),
        (
            json!({ "version": "2.0.0", "percent": 50, "band": { "p99": 0 } }),
            400,
        ),
        (json!({ "version": "2.0.0", "unknown": 1 }), 400),
        (json!({ "version": "0.1.0", "percent": 5 }), 409),
        (json!({ "version": "7.0.0" }), 404),
    ] {
        let (status, body) = server.activate("misfit", &plan).await;
        assert_eq!(status, expected, "{plan}: {body}");
    }
    server.stop().await;
}
