//! Where a statement is read: in a transaction, or beside one.

use super::sql::Sql;
use crate::ports::{Database, Error, Kind, Rows, Transaction};

/// What runs statements that read.
pub(super) trait Run {
    fn run(&mut self, sql: &Sql, columns: &[Kind]) -> Result<Rows, Error>;
}

/// Outside of a transaction.
pub(super) struct Alone<'a, D>(pub(super) &'a D);

impl<D: Database> Run for Alone<'_, D> {
    fn run(&mut self, sql: &Sql, columns: &[Kind]) -> Result<Rows, Error> {
        sql.query(self.0, columns)
    }
}

/// Inside of one.
pub(super) struct Within<'a, T>(pub(super) &'a mut T);

impl<T: Transaction> Run for Within<'_, T> {
    fn run(&mut self, sql: &Sql, columns: &[Kind]) -> Result<Rows, Error> {
        sql.query_in(self.0, columns)
    }
}
