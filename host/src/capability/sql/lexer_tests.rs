use super::*;

const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql];

fn lex(dialect: Dialect, text: &str) -> Result<Vec<(Kind, &str)>, Unreadable> {
    Lexer::new(dialect, text)
        .map(|token| token.map(|token| (token.kind, token.text)))
        .collect()
}

fn kinds(dialect: Dialect, text: &str) -> Vec<Kind> {
    let tokens = lex(dialect, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    tokens.into_iter().map(|(kind, _)| kind).collect()
}

fn refused(dialect: Dialect, text: &str) {
    assert!(
        lex(dialect, text).is_err(),
        "{dialect:?}: {text}: {:?}",
        lex(dialect, text)
    );
}

use Kind::{Number, Placeholder, Quoted, Semicolon, String, Symbol, Word};

#[test]
fn all_dialects_agree_on_the_common_part() {
    for dialect in DIALECTS {
        assert_eq!(
            lex(
                dialect,
                "SELECT a.\"b\"\"c\", 'it''s', 1.5e-3 FROM t -- ?\n/* ? */ WHERE x=?;"
            ),
            Ok(vec![
                (Word, "SELECT"),
                (Word, "a"),
                (Symbol, "."),
                (Quoted, "\"b\"\"c\""),
                (Symbol, ","),
                (String, "'it''s'"),
                (Symbol, ","),
                (Number, "1.5e-3"),
                (Word, "FROM"),
                (Word, "t"),
                (Word, "WHERE"),
                (Word, "x"),
                (Symbol, "="),
                (Placeholder, "?"),
                (Semicolon, ";"),
            ])
        );
        for open in [
            "'a", "\"a", "/* a", "'a''", "?1", "?a", "1a", "0x1g", "1e5x", "$1", "$a",
        ] {
            refused(dialect, open);
        }
        assert_eq!(
            kinds(dialect, "x IN(?,?)")
                .iter()
                .filter(|it| **it == Placeholder)
                .count(),
            2
        );
        assert_eq!(kinds(dialect, ".5+0x1F"), [Number, Symbol, Number]);
        assert_eq!(kinds(dialect, "größe"), [Word]);
        assert_eq!(kinds(dialect, "a$b"), [Word]);
    }
}

#[test]
fn backslashes_escape_on_mysql_and_in_escaped_strings() {
    assert_eq!(kinds(Dialect::Mysql, r"'\' ? ' ?"), [String, Placeholder]);
    assert_eq!(
        kinds(Dialect::Sqlite, r"'\' ? ''"),
        [String, Placeholder, String]
    );
    assert_eq!(kinds(Dialect::Postgres, r"'\' ?"), [String, Placeholder]);
    assert_eq!(
        kinds(Dialect::Postgres, r"E'\' ? ' ?"),
        [String, Placeholder]
    );
    assert_eq!(kinds(Dialect::Postgres, r"e'\\' ?"), [String, Placeholder]);
    assert_eq!(
        kinds(Dialect::Postgres, r"nice'\' ?"),
        [Word, String, Placeholder]
    );
    // The names between `"` know no backslash: ANSI_QUOTES.
    assert_eq!(kinds(Dialect::Mysql, r#""\" ?"#), [Quoted, Placeholder]);
    refused(Dialect::Mysql, r"'\'");
    refused(Dialect::Mysql, "'\\");
}

#[test]
fn an_escaped_string_may_not_go_on_in_the_next_line() {
    refused(Dialect::Postgres, "E'a'\n'\\' , ' ?'");
    refused(Dialect::Postgres, "E'a' -- x\n 'b'");
    assert_eq!(
        kinds(Dialect::Postgres, "E'a', 'b'"),
        [String, Symbol, String]
    );
    assert_eq!(kinds(Dialect::Postgres, "'a'\n'b'"), [String, String]);
}

#[test]
fn names_in_other_quotes() {
    assert_eq!(kinds(Dialect::Mysql, "`a``?` ?"), [Quoted, Placeholder]);
    assert_eq!(
        kinds(Dialect::Sqlite, "`a?` [b?] ?"),
        [Quoted, Quoted, Placeholder]
    );
    assert_eq!(
        kinds(Dialect::Postgres, "a[?]"),
        [Word, Symbol, Placeholder, Symbol]
    );
    refused(Dialect::Sqlite, "[a");
    let token = Lexer::new(Dialect::Sqlite, "[gateway_x]").next();
    assert_eq!(
        token.and_then(Result::ok).map(|token| token.name()),
        Some("gateway_x")
    );
}

#[test]
fn dollar_quotes_are_strings_on_postgres_only() {
    assert_eq!(
        kinds(Dialect::Postgres, "$$ ? ' $$ ?"),
        [String, Placeholder]
    );
    assert_eq!(
        kinds(Dialect::Postgres, "$a$ $$ ? $b$ $a$ ?"),
        [String, Placeholder]
    );
    assert_eq!(kinds(Dialect::Postgres, "a$$ ?"), [Word, Placeholder]);
    refused(Dialect::Postgres, "$a$ ?");
    refused(Dialect::Postgres, "$1a$ ? $1a$");
    refused(Dialect::Mysql, "$$ ? $$");
    refused(Dialect::Sqlite, "$$ ? $$");
}

#[test]
fn comments_end_where_the_server_ends_them() {
    assert_eq!(kinds(Dialect::Postgres, "/* /* ? */ ? */ ?"), [Placeholder]);
    assert_eq!(kinds(Dialect::Sqlite, "/* /* ? */ ?"), [Placeholder]);
    assert_eq!(kinds(Dialect::Mysql, "/* /* ? */ ?"), [Placeholder]);
    assert_eq!(kinds(Dialect::Mysql, "# ?\n?"), [Placeholder]);
    assert_eq!(
        kinds(Dialect::Postgres, "a # ?"),
        [Word, Symbol, Placeholder]
    );
    assert_eq!(
        kinds(Dialect::Mysql, "1--1"),
        [Number, Symbol, Symbol, Number]
    );
    assert_eq!(kinds(Dialect::Mysql, "1--\t?\n1"), [Number, Number]);
    assert_eq!(kinds(Dialect::Sqlite, "1--1"), [Number]);
    assert_eq!(kinds(Dialect::Postgres, "-- ?\r?"), [Placeholder]);
    assert_eq!(kinds(Dialect::Sqlite, "-- ?\r?"), []);
    assert_eq!(kinds(Dialect::Sqlite, "/**/?/***/"), [Placeholder]);
    refused(Dialect::Sqlite, "/*/ ?");
}

#[test]
fn what_servers_read_differently_is_refused() {
    for text in [
        "/*! ? */",
        "/*!50000 ? */",
        "/*M! ? */",
        "/*m!100 ? */",
        "/*+ SET_VAR(a=1) */",
    ] {
        refused(Dialect::Mysql, text);
    }
    assert_eq!(kinds(Dialect::Sqlite, "/*! ? */"), []);
    refused(Dialect::Postgres, "U&\"\\0061\"");
    refused(Dialect::Postgres, "u&'x'");
    assert_eq!(kinds(Dialect::Postgres, "u & 'x'"), [Word, Symbol, String]);
    for text in ["@a", ":a", "@@x"] {
        refused(Dialect::Sqlite, text);
    }
    refused(Dialect::Mysql, "@a := 1");
    assert_eq!(
        kinds(Dialect::Postgres, "a::text @> b"),
        [Word, Symbol, Symbol, Word, Symbol, Symbol, Word]
    );
    for dialect in DIALECTS {
        refused(dialect, "a \0 b");
    }
}
