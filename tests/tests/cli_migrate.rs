//! `gateway migrate`, by running the executable.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use gateway_tests::command::{Ran, run};
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::component;
use serde_json::Value;
use tempfile::TempDir;

on_every_database!(pending_then_applied_then_nothing);

struct Gateway {
    folder: TempDir,
    plugin: String,
}

impl Gateway {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            plugin: format!("misfit={}", component("misfit").display()),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn migrate(&self, more: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut arguments = vec!["migrate"];
        arguments.extend(more);
        arguments.extend(["--plugin", &self.plugin]);
        run(self.path(), &arguments, env).await
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.path()).expect("the folder").count() == 0
    }
}

/// The gateway's own migrations.
const OF_GATEWAY: usize = 6;

/// Those and the misfit's two.
fn pending() -> usize {
    OF_GATEWAY + 2
}

async fn pending_then_applied_then_nothing(database: TestDatabase) {
    let gateway = Gateway::new();
    let on = [("GATEWAY_DATABASE_URL", database.config.url.as_str())];

    let plan = gateway.migrate(&["plan"], &on).await;
    assert_eq!(
        (plan.code, plan.err.as_str()),
        (
            Some(1),
            &*format!("gateway: {} migrations are pending\n", pending())
        )
    );
    assert!(
        plan.out.starts_with("-- gateway 0001 audit\n"),
        "{}",
        plan.out
    );
    assert!(
        plan.out
            .contains("-- misfit 0002 kinds\nCREATE TABLE misfit_kinds"),
        "{}",
        plan.out
    );
    assert!(gateway.is_empty(), "a plan makes nothing");

    let status = gateway.migrate(&["status"], &on).await.ok();
    assert_eq!(status.matches(" pending").count(), pending(), "{status}");

    let up = gateway.migrate(&["up"], &on).await.ok();
    let applied: Vec<_> = up.lines().collect();
    assert_eq!(applied.len(), pending(), "{up}");
    assert_eq!(
        applied[..2],
        [
            "gateway: applied 0001 audit",
            "gateway: applied 0002 deployments"
        ]
    );
    assert_eq!(
        applied[OF_GATEWAY..],
        ["misfit: applied 0001 rows", "misfit: applied 0002 kinds"]
    );
    let again = gateway.migrate(&["up"], &on).await.ok();
    assert_eq!(
        again,
        "gateway: nothing was pending\nmisfit: nothing was pending\n"
    );

    let plan = gateway.migrate(&["plan"], &on).await;
    assert_eq!(
        (plan.code, plan.out.as_str(), plan.err.as_str()),
        (Some(0), "", "")
    );
    let json = gateway.migrate(&["status", "--json"], &on).await.ok();
    let list: Value = serde_json::from_str(&json).expect("JSON");
    let list = list.as_array().expect("a list");
    assert_eq!(list.len(), pending());
    for one in list {
        assert_eq!(one.get("state"), Some(&Value::from("ok")), "{one}");
        assert!(one.get("appliedAt").is_some_and(Value::is_string), "{one}");
    }

    database
        .raw("UPDATE gateway_migrations SET checksum = 'x' WHERE owner = 'misfit' AND version = 2")
        .await;
    let status = gateway.migrate(&["status"], &on).await;
    assert_eq!(status.code, Some(65), "{}", status.err);
    assert!(status.out.contains(" changed\n"), "{}", status.out);
    let plan = gateway.migrate(&["plan"], &on).await;
    assert_eq!(plan.code, Some(65), "{}", plan.err);
    assert!(plan.err.contains("was edited after it ran"), "{}", plan.err);
    let up = gateway.migrate(&["up"], &on).await;
    assert_eq!(up.code, Some(1), "{}", up.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_is_all_pending_and_stays_away() {
    let gateway = Gateway::new();
    let plan = gateway.migrate(&["plan"], &[]).await;
    assert_eq!(plan.code, Some(1), "{}", plan.err);
    let status = gateway.migrate(&["status"], &[]).await.ok();
    assert_eq!(status.matches(" pending").count(), pending(), "{status}");
    assert!(gateway.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_writes_each_file_once() {
    let gateway = Gateway::new();
    let out = gateway.migrate(&["export", "sql"], &[]).await.ok();
    let all = format!("{} files written to ", 3 * pending());
    assert!(out.starts_with(&all), "{out}");
    let file = gateway.path().join("sql/misfit/postgres/0001_rows.sql");
    let text = fs::read_to_string(&file).expect("the file");
    assert!(text.starts_with("CREATE TABLE misfit_rows"), "{text}");
    assert!(
        gateway
            .path()
            .join("sql/gateway/mysql/0001_audit.sql")
            .is_file()
    );

    let again = gateway.migrate(&["export", "sql"], &[]).await.ok();
    assert!(again.starts_with("0 files written"), "{again}");
    fs::write(&file, "mine").expect("a change");
    fs::remove_dir_all(gateway.path().join("sql/gateway")).expect("a removal");
    let refused = gateway.migrate(&["export", "sql"], &[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .err
            .contains("0001_rows.sql is there with another content"),
        "{}",
        refused.err
    );
    assert!(
        !gateway.path().join("sql/gateway").exists(),
        "nothing was written"
    );
    assert_eq!(fs::read_to_string(&file).expect("the file"), "mine");
    let forced = gateway
        .migrate(&["export", "sql", "--force", "--dialect", "postgres"], &[])
        .await
        .ok();
    let few = format!("{} files written", OF_GATEWAY + 1);
    assert!(forced.starts_with(&few), "{forced}");
    assert_eq!(fs::read_to_string(&file).expect("the file"), text);
    assert!(!gateway.path().join("sql/gateway/sqlite").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_installers_variables_are_honoured() {
    let gateway = Gateway::new();
    let mysql = [("MYSQL_MIGRATION", "true")];
    let out = gateway.migrate(&["export", "only"], &mysql).await.ok();
    let of_one = format!("{} files written", pending());
    assert!(out.starts_with(&of_one), "{out}");
    assert!(gateway.path().join("only/misfit/mysql").is_dir());
    let contradiction = [("MYSQL_MIGRATION", "true"), ("DB_HOST", "db")];
    let refused = gateway.migrate(&["up"], &contradiction).await;
    assert_eq!(refused.code, Some(64));
    for name in ["MYSQL_MIGRATION", "DB_HOST", "PostgreSQL", "MySQL"] {
        assert!(refused.err.contains(name), "{}", refused.err);
    }

    let up = gateway
        .migrate(&["up"], &[("MISFIT_MIGRATION_COPY", "1")])
        .await
        .ok();
    let copied = format!("MISFIT_MIGRATION_COPY: {} files written to ", pending());
    assert!(up.starts_with(&copied), "{up}");
    assert!(
        gateway
            .path()
            .join("misfit/sqlite/0002_kinds.sql")
            .is_file()
    );
    assert!(up.contains("misfit: applied 0002 kinds"), "{up}");
    let help = run(gateway.path(), &["migrate", "--help"], &[]).await.ok();
    for name in [
        "SOURCELOOP_MIGRATION_COPY",
        "NAME_MIGRATION",
        "MYSQL_MIGRATION=true",
    ] {
        assert!(help.contains(name), "{help}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_waits_for_up_when_it_may_not_migrate() {
    let gateway = Gateway::new();
    let off = [
        ("GATEWAY_MIGRATE_AT_START", "false"),
        ("GATEWAY_LOG_FILTER", "off"),
    ];
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--plugin",
        &gateway.plugin,
    ];
    let ran = run(gateway.path(), &serve, &off).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("gateway: migration 1 (audit) is pending"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("gateway migrate up"), "{}", ran.err);
}
