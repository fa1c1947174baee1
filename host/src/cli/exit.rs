//! Exit codes, and which failure has which. The numbers are those of `sysexits.h`.

use std::process::ExitCode;

use crate::auth::MintError;
use crate::capability::sql::ConnectError;
use crate::config::ConfigError;
use crate::deployment::ChangeError;
use crate::plugin::LoadError;
use crate::{StartError, migrate};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well.
    Done,
    /// It did not work.
    Failed,
    /// The arguments or the configuration are wrong.
    Usage,
    /// A plugin was refused.
    Plugin,
    /// The database or an address is not available.
    Unavailable,
    /// The gateway itself is at fault.
    Internal,
    /// Stopped before the end; the rest can be done later.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
            Exit::Plugin => 65,
            Exit::Unavailable => 69,
            Exit::Internal => 70,
            Exit::Interrupted => 75,
        })
    }
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) exit: Exit,
    /// For standard error, after the program's name.
    pub(super) message: String,
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self {
            exit: Exit::Usage,
            message: error.to_string(),
        }
    }
}

impl From<MintError> for Failed {
    fn from(error: MintError) -> Self {
        let exit = match error {
            MintError::NoSecret => Exit::Usage,
            MintError::Sign(_) => Exit::Internal,
        };
        Self {
            exit,
            message: error.to_string(),
        }
    }
}

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        let exit = match error {
            ConnectError::Url(_) => Exit::Usage,
            _ => Exit::Unavailable,
        };
        Self {
            exit,
            message: error.to_string(),
        }
    }
}

impl From<LoadError> for Failed {
    fn from(error: LoadError) -> Self {
        Self {
            exit: Exit::Plugin,
            message: error.to_string(),
        }
    }
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Key(_)
            | StartError::Signature(_)
            | StartError::Tls(_)
            | StartError::Traces(_) => Exit::Usage,
            StartError::Plugin {
                source: ChangeError::Store(_),
                ..
            } => Exit::Unavailable,
            StartError::Plugin { .. } | StartError::Inspector(_) => Exit::Plugin,
            StartError::Listen { .. } => Exit::Unavailable,
            StartError::Migrate(error) => of_migration(error),
            StartError::Engine(_) | StartError::Compile(_) => Exit::Internal,
            StartError::Database(ConnectError::Url(_))
            | StartError::OwnDatabase {
                source: ConnectError::Url(_),
                ..
            } => Exit::Usage,
            StartError::Blobs(_) | StartError::Events { .. } => Exit::Unavailable,
            StartError::Database(_) | StartError::OwnDatabase { .. } => Exit::Unavailable,
        };
        Self {
            exit,
            message: error.to_string(),
        }
    }
}

impl From<migrate::Error> for Failed {
    fn from(error: migrate::Error) -> Self {
        Self {
            exit: of_migration(&error),
            message: error.to_string(),
        }
    }
}

/// A plugin whose migrations are wrong in themselves is a bad plugin; one that does not
/// fit what the database has seen is not.
fn of_migration(error: &migrate::Error) -> Exit {
    use migrate::Error as E;
    match error {
        E::Database(_) => Exit::Unavailable,
        E::Duplicate { .. } | E::Gap { .. } | E::Name { .. } | E::Refused { .. } => Exit::Plugin,
        _ => Exit::Failed,
    }
}
