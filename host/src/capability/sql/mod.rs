//! The plugin's database.

mod view;

use std::time::Duration;

use super::audit;
use crate::config;
use crate::contract::sql::{Dialect, Error, Kind, Value};

pub use view::{Open, Sql, View};

/// The database that the gateway and its plugins share. Clones are cheap and share
/// the connections.
#[derive(Debug, Clone)]
pub struct Database {
    dialect: Dialect,
}

/// Why no database could be had at the start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address isn't one of the three that are known.
    #[error("database.url: {0}")]
    Url(String),
    /// Nothing answered within `connect_timeout`.
    #[error("the database did not answer: {0}")]
    Unreachable(String),
}

impl Database {
    /// Connects, trying again until `connect_timeout` has passed.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(config: &config::Database) -> Result<Self, ConnectError> {
        Err(ConnectError::Url(config.url.clone()))
    }

    /// Which of the three it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the database answers within `timeout`.
    ///
    /// # Errors
    /// `unavailable` when it doesn't.
    pub async fn ping(&self, _timeout: Duration) -> Result<(), Error> {
        Err(Error::Unavailable)
    }

    /// The rows of one statement, outside of a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn query(
        &self,
        _statement: &str,
        _params: Vec<Value>,
        _columns: &[Kind],
        _limits: &config::SqlLimits,
    ) -> Result<Vec<Vec<Value>>, Error> {
        Err(Error::Unavailable)
    }

    /// The number of rows that one statement matched, outside of a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn execute(
        &self,
        _statement: &str,
        _params: Vec<Value>,
        _limits: &config::SqlLimits,
    ) -> Result<u64, Error> {
        Err(Error::Unavailable)
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// See the contract.
    pub async fn begin(&self, _limits: &config::SqlLimits) -> Result<Transaction, Error> {
        Err(Error::Unavailable)
    }
}

/// An open transaction; dropped, it is rolled back.
#[derive(Debug)]
pub struct Transaction(());

impl Transaction {
    /// The rows of one statement.
    ///
    /// # Errors
    /// See the contract.
    pub async fn query(
        &mut self,
        _statement: &str,
        _params: Vec<Value>,
        _columns: &[Kind],
        _limits: &config::SqlLimits,
    ) -> Result<Vec<Vec<Value>>, Error> {
        Err(Error::Unavailable)
    }

    /// The number of rows that one statement matched.
    ///
    /// # Errors
    /// See the contract.
    pub async fn execute(
        &mut self,
        _statement: &str,
        _params: Vec<Value>,
        _limits: &config::SqlLimits,
    ) -> Result<u64, Error> {
        Err(Error::Unavailable)
    }

    /// Keeps an audit entry to be written with the commit.
    ///
    /// # Errors
    /// `invalid-statement` when the entry breaks a limit.
    pub fn audit(&mut self, _stamp: &audit::Stamp, _entry: audit::Entry) -> Result<(), Error> {
        Err(Error::Unavailable)
    }

    /// Writes the audit entries and commits.
    ///
    /// # Errors
    /// See the contract; nothing is written then.
    pub async fn commit(self) -> Result<(), Error> {
        Err(Error::Unavailable)
    }
}
