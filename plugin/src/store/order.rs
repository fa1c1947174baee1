//! The order of rows.

use super::sql::Sql;
use crate::domain::filter::{Direction, Order};

/// A total order, so that a page always has one order, and the next page starts where it
/// ended.
pub(super) fn order(sql: &mut Sql, keys: &[Order]) {
    sql.push(" ORDER BY ");
    for (index, key) in Order::total(keys).iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        sort_key(sql, key);
    }
}

/// NULL counts as the largest value, which is PostgreSQL's order; the others have it
/// the other way round unless they are told.
fn sort_key(sql: &mut Sql, key: &Order) {
    let direction = match key.direction {
        Direction::Ascending => "",
        Direction::Descending => " DESC",
    };
    if key.property.nullable {
        sql.push("(")
            .push(key.property.column)
            .push(" IS NULL)")
            .push(direction)
            .push(", ");
    }
    sql.push(key.property.column).push(direction);
}
