//! The sql capability, on the three databases.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use gateway::capability::audit::{Entry, Stamp};
use gateway::capability::sql::{Database, Pulse, Transaction};
use gateway::contract::audit::Outcome;
use gateway::contract::sql::{Cell, Dialect, Error, Kind, Rows, Span, Value};
use gateway_tests::database::{TestDatabase, limits};
use gateway_tests::on_every_database;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

on_every_database!(
    every_kind_comes_back,
    rows_are_packed,
    numbers_of_other_types_are_read,
    what_cannot_be_stored_is_refused,
    wrong_columns_are_named,
    rows_and_bytes_are_limited,
    time_is_limited,
    matched_rows_are_counted,
    a_dropped_transaction_is_rolled_back,
    a_cut_statement_is_stopped_and_rolled_back,
    a_failed_transaction_stays_failed,
    constraints_are_named,
    plugins_may_not_say_everything,
    a_full_pool_says_so_in_time,
    a_busy_database_is_not_a_missing_one,
    reads_do_not_wait_for_a_writer,
    text_is_not_rewritten_in_strings,
);

async fn query(
    database: &Database,
    sql: &str,
    params: Vec<Value>,
    columns: &[Kind],
) -> Result<Vec<Vec<Value>>, Error> {
    database.query(sql, params, columns, &limits()).await
}

async fn execute(database: &Database, sql: &str, params: Vec<Value>) -> Result<u64, Error> {
    database.execute(sql, params, &limits()).await
}

async fn count(database: &Database, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let rows = query(database, &sql, Vec::new(), &[Kind::Integer])
        .await
        .expect("a count");
    match rows[0][0] {
        Value::Integer(count) => count,
        ref other => panic!("{other:?}"),
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::InvalidStatement(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Two values are the same, down to the last bit.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => format!("{a:?}") == format!("{b:?}"),
    }
}

async fn table_of_all_kinds(test: &TestDatabase) {
    test.raw(test.pick(
        "CREATE TABLE kinds (id INTEGER PRIMARY KEY, b BOOLEAN, i INTEGER, r REAL, t TEXT, \
         y BLOB, u BLOB, s INTEGER, j TEXT)",
        "CREATE TABLE kinds (id BIGINT PRIMARY KEY, b BOOLEAN, i BIGINT, r DOUBLE PRECISION, \
         t TEXT, y BYTEA, u UUID, s TIMESTAMPTZ, j JSONB)",
        "CREATE TABLE kinds (id BIGINT PRIMARY KEY, b BOOLEAN, i BIGINT, r DOUBLE, \
         t TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, y BLOB, u BINARY(16), \
         s DATETIME(6), j JSON)",
    ))
    .await;
}

const KINDS: [Kind; 8] = [
    Kind::Boolean,
    Kind::Integer,
    Kind::Real,
    Kind::Text,
    Kind::Bytes,
    Kind::Uuid,
    Kind::Timestamp,
    Kind::Json,
];

fn rows_of_all_kinds() -> Vec<Vec<Value>> {
    let row = |b, i, r, t: &str, y: &[u8], u, s, j: &str| {
        vec![
            Value::Boolean(b),
            Value::Integer(i),
            Value::Real(r),
            text(t),
            Value::Bytes(y.to_vec()),
            Value::Uuid(u),
            Value::Timestamp(s),
            Value::Json(j.to_owned()),
        ]
    };
    let (all, max) = ((0..=255).collect::<Vec<u8>>(), u64::MAX);
    let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
    let odd = "Grüße 👋🏽 ?'\"`\\ \u{10ffff}";
    let v7 = (0x0198_0000_0000_7000, 0x8000_0000_0000_0001);
    vec![
        row(
            true,
            i64::MAX,
            f64::MAX,
            odd,
            &all,
            (max, max),
            last,
            "[1, \"?\"]",
        ),
        row(false, i64::MIN, f64::MIN, "", &[], (0, 0), first, "null"),
        row(true, 0, 5e-324, "a\r\n\tb", &[0], (1, 2), -1, "{}"),
        row(
            false,
            -1,
            -0.1,
            " ",
            &[0xff, 0, 0xff],
            v7,
            1_750_000_000_123_456,
            "\"x\"",
        ),
        row(false, 1, 3.0, "x", b"x", (1 << 63, 1 << 63), 0, "12"),
        vec![Value::Null; 8],
    ]
}

async fn every_kind_comes_back(test: TestDatabase) {
    table_of_all_kinds(&test).await;
    let database = test.connect().await;
    let rows = rows_of_all_kinds();
    for (id, row) in rows.iter().enumerate() {
        let mut params = vec![Value::Integer(id as i64)];
        params.extend(row.iter().cloned());
        let sql =
            "INSERT INTO kinds (id, b, i, r, t, y, u, s, j) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        assert_eq!(execute(&database, sql, params).await.expect("insert"), 1);
    }
    let sql = "SELECT b, i, r, t, y, u, s, j FROM kinds ORDER BY id";
    let found = query(&database, sql, Vec::new(), &KINDS)
        .await
        .expect("select");
    assert_eq!(found.len(), rows.len());
    for (wanted, found) in rows.iter().flatten().zip(found.iter().flatten()) {
        assert!(same(wanted, found), "{wanted:?} came back as {found:?}");
    }
    // Each value finds itself again as a parameter of a condition.
    for (column, value) in ["b", "i", "r", "t", "y", "u", "s"].iter().zip(&rows[3]) {
        let sql = format!("SELECT id FROM kinds WHERE {column} = ? AND id = 3");
        let found = query(&database, &sql, vec![value.clone()], &[Kind::Integer]).await;
        assert_eq!(found.expect(column).len(), 1, "{column}");
    }
}

fn bytes(rows: &Rows, span: Span) -> &[u8] {
    let start = span.offset as usize;
    &rows.heap[start..start + span.length as usize]
}

async fn rows_are_packed(test: TestDatabase) {
    table_of_all_kinds(&test).await;
    let database = test.connect().await;
    let ask = async |sql, columns: &[Kind]| {
        let rows = database.rows(sql, Vec::new(), columns, &limits()).await;
        rows.expect(sql)
    };
    let columns = [Kind::Integer, Kind::Text, Kind::Bytes, Kind::Json];
    let sql = "SELECT id, t, y, j FROM kinds ORDER BY id";
    let none = ask(sql, &columns).await;
    assert!(
        none.cells.is_empty() && none.heap.is_empty(),
        "{none:?} of an empty table"
    );

    // Empty texts, letters of one to four bytes, and NULL beside each of them.
    let texts = ["", "a", "ß", "→", "👋", "👋🏽 Grüße", ""];
    for (id, it) in (0..).zip(texts) {
        let sql = "INSERT INTO kinds (id, t, y, j) VALUES (?, ?, ?, ?)";
        let (mut t, mut y, mut j) = (
            text(it),
            Value::Bytes([it.as_bytes(), &[0xff]].concat()),
            Value::Json(format!("\"{it}\"")),
        );
        match id % 4 {
            1 => t = Value::Null,
            2 => y = Value::Null,
            3 => j = Value::Null,
            _ => {}
        }
        let params = vec![Value::Integer(id), t, y, j];
        execute(&database, sql, params).await.expect("insert");
    }
    let rows = ask(sql, &columns).await;
    assert_eq!(rows.cells.len(), texts.len() * columns.len());
    let mut end = 0;
    for ((id, it), row) in (0..).zip(texts).zip(rows.cells.chunks(columns.len())) {
        let &[Cell::Integer(found), t, y, j] = row else {
            panic!("{row:?}");
        };
        assert_eq!(found, id);
        for (place, cell) in (1..).zip([t, y, j]) {
            let (span, wanted) = match (place, cell) {
                (1, Cell::Text(span)) => (span, it.as_bytes().to_vec()),
                (2, Cell::Bytes(span)) => (span, [it.as_bytes(), &[0xff]].concat()),
                (3, Cell::Json(span)) => (span, format!("\"{it}\"").into_bytes()),
                (place, Cell::Null) if place == id % 4 => continue,
                other => panic!("{other:?} in row {id}"),
            };
            assert_ne!(place, id % 4, "a NULL came back as {cell:?}");
            assert_eq!(bytes(&rows, span), wanted, "{cell:?} in row {id}");
            // Nothing stands between two values.
            assert_eq!(span.offset, end);
            end += span.length;
        }
    }
    assert_eq!(rows.heap.len(), end as usize);

    // A transaction packs them the same way.
    let mut transaction = database.begin(&limits()).await.expect("begin");
    let again = transaction.rows(sql, Vec::new(), &columns).await;
    assert_eq!(format!("{:?}", again.expect(sql)), format!("{rows:?}"));
    drop(transaction);

    // Many rows, more than any buffer on the way holds at once.
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
               SELECT i, 'Grüße', NULL FROM n ORDER BY i";
    let rows = ask(sql, &[Kind::Integer, Kind::Text, Kind::Text]).await;
    assert_eq!(rows.cells.len(), 900 * 3);
    assert_eq!(rows.heap, "Grüße".repeat(900).as_bytes());
    for (number, row) in (1..).zip(rows.cells.chunks(3)) {
        let &[Cell::Integer(found), Cell::Text(span), Cell::Null] = row else {
            panic!("{row:?}");
        };
        assert_eq!((found, bytes(&rows, span)), (number, "Grüße".as_bytes()));
    }
}

async fn numbers_of_other_types_are_read(test: TestDatabase) {
    test.raw(test.pick(
        "CREATE TABLE numbers (small INTEGER, middle INTEGER, big INTEGER, single REAL)",
        "CREATE TABLE numbers (small SMALLINT, middle INTEGER, big BIGINT, single REAL)",
        "CREATE TABLE numbers (small SMALLINT, middle INT UNSIGNED, big BIGINT, single FLOAT)",
    ))
    .await;
    let database = test.connect().await;
    let middle = if test.dialect == Dialect::Mysql {
        4_000_000_000
    } else {
        2_000_000_000
    };
    let row = [
        Value::Integer(-300),
        Value::Integer(middle),
        Value::Integer(1 << 40),
        Value::Real(0.5),
    ];
    for _ in 0..2 {
        let sql = "INSERT INTO numbers (small, middle, big, single) VALUES (?, ?, ?, ?)";
        execute(&database, sql, row.to_vec()).await.expect("insert");
    }
    let sql = "SELECT small, single, middle, SUM(big), SUM(small), AVG(small), COUNT(*) \
               FROM numbers WHERE middle > ? GROUP BY small, single, middle";
    let columns = [
        (Kind::Integer, Value::Integer(-300)),
        (Kind::Real, Value::Real(0.5)),
        (Kind::Integer, Value::Integer(middle)),
        (Kind::Integer, Value::Integer(1 << 41)),
        (Kind::Real, Value::Real(-600.0)),
        (Kind::Real, Value::Real(-300.0)),
        (Kind::Integer, Value::Integer(2)),
    ];
    let kinds = columns.clone().map(|(kind, _)| kind);
    let rows = query(&database, sql, vec![Value::Integer(5)], &kinds)
        .await
        .expect("sums");
    for ((_, wanted), found) in columns.iter().zip(&rows[0]) {
        assert!(same(wanted, found), "{wanted:?} came back as {found:?}");
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM numbers)";
    let rows = query(&database, sql, Vec::new(), &[Kind::Boolean])
        .await
        .expect("exists");
    assert!(matches!(rows[0][0], Value::Boolean(true)));
}

async fn what_cannot_be_stored_is_refused(test: TestDatabase) {
    table_of_all_kinds(&test).await;
    let database = test.connect().await;
    let (no_number, nul) = ("a real that is no number", "a NUL character");
    let years = "a timestamp outside of the years 1 to 9999";
    for (column, value, wanted) in [
        ("r", Value::Real(f64::NAN), no_number),
        ("r", Value::Real(f64::NEG_INFINITY), no_number),
        ("t", text("a\0b"), nul),
        ("j", Value::Json("\"\0\"".into()), nul),
        ("s", Value::Timestamp(i64::MAX), years),
        ("s", Value::Timestamp(i64::MIN), years),
    ] {
        let sql = format!("UPDATE kinds SET {column} = ?");
        let found = reason(execute(&database, &sql, vec![value]).await);
        assert_eq!(found, format!("parameter 1: {wanted}"));
    }
    if test.dialect == Dialect::Postgres {
        let sql = "SELECT id FROM kinds WHERE b = ? AND i = ? AND s = ?";
        let params = vec![Value::Null, Value::Null, text("yesterday")];
        let found = reason(query(&database, sql, params, &[Kind::Integer]).await);
        assert_eq!(found, "parameter 3: text for timestamptz");
    }
    let sql = "SELECT id FROM kinds WHERE i = ?";
    let found = reason(query(&database, sql, Vec::new(), &[Kind::Integer]).await);
    assert_eq!(found, "1 placeholders and 0 parameters");
}

async fn wrong_columns_are_named(test: TestDatabase) {
    table_of_all_kinds(&test).await;
    let database = test.connect().await;
    let sql = "INSERT INTO kinds (id, t) VALUES (7, 'x')";
    execute(&database, sql, Vec::new()).await.expect("insert");
    for (kinds, wanted) in [
        (vec![Kind::Integer], "2 columns, 1 kinds"),
        (
            vec![Kind::Integer, Kind::Text, Kind::Text],
            "2 columns, 3 kinds",
        ),
        (vec![Kind::Integer, Kind::Uuid], "column 2: text for uuid"),
        (vec![Kind::Boolean, Kind::Text], "column 1: "),
    ] {
        let found = reason(query(&database, "SELECT id, t FROM kinds", Vec::new(), &kinds).await);
        assert!(found.starts_with(wanted), "{found}");
    }
    let unknown = query(
        &database,
        "SELECT x FROM nowhere",
        Vec::new(),
        &[Kind::Text],
    )
    .await;
    let found = reason(unknown);
    assert!(found.contains("nowhere"), "{found}");
    // The pool is as good as before.
    assert_eq!(count(&database, "kinds").await, 1);
}

async fn rows_and_bytes_are_limited(test: TestDatabase) {
    test.raw("CREATE TABLE lines_ (n INTEGER PRIMARY KEY, line VARCHAR(2000))")
        .await;
    let database = test.connect().await;
    for n in 0..20 {
        let params = vec![Value::Integer(n), text(&"x".repeat(1000))];
        let sql = "INSERT INTO lines_ (n, line) VALUES (?, ?)";
        execute(&database, sql, params).await.expect("insert");
    }
    let ask = async |n, rows, bytes| {
        let mut limits = limits();
        (limits.rows, limits.bytes) = (rows, bytes);
        let sql = "SELECT line FROM lines_ WHERE n < ?";
        database
            .query(sql, vec![Value::Integer(n)], &[Kind::Text], &limits)
            .await
    };
    assert_eq!(ask(10, 10, 100_000).await.expect("ten").len(), 10);
    assert!(matches!(ask(11, 10, 100_000).await, Err(Error::TooLarge)));
    assert_eq!(ask(10, 100, 10_000).await.expect("ten").len(), 10);
    assert!(matches!(ask(11, 100, 10_000).await, Err(Error::TooLarge)));
    assert_eq!(count(&database, "lines_").await, 20);
}

/// A statement that takes long on purpose.
fn slow(test: &TestDatabase) -> &'static str {
    match test.dialect {
        Dialect::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) \
             SELECT COUNT(*) FROM n"
        }
        Dialect::Postgres => "SELECT COUNT(*) FROM generate_series(1, 10000000000)",
        Dialect::Mysql => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
             SELECT SUM(a.i + b.i + c.i + d.i) FROM n a, n b, n c, n d"
        }
    }
}

async fn time_is_limited(test: TestDatabase) {
    let database = test.connect().await;
    let mut short = limits();
    short.statement_timeout = Duration::from_millis(300);
    let start = Instant::now();
    let outcome = database
        .query(slow(&test), Vec::new(), &[Kind::Integer], &short)
        .await;
    assert!(matches!(outcome, Err(Error::Timeout)), "{outcome:?}");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    let one = query(&database, "SELECT 1", Vec::new(), &[Kind::Integer])
        .await
        .expect("one");
    assert!(matches!(one[0][0], Value::Integer(1)));
}

async fn items(test: &TestDatabase) -> Database {
    test.raw("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(100))")
        .await;
    let database = test.connect().await;
    for id in 1..=3 {
        let sql = "INSERT INTO items (id, name) VALUES (?, ?)";
        execute(&database, sql, vec![Value::Integer(id), text("one")])
            .await
            .expect("insert");
    }
    database
}

async fn matched_rows_are_counted(test: TestDatabase) {
    let database = items(&test).await;
    let sql = "UPDATE items SET name = 'one' WHERE id > ?";
    let matched = execute(&database, sql, vec![Value::Integer(1)]).await;
    assert_eq!(
        matched.expect("update"),
        2,
        "rows that change nothing count as well"
    );
    let sql = "DELETE FROM items WHERE id = ?";
    assert_eq!(
        execute(&database, sql, vec![Value::Integer(9)])
            .await
            .expect("delete"),
        0
    );
    assert_eq!(
        execute(&database, sql, vec![Value::Integer(1)])
            .await
            .expect("delete"),
        1
    );
    let reads = execute(&database, "SELECT id FROM items", Vec::new()).await;
    assert_eq!(reads.expect("select"), 0);
}

async fn a_dropped_transaction_is_rolled_back(test: TestDatabase) {
    let database = items(&test).await;
    for commit in [false, true] {
        let mut transaction = database.begin(&limits()).await.expect("begin");
        transaction
            .execute("DELETE FROM items WHERE id = 1", Vec::new())
            .await
            .expect("delete");
        let seen = transaction
            .query("SELECT id FROM items", Vec::new(), &[Kind::Integer])
            .await;
        assert_eq!(seen.expect("its own view").len(), 2);
        if commit {
            transaction.commit().await.expect("commit");
        } else {
            drop(transaction);
        }
        assert_eq!(count(&database, "items").await, if commit { 2 } else { 3 });
    }
}

async fn a_cut_statement_is_stopped_and_rolled_back(test: TestDatabase) {
    let database = items(&test).await;
    for _ in 0..6 {
        let mut transaction = database.begin(&limits()).await.expect("begin");
        transaction
            .execute("DELETE FROM items WHERE id = 1", Vec::new())
            .await
            .expect("delete");
        let cut = transaction.query(slow(&test), Vec::new(), &[Kind::Integer]);
        assert!(
            tokio::time::timeout(Duration::from_millis(100), cut)
                .await
                .is_err()
        );
        drop(transaction);
        // The lock on the row is gone long before the statement's time limit: the next
        // writer gets it, on a connection that works.
        let start = Instant::now();
        let sql = "UPDATE items SET name = 'two' WHERE id = 1";
        assert_eq!(
            execute(&database, sql, Vec::new()).await.expect("update"),
            1
        );
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
    assert_eq!(count(&database, "items").await, 3);
}

async fn a_failed_transaction_stays_failed(test: TestDatabase) {
    let database = items(&test).await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction
        .execute("DELETE FROM items WHERE id = 1", Vec::new())
        .await
        .expect("delete");
    let twice = transaction
        .execute("INSERT INTO items (id) VALUES (2)", Vec::new())
        .await;
    assert!(matches!(twice, Err(Error::UniqueViolation(_))), "{twice:?}");
    let next = transaction
        .execute("DELETE FROM items WHERE id = 3", Vec::new())
        .await;
    assert!(matches!(next, Err(Error::UniqueViolation(_))), "{next:?}");
    let commit = transaction.commit().await;
    assert!(
        matches!(commit, Err(Error::UniqueViolation(_))),
        "{commit:?}"
    );
    assert_eq!(count(&database, "items").await, 3);

    // So does one that a check of ours ended: an entry that can't be recorded.
    let mut transaction = database.begin(&limits()).await.expect("begin");
    let entry = Entry {
        action: String::new(),
        entity: "x".into(),
        entity_id: "x".into(),
        outcome: Outcome::Allowed,
        details: None,
    };
    assert!(matches!(
        transaction.audit(&Stamp::default(), entry),
        Err(Error::InvalidStatement(_))
    ));
    assert!(matches!(
        transaction.commit().await,
        Err(Error::InvalidStatement(_))
    ));
}

async fn constraints_are_named(test: TestDatabase) {
    test.raw("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        .await;
    test.raw(
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, \
         name VARCHAR(10), age INTEGER, CONSTRAINT child_name UNIQUE (name), \
         CONSTRAINT child_age CHECK (age >= 0), \
         CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES parents (id))",
    )
    .await;
    test.raw("INSERT INTO parents (id) VALUES (1)").await;
    test.raw("INSERT INTO children (id, parent, name, age) VALUES (1, 1, 'a', 1)")
        .await;
    let database = test.connect().await;
    let insert = async |id, parent, name: &str, age| {
        let sql = "INSERT INTO children (id, parent, name, age) VALUES (?, ?, ?, ?)";
        let params = vec![Value::Integer(id), parent, text(name), Value::Integer(age)];
        execute(&database, sql, params)
            .await
            .expect_err("a violation")
    };
    let one = Value::Integer(1);
    let (name, primary, foreign, null, check) = match test.dialect {
        Dialect::Sqlite => (
            "children.name",
            "children.id",
            "",
            "children.parent",
            "child_age",
        ),
        Dialect::Postgres => (
            "child_name",
            "children_pkey",
            "child_parent",
            "children.parent",
            "child_age",
        ),
        Dialect::Mysql => (
            "child_name",
            "PRIMARY",
            "child_parent",
            "parent",
            "child_age",
        ),
    };
    let found = insert(2, one.clone(), "a", 1).await;
    assert!(
        matches!(&found, Error::UniqueViolation(it) if it == name),
        "{found:?}"
    );
    let found = insert(1, one.clone(), "b", 1).await;
    assert!(
        matches!(&found, Error::UniqueViolation(it) if it == primary),
        "{found:?}"
    );
    let found = insert(2, Value::Integer(9), "b", 1).await;
    assert!(
        matches!(&found, Error::ForeignKeyViolation(it) if it == foreign),
        "{found:?}"
    );
    let found = insert(2, Value::Null, "b", 1).await;
    assert!(
        matches!(&found, Error::NotNullViolation(it) if it == null),
        "{found:?}"
    );
    let found = insert(2, one, "b", -1).await;
    assert!(
        matches!(&found, Error::CheckViolation(it) if it == check),
        "{found:?}"
    );
    let found = execute(&database, "DELETE FROM parents WHERE id = 1", Vec::new()).await;
    assert!(
        matches!(found, Err(Error::ForeignKeyViolation(_))),
        "{found:?}"
    );
}

async fn plugins_may_not_say_everything(test: TestDatabase) {
    let database = items(&test).await;
    test.raw("CREATE TABLE gateway_secret (id INTEGER)").await;
    let of_this_dialect = test.pick(
        "SELECT id FROM 'gateway_secret'",
        "SELECT id FROM U&\"gateway\\005fsecret\"",
        "SELECT 1 /*! FROM gateway_secret */",
    );
    let runs_sql = test.pick(
        "SELECT * FROM pragma_table_info('items')",
        "SELECT ndoc FROM ts_stat('SELECT to_tsvector(''simple'', id::text) FROM gateway_secret')",
        // The server must not take it for the function without the accent.
        "SELECT BÉNCHMARK(1, 1)",
    );
    let makes_a_table = test.pick(
        "CREATE TEMP TABLE items (id INTEGER)",
        "SELECT 9 AS insert INTO TEMP items",
        "CREATE TEMPORARY TABLE items (id INTEGER)",
    );
    for sql in [
        of_this_dialect,
        runs_sql,
        makes_a_table,
        "SELECT id FROM gateway_secret",
        "SELECT id FROM \"gateway_secret\"",
        "SELECT id FROM GATEWAY_Secret",
        "WITH x AS (SELECT 1) DELETE FROM /* */ gateway_secret",
        "ATTACH DATABASE 'x' AS x",
        "PRAGMA user_version",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "SET autocommit = 1",
        "CREATE TABLE x (id INTEGER)",
        "DROP TABLE items",
        "SELECT 1; DELETE FROM items",
        "SELECT 1; ; COMMIT",
        "SELECT id FROM items INTO OUTFILE '/tmp/x'",
        "",
        "-- nothing",
        "SELECT 'x",
        "SELECT ?1",
        "SELECT id FROM items\0",
    ] {
        reason(query(&database, sql, Vec::new(), &[Kind::Integer]).await);
        let mut transaction = database.begin(&limits()).await.expect("begin");
        reason(transaction.execute(sql, Vec::new()).await);
    }
    let fine = query(
        &database,
        "SELECT id FROM items ; ",
        Vec::new(),
        &[Kind::Integer],
    )
    .await;
    assert_eq!(fine.expect("a statement").len(), 3);
}

async fn a_full_pool_says_so_in_time(mut test: TestDatabase) {
    items(&test).await;
    test.config.max_connections = 2;
    test.config.acquire_timeout = Duration::from_millis(300);
    let database = test.connect().await;
    let mut open = vec![database.begin(&limits()).await.expect("begin")];
    if test.dialect != Dialect::Sqlite {
        open.push(database.begin(&limits()).await.expect("begin"));
    }
    let start = Instant::now();
    let refused = database.begin(&limits()).await;
    assert!(matches!(refused, Err(Error::Unavailable)), "{refused:?}");
    let refused = execute(&database, "DELETE FROM items", Vec::new()).await;
    assert!(matches!(refused, Err(Error::Unavailable)), "{refused:?}");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    open.clear();
    assert_eq!(
        execute(&database, "DELETE FROM items", Vec::new())
            .await
            .expect("delete"),
        3
    );
}

async fn a_busy_database_is_not_a_missing_one(mut test: TestDatabase) {
    test.config.max_connections = 1;
    let database = test.connect().await;
    let second = Duration::from_secs(1);
    assert_eq!(database.ping(second * 5).await.ok(), Some(Pulse::Answers));
    let mut short = limits();
    short.statement_timeout = second / 2;
    let (cut, pulse) = tokio::join!(
        biased;
        database.query(slow(&test), Vec::new(), &[Kind::Integer], &short),
        database.ping(second * 5),
    );
    assert!(matches!(cut, Err(Error::Timeout)), "{cut:?}");
    assert_eq!(pulse.ok(), Some(Pulse::Busy));
    // The only connection may still be on its way back.
    let start = Instant::now();
    while database.ping(second * 5).await.ok() != Some(Pulse::Answers) {
        assert!(start.elapsed() < second * 5);
        tokio::time::sleep(second / 50).await;
    }
    database.close().await;
    assert!(database.ping(second * 5).await.is_err());
}

/// A probe that is in a hurry does not cost the connection that it asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_gives_up_keeps_the_connection() {
    let mut test = TestDatabase::fresh(Dialect::Mysql).await;
    test.config.max_connections = 1;
    let database = test.connect().await;
    let connection = async || {
        let sql = "SELECT CONNECTION_ID()";
        let rows = query(&database, sql, Vec::new(), &[Kind::Integer]).await;
        format!("{rows:?}")
    };
    let first = connection().await;
    assert!(first.starts_with("Ok("), "{first}");
    for _ in 0..20 {
        database.ping(Duration::ZERO).await.ok();
        assert_eq!(connection().await, first);
    }
}

/// One value larger than SQLite may make: it is refused before it takes the memory.
#[tokio::test]
async fn a_huge_value_is_too_large_on_sqlite() {
    let test = TestDatabase::fresh(Dialect::Sqlite).await;
    let database = test.connect().await;
    for (sql, kind) in [
        ("SELECT randomblob(100000000)", Kind::Bytes),
        // Nothing of this one reaches the limits of a result.
        ("SELECT length(randomblob(100000000))", Kind::Integer),
    ] {
        let outcome = query(&database, sql, Vec::new(), &[kind]).await;
        assert!(matches!(outcome, Err(Error::TooLarge)), "{outcome:?}");
    }
    let sql = "SELECT length(randomblob(30000000))";
    let outcome = query(&database, sql, Vec::new(), &[Kind::Integer]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

async fn reads_do_not_wait_for_a_writer(test: TestDatabase) {
    let database = items(&test).await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction
        .execute("DELETE FROM items", Vec::new())
        .await
        .expect("delete");
    let start = Instant::now();
    assert_eq!(count(&database, "items").await, 3);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    transaction.commit().await.expect("commit");
    assert_eq!(count(&database, "items").await, 0);
}

async fn text_is_not_rewritten_in_strings(test: TestDatabase) {
    let database = test.connect().await;
    let sql = "SELECT '?' AS \"a?\", /* ? */ ? -- ?\n, '''?'";
    let rows = query(&database, sql, vec![text("x")], &[Kind::Text; 3])
        .await
        .expect("rows");
    let wanted = [text("?"), text("x"), text("'?")];
    assert_eq!(format!("{:?}", rows[0]), format!("{wanted:?}"));
}

/// Two transactions that each wait for the other's row: one must be told to try again.
async fn deadlock(test: TestDatabase) {
    let database = items(&test).await;
    let step = "UPDATE items SET name = ? WHERE id = ?";
    let params = |id| vec![text("x"), Value::Integer(id)];
    let mut first = database.begin(&limits()).await.expect("begin");
    let mut second = database.begin(&limits()).await.expect("begin");
    first.execute(step, params(1)).await.expect("first lock");
    second.execute(step, params(2)).await.expect("second lock");
    let crossing = async |mut transaction: Transaction, id| {
        transaction.execute(step, params(id)).await?;
        transaction.commit().await
    };
    let (first, second) = tokio::join!(crossing(first, 2), crossing(second, 1));
    let outcomes = [first, second];
    assert_eq!(
        outcomes.iter().filter(|it| it.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
    assert!(
        outcomes.iter().any(|it| matches!(it, Err(Error::Conflict))),
        "{outcomes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_a_conflict_on_postgres() {
    deadlock(TestDatabase::fresh(Dialect::Postgres).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_a_conflict_on_mysql() {
    deadlock(TestDatabase::fresh(Dialect::Mysql).await).await;
}

/// The server ends all our connections: reads and new transactions go on as if nothing
/// had been.
async fn killed(test: TestDatabase, kill: impl AsyncFn(&TestDatabase)) {
    let database = items(&test).await;
    let open = [
        database.begin(&limits()).await,
        database.begin(&limits()).await,
    ];
    assert!(open.iter().all(Result::is_ok));
    drop(open);
    assert_eq!(count(&database, "items").await, 3);
    kill(&test).await;
    assert_eq!(count(&database, "items").await, 3);
    kill(&test).await;
    let mut transaction = database.begin(&limits()).await.expect("begin");
    transaction
        .execute("DELETE FROM items", Vec::new())
        .await
        .expect("delete");
    kill(&test).await;
    let lost = transaction.commit().await;
    assert!(matches!(lost, Err(Error::Unavailable)), "{lost:?}");
    assert_eq!(count(&database, "items").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connections_are_replaced_on_postgres() {
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let test = TestDatabase::fresh(Dialect::Postgres).await;
    killed(test, async |test| test.raw(kill).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connections_are_replaced_on_mysql() {
    let kill = async |test: &TestDatabase| {
        let mut killer = MySqlConnection::connect(&test.config.url)
            .await
            .expect("a connection");
        let ids = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
                   WHERE db = DATABASE() AND id <> CONNECTION_ID()";
        let ids: Vec<i64> = sqlx::query_scalar(ids)
            .fetch_all(&mut killer)
            .await
            .expect("the connections");
        for id in ids {
            // One that ended by itself meanwhile is none to kill.
            let kill = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}")));
            let _ = kill.execute(&mut killer).await;
        }
        killer.close().await.expect("an end");
    };
    killed(TestDatabase::fresh(Dialect::Mysql).await, kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tables_live_in_the_schema() {
    let mut test = TestDatabase::fresh(Dialect::Postgres).await;
    test.config.schema = Some("Its \"own\"".into());
    let database = test.connect().await;
    test.raw("CREATE TABLE \"Its \"\"own\"\"\".things (id INTEGER)")
        .await;
    assert_eq!(count(&database, "things").await, 0);
    // A second gateway finds the schema made.
    test.connect().await;
}

#[tokio::test]
async fn a_wrong_address_is_told() {
    let test = TestDatabase::fresh(Dialect::Sqlite).await;
    for (url, wanted) in [
        (
            "oracle://x",
            "`oracle` is none of sqlite, postgres and mysql",
        ),
        ("sqlite::memory:", "SQLite needs a file"),
    ] {
        let mut config = test.config.clone();
        config.url = url.into();
        let error = Database::connect(&config).await.expect_err(url);
        assert_eq!(error.to_string(), format!("database.url: {wanted}"));
    }
    let mut config = test.config.clone();
    config.url = "postgres://nobody@127.0.0.1:1/none".into();
    config.connect_timeout = Duration::from_millis(400);
    let start = Instant::now();
    Database::connect(&config)
        .await
        .expect_err("nobody listens");
    assert!(start.elapsed() < Duration::from_secs(2));
}
