//! What is found out before a version serves, and that nothing changes when it is refused.

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::{answer, component};
use gateway_tests::versions;
use reqwest::Method;
use serde_json::json;

use super::{activate, deploy, recorded, says, server};

on_every_database!(
    a_migration_that_adds_comes_first_and_one_that_takes_away_waits,
    a_version_from_before_an_addition_can_be_rolled_back_to,
    a_broken_migration_leaves_what_serves,
    what_a_failure_leaves_in_the_database_is_named,
    a_version_that_traps_at_its_start_leaves_nothing
);

async fn a_migration_that_adds_comes_first_and_one_that_takes_away_waits(database: TestDatabase) {
    let server = server(database, &[]).await;
    deploy(&server, "2.0.0", &[("migration", "add")]).await;
    let body = json!({ "version": "2.0.0", "dry_run": true });
    let (status, body) = server.activate("misfit", &body).await;
    assert_eq!(status, 200, "{body}");
    let pending = &body["report"]["migrations"][0];
    assert_eq!(
        (&pending["version"], &pending["phase"]),
        (&json!(3), &json!("expand"))
    );
    assert!(
        pending["statements"]
            .as_str()
            .unwrap()
            .contains("ADD COLUMN")
    );
    assert_eq!(says(&server).await, "one", "a dry run changes nothing");

    assert_eq!(activate(&server, "2.0.0").await.0, 200);
    assert_eq!(says(&server).await, "2");
    let columns = server.database.columns("misfit_rows").await;
    assert!(columns.contains(&"more".to_owned()), "{columns:?}");
    server.stop().await;
}

async fn a_version_from_before_an_addition_can_be_rolled_back_to(database: TestDatabase) {
    let mut server = server(database, &[]).await;
    deploy(&server, "2.0.0", &[("migration", "add")]).await;
    activate(&server, "2.0.0").await;
    let rollback = server.operate(Method::POST, "/v1/plugins/misfit/rollback");
    let (status, body) = answer(rollback).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(says(&server).await, "one");
    server = server.restart(&[("misfit", "/")], &[]).await;
    assert_eq!(says(&server).await, "one");
    server.stop().await;
}

async fn a_broken_migration_leaves_what_serves(database: TestDatabase) {
    let server = server(database, &[]).await;
    deploy(&server, "2.0.0", &[("migration", "bad")]).await;
    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 422, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("migration 3 (bad) failed"), "{message}");
    assert_eq!(body["error"]["report"]["left_behind"], json!([]), "{body}");
    assert_eq!(says(&server).await, "one");
    // Nothing of it stays: the next one can take its number.
    deploy(&server, "3.0.0", &[("migration", "add")]).await;
    let (status, body) = activate(&server, "3.0.0").await;
    assert_eq!(status, 200, "{body}");
    server.stop().await;
}

async fn what_a_failure_leaves_in_the_database_is_named(database: TestDatabase) {
    let server = server(database, &[]).await;
    let marks = [("migration", "add"), ("smoke", "/trap")];
    deploy(&server, "2.0.0", &marks).await;
    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 422, "{body}");
    let left = json!([{ "version": 3, "name": "add", "whole": true }]);
    assert_eq!(body["error"]["report"]["left_behind"], left, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    let told = "in the database stays: migration 3 (add)";
    assert!(message.contains(told), "{message}");
    let columns = server.database.columns("misfit_rows").await;
    assert!(columns.contains(&"more".to_owned()), "{columns:?}");
    assert_eq!(says(&server).await, "one");

    let trail = server.operate(Method::GET, "/v1/audit?limit=1");
    let (_, page) = answer(trail).await;
    let entry = &page["entries"][0];
    assert_eq!(entry["outcome"], "denied", "{page}");
    assert_eq!(
        entry["details"]["left_behind"],
        json!(["migration 3 (add)"]),
        "{page}"
    );

    // The next one goes on from there, and leaves nothing that was not there before.
    deploy(&server, "3.0.0", &marks).await;
    let (status, body) = activate(&server, "3.0.0").await;
    assert_eq!(status, 422, "{body}");
    assert_eq!(body["error"]["report"]["left_behind"], json!([]), "{body}");
    deploy(&server, "4.0.0", &[("migration", "add")]).await;
    let (status, body) = activate(&server, "4.0.0").await;
    assert_eq!(status, 200, "{body}");
    server.stop().await;
}

async fn a_version_that_traps_at_its_start_leaves_nothing(database: TestDatabase) {
    let server = server(database, &[]).await;
    // It traps when it is asked for its requests, before one is sent.
    let marks = [("migration", "add"), ("smoke", "trap")];
    deploy(&server, "2.0.0", &marks).await;
    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 422, "{body}");
    let columns = server.database.columns("misfit_rows").await;
    assert!(!columns.contains(&"more".to_owned()), "{columns:?}");
    assert_eq!(says(&server).await, "one");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_away_waits_until_no_older_version_serves() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    deploy(&server, "2.0.0", &[("migration", "drop")]).await;
    let (status, body) = activate(&server, "2.0.0").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["report"]["migrations"][0]["phase"], "contract");
    let columns = server.database.columns("misfit_rows").await;
    assert!(columns.contains(&"note".to_owned()), "{columns:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_misbehaves_is_refused_and_says_why() {
    let env = [
        ("GATEWAY_DEPLOY_CHECK_TIMEOUT", "3s"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "300ms"),
    ];
    let server = server(TestDatabase::sqlite().await, &env).await;
    for (number, (target, reason)) in [
        ("/trap", "the guest trapped"),
        ("/spin", "used up its CPU time"),
        ("/allocate", "ran out of memory"),
        ("/bad-status", "42 came"),
        ("/no-such", "404 came, 200 was to come"),
    ]
    .into_iter()
    .enumerate()
    {
        let version = format!("{}.0.0", number + 2);
        deploy(&server, &version, &[("smoke", target)]).await;
        let (status, body) = activate(&server, &version).await;
        assert_eq!(status, 422, "{target}: {body}");
        let refused = body["error"]["report"]["refused"][0].as_str().unwrap();
        assert!(refused.contains(reason), "{target}: {refused}");
        assert_eq!(says(&server).await, "one");
    }
    let record = recorded(&server).await;
    let denied = record
        .iter()
        .filter(|line| *line == "plugin.activate denied");
    assert_eq!(denied.count(), 5, "{record:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_or_not_the_one_that_was_meant_is_refused() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let (status, body) = server.deploy("misfit", "", b"no component".to_vec()).await;
    assert_eq!(status, 422, "{body}");
    let two = versions::misfit("2.0.0", &[]);
    let (status, body) = server
        .deploy("misfit", "digest=sha256:00", two.clone())
        .await;
    assert_eq!(status, 422, "{body}");
    let (status, body) = server.deploy("misfit", "version=two", two.clone()).await;
    assert_eq!(status, 400, "{body}");
    let (status, _) = server.deploy("misfit", "unknown=1", two.clone()).await;
    assert_eq!(status, 400);
    assert_eq!(server.deploy("misfit", "", two.clone()).await.0, 201);
    assert_eq!(
        server.deploy("misfit", "", two).await.0,
        201,
        "the same again"
    );
    let other = versions::misfit("2.0.0", &[("version", "other")]);
    let (status, body) = server.deploy("misfit", "", other.clone()).await;
    assert_eq!(status, 409, "{body}");
    let (status, body) = server.deploy("misfit", "version=2.0.1", other).await;
    assert_eq!(status, 201, "{body}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_or_altered_component_is_refused_when_signatures_are_required() {
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = (
        folder.path().join("key.pem"),
        folder.path().join("public.pem"),
    );
    openssl(&["genpkey", "-algorithm", "ed25519", "-out"], &key);
    openssl(
        &["pkey", "-pubout", "-in", key.to_str().unwrap(), "-out"],
        &public,
    );
    let sign = |component: &[u8]| {
        let file = versions::file(folder.path(), "component.wasm", component);
        let signature = folder.path().join("signature");
        let key = key.to_str().unwrap();
        let file = file.to_str().unwrap();
        openssl(
            &[
                "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file, "-out",
            ],
            &signature,
        );
        let text = folder.path().join("signature.txt");
        let signature = signature.to_str().unwrap();
        openssl(&["base64", "-A", "-in", signature, "-out"], &text);
        std::fs::read_to_string(text).unwrap()
    };
    let trusted = format!("release={}", public.display());
    let env = [("GATEWAY_DEPLOY_TRUSTED_KEYS", trusted.as_str())];
    let server = server(TestDatabase::sqlite().await, &env).await;
    let send = |component: Vec<u8>, signature: Option<String>| {
        let mut request = server.operate(Method::POST, "/v1/plugins/misfit/versions");
        if let Some(signature) = signature {
            request = request.header("signature", signature);
        }
        answer(request.body(component))
    };
    let two = versions::misfit("2.0.0", &[]);
    let good = sign(&two);
    let (status, body) = send(versions::misfit("2.0.1", &[]), Some(good.clone())).await;
    assert_eq!(status, 422, "{body}");
    let (status, body) = send(two, Some(good)).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["deployment"]["signed_by"], "release");

    // From now on one is required: also of the file that the configuration names.
    let misfit = std::fs::read(component("misfit")).unwrap();
    let file = versions::file(folder.path(), "signed.wasm", &misfit);
    std::fs::write(folder.path().join("signed.wasm.sig"), sign(&misfit)).unwrap();
    let env = [
        ("GATEWAY_DEPLOY_TRUSTED_KEYS", trusted.as_str()),
        ("GATEWAY_DEPLOY_REQUIRE_SIGNATURE", "true"),
        ("GATEWAY_PLUGIN_MISFIT_FILE", file.to_str().unwrap()),
    ];
    let fresh = gateway_tests::server::Server::start(TestDatabase::sqlite().await, &[], &env).await;
    let (status, body) = fresh
        .deploy("misfit", "", versions::misfit("3.0.0", &[]))
        .await;
    assert_eq!(status, 422, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("not signed"), "{message}");
    fresh.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_answers_the_requests_that_it_ships() {
    let server = gateway_tests::server::Server::chat(TestDatabase::sqlite().await).await;
    let chat = std::fs::read(component("chat")).unwrap();
    let next = versions::described(chat, "9.0.0");
    let (status, body) = server.deploy("chat", "activate=true", next).await;
    assert_eq!(status, 201, "{body}");
    let smoke = body["report"]["smoke"].as_array().unwrap();
    assert!(smoke.len() >= 5, "{smoke:?}");
    assert!(smoke.iter().all(|one| one["right"] == true), "{smoke:?}");
    let routes = &body["report"]["routes"];
    assert_eq!(routes, &json!({ "added": [], "removed": [] }), "{body}");
    server.stop().await;
}

fn openssl(arguments: &[&str], out: &std::path::Path) {
    let ran = std::process::Command::new("openssl")
        .args(arguments)
        .arg(out)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
