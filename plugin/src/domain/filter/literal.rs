//! A value that a property is compared with.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::model::{Property, Type};
use crate::domain::time;
use crate::domain::violation::Violation;

/// A value of the property's own type. With brackets everything arrives as text, so
/// that text which reads as the type is as good as the type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Boolean(bool),
    Integer(i64),
    Text(String),
    Uuid(Uuid),
    /// Microseconds since 1970.
    Time(i64),
    /// A JSON text.
    Json(String),
}

impl Literal {
    pub(super) fn parse(property: &Property, value: &Value, path: &str) -> Result<Self, Violation> {
        match property.kind {
            Type::Boolean => boolean(value)
                .map(Self::Boolean)
                .ok_or_else(|| Violation::wrong_type(path, "boolean")),
            Type::Integer => match integer(value).map(|number| (number, i32::try_from(number))) {
                Some((number, Ok(_))) => Ok(Self::Integer(number)),
                Some((number, Err(_))) => Err(Violation::outside_i32(path, number > 0)),
                None => Err(Violation::wrong_type(path, "integer")),
            },
            Type::Text => text(value)
                .map(Self::Text)
                .ok_or_else(|| Violation::wrong_type(path, "string")),
            Type::Uuid => value
                .as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(Self::Uuid)
                .ok_or_else(|| Violation::wrong_format(path, "uuid")),
            Type::Time => instant(value)
                .map(Self::Time)
                .ok_or_else(|| Violation::wrong_format(path, "date-time")),
            Type::Json => {
                let message = format!("`{}` can't be compared with anything", property.name);
                Err(Violation::new(path, "operator", message, json!({})))
            }
        }
    }
}

/// `true`, or a text that says so.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// A whole number, or a text that says so.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `1.0` and `1e3` are whole; the bound is where floats stop to tell neighbours apart.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and within the bound"
    )]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// No NUL: PostgreSQL has none in its texts.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.contains('\0') => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn instant(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time::parse(text),
        Value::Number(number) => number.as_i64().and_then(time::from_millis),
        _ => None,
    }
}
