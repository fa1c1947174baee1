//! What comes behind a row, as SQL.

use super::sql::{Sql, id, literal, optional};
use crate::domain::cursor::{Cursor, Key};
use crate::domain::filter::{Direction, Literal, Order};
use crate::ports::{Row, Value, ValueRef};

/// Adds the condition that rows come behind the cursor, with the AND before it.
///
/// The first key is compared on its own, too, though the rest says the same: that is a
/// range of an index for databases that make none of a comparison of rows (MySQL) or of
/// an OR (the others).
pub(super) fn after(sql: &mut Sql, cursor: &Cursor) {
    let keys = cursor.keys();
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    if !rest.is_empty() && !first.order.property.nullable {
        let at_least = match first.order.direction {
            Direction::Ascending => " >= ?",
            Direction::Descending => " <= ?",
        };
        sql.push(" AND ")
            .push(first.order.property.column)
            .bind(at_least, [value(first)]);
    }
    sql.push(" AND ");
    let is_plain =
        |key: &Key| !key.order.property.nullable && key.order.direction == first.order.direction;
    match keys.iter().all(is_plain) {
        true => as_row(sql, keys, first.order.direction),
        false => one_by_one(sql, keys),
    }
}

/// `(a, b) > (?, ?)`, for keys that all go one way and are never NULL.
fn as_row(sql: &mut Sql, keys: &[Key], direction: Direction) {
    let columns: Vec<_> = keys.iter().map(|key| key.order.property).collect();
    sql.push("(").columns(&columns).push(match direction {
        Direction::Ascending => ") > ",
        Direction::Descending => ") < ",
    });
    sql.bind_list(keys.iter().map(value));
}

/// Behind by the first key, or equal by that and behind by the others.
fn one_by_one(sql: &mut Sql, keys: &[Key]) {
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    if rest.is_empty() {
        return behind(sql, first);
    }
    sql.push("(");
    behind(sql, first);
    sql.push(" OR (").push(first.order.property.column);
    match &first.value {
        None => sql.push(" IS NULL"),
        Some(value) => sql.bind(" = ?", [literal(value)]),
    };
    sql.push(" AND ");
    one_by_one(sql, rest);
    sql.push("))");
}

/// NULL counts as the largest value, as in `order`.
fn behind(sql: &mut Sql, key: &Key) {
    let column = key.order.property.column;
    match (&key.value, key.order.direction) {
        (None, Direction::Ascending) => sql.push("1 = 0"),
        (None, Direction::Descending) => sql.push(column).push(" IS NOT NULL"),
        (Some(value), Direction::Descending) => sql.push(column).bind(" < ?", [literal(value)]),
        (Some(value), Direction::Ascending) if key.order.property.nullable => sql
            .push("(")
            .push(column)
            .bind(" > ? OR ", [literal(value)])
            .push(column)
            .push(" IS NULL)"),
        (Some(value), Direction::Ascending) => sql.push(column).bind(" > ?", [literal(value)]),
    };
}

fn value(key: &Key) -> Value {
    optional(key.value.as_ref(), literal)
}

/// The cursor behind a row. `place` says where a property stands in it; None where one
/// doesn't.
pub(super) fn behind_row(
    row: Row<'_>,
    order: &[Order],
    place: impl Fn(&Order) -> Option<usize>,
) -> Option<Cursor> {
    let key = |order: &Order| {
        let value = match row.get(place(order)?) {
            ValueRef::Null => None,
            ValueRef::Boolean(value) => Some(Literal::Boolean(value)),
            ValueRef::Integer(value) => Some(Literal::Integer(value)),
            ValueRef::Text(value) => Some(Literal::Text(value.to_owned())),
            ValueRef::Timestamp(value) => Some(Literal::Time(value)),
            value @ ValueRef::Uuid(_) => id(value).map(Literal::Uuid),
            // No property is read as one of these.
            ValueRef::Real(_) | ValueRef::Bytes(_) | ValueRef::Json(_) => return None,
        };
        Some(Key {
            order: *order,
            value,
        })
    };
    order
        .iter()
        .map(key)
        .collect::<Option<_>>()
        .map(Cursor::new)
}
