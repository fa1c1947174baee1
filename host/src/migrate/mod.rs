//! Brings the tables of the gateway and of its plugins to what their code expects.

use crate::capability::sql::Database;
pub use crate::contract::lifecycle::Migration;

/// The owner of the gateway's own tables.
pub const GATEWAY: &str = "gateway";

/// What a run changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The versions that this run applied, oldest first.
    pub versions: Vec<u32>,
}

/// Why the tables aren't what the code expects.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed; the text is the cause.
    #[error("{0}")]
    Database(String),
}

/// Applies what is missing, under a lock that all gateways on this database share.
///
/// # Errors
/// See [`Error`].
pub async fn run(
    _database: &Database,
    _owner: &str,
    _migrations: &[Migration],
) -> Result<Applied, Error> {
    Err(Error::Database(String::new()))
}

/// The gateway's own migrations.
#[must_use]
pub fn gateway(_dialect: crate::contract::sql::Dialect) -> Vec<Migration> {
    Vec::new()
}
