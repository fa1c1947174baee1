//! How a download ended, which is known only after the entry on its beginning was written.
//!
//! No row is ever changed; the end is an entry of its own. It is about a `download`, named
//! by the place of the entry that it closes.

use serde::{Deserialize, Serialize};

use super::{DOWNLOAD, Entry, Outcome, Place};

/// How a download ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Everything that was asked for was handed to the connection.
    Complete,
    /// The client went away.
    Cut,
    /// The client took nothing for too long.
    Stalled,
    /// Access to it ended, or the version that served it was cut.
    Ended,
    /// The store failed.
    Failed,
    /// The client was sent to the store.
    Redirected,
    /// The plugin answered with something else.
    Unsent,
    /// The gateway died; what was sent is not known.
    Lost,
}

impl How {
    /// As it stands in the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Stalled => "stalled",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Redirected => "redirected",
            Self::Unsent => "unsent",
            Self::Lost => "lost",
        }
    }
}

/// What is recorded of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Bytes that were handed to the client's connection.
    pub sent: u64,
    /// In which way.
    pub how: How,
}

impl Ending {
    /// The entry that closes the one at `opened`, which was on `action`.
    #[must_use]
    pub fn entry(self, opened: Place, action: &str) -> Entry {
        Entry {
            action: action.to_owned(),
            entity: DOWNLOAD.to_owned(),
            entity_id: opened.to_string(),
            outcome: match self.how {
                How::Failed | How::Lost => Outcome::Failed,
                _ => Outcome::Allowed,
            },
            details: serde_json::to_string(&self).ok(),
        }
    }
}
