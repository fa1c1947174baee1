//! Brings the tables of the gateway and of its plugins to what their code expects.
//!
//! Every migration that ran stands in `gateway_migrations` with its checksum. A run
//! holds a lock that all gateways on the database share, so that two that start at once
//! apply each migration once. On SQLite and PostgreSQL a migration and its row are one
//! transaction. MySQL commits each change of a table by itself: there the row is
//! written first, without its time, and completed at the end, so that a migration that
//! was cut in its middle is found at the next start.

mod error;
mod gateway;
mod ledger;
mod own;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::capability::sql::{Database, Exclusive, check_migration, only_adds, split};
use crate::contract::sql::{self, Dialect, Value};

pub use crate::contract::lifecycle::Migration;
pub use error::Error;
pub use gateway::migrations as gateway;

/// The owner of the gateway's own tables. Other owners are plugins, whose migrations
/// are checked.
pub const GATEWAY: &str = "gateway";

/// What a run changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The versions that this run applied, oldest first.
    pub versions: Vec<u32>,
}

/// One migration, and what the ledger says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub version: u32,
    /// Its name; the one that it ran under when it is not there any more.
    pub name: String,
    /// When it ran, in microseconds since 1970; `None` if it hasn't.
    pub applied_at: Option<i64>,
    /// How it stands.
    pub state: State,
}

/// How a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It ran, and is what ran.
    Applied,
    /// It has yet to run.
    Pending,
    /// It ran under another name or with another text.
    Changed,
    /// It ran, and isn't there any more.
    Missing,
    /// It began and didn't end.
    Unfinished,
}

impl State {
    /// One word for a table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "ok",
            Self::Pending => "pending",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unfinished => "unfinished",
        }
    }

    /// Whether it keeps a gateway from starting until somebody looks.
    #[must_use]
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Applied | Self::Pending)
    }
}

/// How a migration and a version from before it get on with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It only adds, so that both can serve on the schema: tables, indexes that refuse
    /// nothing, columns that may be left out, rows.
    Expand,
    /// It takes away or demands what the older version does not know.
    Contract,
}

/// What a run for a version that takes over from another one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything that is pending; and the database must not be ahead.
    Whole,
    /// What only adds, up to the first that does not. The database may be ahead by what
    /// only adds: a version that is rolled back to fits that.
    Expand,
}

/// How each of a plugin's migrations gets on with older versions.
///
/// # Errors
/// A statement can't be read, or isn't allowed.
pub fn phases(
    dialect: Dialect,
    owner: &str,
    migrations: &[Migration],
) -> Result<Vec<Phase>, Error> {
    let statements = statements(dialect, owner, migrations)?;
    migrations
        .iter()
        .zip(statements)
        .map(|(migration, statements)| phase(dialect, owner, migration, &statements))
        .collect()
}

fn phase(
    dialect: Dialect,
    owner: &str,
    migration: &Migration,
    statements: &[&str],
) -> Result<Phase, Error> {
    match only_adds(dialect, statements) {
        Ok(true) => Ok(Phase::Expand),
        Ok(false) => Ok(Phase::Contract),
        Err(reason) => Err(Error::Refused {
            owner: owner.to_owned(),
            version: migration.version,
            name: migration.name.clone(),
            reason: error::reason(&reason),
        }),
    }
}

/// Applies what only adds of that which is pending, under a lock that all gateways on this
/// database share. What is left stays pending.
///
/// # Errors
/// See [`Error`]. What was applied before the error stays: it only adds.
pub async fn expand(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<Applied, Error> {
    run_to(database, owner, migrations, Reach::Expand).await
}

/// What is pending for a version that takes over from another one, oldest first.
///
/// # Errors
/// See [`Error`]; and those that [`expand`] would find before it applies anything.
pub async fn outlook(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<Vec<(Migration, Phase)>, Error> {
    let phases = phases(database.dialect(), owner, migrations)?;
    let mut session = database.exclusive().await?;
    let found = async {
        let rows = ledger::read_if_there(&mut session, database.dialect(), owner).await?;
        let tolerated = ledger::expansions(&mut session, owner).await?;
        ledger::pending(owner, migrations, &rows, &tolerated)
    }
    .await;
    session.close().await;
    let first = found?.unwrap_or(migrations.len());
    Ok(migrations.iter().cloned().zip(phases).skip(first).collect())
}

/// Notes which of a plugin's migrations only add. Before they run: a note of one that never
/// ran says nothing, while one that ran without a note keeps older versions from starting.
///
/// # Errors
/// See [`Error`].
pub async fn note_expansions(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<(), Error> {
    let phases = phases(database.dialect(), owner, migrations)?;
    let mut session = database.exclusive().await?;
    let mut outcome = Ok(());
    for (migration, phase) in migrations.iter().zip(phases) {
        if phase == Phase::Expand && outcome.is_ok() {
            outcome = ledger::note_expansion(&mut session, owner, migration).await;
        }
    }
    session.close().await;
    outcome
}

/// Applies what is missing, under a lock that all gateways on this database share.
///
/// # Errors
/// See [`Error`]. What was applied before the error stays.
pub async fn run(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<Applied, Error> {
    run_to(database, owner, migrations, Reach::Whole).await
}

async fn run_to(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
    reach: Reach,
) -> Result<Applied, Error> {
    let statements = statements(database.dialect(), owner, migrations)?;
    let mut session = database.exclusive().await?;
    let outcome = run_on(
        &mut session,
        database.dialect(),
        owner,
        migrations,
        &statements,
        reach,
    )
    .await;
    session.close().await;
    outcome
}

/// What a start does: applies what is pending, or, unless it is to `apply` anything,
/// checks that nothing is.
///
/// # Errors
/// See [`run`] and [`Error::Pending`].
pub async fn at_start(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
    apply: bool,
) -> Result<(), Error> {
    if apply {
        return run(database, owner, migrations).await.map(drop);
    }
    match plan(database, owner, migrations).await?.first() {
        None => Ok(()),
        Some(first) => Err(Error::Pending {
            owner: owner.to_owned(),
            version: first.version,
            name: first.name.clone(),
        }),
    }
}

/// Every migration, those included that ran and aren't there any more, by number. Says
/// what is wrong, and fails for none of it.
///
/// # Errors
/// The database failed.
pub async fn status(
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<Vec<Status>, Error> {
    let rows = rows(database, owner).await?;
    Ok(ledger::compare(migrations, &rows))
}

/// Every migration as a database sees it that isn't there yet.
#[must_use]
pub fn untouched(migrations: &[Migration]) -> Vec<Status> {
    ledger::compare(migrations, &[])
}

/// What [`run`] would apply now, oldest first.
///
/// # Errors
/// See [`Error`]; those that [`run`] would find before it applies anything.
pub async fn plan<'a>(
    database: &Database,
    owner: &str,
    migrations: &'a [Migration],
) -> Result<Vec<&'a Migration>, Error> {
    statements(database.dialect(), owner, migrations)?;
    let rows = rows(database, owner).await?;
    let first = ledger::pending(owner, migrations, &rows, &BTreeSet::new())?;
    Ok(migrations
        .iter()
        .skip(first.unwrap_or(migrations.len()))
        .collect())
}

async fn rows(database: &Database, owner: &str) -> Result<Vec<ledger::Row>, Error> {
    let mut session = database.exclusive().await?;
    let rows = ledger::read_if_there(&mut session, database.dialect(), owner).await;
    session.close().await;
    rows
}

/// The statements of every migration; a plugin's are checked.
fn statements<'a>(
    dialect: Dialect,
    owner: &str,
    migrations: &'a [Migration],
) -> Result<Vec<Vec<&'a str>>, Error> {
    let of = |migration: &'a Migration| {
        let statements = split(dialect, &migration.statements)?;
        if owner != GATEWAY {
            statements
                .iter()
                .try_for_each(|statement| check_migration(dialect, statement))?;
        }
        Ok(statements)
    };
    let refused = |migration: &Migration, reason: &sql::Error| Error::Refused {
        owner: owner.to_owned(),
        version: migration.version,
        name: migration.name.clone(),
        reason: error::reason(reason),
    };
    let mut made = own::Made::default();
    migrations
        .iter()
        .map(|migration| {
            let statements = of(migration).map_err(|reason| refused(migration, &reason))?;
            statements
                .iter()
                .try_for_each(|statement| made.check(dialect, statement))
                .map_err(|reason| refused(migration, &reason))?;
            Ok(statements)
        })
        .collect()
}

async fn run_on(
    session: &mut Exclusive,
    dialect: Dialect,
    owner: &str,
    migrations: &[Migration],
    statements: &[Vec<&str>],
    reach: Reach,
) -> Result<Applied, Error> {
    ledger::lock(session, dialect).await?;
    let tolerated = match reach {
        Reach::Whole => BTreeSet::new(),
        Reach::Expand => ledger::expansions(session, owner).await?,
    };
    let mut applied = Applied::default();
    // One at a time, and the ledger is read again each time: between two of them the
    // lock of SQLite and PostgreSQL is free, and another gateway may go on.
    loop {
        ledger::begin(session, dialect).await?;
        ledger::make(session, dialect).await?;
        let rows = ledger::read(session, owner).await?;
        let pending = ledger::pending(owner, migrations, &rows, &tolerated)?;
        let pending = match pending {
            Some(index) if reach == Reach::Expand => {
                first_expansion(dialect, owner, migrations, statements, index)?
            }
            pending => pending,
        };
        let Some(index) = pending else {
            ledger::end(session, dialect).await?;
            return Ok(applied);
        };
        let (Some(migration), Some(statements)) = (migrations.get(index), statements.get(index))
        else {
            return Ok(applied);
        };
        apply(session, dialect, owner, migration, statements).await?;
        ledger::end(session, dialect).await?;
        tracing::info!(owner, migration.version, migration.name, "migrated");
        applied.versions.push(migration.version);
    }
}

/// The migration at `index`, if it only adds.
fn first_expansion(
    dialect: Dialect,
    owner: &str,
    migrations: &[Migration],
    statements: &[Vec<&str>],
    index: usize,
) -> Result<Option<usize>, Error> {
    let (Some(migration), Some(statements)) = (migrations.get(index), statements.get(index)) else {
        return Ok(None);
    };
    let phase = phase(dialect, owner, migration, statements)?;
    Ok((phase == Phase::Expand).then_some(index))
}

async fn apply(
    session: &mut Exclusive,
    dialect: Dialect,
    owner: &str,
    migration: &Migration,
    statements: &[&str],
) -> Result<(), Error> {
    let by_itself = dialect == Dialect::Mysql;
    let at = if by_itself {
        Value::Null
    } else {
        Value::Timestamp(now())
    };
    ledger::write(session, owner, migration, at).await?;
    for (done, statement) in statements.iter().enumerate() {
        let Err(cause) = session.batch(statement).await else {
            continue;
        };
        if by_itself && done == 0 {
            // Nothing has changed yet: the next start may simply try again.
            ledger::erase(session, owner, migration.version).await?;
        }
        return Err(Error::Failed {
            owner: owner.to_owned(),
            version: migration.version,
            name: migration.name.clone(),
            statement: done + 1,
            reason: error::reason(&cause),
        });
    }
    if by_itself {
        ledger::complete(session, owner, migration.version, now()).await?;
    }
    Ok(())
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
