//! The migration runner, on the three databases.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use gateway::capability::sql::Database;
use gateway::contract::sql::{Dialect, Kind};
use gateway::migrate::{self, Error, Migration};
use gateway_tests::database::{TestDatabase, limits};
use gateway_tests::on_every_database;

on_every_database!(
    the_gateways_own_tables_are_made,
    what_is_missing_is_applied_once,
    runners_that_start_at_once_apply_once,
    edited_and_missing_ones_stop_the_start,
    numbers_and_names_are_checked,
    a_failed_one_leaves_nothing_or_says_so,
    a_half_applied_one_is_named,
    plugins_may_not_migrate_everything,
    what_others_made_survives,
    every_state_has_a_word,
);

fn migration(version: u32, name: &str, statements: &str) -> Migration {
    Migration {
        version,
        name: name.into(),
        statements: statements.into(),
    }
}

/// Two that a plugin might have.
fn two() -> Vec<Migration> {
    vec![
        migration(
            1,
            "things",
            "-- The things; all of them.\nCREATE TABLE things (id INTEGER PRIMARY KEY, \
             name VARCHAR(20) DEFAULT ';');\nINSERT INTO things (id) VALUES (1);",
        ),
        migration(2, "more_things", "INSERT INTO things (id) VALUES (2)"),
    ]
}

async fn run(database: &Database, migrations: &[Migration]) -> Result<Vec<u32>, Error> {
    migrate::run(database, "chat", migrations)
        .await
        .map(|applied| applied.versions)
}

async fn things(database: &Database) -> usize {
    let columns = [Kind::Integer, Kind::Text];
    let sql = "SELECT id, name FROM things";
    database
        .query(sql, Vec::new(), &columns, &limits())
        .await
        .expect("things")
        .len()
}

async fn the_gateways_own_tables_are_made(test: TestDatabase) {
    let database = test.connect().await;
    let migrations = migrate::gateway(test.dialect);
    let applied = migrate::run(&database, migrate::GATEWAY, &migrations)
        .await
        .expect("a run");
    assert_eq!(applied.versions.len(), migrations.len());
    let again = migrate::run(&database, migrate::GATEWAY, &migrations)
        .await
        .expect("a run");
    assert!(again.versions.is_empty());
    test.raw("SELECT chain, seq, hash FROM gateway_audit_heads")
        .await;
    test.raw("SELECT owner, version, name, checksum, applied_at FROM gateway_migrations")
        .await;
}

async fn what_is_missing_is_applied_once(test: TestDatabase) {
    let database = test.connect().await;
    let all = two();
    let names = async |migrations: &[Migration]| {
        let plan = migrate::plan(&database, "chat", migrations)
            .await
            .expect("a plan");
        plan.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&all).await, ["things", "more_things"]);
    assert_eq!(run(&database, &all[..1]).await.expect("the first"), [1]);
    assert_eq!(things(&database).await, 1);
    assert_eq!(names(&all).await, ["more_things"]);
    let status = migrate::status(&database, "chat", &all)
        .await
        .expect("the status");
    let applied: Vec<bool> = status.iter().map(|it| it.applied_at.is_some()).collect();
    assert_eq!(applied, [true, false]);
    assert_eq!(run(&database, &all).await.expect("the second"), [2]);
    assert_eq!(run(&database, &all).await.expect("nothing"), [0; 0]);
    assert_eq!(things(&database).await, 2);
    // Line ends are a matter of the checkout, not of the migration.
    let mut windows = two();
    windows[0].statements = windows[0].statements.replace('\n', "\r\n");
    assert_eq!(run(&database, &windows).await.expect("nothing"), [0; 0]);
    // Another owner has numbers of its own.
    let other = [migration(1, "others", "CREATE TABLE others (id INTEGER)")];
    let applied = migrate::run(&database, "other", &other)
        .await
        .expect("another's");
    assert_eq!(applied.versions, [1]);
}

async fn runners_that_start_at_once_apply_once(test: TestDatabase) {
    // Each with a pool of its own, as two processes have.
    let runners = (0..4).map(|_| {
        let config = test.config.clone();
        tokio::spawn(async move {
            let database = Database::connect(&config).await.expect("the database");
            let gateway = migrate::gateway(database.dialect());
            migrate::run(&database, migrate::GATEWAY, &gateway)
                .await
                .expect("the gateway's");
            run(&database, &two()).await.expect("the plugin's")
        })
    });
    let mut applied = Vec::new();
    for runner in runners.collect::<Vec<_>>() {
        applied.extend(runner.await.expect("a runner"));
    }
    applied.sort_unstable();
    assert_eq!(applied, [1, 2]);
    assert_eq!(things(&test.connect().await).await, 2);
}

async fn edited_and_missing_ones_stop_the_start(test: TestDatabase) {
    let database = test.connect().await;
    run(&database, &two()).await.expect("both");
    let told = async |migrations: &[Migration]| {
        let error = run(&database, migrations)
            .await
            .expect_err("an error")
            .to_string();
        let same = migrate::plan(&database, "chat", migrations)
            .await
            .expect_err("an error");
        assert_eq!(same.to_string(), error);
        error
    };
    let mut edited = two();
    edited[0].statements.push(' ');
    let message = told(&edited).await;
    assert!(
        message.starts_with("chat: migration 1 (things) was edited"),
        "{message}"
    );
    assert!(
        message.contains("put the change into a new migration"),
        "{message}"
    );
    let mut renamed = two();
    renamed[1].name = "fewer_things".into();
    let message = told(&renamed).await;
    assert!(
        message.contains("migration 2 (fewer_things) was edited after it ran as `more_things`")
    );
    let message = told(&two()[1..]).await;
    assert_eq!(
        message,
        "chat: migration 1 (things) ran but is missing now; restore it"
    );
    let message = told(&two()[..1]).await;
    assert!(
        message.contains("the database has migration 2 (more_things)"),
        "{message}"
    );
    assert!(message.contains("start the newer version"), "{message}");
    test.raw("DELETE FROM gateway_migrations WHERE version = 1")
        .await;
    let message = told(&two()).await;
    assert!(
        message.contains("migration 1 (things) never ran, but later ones did"),
        "{message}"
    );
}

async fn numbers_and_names_are_checked(test: TestDatabase) {
    let database = test.connect().await;
    let told = async |migrations: &[Migration]| {
        run(&database, migrations)
            .await
            .expect_err("an error")
            .to_string()
    };
    let one = |version, name| migration(version, name, "CREATE TABLE a (id INTEGER);");
    let message = told(&[one(1, "a"), one(1, "b")]).await;
    assert!(
        message.starts_with("chat: version 1 is there twice"),
        "{message}"
    );
    let message = told(&[one(1, "a"), one(3, "b")]).await;
    assert!(
        message.starts_with("chat: there is no version 2 at its place"),
        "{message}"
    );
    let message = told(&[one(0, "a")]).await;
    assert!(message.starts_with("chat: version 0"), "{message}");
    for name in ["", "A", "a b", "a__b", "a-b"] {
        let message = told(&[one(1, name)]).await;
        assert!(
            message.contains("use lower-case words joined by `_`"),
            "{message}"
        );
    }
}

async fn a_failed_one_leaves_nothing_or_says_so(test: TestDatabase) {
    let database = test.connect().await;
    let broken =
        "CREATE TABLE early (id INTEGER PRIMARY KEY); INSERT INTO nowhere (id) VALUES (1);";
    let error = run(&database, &[migration(1, "broken", broken)])
        .await
        .expect_err("it fails");
    let message = error.to_string();
    assert!(
        message.starts_with("chat: migration 1 (broken) failed at its statement 2:"),
        "{message}"
    );
    assert!(message.contains("nowhere"), "{message}");
    // The next try: on MySQL the table is there already, and somebody has to look.
    let fixed = [migration(
        1,
        "fixed",
        "CREATE TABLE early (id INTEGER PRIMARY KEY)",
    )];
    let again = run(&database, &fixed).await;
    match test.dialect {
        Dialect::Mysql => assert!(again.is_err()),
        _ => assert_eq!(again.expect("a clean start"), [1]),
    }
    // One whose first statement fails changed nothing anywhere.
    let first = migrate::run(
        &database,
        "other",
        &[migration(1, "bad", "INSERT INTO nowhere (id) VALUES (1)")],
    )
    .await;
    assert!(
        first
            .expect_err("it fails")
            .to_string()
            .contains("failed at its statement 1")
    );
    let good = [migration(1, "good", "CREATE TABLE late (id INTEGER)")];
    assert_eq!(
        migrate::run(&database, "other", &good)
            .await
            .expect("a run")
            .versions,
        [1]
    );
}

async fn a_half_applied_one_is_named(test: TestDatabase) {
    let database = test.connect().await;
    run(&database, &two()).await.expect("both");
    // What a killed gateway leaves behind on MySQL.
    test.raw("UPDATE gateway_migrations SET applied_at = NULL WHERE version = 2")
        .await;
    let error = run(&database, &two()).await.expect_err("it stops");
    let message = error.to_string();
    assert!(
        matches!(error, Error::HalfApplied { version: 2, .. }),
        "{message}"
    );
    assert!(
        message.starts_with("chat: migration 2 (more_things) was cut in its middle"),
        "{message}"
    );
    assert!(
        message.contains("delete its row from gateway_migrations"),
        "{message}"
    );
}

async fn plugins_may_not_migrate_everything(test: TestDatabase) {
    let database = test.connect().await;
    for statements in [
        "DROP TABLE gateway_audit",
        "UPDATE gateway_migrations SET name = 'x'",
        "DROP TABLE others",
        "CREATE TABLE IF NOT EXISTS others (id INTEGER); DROP TABLE others",
        "ALTER TABLE others RENAME TO mine",
        "DELETE FROM others",
        "ATTACH DATABASE 'x' AS y",
        "CREATE USER x",
        "SET search_path = 'x'",
        "CREATE TABLE a (id INTEGER); COMMIT; DROP TABLE a",
        "CREATE TABLE a (id INTEGER DEFAULT 'x",
    ] {
        let error = run(&database, &[migration(1, "bad", statements)])
            .await
            .expect_err(statements);
        assert!(
            matches!(error, Error::Refused { version: 1, .. }),
            "{statements}: {error}"
        );
    }
    let told = database
        .query("SELECT id FROM a", Vec::new(), &[Kind::Integer], &limits())
        .await;
    assert!(told.is_err(), "nothing of it ran");
}

/// The migrations of a folder of `migrations/`, as a plugin would tell them.
fn files(owner: &str, test: &TestDatabase) -> Vec<Migration> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../migrations")
        .join(owner)
        .join(test.pick("sqlite", "postgres", "mysql"));
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|file| file.expect("a file").path())
        .collect();
    paths.sort();
    let of = |(version, path): (u32, &std::path::PathBuf)| {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let text = std::fs::read_to_string(path).expect("the text");
        migration(version, &name[5..], &text)
    };
    (1..).zip(&paths).map(of).collect()
}

/// The tables of a service that shares the database, the original's names among them.
async fn what_others_made_survives(test: TestDatabase) {
    if test.dialect == Dialect::Postgres {
        test.raw("CREATE SCHEMA main; CREATE SCHEMA logs; CREATE TABLE main.messages (id INTEGER); INSERT INTO main.messages VALUES (7)")
            .await;
    }
    let foreign = [
        "messages",
        "message_recipients",
        "audit_logs",
        "migrations",
        "channels",
    ];
    for table in foreign {
        test.raw(&format!(
            "CREATE TABLE {table} (id INTEGER PRIMARY KEY, note VARCHAR(20))"
        ))
        .await;
        test.raw(&format!(
            "INSERT INTO {table} (id, note) VALUES (1, 'theirs')"
        ))
        .await;
    }
    let database = test.connect().await;
    let gateway = migrate::gateway(test.dialect);
    migrate::run(&database, migrate::GATEWAY, &gateway)
        .await
        .expect("the gateway's");
    let chat = files("chat", &test);
    let applied = run(&database, &chat).await.expect("the chat's");
    assert_eq!(applied.len(), chat.len());
    for table in foreign {
        let sql = format!("SELECT id, note FROM {table}");
        let rows = database
            .query(&sql, Vec::new(), &[Kind::Integer, Kind::Text], &limits())
            .await
            .expect(table);
        assert_eq!(rows.len(), 1, "{table}");
    }
    if test.dialect == Dialect::Postgres {
        let rows = database
            .query(
                "SELECT id FROM main.messages",
                Vec::new(),
                &[Kind::Integer],
                &limits(),
            )
            .await;
        assert_eq!(rows.expect("theirs").len(), 1);
    }
}

async fn every_state_has_a_word(test: TestDatabase) {
    let database = test.connect().await;
    let words = async |migrations: &[Migration]| {
        let status = migrate::status(&database, "chat", migrations)
            .await
            .expect("the status");
        status.iter().map(|it| it.state.word()).collect::<Vec<_>>()
    };
    assert_eq!(words(&two()).await, ["pending", "pending"]);
    let off = migrate::at_start(&database, "chat", &two(), false)
        .await
        .expect_err("pending");
    assert!(off.to_string().contains("gateway migrate up"), "{off}");
    migrate::at_start(&database, "chat", &two(), true)
        .await
        .expect("a run");
    migrate::at_start(&database, "chat", &two(), false)
        .await
        .expect("nothing is pending");
    assert_eq!(words(&two()).await, ["ok", "ok"]);
    let mut edited = two();
    edited[0].statements.push(' ');
    assert_eq!(words(&edited).await, ["changed", "ok"]);
    assert_eq!(words(&two()[..1]).await, ["ok", "missing"]);
    test.raw("UPDATE gateway_migrations SET applied_at = NULL WHERE version = 2")
        .await;
    assert_eq!(words(&two()).await, ["ok", "unfinished"]);
}
