//! Why a store can't do something, without what is secret.

use std::io;
use std::time::Duration;

/// Why the store can't do it. The texts are for the log: they name no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("there is no such object: {0}")]
    NotFound(String),
    /// It may work later: nobody answers, or whoever does refuses.
    #[error("it is unavailable: {0}")]
    Unavailable(String),
    /// There is no room.
    #[error("it is full: {0}")]
    Full(String),
    /// It took too long.
    #[error("it took too long: {0}")]
    Timeout(String),
    /// Anything else, which will not pass by itself.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Whether the same may work a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout(_))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let text = error.to_string();
        match error.kind() {
            Kind::NotFound => Self::NotFound(text),
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::Full(text),
            Kind::TimedOut => Self::Timeout(text),
            // Of a folder on the network, or one that is mounted anew.
            Kind::StaleNetworkFileHandle
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::ResourceBusy
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem => Self::Unavailable(text),
            _ => Self::Other(text),
        }
    }
}

/// The outcome of `work`, if it comes within `limit`.
pub(super) async fn within<T, E: Into<Error>>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(Error::Timeout(format!(
            "{what} took longer than {}",
            humantime::format_duration(limit)
        ))),
    }
}
