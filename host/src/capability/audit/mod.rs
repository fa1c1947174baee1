//! The audit record.

mod view;

use super::sql::Database;
use crate::contract::audit::Error;

pub use crate::contract::audit::Entry;
pub use view::{Audit, View};

/// What the host adds to every entry; a plugin can't forge it.
#[derive(Debug, Clone, Default)]
pub struct Stamp {
    /// Who asked, if a token said so.
    pub actor: Option<String>,
    /// The tenant of the one who asked.
    pub tenant: Option<String>,
    /// The id of the request.
    pub request: String,
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
}

/// Entries of one transaction that wait for its commit.
#[derive(Debug)]
pub(super) struct Pending {
    stamp: Stamp,
    entries: Vec<Entry>,
}

impl Pending {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            entries: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, entry: Entry) -> Result<(), String> {
        if entry.action.is_empty() {
            return Err("audit: action is empty".to_owned());
        }
        self.entries.push(entry);
        Ok(())
    }

    pub(super) async fn write(
        self,
        _transaction: &mut super::sql::Transaction,
    ) -> Result<(), crate::contract::sql::Error> {
        Err(crate::contract::sql::Error::Unavailable)
    }
}

/// Writes one entry in a transaction of its own.
///
/// # Errors
/// See the contract.
pub async fn record(_database: &Database, _stamp: &Stamp, _entry: Entry) -> Result<(), Error> {
    Err(Error::Unavailable)
}
