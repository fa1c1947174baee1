//! Several plugins at once: each with its own place, database, limits and grants.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use futures_util::future::join_all;
use gateway::capability::sql::Database;
use gateway::contract::sql::Kind;
use gateway_tests::command::run;
use gateway_tests::database::{Dialect, TestDatabase, limits};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer, component, config};
use gateway_tests::token;
use reqwest::Method;
use serde_json::{Value, json};

on_every_database!(
    hosts_and_databases_keep_two_plugins_apart,
    a_plugin_that_is_at_its_limits_leaves_the_others_alone,
);

/// A request to a host, by alice.
async fn send(
    server: &Server,
    method: Method,
    host: &str,
    path: &str,
    body: &'static str,
) -> (u16, Value) {
    let request = server.user("acme", "alice").request(method, path);
    let request = request.header("content-type", "application/json");
    answer(request.header("host", host).body(body)).await
}

async fn has_table(database: &Database, table: &str) -> bool {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let rows = database
        .query(&sql, vec![], &[Kind::Integer], &limits())
        .await;
    rows.is_ok()
}

const MESSAGE: &str = r#"{"body": "x", "channelId": "c", "channelType": "group"}"#;

async fn hosts_and_databases_keep_two_plugins_apart(database: TestDatabase) {
    let own = TestDatabase::fresh(Dialect::Sqlite).await;
    let env = [
        ("GATEWAY_PLUGIN_CHAT_HOSTS", "chat.example.com"),
        (
            "GATEWAY_PLUGIN_NOTES_HOSTS",
            "notes.example.com, *.notes.org",
        ),
        ("GATEWAY_PLUGIN_NOTES_DATABASE_URL", &own.config.url),
        ("GATEWAY_PLUGIN_NOTES_SETTINGS", "max-bytes=4"),
        (
            "GATEWAY_PLUGIN_NOTES_GRANTS",
            "sql, audit, identity, log, settings, clocks, random",
        ),
    ];
    let server = Server::start(database, &[("chat", "/"), ("notes", "/")], &env).await;
    let send = async |method, host, path, body| send(&server, method, host, path, body).await;

    for (method, host, path, body, wanted) in [
        (Method::POST, "chat.example.com", "/messages", MESSAGE, 200),
        (Method::GET, "CHAT.example.com:80", "/messages", "", 200),
        (Method::POST, "notes.example.com", "/entries", "one", 201),
        (Method::POST, "a.b.notes.org", "/entries", "two", 201),
        (Method::POST, "notes.example.com", "/entries", "three", 413),
        (Method::GET, "chat.example.com", "/entries", "", 404),
        (Method::GET, "notes.example.com", "/messages", "", 404),
        (Method::GET, "notes.org", "/entries", "", 404),
        (Method::GET, "example.com", "/messages", "", 404),
    ] {
        let (status, body) = send(method, host, path, body).await;
        assert_eq!(status, wanted, "{host} {path}: {body}");
    }
    let (_, entries) = send(Method::GET, "notes.example.com", "/entries", "").await;
    assert_eq!(entries, json!(["one", "two"]));

    // Neither's tables are where the other could see them.
    let (shared, private) = (server.database.connect().await, own.connect().await);
    for (database, table, wanted) in [
        (&shared, "chat_messages", true),
        (&shared, "notes_entries", false),
        (&private, "notes_entries", true),
        (&private, "chat_messages", false),
    ] {
        assert_eq!(has_table(database, table).await, wanted, "{table}");
    }
    shared.close().await;
    private.close().await;

    let ready = reqwest::get(format!("{}/readyz", server.admin())).await;
    let ready: Value = ready.unwrap().json().await.unwrap();
    assert_eq!(ready["databases"], json!({"notes": "ok"}), "{ready}");

    // The commands look at both.
    let (chat, notes) = (component("chat"), component("notes"));
    let variables = [
        ("GATEWAY_DATABASE_URL", server.database.config.url.as_str()),
        ("GATEWAY_PLUGIN_NOTES_DATABASE_URL", own.config.url.as_str()),
        ("GATEWAY_PLUGIN_CHAT_FILE", chat.to_str().unwrap()),
        ("GATEWAY_PLUGIN_NOTES_FILE", notes.to_str().unwrap()),
        ("GATEWAY_PLUGIN_NOTES_MOUNT", "/notes"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let audit = run(folder.path(), &["audit", "verify"], &variables)
        .await
        .ok();
    let lines: Vec<_> = audit.lines().collect();
    assert_eq!(lines[1..], ["plugin.notes: 2 rows read, 0 faults"]);
    let status = run(folder.path(), &["migrate", "status"], &variables)
        .await
        .ok();
    for scope in ["gateway  ", "chat  ", "gateway (of notes)  ", "notes  "] {
        let of_scope = status.lines().filter(|line| line.starts_with(scope));
        assert!(of_scope.clone().count() > 0, "{scope}: {status}");
        assert!(
            of_scope.clone().all(|line| line.ends_with("ok")),
            "{status}"
        );
    }
    server.stop().await;
}

async fn a_plugin_that_is_at_its_limits_leaves_the_others_alone(database: TestDatabase) {
    let env = [
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_INSTANCES", "1"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_QUEUE", "0"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "300ms"),
    ];
    let plugins = [("chat", "/"), ("notes", "/notes"), ("misfit", "/misfit")];
    let server = Server::start(database, &plugins, &env).await;
    let crowd = join_all((0..8).map(|_| answer(server.get("/misfit/spin"))));
    let neighbours = join_all((0..8).flat_map(|_| {
        ["/messages", "/notes/entries"].map(|path| send(&server, Method::GET, "h", path, ""))
    }));
    let (crowd, neighbours) = tokio::join!(crowd, neighbours);
    let mut statuses: Vec<_> = crowd.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    // One had the place until its time was over; the others were turned away.
    assert_eq!(statuses, [503, 503, 503, 503, 503, 503, 503, 504]);
    for (status, body) in neighbours {
        assert_eq!((status, body), (200, json!([])));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_granted_is_refused_and_leaves_nothing_behind() {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    let data = tempfile::tempdir().unwrap();
    let start = |grants: &'static str| {
        let env = [("GATEWAY_PLUGIN_NOTES_GRANTS", grants)];
        gateway::start(config(&database, &data, &[("notes", "/")], &env))
    };
    let refused = start("audit, identity, log, settings, clocks").await;
    let refused = refused.expect_err("more than was granted").to_string();
    for part in [
        "plugin notes: ",
        "gateway:plugin/sql@0.1.0",
        "wasi:random/random@0.2.12",
        ", which plugin.notes.grants does not have",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    let look = database.connect().await;
    assert!(!has_table(&look, "notes_entries").await);
    look.close().await;
    let running = start("sql, audit, identity, log, settings, clocks, random").await;
    assert!(running.expect("all that it imports").stop().await);

    // The same before anything is started.
    let folder = tempfile::tempdir().unwrap();
    let file = component("notes");
    let file = file.to_str().unwrap();
    let inspect = ["plugin", "inspect", file, "--as", "notes"];
    let variables = [
        ("GATEWAY_PLUGIN_NOTES_FILE", file),
        ("GATEWAY_PLUGIN_NOTES_GRANTS", "sql, audit, log"),
    ];
    let ran = run(folder.path(), &inspect, &variables).await;
    assert_eq!(ran.code, Some(65), "{}", ran.err);
    let line = "imports wasi:random/random@0.2.12, which plugin.notes.grants does not have";
    assert!(ran.out.contains(line), "{}", ran.out);
    run(folder.path(), &inspect, &variables[..1]).await.ok();
}

#[tokio::test]
async fn a_plugin_without_a_token_is_asked_nothing() {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    let server = Server::start(database, &[("notes", "/notes")], &[]).await;
    assert_eq!(answer(server.get("/notes/entries")).await.0, 401);
    let nobody = token::sign(&json!({"exp": token::FAR}));
    let request = server.get("/notes/entries").bearer_auth(nobody);
    assert_eq!(answer(request).await.0, 401);
    let bob = server.user("acme", "bob");
    let add = bob.request(Method::POST, "/notes/entries").body("bob's");
    assert_eq!(answer(add).await.0, 201);
    assert_eq!(bob.get("/notes/entries").await.1, json!(["bob's"]));
    let alice = server.user("acme", "alice");
    assert_eq!(alice.get("/notes/entries").await.1, json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_new_plugin_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let new = async |name: &str| run(folder.path(), &["plugin", "new", name], &[]).await;
    let out = new("my-list").await.ok();
    assert!(out.contains("gateway plugin build my-list"), "{out}");
    let written = |path: &str| folder.path().join("my-list").join(path);
    for path in [
        "Cargo.toml",
        "src/lib.rs",
        "wit/world.wit",
        "wit/deps/io.wit",
        ".gitignore",
    ] {
        assert!(written(path).is_file(), "{path}");
    }
    std::fs::write(written("src/lib.rs"), "mine").unwrap();
    let again = new("my-list").await;
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert_eq!(std::fs::read(written("src/lib.rs")).unwrap(), b"mine");
    for name in ["My-list", "a--b", "a-", "1a", "../a", ""] {
        assert_eq!(new(name).await.code, Some(64), "{name}");
    }
}
