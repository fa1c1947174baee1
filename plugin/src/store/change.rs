//! Changing and deleting things, one or many.

use uuid::Uuid;

use super::attachment::purge;
use super::attempt::{Step, attempt};
use super::audit;
use super::condition::condition;
use super::naming::{Link, link};
use super::read::{self, Page};
use super::revision;
use super::scope;
use super::sql::{Sql, id, literal, optional, text, uuid};
use super::told;
use crate::domain::caller::Caller;
use crate::domain::draft::Changes;
use crate::domain::filter::{Condition, Literal};
use crate::domain::model::{Change, Entity, Model, Property};
use crate::ports::{Database, Error, Kind, Transaction, Value, ValueRef};

/// Things of a bulk change that the audit record names one by one.
const NAMED: i64 = 100;

/// How a change of one thing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// There is no such thing, or not for the caller.
    Missing,
    /// The caller sees the thing, but may not change it.
    Forbidden,
    /// The property has another value already, and keeps it.
    Fixed(&'static Property),
    /// The caller sees no live message with the id that is to be named.
    NoTarget,
    /// The thing could be changed, but isn't what it is to be before.
    Unmatched,
}

/// What has to hold for a thing as it is read before a change, if anything.
pub(crate) type Guard<'a> = Option<&'a dyn Fn(&Page) -> bool>;

/// How a change of many things ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkChanged {
    Done(u64),
    Fixed(&'static Property),
    NoTarget,
    /// The caller may not add to the message that is to be named.
    Forbidden,
}

/// Changes a thing. `now` is in microseconds since 1970.
pub(crate) fn change(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    (model, id): (&'static Model, Uuid),
    changes: &Changes,
    guard: Guard<'_>,
) -> Result<Changed, Error> {
    let entry = audit::updated(model, id, changes);
    attempt(db, |transaction| {
        let holds = holds(db, transaction, caller, (model, id), guard)?;
        let parents = revision::parents(transaction, caller, model, changes, &[id])?;
        revision::keep(transaction, model, changes, |sql| {
            sql.bind("m.id = ? AND ", [uuid(id)]);
            scope::changeable(sql, caller, model);
        })?;
        let mut update = update_statement(caller, now, model, changes);
        update.bind(" WHERE m.id = ? AND ", [uuid(id)]);
        scope::changeable(&mut update, caller, model);
        for (property, value) in &changes.once {
            update.push(" AND ");
            unset_or(&mut update, property, value);
        }
        let link = link(transaction, caller, model, changes.link)?;
        if let Some(link) = &link {
            update.push(" AND ");
            link.condition(&mut update, model);
        }
        if update.execute_in(transaction)? == 0 {
            return why_not(transaction, caller, model, id, changes, link).map(Step::Abandon);
        }
        if !holds {
            return Ok(Step::Abandon(Changed::Unmatched));
        }
        tell_changed(transaction, caller, model, &[id], parents)?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(Changed::Done))
    })
}

/// Tells what has become of things.
fn tell_changed(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &Model,
    ids: &[Uuid],
    parents: Vec<Uuid>,
) -> Result<(), Error> {
    match model.entity {
        Entity::Message => {
            told::updated(transaction, caller, ids)?;
            told::thread(transaction, caller, parents)
        }
        Entity::Recipient => told::recipients(transaction, caller, "recipient.updated", ids),
        Entity::File => told::files(transaction, caller, ids),
    }
}

/// Tells that things are gone.
fn tell_deleted(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &Model,
    ids: &[Uuid],
) -> Result<(), Error> {
    match model.entity {
        Entity::Message => told::deleted(transaction, caller, ids),
        Entity::Recipient => told::recipients(transaction, caller, "recipient.deleted", ids),
        Entity::File => told::files(transaction, caller, ids),
    }
}

/// Tells that more than a few things are different, before they are.
fn tell_many(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &Model,
    scoped: &impl Fn(&mut Sql),
) -> Result<(), Error> {
    match model.entity {
        Entity::Message => told::changed(transaction, caller, scoped),
        Entity::Recipient => told::recipients_changed(transaction, caller, scoped),
        Entity::File => told::files_changed(transaction, caller, scoped),
    }
}

/// Deletes a thing: it stays in the table, and nobody sees it any more.
pub(crate) fn delete(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    (model, id): (&'static Model, Uuid),
    guard: Guard<'_>,
) -> Result<Changed, Error> {
    let mut update = delete_statement(caller, now, model);
    update.bind(" WHERE m.id = ? AND ", [uuid(id)]);
    scope::deletable(&mut update, caller, model);
    let entry = audit::deleted(model, id);
    attempt(db, |transaction| {
        let holds = holds(db, transaction, caller, (model, id), guard)?;
        let row = |sql: &mut Sql| {
            sql.bind("m.id = ? AND m.deleted = FALSE", [uuid(id)]);
        };
        let recipients = match model.entity {
            Entity::Recipient => purge::recipients_with_files(transaction, &row)?,
            Entity::Message | Entity::File => Vec::new(),
        };
        if update.execute_in(transaction)? == 0 {
            let mut sql = Sql::new("SELECT m.id FROM ");
            sql.push(model.table)
                .bind(" AS m WHERE m.id = ? AND ", [uuid(id)]);
            scope::visible(&mut sql, caller, model);
            return Ok(Step::Abandon(
                match sql.query_in(transaction, &[Kind::Uuid])?.is_empty() {
                    true => Changed::Missing,
                    false => Changed::Forbidden,
                },
            ));
        }
        if !holds {
            return Ok(Step::Abandon(Changed::Unmatched));
        }
        match model.entity {
            Entity::Message => purge::of_messages(transaction, caller, &[id])?,
            Entity::Recipient => purge::of_recipients(transaction, &recipients)?,
            Entity::File => purge::of_file(transaction, caller, id)?,
        }
        tell_deleted(transaction, caller, model, &[id])?;
        transaction.audit(&entry)?;
        Ok(Step::Commit(Changed::Done))
    })
}

/// Reads the thing, so that nobody changes it before this transaction ends, and asks the
/// guard. Whether the caller may change it comes first for the caller, so that a guard
/// that fails is told only when everything else has been tried.
fn holds<D: Database>(
    db: &D,
    transaction: &mut D::Transaction,
    caller: &Caller,
    (model, id): (&'static Model, Uuid),
    guard: Guard<'_>,
) -> Result<bool, Error> {
    let Some(guard) = guard else {
        return Ok(true);
    };
    let thing = read::find_locked(db, transaction, caller, model, id)?;
    Ok(thing.is_some_and(|thing| guard(&thing)))
}

/// Changes what fulfils a condition, as far as the caller may. Either all of it or, when
/// one thing of it has to stay as it is, nothing.
pub(crate) fn change_all(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    model: &'static Model,
    wanted: Option<&Condition>,
    changes: &Changes,
) -> Result<BulkChanged, Error> {
    let scoped = |sql: &mut Sql| {
        scope::changeable(sql, caller, model);
        narrowed(db, sql, wanted);
    };
    let exists_unless = |transaction: &mut _, but: &dyn Fn(&mut Sql)| -> Result<bool, Error> {
        let mut sql = Sql::new("SELECT m.id FROM ");
        sql.push(model.table).push(" AS m WHERE ");
        scoped(&mut sql);
        sql.push(" AND NOT ");
        but(&mut sql);
        sql.push(" LIMIT 1");
        Ok(!sql.query_in(transaction, &[Kind::Uuid])?.is_empty())
    };
    attempt(db, |transaction| {
        let mut update = update_statement(caller, now, model, changes);
        update.push(" WHERE ");
        scoped(&mut update);
        for (property, value) in &changes.once {
            if exists_unless(transaction, &|sql| unset_or(sql, property, value))? {
                return Ok(Step::Abandon(BulkChanged::Fixed(property)));
            }
            update.push(" AND ");
            unset_or(&mut update, property, value);
        }
        match link(transaction, caller, model, changes.link)? {
            None => {}
            Some(Link::Nowhere) => return Ok(Step::Abandon(BulkChanged::NoTarget)),
            Some(Link::Forbidden) => return Ok(Step::Abandon(BulkChanged::Forbidden)),
            Some(link) => {
                if exists_unless(transaction, &|sql| link.channel(sql, model))? {
                    return Ok(Step::Abandon(BulkChanged::NoTarget));
                }
                update.push(" AND ");
                link.condition(&mut update, model);
            }
        }
        let ids = ids(transaction, model, &scoped)?;
        let entry =
            |count, named: Option<&[Uuid]>| audit::updated_many(model, count, named, changes);
        if ids.is_empty() {
            return Ok(Step::Abandon(BulkChanged::Done(0)));
        }
        let few = named(&ids);
        revision::keep(transaction, model, changes, |sql| {
            scoped(sql);
            if let Some(ids) = few {
                sql.push(" AND m.id IN ")
                    .bind_list(ids.iter().copied().map(uuid));
            }
        })?;
        let parents = match few {
            Some(ids) => revision::parents(transaction, caller, model, changes, ids)?,
            None => {
                tell_many(transaction, caller, model, &scoped)?;
                Vec::new()
            }
        };
        let done = finish(transaction, update, &ids, entry)?;
        if let (Some(ids), Step::Commit(_)) = (few, &done) {
            tell_changed(transaction, caller, model, ids, parents)?;
        }
        Ok(done)
    })
}

/// Deletes what fulfils a condition, as far as the caller may.
pub(crate) fn delete_all(
    db: &impl Database,
    caller: &Caller,
    now: i64,
    model: &'static Model,
    wanted: &Condition,
) -> Result<u64, Error> {
    let scoped = |sql: &mut Sql| {
        scope::deletable(sql, caller, model);
        narrowed(db, sql, Some(wanted));
    };
    let done = attempt(db, |transaction| {
        let mut update = delete_statement(caller, now, model);
        update.push(" WHERE ");
        scoped(&mut update);
        let ids = ids(transaction, model, &scoped)?;
        let entry = |count, named: Option<&[Uuid]>| audit::deleted_many(model, count, named);
        match model.entity {
            // Nobody is told about what is left alone because it came in between.
            _ if ids.is_empty() => {}
            Entity::Message => {
                let messages = match ids.len() as i64 <= NAMED {
                    true => ids.clone(),
                    false => purge::messages_with_files(transaction, &scoped)?,
                };
                purge::of_messages(transaction, caller, &messages)?;
            }
            Entity::Recipient => {
                let rows = purge::recipients_with_files(transaction, &scoped)?;
                purge::of_recipients(transaction, &rows)?;
            }
            Entity::File => {}
        }
        let few = named(&ids);
        if few.is_none() {
            tell_many(transaction, caller, model, &scoped)?;
        }
        let done = finish(transaction, update, &ids, entry)?;
        if let (Some(ids), Step::Commit(_)) = (few, &done) {
            tell_deleted(transaction, caller, model, ids)?;
        }
        Ok(done)
    })?;
    match done {
        BulkChanged::Done(count) => Ok(count),
        BulkChanged::Fixed(_) | BulkChanged::NoTarget | BulkChanged::Forbidden => Ok(0),
    }
}

/// Runs a bulk statement and records it. When the things are few, they are named, and
/// what comes in between is left alone, so that the record is complete.
fn finish(
    transaction: &mut impl Transaction,
    mut update: Sql,
    ids: &[Uuid],
    entry: impl Fn(u64, Option<&[Uuid]>) -> crate::ports::Entry,
) -> Result<Step<BulkChanged>, Error> {
    if ids.is_empty() {
        return Ok(Step::Abandon(BulkChanged::Done(0)));
    }
    let named = named(ids);
    if let Some(ids) = named {
        update
            .push(" AND m.id IN ")
            .bind_list(ids.iter().copied().map(uuid));
    }
    let count = update.execute_in(transaction)?;
    transaction.audit(&entry(count, named))?;
    Ok(Step::Commit(BulkChanged::Done(count)))
}

/// The things, where they are few enough to be told one by one.
fn named(ids: &[Uuid]) -> Option<&[Uuid]> {
    (ids.len() as i64 <= NAMED).then_some(ids)
}

/// What a bulk statement is about to touch: at most one more than can be named.
fn ids(
    transaction: &mut impl Transaction,
    model: &Model,
    scoped: &impl Fn(&mut Sql),
) -> Result<Vec<Uuid>, Error> {
    let mut select = Sql::new("SELECT m.id FROM ");
    select.push(model.table).push(" AS m WHERE ");
    scoped(&mut select);
    select.bind(" LIMIT ?", [Value::Integer(NAMED + 1)]);
    let rows = select.query_in(transaction, &[Kind::Uuid])?;
    Ok(rows.iter(1).filter_map(|row| id(row.get(0))).collect())
}

fn narrowed(db: &impl Database, sql: &mut Sql, wanted: Option<&Condition>) {
    if let Some(wanted) = wanted {
        sql.push(" AND ");
        condition(sql, wanted, None, &|| db.dialect());
    }
}

fn update_statement(caller: &Caller, now: i64, model: &Model, changes: &Changes) -> Sql {
    let mut sql = Sql::new("UPDATE ");
    sql.push(model.table).bind(
        " AS m SET modified_by = ?, modified_on = ?",
        [text(&caller.actor), Value::Timestamp(now)],
    );
    let once = changes
        .once
        .iter()
        .map(|(property, it)| (property, Some(it)));
    let set = changes
        .set
        .iter()
        .map(|(property, it)| (property, it.as_ref()));
    for (property, value) in set.chain(once) {
        sql.push(", ")
            .push(property.column_name())
            .bind(" = ?", [optional(value, literal)]);
    }
    if revision::is_edit(model, changes) {
        let on = Value::Timestamp(now);
        sql.bind(", version = m.version + 1, edited_on = ?", [on]);
    }
    sql
}

fn delete_statement(caller: &Caller, now: i64, model: &Model) -> Sql {
    let mut sql = Sql::new("UPDATE ");
    sql.push(model.table).bind(
        " AS m SET deleted = TRUE, deleted_by = ?, deleted_on = ?, modified_by = ?, \
         modified_on = ?",
        [
            text(&caller.actor),
            Value::Timestamp(now),
            text(&caller.actor),
            Value::Timestamp(now),
        ],
    );
    if model.entity == Entity::Recipient {
        sql.push(", holder_id = NULL");
    }
    sql
}

/// A property that isn't set yet, or is what it is to be. Nobody sets what is the own id
/// of another. Never NULL, since it may be negated.
pub(super) fn unset_or(sql: &mut Sql, property: &Property, value: &Literal) {
    sql.push("(").push(property.column);
    if property.nullable {
        sql.push(match property.change {
            Change::Own => " IS NOT NULL AND ",
            _ => " IS NULL OR ",
        });
        sql.push(property.column);
    }
    sql.bind(" = ?)", [literal(value)]);
}

/// Why a change has matched nothing.
fn why_not(
    transaction: &mut impl Transaction,
    caller: &Caller,
    model: &'static Model,
    id: Uuid,
    changes: &Changes,
    link: Option<Link>,
) -> Result<Changed, Error> {
    let mut sql = Sql::new("SELECT CASE WHEN ");
    scope::changeable(&mut sql, caller, model);
    sql.push(" THEN 1 ELSE 0 END");
    for (property, value) in &changes.once {
        sql.push(", CASE WHEN ");
        unset_or(&mut sql, property, value);
        sql.push(" THEN 1 ELSE 0 END");
    }
    sql.push(" FROM ")
        .push(model.table)
        .bind(" AS m WHERE m.id = ? AND ", [uuid(id)]);
    scope::visible(&mut sql, caller, model);
    let kinds = vec![Kind::Integer; 1 + changes.once.len()];
    let rows = sql.query_in(transaction, &kinds)?;
    let Some(row) = rows.first() else {
        return Ok(Changed::Missing);
    };
    let no = ValueRef::Integer(0);
    if row.get(0) == no {
        return Ok(Changed::Forbidden);
    }
    let once = changes.once.iter().zip(1..);
    let mut fixed = once.filter(|(_, place)| row.get(*place) == no);
    Ok(match (fixed.next(), link) {
        (Some(((property, _), _)), _) => Changed::Fixed(property),
        (None, Some(Link::Forbidden)) => Changed::Forbidden,
        (None, Some(_)) => Changed::NoTarget,
        // The thing came to be changeable just now, which the caller can't tell from
        // coming a moment later.
        (None, None) => Changed::Missing,
    })
}
