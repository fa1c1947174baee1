//! Why the tables aren't what the code expects, in words for the operator.

use crate::contract::sql;

/// Why the tables aren't what the code expects. Each text names the migration and what
/// to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two migrations have the same number, or they are out of order.
    #[error(
        "{owner}: version {version} is there twice, or not at its place; number its migrations 1, 2, 3, …"
    )]
    Duplicate {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
    },
    /// A number is left out.
    #[error(
        "{owner}: there is no version {version} at its place; number its migrations 1, 2, 3, …"
    )]
    Gap {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
    },
    /// A name isn't one.
    #[error("{owner}: version {version} has the name `{name}`; use lower-case words joined by `_`")]
    Name {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// A statement isn't allowed.
    #[error("{owner}: migration {version} ({name}) is refused: {reason}")]
    Refused {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A migration that ran isn't the one that is given.
    #[error(
        "{owner}: migration {version} ({name}) was edited after it ran as `{ran}`; restore it \
         as it was, and put the change into a new migration"
    )]
    Edited {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
        /// The name that it ran under.
        ran: String,
    },
    /// A migration that ran isn't given any more.
    #[error("{owner}: migration {version} ({name}) ran but is missing now; restore it")]
    Missing {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// The database is further than the code.
    #[error(
        "{owner}: the database has migration {version} ({name}), which this version of {owner} \
         doesn't know; start the newer version, or restore a backup from before it"
    )]
    Newer {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// A later migration ran and this one didn't.
    #[error(
        "{owner}: migration {version} ({name}) never ran, but later ones did; give it the next \
         free number"
    )]
    Late {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// A migration began and didn't end; MySQL keeps what it had done.
    #[error(
        "{owner}: migration {version} ({name}) was cut in its middle; undo by hand what it did \
         and delete its row from gateway_migrations, or do the rest and set its applied_at"
    )]
    HalfApplied {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// Something is pending, and the configuration says not to apply it by itself.
    #[error(
        "{owner}: migration {version} ({name}) is pending, and migrate.at_start is off; apply \
         it with `gateway migrate up`"
    )]
    Pending {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
    },
    /// A statement failed.
    #[error("{owner}: migration {version} ({name}) failed at its statement {statement}: {reason}")]
    Failed {
        /// Whose migrations.
        owner: String,
        /// The number.
        version: u32,
        /// The name.
        name: String,
        /// Which statement, counted from 1.
        statement: usize,
        /// What the database says.
        reason: String,
    },
    /// Another gateway holds the lock for too long.
    #[error(
        "another gateway has been migrating the database for {seconds} s; wait until it is done"
    )]
    Locked {
        /// How long this one waited.
        seconds: u64,
    },
    /// The database failed.
    #[error("the ledger of the migrations can't be used: {0}")]
    Database(String),
}

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        Self::Database(reason(&error))
    }
}

/// A database error in words.
pub(super) fn reason(error: &sql::Error) -> String {
    match error {
        sql::Error::InvalidStatement(reason) => reason.clone(),
        sql::Error::UniqueViolation(name) => format!("unique constraint {name}"),
        sql::Error::ForeignKeyViolation(name) => format!("foreign key {name}"),
        sql::Error::NotNullViolation(name) => format!("not null: {name}"),
        sql::Error::CheckViolation(name) => format!("check constraint {name}"),
        sql::Error::Unavailable => "the database is not available".to_owned(),
        sql::Error::Timeout => "it took too long".to_owned(),
        sql::Error::Conflict => "others hold locks on its tables".to_owned(),
        sql::Error::TooLarge => "too much data".to_owned(),
        sql::Error::Other => "see the log line before this one".to_owned(),
    }
}
