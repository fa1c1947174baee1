//! What a plugin sees of the second database that the operator chose for a task.

use wasmtime::Result;
use wasmtime::component::HasData;

use super::Database;
use crate::config;
use crate::contract::source::Host;
use crate::contract::sql::{Dialect, Error, Kind, Rows, Value};

/// Names [`SourceView`] to wasmtime, as [`Sql`](super::Sql) does its view.
#[derive(Debug)]
pub struct Source;

impl HasData for Source {
    type Data<'a> = SourceView<'a>;
}

/// What the calls of one step need.
#[derive(Debug)]
pub struct SourceView<'a> {
    /// The database, which [`Database::connect_to_read`] made; none while requests are
    /// served.
    pub database: Option<&'a Database>,
    /// What one statement may do.
    pub limits: &'a config::SqlLimits,
}

impl Host for SourceView<'_> {
    async fn which(&mut self) -> Result<Result<Dialect, Error>> {
        let database = self.database.ok_or(Error::Unavailable);
        Ok(database.map(Database::dialect))
    }

    async fn query(
        &mut self,
        statement: String,
        params: Vec<Value>,
        columns: Vec<Kind>,
    ) -> Result<Result<Rows, Error>> {
        let Some(database) = self.database else {
            return Ok(Err(Error::Unavailable));
        };
        Ok(database
            .rows(&statement, params, &columns, self.limits)
            .await)
    }
}
