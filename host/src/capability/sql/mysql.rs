//! MySQL and MariaDB.

use std::time::Duration;

use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow,
    MySqlValueRef,
};
use sqlx::types::time::{OffsetDateTime, PrimitiveDateTime};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Executor, MySql as Db,
    Row, SqlSafeStr, SqlStr, Type, TypeInfo, ValueRef,
};

use super::backend::{Backend, Failure, bad_param, portable, uuid_bytes, uuid_from};
use super::rows::{Heap, Unfit, collect};
use super::statement::Statement;
use super::{Access, ConnectError, config};
use crate::contract::sql::{Cell, Dialect, Error, Kind, Rows, Value};

/// What every session is told, whatever the server's own settings are.
///
/// The mode is strict, reads `"x"` as a name like the other two databases, and keeps
/// the backslash in strings: the lexer relies on both.
///
/// READ COMMITTED, as PostgreSQL has it: InnoDB's own default, REPEATABLE READ, locks the
/// gaps between rows as well, and makes inserts side by side wait for each other.
const SETUP: &str = "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,STRICT_ALL_TABLES,\
    NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,\
    ONLY_FULL_GROUP_BY'";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

/// A connection, and what its session was told.
pub(super) struct Mysql {
    connection: MySqlConnection,
    id: u64,
    mariadb: bool,
    timeout: Duration,
}

/// How connections are made.
#[derive(Debug, Clone)]
pub(super) struct Options {
    connect: MySqlConnectOptions,
    access: Access,
}

/// How connections are made: UTC and utf8mb4 are sqlx's own settings, and so is counting
/// the rows that a statement matched rather than those that it changed.
pub(super) fn options(config: &config::Database, access: Access) -> Result<Options, ConnectError> {
    let url = config.url.replacen("mariadb:", "mysql:", 1);
    let options: MySqlConnectOptions = url
        .parse()
        .map_err(|error: sqlx::Error| ConnectError::Url(error.to_string()))?;
    let connect = options
        .statement_cache_capacity(config.statement_cache)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    Ok(Options { connect, access })
}

impl Backend for Mysql {
    type Options = Options;

    const DIALECT: Dialect = Dialect::Mysql;
    const BEGIN: &'static str = "BEGIN";

    async fn open(options: &Self::Options) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect.connect().await?;
        sqlx::raw_sql(SETUP).execute(&mut connection).await?;
        sqlx::raw_sql(ISOLATION).execute(&mut connection).await?;
        if options.access == Access::Read {
            sqlx::raw_sql(READ_ONLY).execute(&mut connection).await?;
        }
        let (id, version): (u64, String) = sqlx::query_as("SELECT CONNECTION_ID(), VERSION()")
            .fetch_one(&mut connection)
            .await?;
        let mariadb = version.contains("MariaDB");
        Ok(Self {
            connection,
            id,
            mariadb,
            timeout: Duration::ZERO,
        })
    }

    async fn ping(&mut self) -> Result<(), Failure> {
        self.connection
            .ping()
            .await
            .map_err(|error| failure(&error))
    }

    async fn limit(&mut self, timeout: Duration) -> Result<(), Failure> {
        if self.timeout != timeout {
            // MariaDB stops every statement, MySQL only a SELECT: there, other statements
            // are ended from our side.
            let name = if self.mariadb {
                "max_statement_time"
            } else {
                "max_execution_time"
            };
            let limit = if self.mariadb {
                format!("{:.3}", timeout.as_secs_f64().max(0.001))
            } else {
                timeout.as_millis().max(1).to_string()
            };
            let lock = timeout.as_secs().max(1);
            let set = format!("SET SESSION {name} = {limit}, innodb_lock_wait_timeout = {lock}");
            self.batch(AssertSqlSafe(set).into_sql_str()).await?;
            self.timeout = timeout;
        }
        Ok(())
    }

    async fn query(
        &mut self,
        statement: &Statement,
        params: Vec<Value>,
        columns: &[Kind],
        limits: &config::SqlLimits,
    ) -> Result<Rows, Failure> {
        let arguments = encode(&params)?;
        let query = sqlx::query_with(statement.text.clone(), arguments);
        let steps = self.connection.fetch_many(query);
        collect(steps, columns, limits, decode, failure).await
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<Value>) -> Result<u64, Failure> {
        let arguments = encode(&params)?;
        let done = sqlx::query_with(statement.text.clone(), arguments)
            .execute(&mut self.connection)
            .await;
        done.map(|done| done.rows_affected())
            .map_err(|error| failure(&error))
    }

    async fn batch(&mut self, sql: SqlStr) -> Result<(), Failure> {
        let done = sqlx::raw_sql(sql).execute(&mut self.connection).await;
        done.map(drop).map_err(|error| failure(&error))
    }

    /// The server would notice the closed socket only when the statement is done.
    async fn abandon(self, options: Self::Options) {
        let ended = async {
            let mut other = options.connect.connect().await?;
            let kill = AssertSqlSafe(format!("KILL {}", self.id));
            sqlx::raw_sql(kill).execute(&mut other).await?;
            other.close().await
        };
        if let Err(error) = ended.await {
            tracing::warn!(%error, "a cut statement runs until its time limit");
        }
    }

    async fn close(self) {
        self.connection.close().await.ok();
    }
}

fn encode(params: &[Value]) -> Result<MySqlArguments, Failure> {
    let mut arguments = MySqlArguments::default();
    arguments.reserve(params.len(), 32 * params.len());
    for (number, value) in (1..).zip(params) {
        portable(number, value)?;
        let added = match value {
            Value::Null => arguments.add(None::<&str>),
            Value::Boolean(value) => arguments.add(*value),
            Value::Integer(value) => arguments.add(*value),
            Value::Real(value) => arguments.add(*value),
            Value::Text(value) | Value::Json(value) => arguments.add(value.as_str()),
            Value::Bytes(value) => arguments.add(value.as_slice()),
            Value::Uuid(value) => arguments.add(uuid_bytes(*value).as_slice()),
            Value::Timestamp(value) => arguments.add(datetime(number, *value)?),
        };
        added.map_err(|reason| bad_param(number, reason))?;
    }
    Ok(arguments)
}

fn datetime(number: usize, micros: i64) -> Result<PrimitiveDateTime, Failure> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|reason| bad_param(number, reason))?;
    Ok(PrimitiveDateTime::new(at.date(), at.time()))
}

fn decode(row: &MySqlRow, index: usize, kind: Kind, heap: &mut Heap) -> Result<Cell, Unfit> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let info = row.column(index).type_info();
    // By its collation: a text whose order is binary isn't bytes.
    let is_text = <str as Type<Db>>::compatible(info);
    let is_bytes = !is_text && <[u8] as Type<Db>>::compatible(info);
    let found = info.name();
    Ok(match (kind, found) {
        (Kind::Boolean, _) => match integer(found, value)? {
            0 => Cell::Boolean(false),
            1 => Cell::Boolean(true),
            other => return Err(Unfit::Kind(format!("the integer {other}"))),
        },
        (Kind::Integer, _) => Cell::Integer(integer(found, value)?),
        (Kind::Real, "DOUBLE" | "FLOAT") => Cell::Real(read(value)?),
        (Kind::Real, "DECIMAL") => Cell::Real(number(value)?),
        (Kind::Real, _) => Cell::Real(integer(found, value)? as f64),
        (Kind::Text, _) if is_text => Cell::Text(heap.text(read(value)?)?),
        (Kind::Json, _) if is_text || found == "JSON" => Cell::Json(heap.text(read(value)?)?),
        (Kind::Bytes, _) if is_bytes => Cell::Bytes(heap.bytes(read(value)?)?),
        (Kind::Uuid, _) if is_bytes => {
            let bytes: &[u8] = read(value)?;
            uuid_from(bytes).ok_or_else(|| Unfit::Kind(format!("{} bytes", bytes.len())))?
        }
        (Kind::Timestamp, "DATETIME" | "TIMESTAMP") => {
            let at: PrimitiveDateTime = read(value)?;
            let micros = at.assume_utc().unix_timestamp_nanos() / 1000;
            Cell::Timestamp(i64::try_from(micros).map_err(|error| Unfit::Kind(error.to_string()))?)
        }
        _ if is_text => return Err(Unfit::Kind("text".to_owned())),
        _ => return Err(Unfit::Kind(found.to_ascii_lowercase())),
    })
}

/// An integer of any width; `sum` of one is a decimal.
fn integer(found: &str, value: MySqlValueRef<'_>) -> Result<i64, Unfit> {
    match found {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => read(value),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => {
            let value: u64 = read(value)?;
            i64::try_from(value).map_err(|_| Unfit::Kind(format!("the integer {value}")))
        }
        "DECIMAL" => number(value),
        _ => Err(Unfit::Kind(found.to_ascii_lowercase())),
    }
}

/// A decimal, which comes as text.
fn number<T: std::str::FromStr>(value: MySqlValueRef<'_>) -> Result<T, Unfit> {
    let text: &str = read(value)?;
    text.parse()
        .map_err(|_| Unfit::Kind(format!("the decimal {text}")))
}

fn read<'r, T: Decode<'r, Db>>(value: MySqlValueRef<'r>) -> Result<T, Unfit> {
    Ok(T::decode(value)?)
}

fn failure(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(cause) => match cause.try_downcast_ref::<MySqlDatabaseError>() {
            Some(cause) => answer(cause),
            None => Failure::other(cause.as_ref()),
        },
        error => Failure::driver(error),
    }
}

/// <https://mariadb.com/kb/en/mariadb-error-code-reference/> and
/// <https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>
fn answer(cause: &MySqlDatabaseError) -> Failure {
    Failure::clean(match cause.number() {
        1062 | 1586 => Error::UniqueViolation(without_table(last_quoted(cause.message(), '\''))),
        1216 | 1217 | 1451 | 1452 => Error::ForeignKeyViolation(after_constraint(cause.message())),
        1048 | 1364 => Error::NotNullViolation(first_quoted(cause.message(), '\'')),
        // MySQL, MariaDB.
        3819 => Error::CheckViolation(first_quoted(cause.message(), '\'')),
        4025 => Error::CheckViolation(first_quoted(cause.message(), '`')),
        // Lock wait, deadlock, a row that changed since it was read.
        1205 | 1213 | 1020 => Error::Conflict,
        // Our time limit, or a KILL QUERY.
        1317 | 1969 | 3024 => Error::Timeout,
        // Error writing a file, disk full, table full.
        1026 | 1021 | 1114 => return Failure::full(cause),
        // Longer than max_allowed_packet; the server hangs up.
        1153 => return Failure::lost(Error::TooLarge),
        // Too many connections, shutdown, killed, or a table that changed under a
        // prepared statement: another connection knows better.
        1040 | 1053 | 1077 | 1079 | 1203 | 1226 | 1615 | 1927 | 4031 => {
            return Failure::leaving(cause);
        }
        _ => match cause.code().unwrap_or_default().get(..2) {
            // Data exceptions, syntax errors, unknown and forbidden names, wrong JSON.
            Some("21" | "22" | "42") => invalid(cause),
            _ if matches!(
                cause.number(),
                1054 | 1265 | 1292 | 1364 | 1366 | 3140..=3158 | 4037
            ) =>
            {
                invalid(cause)
            }
            _ => return Failure::other(cause),
        },
    })
}

fn invalid(cause: &MySqlDatabaseError) -> Error {
    Error::InvalidStatement(cause.message().to_owned())
}

fn first_quoted(message: &str, quote: char) -> String {
    message.split(quote).nth(1).unwrap_or_default().to_owned()
}

fn last_quoted(message: &str, quote: char) -> &str {
    message.rsplit(quote).nth(1).unwrap_or_default()
}

/// MySQL writes `table.key`, MariaDB `key`.
fn without_table(key: &str) -> String {
    key.rsplit('.').next().unwrap_or_default().to_owned()
}

/// `… CONSTRAINT "name" FOREIGN KEY …`, in whichever quotes the session's mode has.
fn after_constraint(message: &str) -> String {
    let name = message.split_once("CONSTRAINT ").map(|(_, rest)| rest);
    name.and_then(|rest| Some(first_quoted(rest, rest.chars().next()?)))
        .unwrap_or_default()
}
