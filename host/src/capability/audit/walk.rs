//! Reads rows of one chain in their order.

use std::time::Duration;

use super::found::{self, Found};
use crate::capability::sql::Database;
use crate::config;
use crate::contract::sql::{Error, Value};

/// Rows read at once: some 2 MiB at most.
pub(super) const PAGE: i64 = 200;

/// Which rows of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) chain: u8,
    /// Rows after this one.
    pub(super) after: i64,
    /// Rows up to this one.
    pub(super) through: i64,
    /// Rows that were written then or later, in microseconds since 1970.
    pub(super) since: Option<i64>,
}

/// The first rows of a span, at most [`PAGE`].
pub(super) async fn page(database: &Database, span: Span) -> Result<Vec<Found>, Error> {
    let since = span.since.map_or("", |_| "AND at >= ? ");
    let rest = format!("WHERE chain = ? AND seq > ? AND seq <= ? {since}ORDER BY seq LIMIT ?");
    let bounds = [i64::from(span.chain), span.after, span.through];
    let mut params = bounds.map(Value::Integer).to_vec();
    params.extend(span.since.map(Value::Timestamp));
    params.push(Value::Integer(PAGE));
    found::query(database, &rest, params, &limits()).await
}

/// What a statement over the whole record may do.
pub(super) fn limits() -> config::SqlLimits {
    config::SqlLimits {
        rows: PAGE as usize,
        bytes: 64 * 1024 * 1024,
        statement_timeout: Duration::from_secs(60),
        transactions: 1,
    }
}
