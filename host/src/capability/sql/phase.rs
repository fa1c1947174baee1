//! Whether a migration only adds: code from before it still fits the schema then.

use std::collections::BTreeSet;

use super::effect::effect;
use super::lexer::Token;
use super::statement::tokens;
use crate::contract::sql::{Dialect, Error};

/// Words of an `ALTER TABLE` that do more than adding a column. A constraint may refuse
/// the rows that older code writes.
const BEYOND_ADDING: &[&str] = &[
    "ALTER",
    "CHANGE",
    "CHECK",
    "CONSTRAINT",
    "DROP",
    "FOREIGN",
    "MODIFY",
    "PRIMARY",
    "REFERENCES",
    "RENAME",
    "UNIQUE",
];

/// Whether the statements of one migration only add. What a statement does to that which
/// an earlier one of the same migration made doesn't count: no older code knows it.
///
/// # Errors
/// `invalid-statement` when one of them can't be read.
pub(crate) fn only_adds(dialect: Dialect, statements: &[&str]) -> Result<bool, Error> {
    let mut made = BTreeSet::new();
    for statement in statements {
        let effect = effect(dialect, statement)?;
        let tokens = tokens(dialect, statement)
            .map_err(|error| Error::InvalidStatement(error.to_string()))?;
        let own = |name: &String| made.contains(name);
        let new = !effect.touched.is_empty() && effect.touched.iter().all(own);
        if !new && !adds(&tokens, &made) {
            return Ok(false);
        }
        made.extend(effect.made);
    }
    Ok(true)
}

fn adds(tokens: &[Token<'_>], made: &BTreeSet<String>) -> bool {
    let has = |word: &str| tokens.iter().any(|token| token.is(word));
    let Some(first) = tokens.first() else {
        return true;
    };
    if first.is("CREATE") {
        let replaces = tokens.get(1).is_some_and(|token| token.is("OR"));
        let unique = tokens.get(1).is_some_and(|token| token.is("UNIQUE"));
        return !replaces
            && (!unique || indexed(tokens).is_some_and(|table| made.contains(&table)));
    }
    if first.is("ALTER") {
        let rest = tokens.get(1..).unwrap_or_default();
        let beyond = |token: &Token<'_>| BEYOND_ADDING.iter().any(|word| token.is(word));
        let demands = has("NOT") && !has("DEFAULT");
        return has("ADD") && !rest.iter().any(beyond) && !demands;
    }
    // A backfill: rows stay readable for whoever read them before.
    first.is("INSERT") || first.is("UPDATE") || first.is("WITH") || first.is("SELECT")
}

/// The table that a `CREATE INDEX` is on.
fn indexed(tokens: &[Token<'_>]) -> Option<String> {
    let on = tokens.iter().position(|token| token.is("ON"))?;
    Some(tokens.get(on + 1)?.name().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::only_adds;
    use crate::contract::sql::Dialect;

    fn adds(statements: &[&str]) -> bool {
        only_adds(Dialect::Postgres, statements).unwrap()
    }

    #[test]
    fn what_older_code_does_not_notice_only_adds() {
        for fine in [
            &["CREATE TABLE a (x INT NOT NULL)"][..],
            &["CREATE INDEX i ON a (x)"],
            &["ALTER TABLE a ADD COLUMN y TEXT"],
            &["ALTER TABLE a ADD y INT NOT NULL DEFAULT 0"],
            &["UPDATE a SET y = x"],
            &["INSERT INTO a (x) VALUES (1)"],
            &["CREATE TABLE a (x INT)", "CREATE UNIQUE INDEX i ON a (x)"],
            &["CREATE TABLE a (x INT)", "ALTER TABLE a DROP COLUMN x"],
            &["CREATE TABLE a (x INT)", "DROP TABLE a"],
        ] {
            assert!(adds(fine), "{fine:?}");
        }
    }

    #[test]
    fn what_older_code_may_stumble_over_does_not() {
        for contracts in [
            &["DROP TABLE a"][..],
            &["DROP INDEX i"],
            &["ALTER TABLE a DROP COLUMN x"],
            &["ALTER TABLE a RENAME TO b"],
            &["ALTER TABLE a RENAME COLUMN x TO y"],
            &["ALTER TABLE a ALTER COLUMN x SET NOT NULL"],
            &["ALTER TABLE a MODIFY x BIGINT"],
            &["ALTER TABLE a ADD COLUMN y INT NOT NULL"],
            &["ALTER TABLE a ADD CONSTRAINT c CHECK (x > 0)"],
            &["CREATE UNIQUE INDEX i ON a (x)"],
            &["CREATE OR REPLACE VIEW v AS SELECT 1"],
            &["DELETE FROM a"],
            &["TRUNCATE a"],
            &["CREATE TABLE b (x INT)", "DROP TABLE a"],
        ] {
            assert!(!adds(contracts), "{contracts:?}");
        }
    }
}
