//! PostgreSQL.

use std::time::Duration;

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgConnection, PgDatabaseError, PgRow,
    PgStatement, PgTypeInfo,
};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Connection, Either, Executor, Postgres as Db,
    Row, SqlSafeStr, SqlStr, Statement as _, Type, TypeInfo, ValueRef,
};

use super::backend::{Backend, Failure, bad_param, kind_of, portable, uuid_bytes, uuid_from};
use super::numeric;
use super::rows::{Heap, Unfit, collect};
use super::statement::Statement;
use super::{Access, ConnectError, config};
use crate::contract::sql::{Cell, Dialect, Error, Kind, Rows, Value};

/// From 1970, where our microseconds start, to 2000, where PostgreSQL's do.
const EPOCH: i64 = 946_684_800_000_000;

/// A connection, and what its session was told.
pub(super) struct Postgres {
    connection: PgConnection,
    process: i32,
    timeout: Duration,
}

/// How connections are made.
#[derive(Debug, Clone)]
pub(super) struct Options {
    connect: PgConnectOptions,
    setup: SqlStr,
    schema: Option<SqlStr>,
}

/// How connections are made.
///
/// The session fixes what the lexer relies on, the isolation that all three databases
/// share, and an end for transactions whose gateway vanished without a word.
pub(super) fn options(config: &config::Database, access: Access) -> Result<Options, ConnectError> {
    let connect: PgConnectOptions = config
        .url
        .parse()
        .map_err(|error: sqlx::Error| ConnectError::Url(error.to_string()))?;
    let connect = connect
        .statement_cache_capacity(config.statement_cache)
        .application_name("gateway")
        .disable_statement_logging();
    let quoted = config
        .schema
        .as_ref()
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let setup = format!(
        "SET standard_conforming_strings = on; \
         SET default_transaction_isolation = 'read committed'; \
         SET default_transaction_read_only = {}; \
         SET idle_in_transaction_session_timeout = '5min'{}",
        match access {
            Access::Full => "off",
            Access::Read => "on",
        },
        quoted
            .as_ref()
            .map(|name| format!("; SET search_path = {name}"))
            .unwrap_or_default()
    );
    let schema = quoted.map(|name| format!("CREATE SCHEMA IF NOT EXISTS {name}"));
    Ok(Options {
        connect,
        setup: AssertSqlSafe(setup).into_sql_str(),
        schema: schema.map(|sql| AssertSqlSafe(sql).into_sql_str()),
    })
}

impl Postgres {
    /// Makes the schema that holds the tables. Two gateways that start at once may both
    /// try; who loses finds it made.
    pub(super) async fn make_schema(&mut self, options: &Options) -> Result<(), sqlx::Error> {
        let Some(schema) = options.schema.clone() else {
            return Ok(());
        };
        match sqlx::raw_sql(schema).execute(&mut self.connection).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(()),
            done => done.map(drop),
        }
    }

    /// The statement as the server understands it, the types of its parameters included.
    /// Seen before on this connection, it costs no message.
    async fn prepare(
        &mut self,
        statement: &Statement,
        params: &[Value],
    ) -> Result<(PgStatement, PgArguments), Failure> {
        let text = statement.text.clone();
        let prepared = self
            .connection
            .prepare(text)
            .await
            .map_err(|error| failure(&error))?;
        let arguments = encode(&prepared, params)?;
        Ok((prepared, arguments))
    }
}

impl Backend for Postgres {
    type Options = Options;

    const DIALECT: Dialect = Dialect::Postgres;
    const BEGIN: &'static str = "BEGIN";

    async fn open(options: &Self::Options) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect.connect().await?;
        sqlx::raw_sql(options.setup.clone())
            .execute(&mut connection)
            .await?;
        let process = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        Ok(Self {
            connection,
            process,
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
            // 0 would mean none.
            let set = format!("SET statement_timeout = {}", timeout.as_millis().max(1));
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
        let (prepared, arguments) = self.prepare(statement, &params).await?;
        if prepared.columns().len() != columns.len() {
            return Err(Failure::clean(Error::InvalidStatement(format!(
                "{} columns, {} kinds",
                prepared.columns().len(),
                columns.len()
            ))));
        }
        let steps = self.connection.fetch_many(prepared.query_with(arguments));
        collect(steps, columns, limits, decode, failure).await
    }

    async fn execute(&mut self, statement: &Statement, params: Vec<Value>) -> Result<u64, Failure> {
        let (prepared, arguments) = self.prepare(statement, &params).await?;
        let done = prepared
            .query_with(arguments)
            .execute(&mut self.connection)
            .await;
        done.map(|done| done.rows_affected())
            .map_err(|error| failure(&error))
    }

    async fn batch(&mut self, sql: SqlStr) -> Result<(), Failure> {
        let done = sqlx::raw_sql(sql).execute(&mut self.connection).await;
        done.map(drop).map_err(|error| failure(&error))
    }

    /// The server would notice the closed socket only when the statement is done. Our
    /// end stays open meanwhile, so that the process can't be another's.
    async fn abandon(self, options: Self::Options) {
        let ended = async {
            let mut other = options.connect.connect().await?;
            sqlx::query("SELECT pg_terminate_backend($1)")
                .bind(self.process)
                .execute(&mut other)
                .await?;
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

fn encode(prepared: &PgStatement, params: &[Value]) -> Result<PgArguments, Failure> {
    let types = match prepared.parameters() {
        Some(Either::Left(types)) => types,
        Some(Either::Right(_)) | None => &[],
    };
    let mut arguments = PgArguments::default();
    arguments.reserve(params.len(), 32 * params.len());
    for (number, (value, of)) in (1..).zip(params.iter().zip(types)) {
        portable(number, value)?;
        arguments
            .add(Param { value, of })
            .map_err(|reason| bad_param(number, reason))?;
    }
    Ok(arguments)
}

/// A value on its way to the type that the server expects at its place.
struct Param<'a> {
    value: &'a Value,
    of: &'a PgTypeInfo,
}

impl Type<Db> for Param<'_> {
    fn type_info() -> PgTypeInfo {
        <str as Type<Db>>::type_info()
    }
}

impl<'q> Encode<'q, Db> for Param<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let unfit = || {
            let to = self.of.name().to_ascii_lowercase();
            BoxDynError::from(format!("{} for {to}", kind_of(self.value)))
        };
        match (self.value, self.of.name()) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Boolean(value), "BOOL") => buffer.push(u8::from(*value)),
            (Value::Integer(value), "INT8") => buffer.extend(value.to_be_bytes()),
            (Value::Integer(value), "INT4") => {
                buffer.extend(i32::try_from(*value)?.to_be_bytes());
            }
            (Value::Integer(value), "INT2") => {
                buffer.extend(i16::try_from(*value)?.to_be_bytes());
            }
            (Value::Integer(value), "NUMERIC") => numeric::encode(*value, buffer),
            (Value::Integer(value), "FLOAT8") => buffer.extend((*value as f64).to_be_bytes()),
            (Value::Real(value), "FLOAT8") => buffer.extend(value.to_be_bytes()),
            (Value::Real(value), "FLOAT4") => buffer.extend((*value as f32).to_be_bytes()),
            (Value::Text(value), "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN")
            | (Value::Json(value), "JSON") => buffer.extend(value.as_bytes()),
            (Value::Json(value), "JSONB") => {
                // The version of the format.
                buffer.push(1);
                buffer.extend(value.as_bytes());
            }
            (Value::Bytes(value), "BYTEA") => buffer.extend(value),
            (Value::Uuid(value), "UUID") => buffer.extend(uuid_bytes(*value)),
            (Value::Timestamp(value), "TIMESTAMPTZ" | "TIMESTAMP") => {
                buffer.extend(value.saturating_sub(EPOCH).to_be_bytes());
            }
            _ => return Err(unfit()),
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.of.clone())
    }
}

fn decode(row: &PgRow, index: usize, kind: Kind, heap: &mut Heap) -> Result<Cell, Unfit> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let bytes = value.as_bytes()?;
    let found = row.column(index).type_info().name();
    let decoded = match (kind, found) {
        (Kind::Boolean, "BOOL") => bytes.first().map(|byte| Cell::Boolean(*byte != 0)),
        (Kind::Integer, "INT8" | "INT4" | "INT2") => integer(bytes).map(Cell::Integer),
        (Kind::Integer, "NUMERIC") => numeric::decode(bytes).map(Cell::Integer),
        (Kind::Real, "FLOAT8") => bytes
            .try_into()
            .ok()
            .map(f64::from_be_bytes)
            .map(Cell::Real),
        (Kind::Real, "FLOAT4") => bytes
            .try_into()
            .ok()
            .map(|bytes| Cell::Real(f64::from(f32::from_be_bytes(bytes)))),
        (Kind::Real, "NUMERIC") => numeric::decode(bytes).map(Cell::Real),
        (Kind::Real, "INT8" | "INT4" | "INT2") => integer(bytes).map(|it| Cell::Real(it as f64)),
        (Kind::Text, "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN") => {
            Some(Cell::Text(heap.text(text(bytes)?)?))
        }
        (Kind::Json, "JSON") => Some(Cell::Json(heap.text(text(bytes)?)?)),
        // The version of the format comes first.
        (Kind::Json, "JSONB") => {
            let bytes = bytes.get(1..).unwrap_or_default();
            Some(Cell::Json(heap.text(text(bytes)?)?))
        }
        (Kind::Bytes, "BYTEA") => Some(Cell::Bytes(heap.bytes(bytes)?)),
        (Kind::Uuid, "UUID") => uuid_from(bytes),
        (Kind::Timestamp, "TIMESTAMPTZ" | "TIMESTAMP") => integer(bytes)
            .and_then(|at| at.checked_add(EPOCH))
            .map(Cell::Timestamp),
        _ => None,
    };
    decoded.ok_or_else(|| Unfit::Kind(found.to_ascii_lowercase()))
}

/// A big-endian integer of 2, 4 or 8 bytes.
fn integer(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [a, b] => Some(i16::from_be_bytes([a, b]).into()),
        [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d]).into()),
        _ => bytes.try_into().ok().map(i64::from_be_bytes),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(bytes).map_err(|error| Unfit::Kind(error.to_string()))
}

fn failure(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(cause) => match cause.try_downcast_ref::<PgDatabaseError>() {
            Some(cause) => answer(cause),
            None => Failure::other(cause.as_ref()),
        },
        error => Failure::driver(error),
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn answer(cause: &PgDatabaseError) -> Failure {
    let constraint = || cause.constraint().unwrap_or_default().to_owned();
    let column = || match (cause.table(), cause.column()) {
        (Some(table), Some(column)) => format!("{table}.{column}"),
        (_, column) => column.unwrap_or_default().to_owned(),
    };
    let code = cause.code();
    Failure::clean(match (code.get(..2).unwrap_or_default(), code) {
        (_, "23505") => Error::UniqueViolation(constraint()),
        (_, "23503" | "23001") => Error::ForeignKeyViolation(constraint()),
        (_, "23502") => Error::NotNullViolation(column()),
        (_, "23514" | "23P01") => Error::CheckViolation(constraint()),
        // Serialization failure, deadlock, lock not available.
        (_, "40001" | "40P01" | "55P03") => Error::Conflict,
        // Our time limit.
        (_, "57014") => Error::Timeout,
        // The server goes down or has no room, the session ended, or a table changed
        // under a prepared statement: another connection knows better.
        ("08" | "53", _) | (_, "57P01" | "57P02" | "57P03" | "57P05" | "25P03") => {
            return Failure::leaving(cause);
        }
        (_, "0A000") if cause.message().starts_with("cached plan") => {
            return Failure::leaving(cause);
        }
        // Data exceptions, syntax errors, unknown and forbidden names, no such feature.
        ("22" | "42" | "0A", _) => Error::InvalidStatement(cause.message().to_owned()),
        _ => return Failure::other(cause),
    })
}
