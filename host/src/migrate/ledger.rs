//! The table of what ran, and the lock around it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Error, Migration, State, Status};
use crate::capability::sql::Exclusive;
use crate::contract::sql::{self, Dialect, Kind, Value};

/// How long a run waits for another one.
const LOCK_SECONDS: u64 = 60;
/// The name of PostgreSQL's lock; the letters of `gateway`.
const LOCK_KEY: i64 = 0x0067_6174_6577_6179;

/// One migration that ran, or began to.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) version: u32,
    name: String,
    checksum: String,
    pub(super) applied_at: Option<i64>,
}

/// Takes the lock that outlives single statements, where there is one.
pub(super) async fn lock(session: &mut Exclusive, dialect: Dialect) -> Result<(), Error> {
    match dialect {
        Dialect::Sqlite => {
            session
                .batch(&format!("PRAGMA busy_timeout = {}", LOCK_SECONDS * 1000))
                .await?;
        }
        Dialect::Postgres => {
            session
                .batch(&format!("SET lock_timeout = '{LOCK_SECONDS}s'"))
                .await?;
        }
        Dialect::Mysql => {
            // The names of locks are shared by all databases of a server, and have at
            // most 64 characters. MySQL 9.6 and later know no MD5.
            let sql = "SELECT GET_LOCK(CONCAT('gateway_', SHA2(DATABASE(), 224)), ?)";
            let params = vec![Value::Integer(LOCK_SECONDS as i64)];
            let rows = session.query(sql, params, &[Kind::Integer]).await?;
            if !matches!(
                rows.first().and_then(|row| row.first()),
                Some(Value::Integer(1))
            ) {
                return Err(Error::Locked {
                    seconds: LOCK_SECONDS,
                });
            }
        }
    }
    Ok(())
}

/// Begins one migration; SQLite and PostgreSQL are locked until its end.
pub(super) async fn begin(session: &mut Exclusive, dialect: Dialect) -> Result<(), Error> {
    let begun = match dialect {
        Dialect::Sqlite => session.batch("BEGIN IMMEDIATE").await,
        Dialect::Postgres => {
            session.batch("BEGIN").await?;
            session
                .batch(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})"))
                .await
        }
        Dialect::Mysql => Ok(()),
    };
    begun.map_err(|error| match error {
        sql::Error::Conflict => Error::Locked {
            seconds: LOCK_SECONDS,
        },
        error => error.into(),
    })
}

/// Ends one migration.
pub(super) async fn end(session: &mut Exclusive, dialect: Dialect) -> Result<(), Error> {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => Ok(session.batch("COMMIT").await?),
        Dialect::Mysql => Ok(()),
    }
}

/// Makes the table when it isn't there.
pub(super) async fn make(session: &mut Exclusive, dialect: Dialect) -> Result<(), Error> {
    if is_there(session, dialect).await? {
        return Ok(());
    }
    let sql = match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE gateway_migrations (owner TEXT NOT NULL, version INTEGER NOT NULL, \
             name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER, \
             PRIMARY KEY (owner, version)) STRICT"
        }
        Dialect::Postgres => {
            "CREATE TABLE gateway_migrations (owner TEXT NOT NULL, version BIGINT NOT NULL, \
             name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TIMESTAMPTZ, \
             PRIMARY KEY (owner, version))"
        }
        Dialect::Mysql => {
            "CREATE TABLE gateway_migrations (owner VARCHAR(128) NOT NULL, \
             version BIGINT NOT NULL, name VARCHAR(255) NOT NULL, checksum CHAR(64) NOT NULL, \
             applied_at DATETIME(6), PRIMARY KEY (owner, version)) \
             ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        }
    };
    Ok(session.batch(sql).await?)
}

async fn is_there(session: &mut Exclusive, dialect: Dialect) -> Result<bool, Error> {
    let sql = match dialect {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'gateway_migrations'",
        Dialect::Postgres => "SELECT COUNT(to_regclass('gateway_migrations'))",
        Dialect::Mysql => {
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = 'gateway_migrations'"
        }
    };
    let rows = session.query(sql, Vec::new(), &[Kind::Integer]).await?;
    Ok(matches!(
        rows.first().and_then(|row| row.first()),
        Some(Value::Integer(1))
    ))
}

/// Notes that a migration only adds, unless that is noted already.
pub(super) async fn note_expansion(
    session: &mut Exclusive,
    owner: &str,
    migration: &Migration,
) -> Result<(), Error> {
    let sql = "INSERT INTO gateway_expansions (owner, version, checksum) VALUES (?, ?, ?)";
    let params = vec![
        Value::Text(owner.to_owned()),
        Value::Integer(migration.version.into()),
        Value::Text(checksum(migration)),
    ];
    match session.execute(sql, params).await {
        Ok(_) | Err(sql::Error::UniqueViolation(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Which migrations of an owner only add, by number and checksum.
pub(super) async fn expansions(
    session: &mut Exclusive,
    owner: &str,
) -> Result<BTreeSet<(u32, String)>, Error> {
    let sql = "SELECT version, checksum FROM gateway_expansions WHERE owner = ?";
    let params = vec![Value::Text(owner.to_owned())];
    let rows = session
        .query(sql, params, &[Kind::Integer, Kind::Text])
        .await?;
    let known = |row: Vec<Value>| match row.as_slice() {
        [Value::Integer(version), Value::Text(checksum)] => {
            Some((u32::try_from(*version).ok()?, checksum.clone()))
        }
        _ => None,
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// The rows of an owner; none when there is no table yet.
pub(super) async fn read_if_there(
    session: &mut Exclusive,
    dialect: Dialect,
    owner: &str,
) -> Result<Vec<Row>, Error> {
    if is_there(session, dialect).await? {
        read(session, owner).await
    } else {
        Ok(Vec::new())
    }
}

/// The rows of an owner, oldest first.
pub(super) async fn read(session: &mut Exclusive, owner: &str) -> Result<Vec<Row>, Error> {
    let sql = "SELECT version, name, checksum, applied_at FROM gateway_migrations \
               WHERE owner = ? ORDER BY version";
    let columns = [Kind::Integer, Kind::Text, Kind::Text, Kind::Timestamp];
    let rows = session
        .query(sql, vec![Value::Text(owner.to_owned())], &columns)
        .await?;
    let row = |values: Vec<Value>| {
        let [
            Value::Integer(version),
            Value::Text(name),
            Value::Text(checksum),
            at,
        ] = <[Value; 4]>::try_from(values).ok()?
        else {
            return None;
        };
        let applied_at = if let Value::Timestamp(at) = at {
            Some(at)
        } else {
            None
        };
        Some(Row {
            version: u32::try_from(version).ok()?,
            name,
            checksum,
            applied_at,
        })
    };
    rows.into_iter()
        .map(|values| row(values).ok_or_else(|| Error::Database("a row is damaged".to_owned())))
        .collect()
}

/// Notes a migration.
pub(super) async fn write(
    session: &mut Exclusive,
    owner: &str,
    migration: &Migration,
    applied_at: Value,
) -> Result<(), Error> {
    let sql = "INSERT INTO gateway_migrations (owner, version, name, checksum, applied_at) \
               VALUES (?, ?, ?, ?, ?)";
    let params = vec![
        Value::Text(owner.to_owned()),
        Value::Integer(migration.version.into()),
        Value::Text(migration.name.clone()),
        Value::Text(checksum(migration)),
        applied_at,
    ];
    session.execute(sql, params).await?;
    Ok(())
}

/// Notes that a migration ended.
pub(super) async fn complete(
    session: &mut Exclusive,
    owner: &str,
    version: u32,
    at: i64,
) -> Result<(), Error> {
    let sql = "UPDATE gateway_migrations SET applied_at = ? WHERE owner = ? AND version = ?";
    let params = vec![
        Value::Timestamp(at),
        Value::Text(owner.to_owned()),
        Value::Integer(version.into()),
    ];
    session.execute(sql, params).await?;
    Ok(())
}

/// Takes the note of a migration back.
pub(super) async fn erase(session: &mut Exclusive, owner: &str, version: u32) -> Result<(), Error> {
    let sql = "DELETE FROM gateway_migrations WHERE owner = ? AND version = ?";
    let params = vec![
        Value::Text(owner.to_owned()),
        Value::Integer(version.into()),
    ];
    session.execute(sql, params).await?;
    Ok(())
}

/// What the ledger says of each migration, and of those that only the ledger knows.
pub(super) fn compare(migrations: &[Migration], rows: &[Row]) -> Vec<Status> {
    let of = |migration: &Migration| {
        let row = rows.iter().find(|row| row.version == migration.version);
        Status {
            version: migration.version,
            name: migration.name.clone(),
            applied_at: row.and_then(|row| row.applied_at),
            state: match row {
                None => State::Pending,
                Some(row) if row.name != migration.name || row.checksum != checksum(migration) => {
                    State::Changed
                }
                Some(row) if row.applied_at.is_none() => State::Unfinished,
                Some(_) => State::Applied,
            },
        }
    };
    let known = |row: &&Row| migrations.iter().any(|it| it.version == row.version);
    let missing = rows.iter().filter(|row| !known(row)).map(|row| Status {
        version: row.version,
        name: row.name.clone(),
        applied_at: row.applied_at,
        state: State::Missing,
    });
    let mut all: Vec<Status> = migrations.iter().map(of).chain(missing).collect();
    all.sort_by_key(|status| status.version);
    all
}

/// The index of the first migration that hasn't run, after everything was compared. Those
/// that are `tolerated` may have run without being given: they belong to a newer version.
pub(super) fn pending(
    owner: &str,
    migrations: &[Migration],
    rows: &[Row],
    tolerated: &BTreeSet<(u32, String)>,
) -> Result<Option<usize>, Error> {
    for (wanted, migration) in (1..).zip(migrations) {
        check_number(owner, wanted, migration, rows)?;
    }
    let (owner, mut pending) = (|| owner.to_owned(), None);
    for (index, migration) in migrations.iter().enumerate() {
        let (version, name) = (migration.version, migration.name.clone());
        match rows.iter().find(|row| row.version == version) {
            Some(row) if row.name != name || row.checksum != checksum(migration) => {
                return Err(Error::Edited {
                    owner: owner(),
                    version,
                    name,
                    ran: row.name.clone(),
                });
            }
            Some(row) if row.applied_at.is_none() => {
                return Err(Error::HalfApplied {
                    owner: owner(),
                    version,
                    name,
                });
            }
            Some(_) => {}
            None if rows.iter().any(|row| row.version > version) => {
                return Err(Error::Late {
                    owner: owner(),
                    version,
                    name,
                });
            }
            None => pending = pending.or(Some(index)),
        }
    }
    let known = |row: &&Row| {
        migrations
            .iter()
            .any(|migration| migration.version == row.version)
    };
    let fits = |row: &&Row| tolerated.contains(&(row.version, row.checksum.clone()));
    match rows.iter().find(|row| !known(row) && !fits(row)) {
        Some(row) => Err(Error::Newer {
            owner: owner(),
            version: row.version,
            name: row.name.clone(),
        }),
        None => Ok(pending),
    }
}

/// Whether a migration has the number of its place, and a name.
fn check_number(
    owner: &str,
    wanted: u32,
    migration: &Migration,
    rows: &[Row],
) -> Result<(), Error> {
    let (owner, version) = (owner.to_owned(), migration.version);
    if version < wanted {
        return Err(Error::Duplicate { owner, version });
    }
    if version > wanted {
        return Err(match rows.iter().find(|row| row.version == wanted) {
            Some(row) => Error::Missing {
                owner,
                version: wanted,
                name: row.name.clone(),
            },
            None => Error::Gap {
                owner,
                version: wanted,
            },
        });
    }
    let words = |name: &str| {
        name.split('_').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
    };
    if !words(&migration.name) || migration.name.len() > 128 {
        return Err(Error::Name {
            owner,
            version,
            name: migration.name.clone(),
        });
    }
    Ok(())
}

/// SHA-256 of the text, in hexadecimal. How a checkout ends its lines doesn't count.
fn checksum(migration: &Migration) -> String {
    hex::encode(Sha256::digest(migration.statements.replace("\r\n", "\n")))
}
