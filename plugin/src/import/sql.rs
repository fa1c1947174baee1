//! Statements about many rows at once.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ports::{Dialect, Error, Kind, Transaction, Value};

/// A row with values of its own.
pub(super) type Record = Vec<Value>;

/// Rows of one INSERT, so that it stays below what databases take as one packet.
const CHUNK: usize = 50;

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(super) fn uuid(id: Uuid) -> Value {
    Value::Uuid(id.as_u64_pair())
}

pub(super) fn optional<T>(value: Option<T>, convert: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, convert)
}

/// `head` is `INSERT INTO table (a, b)`.
pub(super) fn insert(
    transaction: &mut impl Transaction,
    head: &'static str,
    rows: &[Record],
) -> Result<(), Error> {
    for chunk in rows.chunks(CHUNK) {
        let width = chunk.first().map_or(0, Vec::len);
        let row = format!("({})", list("?", width));
        let sql = format!("{head} VALUES {}", list(&row, chunk.len()));
        let params: Vec<Value> = chunk.iter().flatten().cloned().collect();
        transaction.execute(&sql, &params)?;
    }
    Ok(())
}

/// Which of the ids a table has, and the tenant of each: ids are unique in all tenants.
pub(super) fn tenants(
    transaction: &mut impl Transaction,
    table: &'static str,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, String>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT id, tenant_id FROM {table} WHERE id IN ({})",
        list("?", ids.len())
    );
    let params: Vec<Value> = ids.iter().map(|id| uuid(*id)).collect();
    let rows = transaction
        .query(&sql, &params, &[Kind::Uuid, Kind::Text])?
        .to_values(2);
    Ok(rows
        .into_iter()
        .filter_map(|row| match <[Value; 2]>::try_from(row) {
            Ok([Value::Uuid((high, low)), Value::Text(tenant)]) => {
                Some((Uuid::from_u64_pair(high, low), tenant))
            }
            _ => None,
        })
        .collect())
}

/// `(?, ?)` as often as there are pairs, to stand behind `(a, b) IN`.
pub(super) fn pairs(dialect: Dialect, count: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("(VALUES {})", list("(?, ?)", count)),
        Dialect::Postgres | Dialect::Mysql => format!("({})", list("(?, ?)", count)),
    }
}

/// `item, item, …`
pub(super) fn list(item: &str, count: usize) -> String {
    vec![item; count].join(", ")
}
