//! Why a change did not happen.

use super::check::Report;
use super::signature::SignatureError;
use super::store::StoreError;
use crate::migrate;
use crate::plugin::{LoadError, StartError};

/// Why a change did not happen. Nothing is different from before, but for migrations that
/// only add, which the report names.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The checks speak against it.
    #[error("refused: {}{}", .0.refused.join("; "), stays(.0))]
    Refused(Box<Report>),
    /// It failed after its migrations had begun.
    #[error("{source}; in the database stays: {}", .report.left())]
    Incomplete {
        /// Why.
        source: Box<ChangeError>,
        /// What was found, with what stays.
        report: Box<Report>,
    },
    /// There is no such version.
    #[error("plugin {plugin} has no version {version}")]
    NoVersion {
        /// The plugin.
        plugin: String,
        /// The version.
        version: String,
    },
    /// It is not what the caller may ask for now.
    #[error("{0}")]
    Conflict(String),
    /// It is no component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its first instance could not be made.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The schema could not be extended.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// The versions could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signature is not as it has to be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The task that compiles died.
    #[error("compiling failed: {0}")]
    Compile(#[from] tokio::task::JoinError),
}

/// The end of a sentence that says what stays in the database.
pub(super) fn stays(report: &Report) -> String {
    match report.left().as_str() {
        "" => String::new(),
        left => format!("; in the database stays: {left}"),
    }
}
