//! A migration's text, cut into statements and checked.
//!
//! A statement ends at a `;`. The body of a trigger may hold some: between `BEGIN` and
//! its `END` they count as part of the trigger. Other blocks (`IF … END IF`, loops) in
//! a trigger are not known; a migration that needs one can't be cut right.

use super::lexer::{Kind, Token};
use super::names;
use super::statement::tokens;
use crate::contract::sql::{Dialect, Error};

/// What a plugin's migration may change and make.
const OBJECTS: [&str; 6] = ["TABLE", "INDEX", "VIEW", "TRIGGER", "SEQUENCE", "TYPE"];
/// What may stand between `CREATE` and the object.
const MODIFIERS: [&str; 6] = ["OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "VIRTUAL"];

/// Cuts a text; blanks and comments around statements are left out.
///
/// # Errors
/// `invalid-statement`, with the reason.
pub(crate) fn split(dialect: Dialect, text: &str) -> Result<Vec<&str>, Error> {
    let tokens = tokens(dialect, text).map_err(invalid)?;
    let (mut statements, mut rest) = (Vec::new(), tokens.as_slice());
    while let Some(first) = rest.first() {
        let length = length(rest);
        let last = length.checked_sub(1).and_then(|last| rest.get(last));
        if let Some(last) = last {
            statements.push(text.get(first.start..last.end()).unwrap_or_default());
        }
        rest = rest.get(length + 1..).unwrap_or_default();
    }
    Ok(statements)
}

/// How many tokens the first statement has.
fn length(tokens: &[Token<'_>]) -> usize {
    let (mut trigger, mut depth) = (false, 0_usize);
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Semicolon && depth == 0 {
            return index;
        }
        trigger |= token.is("TRIGGER") && tokens.first().is_some_and(|first| first.is("CREATE"));
        if trigger && (token.is("BEGIN") || token.is("CASE")) {
            depth += 1;
        } else if trigger && token.is("END") {
            depth = depth.saturating_sub(1);
        }
    }
    tokens.len()
}

/// Whether a plugin's migration may hold this statement.
///
/// # Errors
/// `invalid-statement`, with the reason.
pub(crate) fn check(dialect: Dialect, statement: &str) -> Result<(), Error> {
    let tokens = tokens(dialect, statement).map_err(invalid)?;
    let mut words = tokens.iter();
    let first = words.next().ok_or_else(|| invalid("no statement"))?;
    if ["CREATE", "ALTER", "DROP"]
        .iter()
        .any(|keyword| first.is(keyword))
    {
        let object = words.find(|token| !MODIFIERS.iter().any(|modifier| token.is(modifier)));
        if !object.is_some_and(|token| OBJECTS.iter().any(|object| token.is(object))) {
            return Err(invalid(format!(
                "{} is for one of {}",
                first.text.to_ascii_uppercase(),
                OBJECTS.join(", ")
            )));
        }
    } else if !["INSERT", "UPDATE", "DELETE"]
        .iter()
        .any(|keyword| first.is(keyword))
    {
        return Err(invalid(format!(
            "a migration's statement starts with one of CREATE, ALTER, DROP, INSERT, UPDATE, \
             DELETE, not with `{}`",
            first.text
        )));
    }
    if let Some(placeholder) = tokens.iter().find(|token| token.kind == Kind::Placeholder) {
        return Err(invalid(format!(
            "a placeholder at byte {}",
            placeholder.start
        )));
    }
    names::check(dialect, &tokens)
}

fn invalid(reason: impl ToString) -> Error {
    Error::InvalidStatement(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_strings_and_triggers() {
        let text = "-- first\nCREATE TABLE a (x TEXT DEFAULT ';'); ;\n\
            CREATE TRIGGER t AFTER INSERT ON a BEGIN\n\
            UPDATE a SET x = CASE WHEN x = ';' THEN 'y' ELSE x END; DELETE FROM a; END;\n\
            DROP TABLE b /* ; */";
        for dialect in [Dialect::Sqlite, Dialect::Mysql, Dialect::Postgres] {
            let found = split(dialect, text).unwrap();
            assert_eq!(found.len(), 3, "{found:?}");
            assert_eq!(found[0], "CREATE TABLE a (x TEXT DEFAULT ';')");
            assert!(found[1].starts_with("CREATE TRIGGER") && found[1].ends_with("END"));
            assert_eq!(found[2], "DROP TABLE b");
        }
        assert_eq!(
            split(Dialect::Postgres, "SELECT $a$;$a$; x").unwrap().len(),
            2
        );
        assert!(split(Dialect::Sqlite, "-- nothing\n;;").unwrap().is_empty());
        assert!(split(Dialect::Sqlite, "CREATE TABLE 'a").is_err());
    }

    #[test]
    fn plugins_make_tables_and_no_users() {
        for fine in [
            "CREATE TABLE a (id INTEGER)",
            "create unique index i on a (id)",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "ALTER TABLE a ADD COLUMN b TEXT",
            "DROP INDEX i",
            "INSERT INTO a (id) VALUES (1)",
            "UPDATE a SET id = 2",
            "DELETE FROM a",
        ] {
            assert!(check(Dialect::Postgres, fine).is_ok(), "{fine}");
        }
        for refused in [
            "ATTACH DATABASE 'x' AS y",
            "PRAGMA foreign_keys = OFF",
            "VACUUM",
            "COPY a FROM PROGRAM 'id'",
            "DO $$ BEGIN END $$",
            "LOAD 'x'",
            "GRANT ALL ON a TO b",
            "SET search_path = x",
            "SELECT 1",
            "CREATE USER u",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE EXTENSION dblink",
            "ALTER SYSTEM SET x = 1",
            "DROP DATABASE d",
            "CREATE TABLE gateway_x (id INTEGER)",
            "DROP TABLE \"Gateway_audit\"",
            "INSERT INTO a VALUES (?)",
            "CREATE",
            "",
        ] {
            assert!(check(Dialect::Postgres, refused).is_err(), "{refused}");
        }
    }
}
