use proptest::prelude::*;

use super::*;

const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql];

fn plugin(dialect: Dialect, text: &str) -> Result<Statement, String> {
    Statement::new(dialect, Author::Plugin, text).map_err(|error| match error {
        Error::InvalidStatement(reason) => reason,
        other => panic!("{other:?}"),
    })
}

#[test]
fn placeholders_are_numbered_on_postgres() {
    let text = "SELECT '?', \"?\", ? FROM t WHERE a = ? /* ? */ AND b IN (?,?);";
    let statement = plugin(Dialect::Postgres, text).unwrap();
    let wanted = "SELECT '?', \"?\", $1 FROM t WHERE a = $2 /* ? */ AND b IN ($3,$4);";
    assert_eq!(statement.text.as_str(), wanted);
    assert_eq!(statement.placeholders, 4);
    for dialect in [Dialect::Sqlite, Dialect::Mysql] {
        let statement = plugin(dialect, text).unwrap();
        assert_eq!((statement.text.as_str(), statement.placeholders), (text, 4));
    }
}

#[test]
fn reads_are_known() {
    for dialect in DIALECTS {
        for text in [
            "SELECT 1",
            "values (1)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
        ] {
            assert!(plugin(dialect, text).unwrap().reads, "{text}");
        }
        for text in [
            "INSERT INTO a (b) VALUES (1)",
            "UPDATE a SET b = 1",
            "DELETE FROM a",
            "REPLACE INTO a (b) VALUES (1)",
            "WITH a AS (SELECT 1) DELETE FROM b",
            "WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a",
            "WITH a AS (SELECT 1 AS x) MERGE INTO b USING a ON x = y WHEN MATCHED THEN DELETE",
        ] {
            assert!(!plugin(dialect, text).unwrap().reads, "{text}");
        }
    }
}

#[test]
fn refusals_say_why() {
    for (text, reason) in [
        ("DROP TABLE a", "a statement starts with one of SELECT"),
        ("SELECT 1; SELECT 2", "a second statement at byte 10"),
        ("SELECT 1;;SELECT 2", "a second statement at byte 10"),
        ("SELECT 1 INTO OUTFILE 'x'", "a file is written at byte 14"),
        ("SELECT 1 INTO\n/* */ DUMPFILE 'x'", "a file is written"),
        (
            "SELECT * FROM gateway_audit",
            "`gateway_audit` at byte 14 is not for plugins",
        ),
        (
            "SELECT * FROM \"GATEWAY_audit\"",
            "`GATEWAY_audit` at byte 14",
        ),
        (
            "SELECT * FROM x.gateway_audit",
            "`gateway_audit` at byte 16",
        ),
        (" ", "no statement"),
        ("SELECT '", "a quote without its partner at byte 7"),
        ("SELECT '\0'", "a NUL byte at byte 8"),
    ] {
        for dialect in DIALECTS {
            let found = plugin(dialect, text).unwrap_err();
            assert!(found.starts_with(reason), "{text}: {found}");
        }
    }
    for (dialect, text) in [
        (Dialect::Sqlite, "SELECT * FROM 'gateway_audit'"),
        (Dialect::Sqlite, "SELECT * FROM [gateway_audit]"),
        (Dialect::Sqlite, "SELECT load_extension('x')"),
        (Dialect::Mysql, "SELECT * FROM `gateway_audit`"),
        (Dialect::Mysql, "SELECT LOAD_FILE('x')"),
        (Dialect::Mysql, "SELECT * FROM mysql.user"),
        (
            Dialect::Postgres,
            "SELECT set_config('search_path', 'x', false)",
        ),
        (
            Dialect::Postgres,
            "SELECT query_to_xml('DELETE FROM x', true, true, '')",
        ),
        (Dialect::Postgres, "SELECT pg_read_file('x')"),
        (Dialect::Postgres, "SELECT word FROM ts_stat('SELECT x')"),
        (Dialect::Postgres, "SELECT \"ts_rewrite\"('a', 'SELECT x')"),
        (Dialect::Postgres, "SELECT * FROM crosstab3('SELECT x')"),
        (
            Dialect::Postgres,
            "SELECT * FROM ConnectBy('x', 'a', 'b', 'c', 0)",
        ),
        (
            Dialect::Postgres,
            "SELECT * FROM xpath_table('a', 'b', 'x', '/', '1=1') AS t(a int)",
        ),
    ] {
        assert!(
            plugin(dialect, text)
                .unwrap_err()
                .ends_with("is not for plugins"),
            "{text}"
        );
    }
    let long = format!("SELECT '{}'", "x".repeat(MAX_LENGTH));
    assert!(
        plugin(Dialect::Sqlite, &long)
            .unwrap_err()
            .starts_with("longer than")
    );
    let many = format!("SELECT {}?", "?,".repeat(MAX_PARAMS));
    assert!(
        plugin(Dialect::Sqlite, &many)
            .unwrap_err()
            .starts_with("more than")
    );
    // A value may be called what a table may not.
    assert!(plugin(Dialect::Postgres, "SELECT 'gateway_audit'").is_ok());
    assert!(plugin(Dialect::Sqlite, "SELECT my_gateway_x FROM gateways").is_ok());
}

#[test]
fn postgres_makes_no_tables() {
    for text in [
        "SELECT 1 AS a INTO b",
        "SELECT a\nInto/**/TEMP b FROM c",
        "SELECT a FROM c UNION SELECT a INTO b FROM c",
        "WITH a AS (SELECT 1) SELECT * INTO TEMPORARY b FROM a",
        "SELECT 1 insert INTO b",
        "SELECT (1) AS merge INTO TEMP TABLE b",
        "WITH insert AS (SELECT 1) SELECT 1 insert INTO b",
        "INSERT INTO a SELECT 1 INTO b",
        "SELECT (SELECT 1 insert INTO b)",
    ] {
        let found = plugin(Dialect::Postgres, text).unwrap_err();
        assert!(
            found.starts_with("a table is made at byte"),
            "{text}: {found}"
        );
    }
    for text in [
        "INSERT INTO a (b) SELECT c FROM d",
        "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
        "WITH a AS (INSERT INTO b (c) VALUES (1) RETURNING c) SELECT c FROM a",
        "WITH a AS (SELECT 1 AS x) MERGE INTO b USING a ON x = y WHEN MATCHED THEN DELETE",
        "SELECT \"into\", 'into' FROM a",
    ] {
        assert!(plugin(Dialect::Postgres, text).is_ok(), "{text}");
    }
}

#[test]
fn the_cache_keeps_authors_apart() {
    let statements = Statements::new(Dialect::Sqlite);
    let text = "SELECT * FROM gateway_audit WHERE seq = ?";
    assert!(statements.get(Author::Host, text, 1).is_ok());
    assert!(statements.get(Author::Plugin, text, 1).is_err());
    let text = "SELECT ?";
    let first = statements.get(Author::Plugin, text, 1).unwrap();
    let second = statements.get(Author::Plugin, text, 1).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert!(matches!(
        statements.get(Author::Plugin, text, 2),
        Err(Error::InvalidStatement(reason)) if reason == "1 placeholders and 2 parameters"
    ));
}

#[test]
fn the_cache_is_bounded() {
    let statements = Statements::new(Dialect::Sqlite);
    let padding = "x".repeat(100_000);
    for number in 0..400 {
        let text = format!("SELECT '{padding}', {number}");
        statements.get(Author::Plugin, &text, 0).unwrap();
    }
    assert!(statements.plugin.weight() <= CACHE_BYTES);
}

/// Pieces that are hard on a lexer, in any order, and any characters between them.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(vec![
            "'", "''", "\"", "`", "[", "]", "--", "-- ", "/*", "*/", "/*!", "#", "\\", "\\'",
            "$$", "$a$", "$1", "E'", "e'", "U&\"", "N'", "X'ab'", "?", "?", "?1", ";", "\n", "\r",
            " ", "\0", "@a", ":a", "::", "1", "1.5e3", "0x", "a", "é", "SELECT", "gateway_x", "(", ")",
        ]).prop_map(str::to_owned),
        1 => ".{0,3}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tokens are pieces of the text, in order; between them is nothing that means
    /// anything.
    #[test]
    fn tokens_are_cut_from_the_text(text in texts()) {
        for dialect in DIALECTS {
            let Ok(tokens) = tokens(dialect, &text) else { continue };
            let mut end = 0;
            for token in &tokens {
                prop_assert!(token.start >= end && !token.text.is_empty());
                prop_assert_eq!(&text[token.start..token.end()], token.text);
                let between = &text[end..token.start];
                prop_assert!(self::tokens(dialect, between).is_ok_and(|it| it.is_empty()));
                end = token.end();
            }
        }
    }

    /// The text that is sent differs in nothing but placeholders, and reads the same:
    /// none stood in a string, a name or a comment.
    #[test]
    fn only_placeholders_are_rewritten(text in texts()) {
        for dialect in DIALECTS {
            let Ok(before) = tokens(dialect, &text) else { continue };
            let (sent, count) = rewrite(dialect, &text, &before);
            let sent = sent.as_str();
            let mut back = String::new();
            let mut rest = sent;
            if dialect == Dialect::Postgres {
                // Every `$n` that was written, taken back one after another, from where
                // the placeholder before it stood.
                let mut copied = 0;
                for (number, token) in (1..).zip(before.iter().filter(|it| it.kind == Kind::Placeholder)) {
                    let same = &text[copied..token.start];
                    rest = rest.strip_prefix(same).expect("the text before a placeholder");
                    rest = rest.strip_prefix(&format!("${number}")).expect("its number");
                    back.push_str(same);
                    back.push('?');
                    copied = token.end();
                }
            }
            back.push_str(rest);
            prop_assert_eq!(&back, &text);
            prop_assert_eq!(count, before.iter().filter(|it| it.kind == Kind::Placeholder).count());
        }
    }

    /// No text gets a plugin past the checks with a name of the host in it, as the
    /// server would see it: outside of comments, and of strings where those are values.
    #[test]
    fn accepted_text_names_no_host_table(text in texts()) {
        for dialect in DIALECTS {
            let text = format!("SELECT {text}");
            if plugin(dialect, &text).is_ok() {
                let tokens = tokens(dialect, &text).unwrap();
                let host = |token: &Token<'_>| token.name().to_ascii_lowercase().starts_with("gateway_");
                prop_assert!(!tokens.iter().any(|it| it.kind != Kind::String && host(it)));
                prop_assert!(tokens.iter().rev().skip_while(|it| it.kind == Kind::Semicolon)
                    .all(|it| it.kind != Kind::Semicolon));
            }
        }
    }
}
