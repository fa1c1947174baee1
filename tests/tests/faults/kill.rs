//! `kill -9` while a version is deployed and takes over.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::process::Process;
use gateway_tests::server::{Server, answer, client};
use gateway_tests::versions;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::nothing_is_half_done;

/// How often it is killed: the points are spread over the time that an undisturbed change
/// takes.
const ROUNDS: u32 = 6;

on_every_database!(a_change_that_is_killed_happened_or_did_not);

async fn a_change_that_is_killed_happened_or_did_not(database: TestDatabase) {
    let data = tempfile::tempdir().unwrap();
    let client = client();
    // MySQL commits each statement that changes the schema by itself. A migration that is
    // cut there is found at the next start, and is somebody's work; see `migrate.rs`.
    let migration = match database.dialect {
        Dialect::Mysql => "none",
        Dialect::Sqlite | Dialect::Postgres => "add",
    };
    let start = || Process::serve("misfit", &database.config.url, data.path());
    let process = start().await;
    let begun = Instant::now();
    let (status, body) = answer(deploy(&process, &client, 1, "none")).await;
    assert_eq!(status, 201, "{body}");
    let whole = begun.elapsed().min(Duration::from_secs(2));
    process.kill().await;

    let (mut old, mut outcomes) = (1, Vec::new());
    for round in 0..ROUNDS {
        let new = round + 2;
        let process = start().await;
        let reader = tokio::spawn(read(process.base.clone(), client.clone()));
        let change = tokio::spawn(deploy(&process, &client, new, migration).send());
        tokio::time::sleep(point(whole, round)).await;
        process.kill().await;
        // What the client saw: an answer that holds, or none.
        let answered = match change.await.unwrap() {
            Ok(response) => {
                assert_eq!(response.status(), 201);
                true
            }
            Err(_) => false,
        };
        let known = BTreeSet::from([word(old), word(new)]);
        let seen = reader.await.unwrap();
        assert!(seen.is_subset(&known), "{seen:?}");

        let process = start().await;
        let said = says(&process, &client).await;
        assert!(known.contains(&said), "{said} serves after {known:?}");
        assert!(!answered || said == word(new), "an answered change is lost");
        assert!(
            !seen.contains(&word(new)) || said == word(new),
            "it served, and does not any more"
        );
        let plugin = process.operate(&client, Method::GET, "/v1/plugins/misfit");
        let (status, plugin) = answer(plugin).await;
        assert_eq!(status, 200, "{plugin}");
        let active = &plugin["pointer"]["active"];
        assert_eq!(&plugin["serving"][0]["version"], active, "{plugin}");
        nothing_is_half_done(&database).await;
        outcomes.push(said == word(new));

        // The same again: from wherever it was cut, it goes to its end.
        let (status, body) = answer(deploy(&process, &client, new, migration)).await;
        assert_eq!(status, 201, "{body}");
        assert_eq!(says(&process, &client).await, word(new));
        process.kill().await;
        nothing_is_half_done(&database).await;
        old = new;
    }
    println!(
        "{:?}: taken over when it was killed: {outcomes:?}",
        database.dialect
    );
}

/// A component that is deployed and takes over.
fn deploy(
    process: &Process,
    client: &Client,
    number: u32,
    migration: &str,
) -> reqwest::RequestBuilder {
    let marks = [("version", word(number)), ("migration", migration.into())];
    let marks = marks
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let component = versions::misfit(&format!("{number}.0.0"), &marks);
    let path = "/v1/plugins/misfit/versions?activate=true";
    process.operate(client, Method::POST, path).body(component)
}

/// What the version of that number says.
fn word(number: u32) -> String {
    format!("v{number}")
}

async fn says(process: &Process, client: &Client) -> String {
    let (status, said) = answer(client.get(format!("{}/version", process.base))).await;
    assert_eq!(status, 200, "{said}");
    match said {
        Value::String(said) => said,
        other => other.to_string(),
    }
}

/// Asks until the gateway is gone; everything that it said.
async fn read(base: String, client: Client) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    while let Ok(response) = client.get(format!("{base}/version")).send().await {
        let status = response.status();
        let Ok(text) = response.text().await else {
            break;
        };
        assert_eq!(status, 200, "{text}");
        said.insert(text);
    }
    said
}

/// A point of time in this round's part of the whole.
fn point(whole: Duration, round: u32) -> Duration {
    let random = f64::from(uuid::Uuid::now_v7().as_bytes()[15]) / 256.0;
    whole.mul_f64((f64::from(round) + random) / f64::from(ROUNDS))
}

/// Killed between the two, a migration that ran without a note that it only adds would
/// keep the version from starting that the pointer still says.
#[tokio::test(flavor = "multi_thread")]
async fn an_addition_is_noted_before_it_is_made() {
    let server = Server::start(TestDatabase::sqlite().await, &[("misfit", "/")], &[]).await;
    let component = versions::misfit("2.0.0", &[("version", "two"), ("migration", "add")]);
    assert_eq!(server.deploy("misfit", "", component).await.0, 201);
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON gateway_expansions \
                  BEGIN SELECT RAISE(ABORT, 'no notes'); END";
    server.database.raw(refuse).await;
    let body = json!({ "version": "2.0.0" });
    let (status, answer) = server.activate("misfit", &body).await;
    assert_ne!(status, 200, "{answer}");
    let columns = server.database.columns("misfit_rows").await;
    assert!(!columns.contains(&"more".to_owned()), "{columns:?}");

    server.database.raw("DROP TRIGGER refuse").await;
    let server = server.restart(&[("misfit", "/")], &[]).await;
    let (status, answer) = server.activate("misfit", &body).await;
    assert_eq!(status, 200, "{answer}");
    server.stop().await;
}
