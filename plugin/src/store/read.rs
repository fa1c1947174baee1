//! Reading messages.

use uuid::Uuid;

use super::condition::condition;
use super::scope::visible;
use super::sql::{Sql, kind, uuid};
use crate::domain::caller::Caller;
use crate::domain::filter::{Condition, Direction, Filter, Literal, Order};
use crate::domain::model::{CHANNEL_ID, CREATED_ON, ID, Property};
use crate::ports::{Database, Dialect, Error, Kind, Row, Value};

/// The rows that a filter asks for, with its properties as columns.
pub(crate) fn page(
    db: &impl Database,
    caller: &Caller,
    filter: &Filter,
) -> Result<Vec<Row>, Error> {
    page_statement(caller, filter, &|| db.dialect()).query(db, &kinds(&filter.properties))
}

/// How many messages fulfil a condition.
pub(crate) fn count(
    db: &impl Database,
    caller: &Caller,
    wanted: Option<&Condition>,
) -> Result<u64, Error> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM chat_messages AS m WHERE ");
    scoped(&mut sql, caller, wanted, &|| db.dialect());
    let rows = sql.query(db, &[Kind::Integer])?;
    let count = match rows.first().map(Vec::as_slice) {
        Some([Value::Integer(count)]) => u64::try_from(*count).ok(),
        _ => None,
    };
    count.ok_or_else(|| Error::InvalidStatement("a count that is no number".to_owned()))
}

/// One message. None when it isn't there, or isn't there for the caller.
pub(crate) fn find(
    db: &impl Database,
    caller: &Caller,
    id: Uuid,
    properties: &[&'static Property],
) -> Result<Option<Row>, Error> {
    let mut sql = Sql::new("SELECT ");
    sql.columns(properties)
        .bind(" FROM chat_messages AS m WHERE m.id = ? AND ", [uuid(id)]);
    visible(&mut sql, caller, None);
    Ok(sql.query(db, &kinds(properties))?.pop())
}

fn page_statement(caller: &Caller, filter: &Filter, dialect: &impl Fn() -> Dialect) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.columns(&filter.properties)
        .push(" FROM chat_messages AS m WHERE ");
    scoped(&mut sql, caller, filter.condition.as_ref(), dialect);
    order(&mut sql, &filter.order);
    sql.bind(
        " LIMIT ? OFFSET ?",
        [Value::Integer(filter.limit), Value::Integer(filter.skip)],
    );
    sql
}

/// What the caller may see, and of that what the caller asks for.
fn scoped(
    sql: &mut Sql,
    caller: &Caller,
    wanted: Option<&Condition>,
    dialect: &impl Fn() -> Dialect,
) {
    let channel = wanted.and_then(|it| match it.pinned(&CHANNEL_ID) {
        Some(Literal::Text(channel)) => Some(channel.as_str()),
        _ => None,
    });
    visible(sql, caller, channel);
    if let Some(wanted) = wanted {
        sql.push(" AND ");
        condition(sql, wanted, dialect);
    }
}

/// The id comes last, so that a page always has one order, and the next page starts
/// where it ended. It goes the way of the key before it: then one index serves both,
/// forwards or backwards.
fn order(sql: &mut Sql, keys: &[Order]) {
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

fn kinds(properties: &[&'static Property]) -> Vec<Kind> {
    properties.iter().map(|property| kind(property)).collect()
}
