//! `gateway plugin tasks` and `plugin run`, with a plugin that does as it is told, and
//! one that misbehaves.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use gateway_tests::command::{Ran, end, run, start, terminate};
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, component};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};

on_every_database!(a_task_writes_step_by_step, a_source_can_only_be_read);

/// What every command here is told: the plugin, and the database.
struct Gateway {
    folder: TempDir,
    plugin: String,
    url: String,
}

impl Gateway {
    fn on(url: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            plugin: format!("misfit={}", component("misfit").display()),
            url: url.to_owned(),
        }
    }

    /// On an SQLite file of its own.
    fn new() -> Self {
        Self::on("sqlite:g.db")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["plugin"];
        arguments.extend(more);
        arguments.extend(["--plugin", &self.plugin]);
        arguments
    }

    fn env<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut env = vec![
            ("GATEWAY_DATABASE_URL", self.url.as_str()),
            ("GATEWAY_LOG_FILTER", "off"),
        ];
        env.extend(more);
        env
    }

    async fn run(&self, more: &[&str]) -> Ran {
        self.run_with(more, &[]).await
    }

    async fn run_with(&self, more: &[&str], env: &[(&str, &str)]) -> Ran {
        run(self.path(), &self.arguments(more), &self.env(env)).await
    }
}

async fn a_task_writes_step_by_step(database: TestDatabase) {
    let gateway = Gateway::on(&database.config.url);
    let count = |rows: &'static str| ["run", "misfit", "count", "--set", rows];
    let dry = ["run", "misfit", "count", "--set", "rows=3", "--dry-run"];
    assert_eq!(gateway.run(&dry).await.ok(), "done after 3 steps\n");
    let ran = gateway.run(&count("rows=5")).await;
    assert!(ran.err.ends_with("5 steps\n"), "{}", ran.err);
    assert_eq!(ran.ok(), "done after 5 steps\n");
    database
        .raw("INSERT INTO misfit_rows (id) VALUES (6)")
        .await;
    // The rows of the dry run were not there, and those of the other are.
    let again = gateway.run(&count("rows=5")).await;
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("UniqueViolation"), "{}", again.err);
}

async fn a_source_can_only_be_read(database: TestDatabase) {
    database
        .raw("CREATE TABLE theirs (id INTEGER PRIMARY KEY, note VARCHAR(20))")
        .await;
    database.raw("INSERT INTO theirs VALUES (1, 'note')").await;
    let gateway = Gateway::new();
    let source = database.config.url.trim_end_matches("?mode=rwc");
    let from = ["run", "misfit", "read-source", "--source", source];
    let told = gateway.run(&from).await.ok();
    let dialect = database.pick("Sqlite", "Postgres", "Mysql");
    assert!(told.contains(dialect) && told.contains("note"), "{told}");

    std::fs::write(gateway.path().join("old.url"), format!("{source}\n")).expect("a file");
    let file = ["run", "misfit", "read-source", "--source-file", "old.url"];
    assert!(gateway.run(&file).await.ok().contains("note"));

    let ran = gateway
        .run(&["run", "misfit", "write-source", "--source", source])
        .await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("only reading is allowed"), "{}", ran.err);
    database
        .raw("INSERT INTO theirs VALUES (2, 'still there')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_listed_without_a_database() {
    let gateway = Gateway::on("postgres://nobody@127.0.0.1:1/nowhere");
    let text = gateway.run(&["tasks", "misfit"]).await.ok();
    for expected in [
        "count: the task count (has --dry-run)\n  --set rows=…  how many rows to write, one a step [required]\n",
        "read-source: the task read-source (needs --source)\n",
        "fail: the task fail\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_task_or_parameter_is_refused() {
    let gateway = Gateway::new();
    for (arguments, text) in [
        (
            &["run", "other", "count"][..],
            "there is no plugin \"other\"; configured are: misfit",
        ),
        (
            &["run", "misfit", "nothing"],
            "misfit has no task \"nothing\"; it has: count, ",
        ),
        (
            &["run", "misfit", "count"],
            "the parameter rows is missing: --set rows=VALUE",
        ),
        (
            &["run", "misfit", "count", "--set", "row=1"],
            "--set row: there is no such parameter; there are: rows",
        ),
        (
            &[
                "run", "misfit", "count", "--set", "rows=1", "--set", "rows=2",
            ],
            "--set rows is there twice",
        ),
        (
            &["run", "misfit", "count", "--set", "rows"],
            "write KEY=VALUE",
        ),
        (
            &["run", "misfit", "fail", "--dry-run"],
            "fail has no --dry-run",
        ),
        (
            &["run", "misfit", "fail", "--source", "sqlite:x"],
            "fail reads no --source",
        ),
        (
            &["run", "misfit", "read-source"],
            "read-source needs a database: --source URL",
        ),
        (
            &["run", "misfit", "read-source", "--source", "oracle:x"],
            "--source: `oracle` is none of",
        ),
        (
            &["run", "misfit", "read-source", "--source-file", "x"],
            "--source-file: cannot read x",
        ),
    ] {
        let ran = gateway.run(arguments).await;
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(text), "{arguments:?}: {}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_has_its_code() {
    let gateway = Gateway::new();
    let quick = [
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "200ms"),
        ("GATEWAY_DATABASE_CONNECT_TIMEOUT", "100ms"),
    ];
    for (arguments, code, text) in [
        (&["fail"][..], 1, "it fails on purpose"),
        (&["trap"], 1, "the guest trapped"),
        (&["write-then-trap"], 1, "the guest trapped"),
        (&["spin"], 1, "the guest used up its CPU time"),
        (
            &["for-ever", "--steps", "3"],
            75,
            "stopped after 3 steps; work is left",
        ),
        (
            &["read-source", "--source", "postgres://x@127.0.0.1:1/x"],
            69,
            "--source: the database can't be used",
        ),
        (
            &["read-source", "--source", "sqlite:missing.db"],
            69,
            "--source: the database can't be used",
        ),
    ] {
        let mut run = vec!["run", "misfit"];
        run.extend(arguments);
        let ran = gateway.run_with(&run, &quick).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(text), "{arguments:?}: {}", ran.err);
    }
    assert!(!gateway.path().join("missing.db").exists());
    // What the trapped step wrote was rolled back.
    let after = gateway
        .run(&["run", "misfit", "count", "--set", "rows=1"])
        .await;
    assert_eq!(after.ok(), "done after 1 steps\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_run_between_two_steps() {
    let gateway = Gateway::new();
    // A long run: were it not interrupted, the test's deadline would pass.
    let arguments = gateway.arguments(&["run", "misfit", "for-ever"]);
    let env = [
        ("GATEWAY_DATABASE_URL", "sqlite:g.db"),
        ("GATEWAY_LOG_FILTER", "info"),
    ];
    let mut child = start(gateway.path(), &arguments, &env);
    // The last line of the log before the first step is of a migration.
    let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
    let started = async {
        while let Some(line) = lines.next_line().await.expect("a line") {
            if line.contains("kinds") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), started)
        .await
        .expect("it never starts");
    terminate(&child).await;
    let rest = tokio::spawn(async move {
        let mut last = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            last = line;
        }
        last
    });
    assert_eq!(end(child).await.code, Some(75));
    let last = rest.await.expect("its last line");
    assert!(last.starts_with("gateway: stopped after "), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_requests_are_served_there_is_no_source() {
    let gateway = Gateway::new();
    let told = gateway.run(&["run", "misfit", "read-no-source"]).await.ok();
    assert!(told.contains("Unavailable"), "{told}");
    let server = Server::start(
        TestDatabase::fresh(Dialect::Sqlite).await,
        &[("misfit", "/")],
        &[],
    )
    .await;
    let answer = server.get("/source").send().await.expect("an answer");
    let text = answer.text().await.expect("a text");
    assert!(text.contains("Unavailable"), "{text}");
    server.stop().await;
}
