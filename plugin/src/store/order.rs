//! The order of rows.

use super::sql::Sql;
use crate::domain::filter::{Direction, Order};
use crate::domain::model::{CREATED_ON, ID};

/// The id comes last, so that a page always has one order, and the next page starts
/// where it ended. It goes the way of the key before it: then one index serves both,
/// forwards or backwards.
pub(super) fn order(sql: &mut Sql, keys: &[Order]) {
    const OLDEST_FIRST: Order = Order {
        property: &CREATED_ON,
        direction: Direction::Ascending,
    };
    let keys = match keys {
        [] => &[OLDEST_FIRST],
        keys => keys,
    };
    sql.push(" ORDER BY ");
    for key in keys {
        sort_key(sql, key);
        sql.push(", ");
    }
    let direction = keys.last().unwrap_or(&OLDEST_FIRST).direction;
    sort_key(
        sql,
        &Order {
            property: &ID,
            direction,
        },
    );
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
