//! A page of a channel costs what the page is long, whatever the table is: the very
//! statement that the service sends is planned and run again on 200,000 messages.
//!
//! The statement is taken off the wire, by a proxy between the gateway and the server.
//! SQLite has no wire, but the service writes one text for all databases unless a
//! pattern is searched for; that it does is checked here.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/raw.rs"]
mod raw;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::Server;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, Row, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use raw::texts;

const CHANNELS: u32 = 200;
const MESSAGES: u32 = 200_000;
const PAGE: u64 = 20;
/// Rows that may be looked at for a page: itself, the membership, and some more.
const EXAMINED: u64 = 2 * PAGE;
const INDEX: &str = "chat_messages_by_channel";

/// What clients ask for, as the part of a filter behind the channel: the newest and
/// the oldest messages, and those before the oldest that is on the screen.
const PAGES: [&str; 3] = [
    "&filter[order]=createdOn+DESC",
    "&filter[order]=createdOn+ASC",
    "&filter[order]=createdOn+DESC&filter[where][createdOn][lt]=2026-01-02T00:00:00.000Z",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_page_is_an_index_range_scan() {
    let (postgres, on_postgres) = statements(Dialect::Postgres).await;
    let (mysql, on_mysql) = statements(Dialect::Mysql).await;
    let on_postgres = on_postgres.iter().map(|it| without_numbers(it));
    assert!(
        on_postgres.eq(on_mysql.iter().cloned()),
        "one text for all databases"
    );
    let sqlite = Server::chat(TestDatabase::fresh(Dialect::Sqlite).await).await;
    fill(&sqlite.database).await;
    for statement in &on_mysql {
        println!("\n{statement}");
        check_sqlite(&sqlite.database, statement).await;
        check_postgres(&postgres.database, statement).await;
        check_mysql(&mysql.database, statement).await;
    }
    for server in [sqlite, postgres, mysql] {
        server.stop().await;
    }
}

/// A gateway with messages, and what it asks its database for the pages.
async fn statements(dialect: Dialect) -> (Server, Vec<String>) {
    let mut database = TestDatabase::fresh(dialect).await;
    let (before, rest) = database.config.url.split_once('@').unwrap();
    let (address, after) = rest.split_once('/').unwrap();
    let tap = Tap::before(address.to_owned()).await;
    database.config.url = format!("{before}@{}/{after}", tap.address);
    if dialect == Dialect::Mysql {
        // MySQL offers TLS by itself, and the tap could not read it.
        let (url, _) = database
            .config
            .url
            .split_once('?')
            .unwrap_or((&database.config.url, ""));
        database.config.url = format!("{url}?ssl-mode=DISABLED");
    }
    let server = Server::chat(database).await;
    fill(&server.database).await;

    let member = server.user("acme", "member");
    let mut statements = Vec::new();
    for page in PAGES {
        tap.clear();
        let path = format!("/messages?filter[where][channelId]=c7&filter[limit]={PAGE}{page}");
        let (status, list) = member.get(&path).await;
        assert_eq!(status, 200, "{list}");
        let list = list.as_array().unwrap();
        assert_eq!(list.len() as u64, PAGE);
        let times: Vec<_> = list.iter().map(|it| it["createdOn"].as_str()).collect();
        let ordered = match page.contains("DESC") {
            true => times.is_sorted_by(|a, b| a >= b),
            false => times.is_sorted(),
        };
        assert!(ordered, "{times:?}");
        statements.push(tap.statement(dialect));
    }
    (server, statements)
}

/// Every seventh message is deleted. The owner wrote all of them, the member none.
async fn fill(database: &TestDatabase) {
    let number = |text: &str| format!("'c' || {text}");
    let (id, time, channel, one_channel) = match database.dialect {
        Dialect::Sqlite => (
            "randomblob(16)",
            "1767225600000000 + k.i * 1000000",
            number(&format!("(k.i % {CHANNELS})")),
            number("k.i"),
        ),
        Dialect::Postgres => (
            "gen_random_uuid()",
            "TIMESTAMPTZ '2026-01-01 00:00:00Z' + k.i * INTERVAL '1 second'",
            number(&format!("(k.i % {CHANNELS})")),
            number("k.i"),
        ),
        Dialect::Mysql => (
            "UNHEX(REPLACE(UUID(), '-', ''))",
            "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL k.i SECOND",
            format!("CONCAT('c', k.i % {CHANNELS})"),
            "CONCAT('c', k.i)".to_owned(),
        ),
    };
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9), \
                   k (i) AS (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i + \
                   100000 * f.i FROM n AS a CROSS JOIN n AS b CROSS JOIN n AS c CROSS JOIN n AS d \
                   CROSS JOIN n AS e CROSS JOIN n AS f WHERE f.i < 2)";
    for sql in [
        format!(
            "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, \
             created_on) {numbers} SELECT 'acme', {one_channel}, 'group', 'owner', {time} \
             FROM k WHERE k.i < {CHANNELS}"
        ),
        "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
             SELECT c.tenant_id, c.channel_id, u.id, u.role, c.created_on FROM chat_channels AS c \
             CROSS JOIN (SELECT 'owner' AS id, 'owner' AS role UNION ALL \
             SELECT 'member', 'member' UNION ALL SELECT 'another', 'member') AS u"
            .to_owned(),
        format!(
            "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
             created_by, created_on, modified_by, modified_on, deleted) {numbers} \
             SELECT {id}, 'acme', {channel}, 'group', 'some words that somebody wrote', 0, \
             'owner', {time}, 'owner', {time}, k.i % 7 = 0 FROM k WHERE k.i < {MESSAGES}"
        ),
    ] {
        database.raw(&sql).await;
    }
    let analyze = "ANALYZE TABLE chat_messages, chat_members, chat_channels";
    database
        .raw(database.pick("ANALYZE", "ANALYZE", analyze))
        .await;
}

/// `$1` as `?`.
fn without_numbers(statement: &str) -> String {
    let mut text = String::new();
    let mut characters = statement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '$' => {
                while characters.next_if(char::is_ascii_digit).is_some() {}
                text.push('?');
            }
            other => text.push(other),
        }
    }
    text
}

/// The values of the placeholders, told by what stands before each.
fn values(statement: &str, dialect: Dialect) -> Vec<String> {
    let places = statement.split('?').collect::<Vec<_>>();
    let before = &places[..places.len() - 1];
    let value = |text: &&str| {
        let words: Vec<_> = text.split_whitespace().collect();
        let column = match words.as_slice() {
            [.., column, "=" | "<"] => *column,
            [.., keyword] => *keyword,
            [] => "",
        };
        match column.rsplit('.').next().unwrap() {
            "tenant_id" => "'acme'".to_owned(),
            "channel_id" => "'c7'".to_owned(),
            "user_id" | "created_by" | "to_user_id" => "'member'".to_owned(),
            "created_on" => match dialect {
                Dialect::Sqlite => "1767312000000000".to_owned(),
                Dialect::Postgres => "'2026-01-02 00:00:00Z'".to_owned(),
                Dialect::Mysql => "'2026-01-02 00:00:00'".to_owned(),
            },
            "LIMIT" => PAGE.to_string(),
            "OFFSET" => "0".to_owned(),
            other => panic!("what is the value of {other} in {statement}?"),
        }
    };
    before.iter().map(value).collect()
}

/// The statement with its values in place.
fn spelled_out(statement: &str, dialect: Dialect) -> String {
    let mut values = values(statement, dialect).into_iter();
    let mut text = String::new();
    for character in statement.chars() {
        match character {
            '?' => text.push_str(&values.next().unwrap()),
            other => text.push(other),
        }
    }
    text
}

async fn check_sqlite(database: &TestDatabase, statement: &str) {
    let literal = spelled_out(statement, Dialect::Sqlite);
    // Planned with the values unknown, as a prepared statement is, and known.
    for sql in [statement, &literal] {
        let plan = texts(database, &format!("EXPLAIN QUERY PLAN {sql}")).await;
        println!("SQLite: {plan:#?}");
        let wanted =
            format!("SEARCH m USING INDEX {INDEX} (tenant_id=? AND channel_id=? AND deleted=?");
        assert!(
            plan.iter().any(|line| line.starts_with(&wanted)),
            "{plan:?}"
        );
        for line in &plan {
            assert!(!line.starts_with("SCAN m"), "{plan:?}");
            assert!(!line.contains("TEMP B-TREE"), "{plan:?}");
        }
    }
    // SQLite tells no rows, but the steps of its machine.
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let mut connection = SqliteConnection::connect(&database.config.url)
        .await
        .unwrap();
    // A connection reads the schema with its first statement, in steps as well.
    let first = sqlx::raw_sql("SELECT id FROM chat_messages WHERE FALSE");
    first.execute(&mut connection).await.unwrap();
    let mut handle = connection.lock_handle().await.unwrap();
    handle.set_progress_handler(1, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        true
    });
    drop(handle);
    let rows = sqlx::raw_sql(AssertSqlSafe(literal)).fetch_all(&mut connection);
    assert_eq!(rows.await.unwrap().len() as u64, PAGE);
    let steps = steps.load(Ordering::Relaxed);
    println!("SQLite: {steps} steps");
    assert!(steps > 0 && steps < 100 * EXAMINED, "{steps} steps");
}

async fn check_postgres(database: &TestDatabase, statement: &str) {
    let values = values(statement, Dialect::Postgres).join(", ");
    let mut number = 0;
    let numbered: String = statement
        .chars()
        .map(|character| match character {
            '?' => {
                number += 1;
                format!("${number}")
            }
            other => other.to_string(),
        })
        .collect();
    // The two ways in which a prepared statement is run.
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let plan = texts(
            database,
            &format!(
                "SET plan_cache_mode = {mode}; PREPARE page AS {numbered}; \
                 EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ({values})"
            ),
        )
        .await
        .join("\n");
        println!("PostgreSQL, {mode}: {plan}");
        let plan: Value = serde_json::from_str(&plan).unwrap();
        let mut nodes = Vec::new();
        postgres_nodes(&plan[0]["Plan"], &mut nodes);
        let mut examined = 0.0;
        for node in &nodes {
            let kind = node["Node Type"].as_str().unwrap();
            assert!(!kind.contains("Sort"), "{plan:#}");
            if node["Relation Name"] == "chat_messages" {
                assert_eq!(kind, "Index Scan", "{plan:#}");
                assert_eq!(node["Index Name"], INDEX, "{plan:#}");
            }
            if node.get("Relation Name").is_some() {
                let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
                examined += (number("Actual Rows") + number("Rows Removed by Filter"))
                    * number("Actual Loops");
            }
        }
        assert!(
            examined >= 1.0 && examined <= EXAMINED as f64,
            "{examined}: {plan:#}"
        );
    }
}

fn postgres_nodes<'p>(node: &'p Value, nodes: &mut Vec<&'p Value>) {
    nodes.push(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        postgres_nodes(child, nodes);
    }
}

async fn check_mysql(database: &TestDatabase, statement: &str) {
    let sql = spelled_out(statement, Dialect::Mysql);
    let mut connection = MySqlConnection::connect(&database.config.url)
        .await
        .unwrap();
    // MySQL has another format by default.
    let explain = AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {sql}"));
    let plan = sqlx::raw_sql(explain).fetch_all(&mut connection);
    let plan: Vec<[Option<String>; 4]> = plan
        .await
        .unwrap()
        .iter()
        .map(|row| ["table", "type", "key", "Extra"].map(|it| row.get_unchecked(it)))
        .collect();
    println!("MySQL or MariaDB: {plan:#?}");
    for [_, _, _, extra] in &plan {
        let extra = extra.as_deref().unwrap_or_default();
        assert!(!extra.contains("filesort"), "{plan:?}");
        assert!(!extra.contains("temporary"), "{plan:?}");
    }
    let messages = plan.iter().find(|it| it[0].as_deref() == Some("m"));
    let [_, access, key, _] = messages.expect("the messages");
    assert_eq!(key.as_deref(), Some(INDEX), "{plan:?}");
    assert!(
        matches!(access.as_deref(), Some("ref" | "range")),
        "{plan:?}"
    );

    let before = handled(&mut connection).await;
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection);
    assert_eq!(rows.await.unwrap().len() as u64, PAGE);
    let examined = handled(&mut connection).await - before;
    println!("MySQL or MariaDB: {examined} rows");
    assert!((1..=EXAMINED).contains(&examined), "{examined}: {plan:?}");
}

/// Rows that this session has read from tables.
async fn handled(connection: &mut MySqlConnection) -> u64 {
    let status = "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_first', \
                  'Handler_read_key', 'Handler_read_last', 'Handler_read_next', \
                  'Handler_read_prev', 'Handler_read_rnd')";
    let rows = sqlx::raw_sql(status).fetch_all(connection).await.unwrap();
    rows.iter()
        .map(|row| {
            row.get_unchecked::<String, _>("Value")
                .parse::<u64>()
                .unwrap()
        })
        .sum()
}

/// A proxy that keeps what clients send.
struct Tap {
    address: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&kept)));
            }
        });
        Self { address, sent }
    }

    fn clear(&self) {
        self.sent.lock().unwrap().clear();
    }

    /// The statement that reads messages, as it was prepared.
    fn statement(&self, dialect: Dialect) -> String {
        const START: &[u8] = b"SELECT m.";
        let sent = self.sent.lock().unwrap();
        let start = sent
            .windows(START.len())
            .position(|bytes| bytes == START)
            .expect("no statement was prepared");
        let length = match dialect {
            // A text of PostgreSQL's protocol ends with NUL.
            Dialect::Postgres => sent[start..].iter().position(|&it| it == 0).unwrap(),
            // A packet of MySQL's: three bytes of length, a number, the command.
            _ => {
                let head = &sent[start - 5..start];
                u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize - 1
            }
        };
        String::from_utf8(sent[start..start + length].to_vec()).unwrap()
    }
}

async fn pass(client: TcpStream, server: TcpStream, kept: Arc<Mutex<Vec<u8>>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        kept.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to_server.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    drop(to_server);
    let _ = back.await;
}
