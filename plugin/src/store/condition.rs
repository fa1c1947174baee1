//! `where` as SQL.

use super::sql::{Sql, literal};
use crate::domain::filter::{Comparison, Condition, Literal, Test};
use crate::domain::model::Property;
use crate::domain::pattern::{Like, Regexp};
use crate::ports::{Dialect, Value};

/// Adds a condition, in brackets where it needs them. The dialect is asked for only
/// where a pattern makes a difference. The comparison with `known`, if it is a part of
/// the condition, is left out: the statement says it already.
pub(super) fn condition(
    sql: &mut Sql,
    condition: &Condition,
    known: Option<&Literal>,
    dialect: &impl Fn() -> Dialect,
) {
    match condition {
        Condition::All(list) => group(sql, list, (" AND ", "1 = 1"), known, dialect),
        Condition::Any(list) => group(sql, list, (" OR ", "1 = 0"), known, dialect),
        Condition::Property(_, Test::Compare(Comparison::Equal, value))
            if known.is_some_and(|known| std::ptr::eq(known, value)) =>
        {
            sql.push("1 = 1");
        }
        Condition::Property(property, it) => test(sql, property, it, dialect),
    }
}

fn group(
    sql: &mut Sql,
    list: &[Condition],
    (operator, empty): (&'static str, &'static str),
    known: Option<&Literal>,
    dialect: &impl Fn() -> Dialect,
) {
    let Some((first, rest)) = list.split_first() else {
        sql.push(empty);
        return;
    };
    if rest.is_empty() {
        return condition(sql, first, known, dialect);
    }
    sql.push("(");
    condition(sql, first, known, dialect);
    for next in rest {
        sql.push(operator);
        condition(sql, next, known, dialect);
    }
    sql.push(")");
}

fn test(sql: &mut Sql, property: &Property, test: &Test, dialect: &impl Fn() -> Dialect) {
    let column = property.column;
    match test {
        Test::IsNull(true) => sql.push(column).push(" IS NULL"),
        Test::IsNull(false) => sql.push(column).push(" IS NOT NULL"),
        Test::Compare(comparison, value) => sql
            .push(column)
            .bind(operator(*comparison), [literal(value)]),
        Test::Between(low, high) => sql
            .push(column)
            .bind(" BETWEEN ? AND ?", [literal(low), literal(high)]),
        // No database takes an empty list. NULL is in none and outside of none.
        Test::OneOf { values, negated } if values.is_empty() => match negated {
            true => sql.push(column).push(" IS NOT NULL"),
            false => sql.push("1 = 0"),
        },
        Test::OneOf { values, negated } => sql
            .push(column)
            .push(if *negated { " NOT IN " } else { " IN " })
            .bind_list(values.iter().map(literal)),
        Test::Like {
            pattern,
            ignore_case,
            negated,
        } => like(sql, column, pattern, *ignore_case, *negated, dialect()),
        Test::Regexp(regexp) => matches(sql, column, regexp, dialect()),
    };
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ?",
        Comparison::NotEqual => " <> ?",
        Comparison::Less => " < ?",
        Comparison::LessOrEqual => " <= ?",
        Comparison::Greater => " > ?",
        Comparison::GreaterOrEqual => " >= ?",
    }
}

/// SQLite's own LIKE ignores the case of ASCII letters and of no other, so a regular
/// expression stands in for it. Case is folded by Unicode's simple rules there, by
/// ICU in PostgreSQL (the locale of a database may know no letters but ASCII's), and by
/// LOWER in MySQL: they agree on letters that have one lower-case form.
fn like<'s>(
    sql: &'s mut Sql,
    column: &'static str,
    pattern: &Like,
    ignore_case: bool,
    negated: bool,
    dialect: Dialect,
) -> &'s mut Sql {
    let value = match (dialect, ignore_case) {
        (Dialect::Sqlite, true) => format!("(?si){}", pattern.to_regexp()),
        (Dialect::Sqlite, false) => format!("(?s){}", pattern.to_regexp()),
        _ => pattern.as_str().to_owned(),
    };
    let (before, after) = match (dialect, ignore_case, negated) {
        (Dialect::Sqlite, _, false) => ("", " REGEXP ?"),
        (Dialect::Sqlite, _, true) => ("", " NOT REGEXP ?"),
        (Dialect::Postgres, true, false) => ("", " COLLATE \"und-x-icu\" ILIKE ?"),
        (Dialect::Postgres, true, true) => ("", " COLLATE \"und-x-icu\" NOT ILIKE ?"),
        (Dialect::Mysql, true, false) => ("LOWER(", ") LIKE LOWER(?)"),
        (Dialect::Mysql, true, true) => ("LOWER(", ") NOT LIKE LOWER(?)"),
        (_, false, false) => ("", " LIKE ?"),
        (_, false, true) => ("", " NOT LIKE ?"),
    };
    sql.push(before)
        .push(column)
        .bind(after, [Value::Text(value)])
}

/// As in PostgreSQL, `.` matches a line break too. What `\w` holds beyond ASCII is
/// each engine's own, and MySQL's `$` also stands before a last line break.
fn matches<'s>(
    sql: &'s mut Sql,
    column: &'static str,
    regexp: &Regexp,
    dialect: Dialect,
) -> &'s mut Sql {
    let source = regexp.source.as_str();
    let (text, value) = match (dialect, regexp.ignore_case) {
        (Dialect::Postgres, false) => (" ~ ?", source.to_owned()),
        (Dialect::Postgres, true) => (" COLLATE \"und-x-icu\" ~* ?", source.to_owned()),
        (_, false) => (" REGEXP ?", format!("(?s){source}")),
        (_, true) => (" REGEXP ?", format!("(?si){source}")),
    };
    sql.push(column).bind(text, [Value::Text(value)])
}
