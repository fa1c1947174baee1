//! A statement in the making.

use uuid::Uuid;

use crate::domain::filter::Literal;
use crate::domain::model::{Property, Type};
use crate::ports::{Database, Error, Kind, Rows, Transaction, Value, ValueRef};

/// Text and parameters. The text is put together from what stands in this program
/// alone (`&'static str`), so nothing that a client sent can get into it.
#[derive(Debug, Default)]
pub(super) struct Sql {
    text: String,
    params: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: &'static str) -> Self {
        let mut sql = Self {
            text: String::with_capacity(1_024),
            params: Vec::with_capacity(16),
        };
        sql.push(text);
        sql
    }

    /// Adds text without placeholders.
    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds text with as many placeholders as there are values.
    pub(super) fn bind<const N: usize>(
        &mut self,
        text: &'static str,
        values: [Value; N],
    ) -> &mut Self {
        debug_assert_eq!(text.matches('?').count(), N, "{text}");
        self.text.push_str(text);
        self.params.extend(values);
        self
    }

    /// Adds a list such as `(?, ?)`, which must not be empty.
    pub(super) fn bind_list(&mut self, values: impl IntoIterator<Item = Value>) -> &mut Self {
        self.text.push('(');
        for (index, value) in values.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "?" } else { ", ?" });
            self.params.push(value);
        }
        self.text.push(')');
        self
    }

    /// Adds the columns of properties.
    pub(super) fn columns(&mut self, properties: &[&'static Property]) -> &mut Self {
        for (index, property) in properties.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.push(property.column);
        }
        self
    }

    pub(super) fn query(&self, db: &impl Database, columns: &[Kind]) -> Result<Rows, Error> {
        db.query(&self.text, &self.params, columns)
    }

    pub(super) fn query_in(
        &self,
        transaction: &mut impl Transaction,
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        transaction.query(&self.text, &self.params, columns)
    }

    pub(super) fn execute_in(&self, transaction: &mut impl Transaction) -> Result<u64, Error> {
        transaction.execute(&self.text, &self.params)
    }
}

/// How the column of a property is read.
pub(super) fn kind(property: &Property) -> Kind {
    match property.kind {
        Type::Boolean => Kind::Boolean,
        Type::Integer => Kind::Integer,
        Type::Text => Kind::Text,
        Type::Uuid => Kind::Uuid,
        Type::Time => Kind::Timestamp,
        // Kept as text, so that a client gets what it gave.
        Type::Json => Kind::Text,
    }
}

pub(super) fn kinds(properties: &[&'static Property]) -> Vec<Kind> {
    properties.iter().map(|property| kind(property)).collect()
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(super) fn uuid(id: Uuid) -> Value {
    Value::Uuid(id.as_u64_pair())
}

pub(super) fn optional<T>(value: Option<T>, convert: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, convert)
}

pub(super) fn literal(value: &Literal) -> Value {
    match value {
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::Integer(value) => Value::Integer(*value),
        Literal::Text(value) | Literal::Json(value) => text(value),
        Literal::Uuid(id) => uuid(*id),
        Literal::Time(micros) => Value::Timestamp(*micros),
    }
}

pub(super) fn id(value: ValueRef<'_>) -> Option<Uuid> {
    match value {
        ValueRef::Uuid((high, low)) => Some(Uuid::from_u64_pair(high, low)),
        _ => None,
    }
}
