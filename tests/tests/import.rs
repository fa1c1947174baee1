//! The import, through the real gateway: from the original's two databases into each of
//! ours.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use gateway::contract::sql::{Kind, Value};
use gateway_tests::command::{Ran, run, start};
use gateway_tests::database::{Dialect, TestDatabase, limits};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, component};
use serde_json::json;
use tempfile::TempDir;

on_every_database!(an_original_comes_over, a_cut_import_goes_on);

/// The schema of the original on a fresh database of a server.
async fn original(dialect: Dialect, with_files: bool) -> TestDatabase {
    let database = TestDatabase::fresh(dialect).await;
    let (schema, files) = match dialect {
        Dialect::Postgres => (
            include_str!("../fixtures/original/postgres.sql"),
            include_str!("../fixtures/original/files.postgres.sql"),
        ),
        _ => (
            include_str!("../fixtures/original/mysql.sql"),
            include_str!("../fixtures/original/files.mysql.sql"),
        ),
    };
    database.raw(schema).await;
    if with_files {
        database.raw(files).await;
    }
    database
}

/// The gateway's command line on a database.
struct Gateway {
    folder: TempDir,
    plugin: String,
    url: String,
}

impl Gateway {
    fn on(database: &TestDatabase) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            plugin: format!("chat={}", component("chat").display()),
            url: database.config.url.clone(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn env(&self) -> [(&str, &str); 2] {
        [
            ("GATEWAY_DATABASE_URL", &self.url),
            ("GATEWAY_LOG_FILTER", "off"),
        ]
    }

    async fn import(&self, from: &TestDatabase, tenant: &str, more: &[&str]) -> Ran {
        let tenant = format!("tenant={tenant}");
        let arguments = self.arguments(from, &tenant, more);
        run(self.path(), &arguments, &self.env()).await
    }

    fn arguments<'a>(
        &'a self,
        from: &'a TestDatabase,
        tenant: &'a str,
        more: &[&'a str],
    ) -> Vec<&'a str> {
        let mut arguments = vec!["plugin", "run", "chat", "import", "--plugin", &self.plugin];
        arguments.extend(["--source", &from.config.url, "--set", tenant]);
        arguments.extend(more);
        arguments
    }
}

/// The numbers of a table's line in the report.
fn counts(report: &str, table: &str) -> Vec<u64> {
    let line = report
        .lines()
        .find(|line| line.starts_with(&format!("{table} ")))
        .unwrap_or_else(|| panic!("no line of {table}:\n{report}"));
    line.split_whitespace()
        .skip(1)
        .map(|cell| cell.parse().expect("a number"))
        .collect()
}

async fn number(database: &TestDatabase, sql: &str) -> i64 {
    let rows = database
        .connect()
        .await
        .query(sql, Vec::new(), &[Kind::Integer], &limits())
        .await
        .expect(sql);
    match rows[0][0] {
        Value::Integer(number) => number,
        ref other => panic!("{other:?}"),
    }
}

/// A UUID of the original's that starts with `kind`.
fn id(kind: u32, number: u32) -> String {
    format!("{kind:08}-0000-0000-0000-{number:012}")
}

const ANN: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const BOB: &str = "bbbbbbbb-0000-0000-0000-000000000002";
const CID: &str = "cccccccc-0000-0000-0000-000000000003";
const ROOM: &str = "dddddddd-0000-0000-0000-000000000004";

/// Six messages and what belongs to them, in words that both databases know. `kind` keeps
/// the ids of two originals apart.
fn rows(kind: u32, main: &str) -> String {
    let id = |number| id(kind, number);
    let time = |second: u32| format!("'2024-05-01 10:00:{second:02}'");
    let message = |number: u32, sender: &str, second: u32, more: (&str, &str)| {
        format!(
            "INSERT INTO {main}messages (id, body, channel_id, channel_type, created_by, created_on, modified_on{})
             VALUES ('{}', 'body {number}', '{ROOM}', 'direct', {sender}, {at}, {at}{});\n",
            more.0, id(number), more.1, at = time(second),
        )
    };
    let recipient = |number: u32, message: u32, user: &str, second: u32, flags: &str| {
        format!(
            "INSERT INTO {main}message_recipients (id, message_id, channel_id, recipient_id, created_by, created_on, modified_on, is_read, is_favorite, deleted)
             VALUES ('{}', '{}', '{ROOM}', '{user}', '{ANN}', {at}, {at}, {flags});\n",
            id(number), id(message), at = time(second),
        )
    };
    let quoted = |user: &str| format!("'{user}'");
    [
        message(1, &quoted(BOB), 9, ("", "")),
        // The earliest, though not the first by id.
        message(2, &quoted(ANN), 1, (", to_user_id", &format!(", '{BOB}'"))),
        message(3, &quoted(ANN), 3, (", parent_message_id", &format!(", '{}'", id(2)))),
        message(4, &quoted(ANN), 4, (", deleted, deleted_by", &format!(", true, '{ANN}'"))),
        message(5, "NULL", 5, ("", "")),
        message(6, &quoted(BOB), 6, (", subject, status", ", 'A subject', 7")),
        recipient(11, 2, CID, 2, "false, true, false"),
        recipient(12, 2, CID, 1, "true, false, false"),
        recipient(13, 3, CID, 3, "true, false, true"),
        format!(
            "INSERT INTO {main}message_files (id, message_id, channel_id, file_key, meta_data, created_by)
             VALUES ('{}', '{}', '{ROOM}', 'key', '{{\"size\": 3}}', '{ANN}');\n",
            id(21), id(2),
        ),
    ]
    .concat()
}

async fn an_original_comes_over(database: TestDatabase) {
    let gateway = Gateway::on(&database);
    for (kind, dialect, main, tenant) in [
        (1, Dialect::Postgres, "main.", "from-postgres"),
        (2, Dialect::Mysql, "", "from-mysql"),
    ] {
        let source = original(dialect, true).await;
        source.raw(&rows(kind, main)).await;

        let dry = gateway.import(&source, tenant, &["--dry-run"]).await.ok();
        assert_eq!(counts(&dry, "messages"), [6, 6, 0, 0, 0]);
        let there = format!("SELECT COUNT(*) FROM chat_messages WHERE tenant_id = '{tenant}'");
        assert_eq!(number(&database, &there).await, 0);

        let report = gateway.import(&source, tenant, &[]).await.ok();
        assert_eq!(counts(&report, "messages"), [6, 6, 0, 0, 0], "{report}");
        assert_eq!(
            counts(&report, "message_recipients"),
            [3, 2, 0, 1, 0],
            "{report}"
        );
        assert_eq!(
            counts(&report, "message_files"),
            [1, 1, 0, 0, 0],
            "{report}"
        );
        assert!(
            report.contains("channels: 1 made; members: 4 added"),
            "{report}"
        );
        assert!(report.ends_with("the numbers add up\n"), "{report}");

        let again = gateway.import(&source, tenant, &[]).await.ok();
        assert_eq!(counts(&again, "messages"), [6, 0, 6, 0, 0], "{again}");
        assert_eq!(counts(&again, "message_files"), [1, 0, 1, 0, 0], "{again}");
        assert_eq!(
            number(&source, &format!("SELECT COUNT(*) FROM {main}messages")).await,
            6
        );
    }
    // As its users see it.
    let server = Server::chat(database).await;
    for (kind, tenant) in [(1, "from-postgres"), (2, "from-mysql")] {
        for user in [ANN, BOB, CID, "unknown"] {
            let (status, page) = server.user(tenant, user).get("/messages").await;
            assert_eq!(status, 200);
            let bodies: Vec<_> = page
                .as_array()
                .expect("a list")
                .iter()
                .map(|message| message["body"].clone())
                .collect();
            let in_time = ["body 2", "body 3", "body 5", "body 6", "body 1"];
            assert_eq!(
                bodies,
                in_time.map(serde_json::Value::from),
                "{tenant} {user}"
            );
        }
        let path = format!("/messages/{}", id(kind, 3));
        let (_, message) = server.user(tenant, CID).get(&path).await;
        assert_eq!(message["parentMessageId"], json!(id(kind, 2)));
        assert_eq!(message["createdOn"], json!("2024-05-01T10:00:03.000Z"));
        assert_eq!(
            (&message["createdBy"], &message["deletedOn"]),
            (&json!(ANN), &json!(null))
        );
        let (_, others) = server.user("else", ANN).get("/messages").await;
        assert_eq!(others, json!([]));
    }
    server.stop().await;
}

/// Twenty thousand messages of a thousand channels, each with one recipient or two.
async fn fill(source: &TestDatabase) {
    let main = source.pick("", "main.", "");
    let (numbers, uuid) = match source.dialect {
        Dialect::Postgres => (
            "generate_series(1, 20000) AS s (n)".to_owned(),
            (|text: &str| format!("CAST(md5({text}) AS uuid)")) as fn(&str) -> String,
        ),
        _ => {
            let digit = "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
            (
                format!(
                    "(SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n FROM {digit} a, {digit} b, {digit} c, {digit} d, (SELECT 0 AS d UNION SELECT 1) e) AS s"
                ),
                (|text: &str| {
                    format!(
                        "INSERT(INSERT(INSERT(INSERT(MD5({text}), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
                    )
                }) as fn(&str) -> String,
            )
        }
    };
    let text = |kind: &str, number: &str| format!("CONCAT('{kind}', {number})");
    let at = source.pick(
        "",
        "timestamptz '2024-01-01 00:00:00Z' + s.n * interval '1 second'",
        "TIMESTAMP('2024-01-02 00:00:00') + INTERVAL s.n SECOND",
    );
    source
        .raw(&format!(
            "INSERT INTO {main}messages (id, body, channel_id, channel_type, created_by, created_on, modified_on, to_user_id)
             SELECT {}, 'a body', {}, 'group', {}, {at}, {at}, {} FROM {numbers}",
            uuid(&text("m", "s.n")),
            uuid(&text("c", "s.n % 1000")),
            uuid(&text("u", "s.n % 7")),
            uuid(&text("u", "s.n % 11")),
        ))
        .await;
    for (kind, condition) in [("r", "1 = 1"), ("q", "s.n % 10 = 0")] {
        source
            .raw(&format!(
                "INSERT INTO {main}message_recipients (id, message_id, channel_id, recipient_id, created_on, modified_on, is_read)
                 SELECT {}, {}, {}, {}, {at}, {at}, {} FROM {numbers} WHERE {condition}",
                uuid(&text(kind, "s.n")),
                uuid(&text("m", "s.n")),
                uuid(&text("c", "s.n % 1000")),
                uuid(&text("u", "s.n % 13")),
                condition == "s.n % 10 = 0",
            ))
            .await;
    }
}

/// Stopped between two steps, killed in the middle of one, and then let go.
async fn a_cut_import_goes_on(database: TestDatabase) {
    let from = match database.dialect {
        Dialect::Postgres => Dialect::Mysql,
        _ => Dialect::Postgres,
    };
    let source = original(from, false).await;
    fill(&source).await;
    let gateway = Gateway::on(&database);

    let stopped = gateway.import(&source, "t", &["--steps", "6"]).await;
    assert_eq!(stopped.code, Some(75), "{}", stopped.err);
    let messages = "SELECT COUNT(*) FROM chat_messages";
    assert_eq!(number(&database, messages).await, 1000);

    let arguments = gateway.arguments(&source, "tenant=t", &[]);
    let mut killed = start(gateway.path(), &arguments, &gateway.env());
    let deadline = Instant::now() + Duration::from_secs(60);
    while number(&database, messages).await < 3000 {
        assert!(Instant::now() < deadline, "it does not get on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    killed.kill().await.expect("kill -9");
    let before = number(&database, messages).await;
    assert!(before < 20_000, "it was too fast to be cut");

    let report = gateway.import(&source, "t", &[]).await.ok();
    assert!(report.starts_with("goes on after "), "{report}");
    assert_eq!(
        counts(&report, "messages"),
        [20_000, 20_000, 0, 0, 0],
        "{report}"
    );
    assert_eq!(
        counts(&report, "message_recipients"),
        [22_000, 20_000, 0, 2_000, 0],
        "{report}"
    );
    assert!(report.contains("channels: 1000 made"), "{report}");
    assert!(
        report.contains("message_files: there is no such table"),
        "{report}"
    );
    assert_eq!(number(&database, messages).await, 20_000);
    assert_eq!(
        number(&database, "SELECT COUNT(*) FROM chat_recipients").await,
        20_000
    );
    assert_eq!(
        number(&database, "SELECT COUNT(*) FROM chat_channels").await,
        1000
    );
    let read = "SELECT COUNT(*) FROM chat_recipients WHERE is_read";
    assert_eq!(number(&database, read).await, 2_000);
    let owners = "SELECT COUNT(*) FROM chat_members WHERE role = 'owner'";
    assert_eq!(number(&database, owners).await, 1000);
    let first = "SELECT COUNT(*) FROM chat_channels AS c JOIN (SELECT tenant_id, channel_id, MIN(created_on) AS began FROM chat_messages GROUP BY tenant_id, channel_id) AS m ON m.tenant_id = c.tenant_id AND m.channel_id = c.channel_id WHERE c.created_on <> m.began";
    assert_eq!(number(&database, first).await, 0);

    // The record of all this is whole.
    let verified = run(gateway.path(), &["audit", "verify"], &gateway.env())
        .await
        .ok();
    assert!(verified.contains(" 0 faults"), "{verified}");
}
