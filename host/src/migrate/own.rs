//! Whose a thing is: a migration changes and drops only what migrations of the same
//! owner made, so that it can share a database with others.

use std::collections::BTreeSet;

use crate::capability::sql::effect;
use crate::contract::sql::{Dialect, Error};

/// What the statements so far have made.
#[derive(Debug, Default)]
pub(super) struct Made(BTreeSet<String>);

impl Made {
    /// Looks at the next statement.
    ///
    /// # Errors
    /// `invalid-statement` when it touches what isn't there.
    pub(super) fn check(&mut self, dialect: Dialect, statement: &str) -> Result<(), Error> {
        let effect = effect(dialect, statement)?;
        if let Some(foreign) = effect.touched.iter().find(|name| !self.0.contains(*name)) {
            return Err(Error::InvalidStatement(format!(
                "`{foreign}` may be somebody else's: a migration changes and drops only what \
                 an earlier statement made, without IF NOT EXISTS"
            )));
        }
        for name in &effect.gone {
            self.0.remove(name);
        }
        self.0.extend(effect.made);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statements: &[&str]) -> Result<(), Error> {
        let mut made = Made::default();
        statements
            .iter()
            .try_for_each(|statement| made.check(Dialect::Postgres, statement))
    }

    #[test]
    fn what_was_made_may_be_changed_and_dropped() {
        for fine in [
            &["CREATE TABLE a (x INT)", "DROP TABLE A"][..],
            &["CREATE TABLE \"A\" (x INT)", "DROP TABLE IF EXISTS a"],
            &[
                "CREATE TABLE a (x INT)",
                "ALTER TABLE a RENAME TO b",
                "UPDATE b SET x = 1",
                "DELETE FROM b",
                "DROP TABLE b",
            ],
            &[
                "CREATE UNIQUE INDEX CONCURRENTLY i ON a (x)",
                "DROP INDEX i",
            ],
            &[
                "CREATE VIEW v AS SELECT 1",
                "CREATE OR REPLACE VIEW v AS SELECT 2",
            ],
            &[
                "CREATE TABLE a (x INT)",
                "ALTER TABLE ONLY a ADD FOREIGN KEY (x) REFERENCES b ON DELETE CASCADE",
            ],
            &["CREATE TABLE s.a (x INT)", "DROP TABLE s.a"],
            &[
                "CREATE TABLE a (x INT)",
                "CREATE TABLE b (x INT)",
                "DROP TABLE a, b",
            ],
            // Rows added to what others have take nothing away.
            &[
                "INSERT INTO others (id) VALUES (1)",
                "CREATE INDEX ON a (x)",
            ],
        ] {
            assert!(check(fine).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn what_is_not_known_to_be_ones_own_stays() {
        for foreign in [
            &["DROP TABLE a"][..],
            &["DROP TABLE IF EXISTS a"],
            &["CREATE TABLE IF NOT EXISTS a (x INT)", "DROP TABLE a"],
            &["CREATE TABLE a (x INT)", "DROP TABLE a", "DROP TABLE a"],
            &["CREATE TABLE a (x INT)", "DROP TABLE a, b"],
            &["CREATE TABLE a (x INT)", "DROP TABLE other.a"],
            &[
                "CREATE TABLE a (x INT)",
                "ALTER TABLE a RENAME TO b",
                "DROP TABLE a",
            ],
            &["CREATE TABLE a (x INT)", "DROP TABLE a CASCADE"],
            &[
                "CREATE TABLE a (x INT)",
                "ALTER TABLE a DROP COLUMN x CASCADE",
            ],
            &["ALTER TABLE a ADD COLUMN x INT"],
            &["ALTER TABLE a RENAME TO b"],
            &["RENAME TABLE a TO b"],
            &["TRUNCATE a"],
            &["TRUNCATE TABLE ONLY a"],
            &["DELETE FROM a"],
            &["DELETE FROM ONLY a"],
            &["UPDATE a SET x = 1"],
            &["CREATE OR REPLACE VIEW v AS SELECT 1"],
            &["DROP SCHEMA main CASCADE"],
            &["DROP SCHEMA main"],
            &["DROP VIEW v"],
            &["DROP"],
        ] {
            assert!(check(foreign).is_err(), "{foreign:?}");
        }
    }
}
