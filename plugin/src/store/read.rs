//! Reading things, with what belongs to them.

use std::collections::HashMap;

use uuid::Uuid;

use super::after::{after, behind_row};
use super::condition::condition;
use super::order::order;
use super::scope;
use super::sql::{Sql, id, kinds, uuid};
use crate::domain::caller::Caller;
use crate::domain::cursor::Cursor;
use crate::domain::filter::{Condition, Filter, Inclusion, Literal, Order};
use crate::domain::model::{CHANNEL_ID, Cardinality, Entity, ID, Model, Property, Relation};
use crate::ports::{Database, Dialect, Error, Kind, Row, Rows, Value, ValueRef};

/// Rows that one relation may bring, over all rows that it belongs to.
const MAX_INCLUDED: i64 = 10_000;

/// Rows, and what was included with them.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the rows show, in the order of the wire.
    pub(crate) properties: Vec<&'static Property>,
    /// What was read: the properties, and behind them the keys that the relations need.
    columns: Vec<&'static Property>,
    rows: Rows,
    pub(crate) related: Vec<Related>,
}

/// What a relation brought.
#[derive(Debug)]
pub(crate) struct Related {
    pub(crate) relation: &'static Relation,
    /// Where the key stands in the rows that these belong to.
    key: usize,
    page: Page,
    /// The numbers of the rows that belong to a key.
    places: HashMap<Uuid, Vec<usize>>,
}

impl Page {
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.rows.iter(self.columns.len())
    }

    /// The place behind the last row, in the order that the page was read in.
    pub(crate) fn end(&self, order: &[Order]) -> Option<Cursor> {
        let last = self.row(self.rows().len().checked_sub(1)?)?;
        behind_row(last, &Order::total(order), |key| self.place(key.property))
    }

    fn row(&self, number: usize) -> Option<Row<'_>> {
        self.rows().nth(number)
    }

    fn place(&self, wanted: &Property) -> Option<usize> {
        self.columns.iter().position(|property| *property == wanted)
    }
}

impl Related {
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// What belongs to a row.
    pub(crate) fn of(&self, row: Row<'_>) -> impl ExactSizeIterator<Item = Row<'_>> {
        let key = id(row.get(self.key));
        let places = key.and_then(|key| self.places.get(&key));
        places
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .filter_map(|place| self.page.row(*place))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// The rows that a filter asks for, behind the cursor where there is one. `limit` counts,
/// and not that of the filter.
pub(crate) fn page(
    db: &impl Database,
    caller: &Caller,
    model: &'static Model,
    filter: &Filter,
    cursor: Option<&Cursor>,
    limit: i64,
) -> Result<Page, Error> {
    let order_keys = Order::total(&filter.order);
    let columns = columns(filter, order_keys.iter().map(|key| key.property));
    let end = |sql: &mut Sql| {
        if let Some(cursor) = cursor {
            after(sql, cursor);
        }
        order(sql, &filter.order);
        sql.bind(
            " LIMIT ? OFFSET ?",
            [Value::Integer(limit), Value::Integer(filter.skip)],
        );
    };
    let select = |sql: &mut Sql| {
        sql.columns(&columns);
    };
    let rows = scoped(
        db,
        caller,
        model,
        filter.condition.as_ref(),
        (&select, &end),
        (Yield::Rows, &kinds(&columns)),
    )?;
    complete(db, caller, filter, columns, rows)
}

/// How many things fulfil a condition.
pub(crate) fn count(
    db: &impl Database,
    caller: &Caller,
    model: &'static Model,
    wanted: Option<&Condition>,
) -> Result<u64, Error> {
    let select = |sql: &mut Sql| {
        sql.push("COUNT(*)");
    };
    let rows = scoped(
        db,
        caller,
        model,
        wanted,
        (&select, &|_| {}),
        (Yield::Count, &[Kind::Integer]),
    )?;
    let count = match rows.first().map(|row| row.get(0)) {
        Some(ValueRef::Integer(count)) => u64::try_from(count).ok(),
        _ => None,
    };
    count.ok_or_else(|| Error::InvalidStatement("a count that is no number".to_owned()))
}

/// One thing. None when it isn't there, or isn't there for the caller.
pub(crate) fn find(
    db: &impl Database,
    caller: &Caller,
    model: &'static Model,
    id: Uuid,
    filter: &Filter,
) -> Result<Option<Page>, Error> {
    let columns = columns(filter, None);
    let sql = find_statement(caller, model, id, &columns);
    let rows = sql.query(db, &kinds(&columns))?;
    if rows.is_empty() {
        return Ok(None);
    }
    complete(db, caller, filter, columns, rows).map(Some)
}

/// One thing with all of its properties, which stays as it is until the transaction ends.
///
/// PostgreSQL and MySQL lock the row, and wait for whoever has it; SQLite has one writer
/// at a time anyway.
pub(super) fn find_locked<D: Database>(
    db: &D,
    transaction: &mut D::Transaction,
    caller: &Caller,
    model: &'static Model,
    id: Uuid,
) -> Result<Option<Page>, Error> {
    let properties: Vec<_> = model.properties.iter().collect();
    let mut sql = find_statement(caller, model, id, &properties);
    match db.dialect() {
        Dialect::Sqlite => {}
        Dialect::Postgres | Dialect::Mysql => {
            sql.push(" FOR UPDATE");
        }
    }
    let rows = sql.query_in(transaction, &kinds(&properties))?;
    Ok((!rows.is_empty()).then(|| Page {
        columns: properties.clone(),
        properties,
        rows,
        related: Vec::new(),
    }))
}

fn find_statement(
    caller: &Caller,
    model: &'static Model,
    id: Uuid,
    columns: &[&'static Property],
) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.columns(columns)
        .push(" FROM ")
        .push(model.table)
        .bind(" AS m WHERE m.id = ? AND ", [uuid(id)]);
    scope::visible(&mut sql, caller, model);
    sql
}

type Part<'a> = &'a dyn Fn(&mut Sql);

/// What a statement brings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Yield {
    Rows,
    Count,
}

/// What the caller may see, and of that what the caller asks for.
///
/// A condition that names a channel is answered for the members of it, as a range of an
/// index. Whoever gets nothing by that may still have sent something or been sent
/// something, which is looked up by other indexes: so nobody learns from the time that
/// it takes whether there is a channel, or how large it is.
fn scoped(
    db: &impl Database,
    caller: &Caller,
    model: &'static Model,
    wanted: Option<&Condition>,
    (select, end): (Part<'_>, Part<'_>),
    (yields, kinds): (Yield, &[Kind]),
) -> Result<Rows, Error> {
    let dialect = || db.dialect();
    let channel = wanted
        .filter(|_| model.entity == Entity::Message)
        .and_then(|it| it.pinned(&CHANNEL_ID));
    let Some((known, Literal::Text(channel))) = channel.map(|it| (it, it)) else {
        let mut sql = Sql::new("SELECT ");
        select(&mut sql);
        sql.push(" FROM ").push(model.table).push(" AS m WHERE ");
        match (model.entity, yields) {
            (Entity::Message, Yield::Count) => scope::visible_of_many(&mut sql, caller),
            // A page ends soon, and PostgreSQL walks the index of its order only when the
            // membership is looked up for each message.
            _ => scope::visible(&mut sql, caller, model),
        }
        if let Some(wanted) = wanted {
            sql.push(" AND ");
            condition(&mut sql, wanted, None, &dialect);
        }
        end(&mut sql);
        return sql.query(db, kinds);
    };
    let ask = |sql: &mut Sql| {
        if let Some(wanted) = wanted {
            sql.push(" AND ");
            condition(sql, wanted, Some(known), &dialect);
        }
        end(sql);
    };
    let mut sql = Sql::new("SELECT ");
    select(&mut sql);
    sql.push(" FROM chat_messages AS m WHERE ");
    scope::in_channel_of_member(&mut sql, caller, channel);
    ask(&mut sql);
    let rows = sql.query(db, kinds)?;
    let found = match yields {
        Yield::Rows => !rows.is_empty(),
        Yield::Count => {
            let count = rows.first().map(|row| row.get(0));
            count.is_some_and(|count| count != ValueRef::Integer(0))
        }
    };
    if found {
        return Ok(rows);
    }
    let mut sql = Sql::new("SELECT ");
    select(&mut sql);
    sql.push(" FROM ");
    scope::in_channel_of_others(&mut sql, caller, channel);
    sql.push(" WHERE ");
    scope::live_of_others(&mut sql, caller);
    ask(&mut sql);
    sql.query(db, kinds)
}

/// The properties of a filter, and behind them what its relations and others need.
fn columns(
    filter: &Filter,
    others: impl IntoIterator<Item = &'static Property>,
) -> Vec<&'static Property> {
    let mut columns = filter.properties.clone();
    let keys = filter.include.iter().map(|it| match it.relation.kind {
        Cardinality::Many(_) => &ID,
        Cardinality::One(property) => property,
    });
    for key in keys.chain(others) {
        if !columns.contains(&key) {
            columns.push(key);
        }
    }
    columns
}

/// Reads what belongs to the rows: one statement for each relation.
fn complete(
    db: &impl Database,
    caller: &Caller,
    filter: &Filter,
    columns: Vec<&'static Property>,
    rows: Rows,
) -> Result<Page, Error> {
    let mut page = Page {
        properties: filter.properties.clone(),
        columns,
        rows,
        related: Vec::new(),
    };
    for inclusion in &filter.include {
        if let Some(related) = related(db, caller, &page, inclusion)? {
            page.related.push(related);
        }
    }
    Ok(page)
}

fn related(
    db: &impl Database,
    caller: &Caller,
    page: &Page,
    inclusion: &Inclusion,
) -> Result<Option<Related>, Error> {
    let Inclusion { relation, filter } = inclusion;
    // The key in the rows that are there, and the one in those that are to be read.
    let (here, there) = match relation.kind {
        Cardinality::Many(property) => (&ID, property),
        Cardinality::One(property) => (property, &ID),
    };
    let Some(key) = page.place(here) else {
        return Ok(None);
    };
    let mut keys: Vec<_> = page.rows().filter_map(|row| id(row.get(key))).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return Ok(None);
    }
    let columns = columns(filter, Some(there));
    let sql = related_statement(db, caller, inclusion, there, keys, &columns);
    let rows = sql.query(db, &kinds(&columns))?;
    let page = complete(db, caller, filter, columns, rows)?;
    if page.rows().len() as i64 > MAX_INCLUDED {
        return Err(Error::TooLarge);
    }
    let mut places = HashMap::<_, Vec<_>>::new();
    if let Some(there) = page.place(there) {
        for (number, row) in page.rows().enumerate() {
            if let Some(id) = id(row.get(there)) {
                places.entry(id).or_default().push(number);
            }
        }
    }
    Ok(Some(Related {
        relation,
        key,
        page,
        places,
    }))
}

/// One statement for all keys. A limit counts for each key, so the rows of a key are
/// numbered.
fn related_statement(
    db: &impl Database,
    caller: &Caller,
    Inclusion { relation, filter }: &Inclusion,
    key: &'static Property,
    mut keys: Vec<Uuid>,
    columns: &[&'static Property],
) -> Sql {
    // A power of two, so that there are few statements to be prepared.
    if let Some(last) = keys.last().copied() {
        keys.resize(keys.len().next_power_of_two(), last);
    }
    let is_numbered = filter.limit.is_some() || filter.skip > 0;
    let mut sql = Sql::new("SELECT ");
    sql.columns(columns).push(" FROM ");
    if is_numbered {
        sql.push("(SELECT m.*, ROW_NUMBER() OVER (PARTITION BY ")
            .push(key.column);
        order(&mut sql, &filter.order);
        sql.push(") AS place FROM ");
    }
    sql.push(relation.target.table).push(" AS m WHERE ");
    scope::visible(&mut sql, caller, relation.target);
    sql.push(" AND ")
        .push(key.column)
        .push(" IN ")
        .bind_list(keys.into_iter().map(uuid));
    if let Some(wanted) = &filter.condition {
        sql.push(" AND ");
        condition(&mut sql, wanted, None, &|| db.dialect());
    }
    if is_numbered {
        let last = filter
            .limit
            .map_or(i64::MAX, |limit| limit.saturating_add(filter.skip));
        sql.bind(
            ") AS m WHERE m.place > ? AND m.place <= ?",
            [Value::Integer(filter.skip), Value::Integer(last)],
        );
    }
    order(&mut sql, &filter.order);
    sql.bind(" LIMIT ?", [Value::Integer(MAX_INCLUDED + 1)]);
    sql
}
