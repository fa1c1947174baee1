//! What can be wrong with a configuration.

use std::io;
use std::path::PathBuf;

/// Why a configuration is refused. The text is one line that names the key or the
/// variable, the value (never a secret) and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value outside of what its setting allows.
    #[error("{place}: {value} is not {allowed}")]
    Value {
        /// The variable, the flag, or the file's line and key.
        place: String,
        /// The value as it was given, quoted and shortened.
        value: String,
        /// What would have been allowed.
        allowed: String,
    },
    /// A key or a variable that does not exist.
    #[error("{place}: there is no such setting{}", hint(.nearest))]
    Unknown {
        /// The variable, or the file's line and key.
        place: String,
        /// The most similar name that exists.
        nearest: Option<String>,
    },
    /// Values that are allowed alone but not together, or one that is missing.
    #[error("{place}: {reason}")]
    Conflict {
        /// The variable, the flag, or the file's line and key.
        place: String,
        /// Why it is refused, and what to do.
        reason: String,
    },
    /// A file that is named by a setting and cannot be used.
    #[error("{place}: cannot {action} {path:?}: {source}")]
    File {
        /// The setting that names the file.
        place: String,
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}
