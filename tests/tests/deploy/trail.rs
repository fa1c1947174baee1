//! What the operator's API tells of the record.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::{activate, deploy, recorded, server};

on_every_database!(the_trail_is_read_page_by_page);

async fn the_trail_is_read_page_by_page(database: TestDatabase) {
    let server = server(database, &[]).await;
    for version in ["2.0.0", "3.0.0", "4.0.0"] {
        deploy(&server, version, &[]).await;
    }
    deploy(&server, "5.0.0", &[("smoke", "/trap")]).await;
    assert_eq!(activate(&server, "5.0.0").await.0, 422);
    assert_eq!(activate(&server, "4.0.0").await.0, 200);

    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit?limit=3{before}");
        let (status, page) = answer(server.operate(Method::GET, &path)).await;
        assert_eq!(status, 200, "{page}");
        pages.push(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
        assert!(pages.len() < 10, "it ends");
    }
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 3, 2]);
    let told: Vec<Value> = pages.concat();
    let words = |entry: &Value| {
        let word = |key: &str| entry[key].as_str().unwrap().to_owned();
        format!("{} {}", word("action"), word("outcome"))
    };
    let mut record = recorded(&server).await;
    record.reverse();
    assert_eq!(told.iter().map(words).collect::<Vec<_>>(), record);

    let newest = &told[0];
    assert_eq!(newest["actor"], "operator");
    assert_eq!(newest["plugin"], "misfit");
    assert_eq!(newest["version"], "4.0.0");
    assert_eq!(newest["details"]["from"], "0.1.0");
    assert!(newest["at"].as_i64().unwrap() > 1_700_000_000_000_000);
    assert_eq!(told[1]["outcome"], "denied");
    assert_eq!(told[1]["details"]["version"], "5.0.0");

    for (query, expected) in [
        ("limit=1000", 400),
        ("before=now", 400),
        ("since=1", 400),
        ("before=0.0.0", 200),
    ] {
        let path = format!("/v1/audit?{query}");
        let (status, body) = answer(server.operate(Method::GET, &path)).await;
        assert_eq!(status, expected, "{query}: {body}");
        if status == 200 {
            assert_eq!(body, json!({ "entries": [], "next": null }));
        }
    }
    server.stop().await;
}
