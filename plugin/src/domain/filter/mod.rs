//! LoopBack's filter language. Whatever it doesn't know is refused, never ignored: an
//! ignored condition would widen what a request reads or writes.

mod condition;
mod literal;
mod query;
mod selection;

use serde_json::{Map, Value, json};

pub(crate) use condition::{Comparison, Condition, Test};
pub(crate) use literal::Literal;
pub(crate) use selection::{Direction, Order};

use super::model::{Model, Property};
use super::violation::Violation;

/// The rows of a page when the filter doesn't say.
pub(crate) const DEFAULT_LIMIT: i64 = 100;
/// The rows of the largest page. A filter that asks for more gets this many: clients
/// of the original ask for "all" with some large number.
pub(crate) const MAX_LIMIT: i64 = 1_000;

/// A filter that makes sense for its model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// None stands for everything.
    pub(crate) condition: Option<Condition>,
    /// In the order of the wire.
    pub(crate) properties: Vec<&'static Property>,
    /// Empty stands for the model's own order.
    pub(crate) order: Vec<Order>,
    /// From 1 to `MAX_LIMIT`.
    pub(crate) limit: i64,
    /// Not negative.
    pub(crate) skip: i64,
}

/// Why a filter is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The parameter is no JSON, or its brackets make no sense.
    Syntax {
        parameter: &'static str,
        message: String,
    },
    /// The parameter says something that isn't in the language.
    Invalid {
        parameter: &'static str,
        violation: Violation,
    },
    /// A relation that doesn't exist, or can't be included.
    Inclusion(String),
}

/// Whether a route takes `where` inside of its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A page of many.
    Many,
    /// One by id: nothing is left to be asked with `where`.
    One,
}

impl Filter {
    /// Reads the parameter `filter` of a query string.
    pub(crate) fn from_query(
        model: &'static Model,
        query: Option<&str>,
        scope: Scope,
    ) -> Result<Self, Refusal> {
        let mut filter = Self {
            condition: None,
            properties: model.properties.iter().collect(),
            order: Vec::new(),
            limit: DEFAULT_LIMIT,
            skip: 0,
        };
        let object = object(query, "filter")?;
        refuse_sibling(query, "where", "filter")?;
        let Some(object) = object else {
            return Ok(filter);
        };
        let mut offset = 0;
        for (key, value) in &object {
            let read = match key.as_str() {
                "where" if scope == Scope::Many => condition::parse(model, value, "/where")
                    .map(|condition| filter.condition = Some(condition)),
                "fields" => selection::fields(model, value).map(|it| filter.properties = it),
                "order" => selection::order(model, value).map(|order| filter.order = order),
                "limit" => selection::at_least(value, "/limit", 1)
                    .map(|limit| filter.limit = limit.min(MAX_LIMIT)),
                "skip" => selection::at_least(value, "/skip", 0).map(|skip| filter.skip = skip),
                "offset" => selection::at_least(value, "/offset", 0).map(|it| offset = it),
                "include" => {
                    inclusion(model, value)?;
                    Ok(())
                }
                _ => Err(Violation::unknown_property("", key)),
            };
            read.map_err(|violation| Refusal::Invalid {
                parameter: "filter",
                violation,
            })?;
        }
        if offset != 0 {
            filter.skip = offset;
        }
        Ok(filter)
    }
}

/// What a `where` without a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blank {
    /// The same as none at all.
    Everything,
    /// A mistake: the client meant to say something.
    Refused,
}

/// Reads the parameter `where` of a query string.
pub(crate) fn where_from_query(
    model: &'static Model,
    query: Option<&str>,
    blank: Blank,
) -> Result<Option<Condition>, Refusal> {
    let object = object(query, "where")?;
    refuse_sibling(query, "filter", "where")?;
    let Some(object) = object else {
        return match blank {
            Blank::Refused if query.is_some_and(|query| query::names(query, "where")) => {
                Err(Refusal::Invalid {
                    parameter: "where",
                    violation: Violation::wrong_type("", "object"),
                })
            }
            _ => Ok(None),
        };
    };
    condition::parse(model, &Value::Object(object), "")
        .map(Some)
        .map_err(|violation| Refusal::Invalid {
            parameter: "where",
            violation,
        })
}

/// Other parameters are nobody's business, but `where` in the place of `filter`, or the
/// other way round, is a condition that would be ignored.
fn refuse_sibling(
    query: Option<&str>,
    parameter: &'static str,
    instead: &'static str,
) -> Result<(), Refusal> {
    if !query.is_some_and(|query| query::names(query, parameter)) {
        return Ok(());
    }
    let message = format!("must be given as \"{instead}\" here");
    let info = json!({ "additionalProperty": parameter });
    Err(Refusal::Invalid {
        parameter,
        violation: Violation::new("", "additionalProperties", message, info),
    })
}

fn object(
    query: Option<&str>,
    parameter: &'static str,
) -> Result<Option<Map<String, Value>>, Refusal> {
    let value = query
        .map_or(Ok(None), |query| query::parameter(query, parameter))
        .map_err(|message| Refusal::Syntax { parameter, message })?;
    match value {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Refusal::Invalid {
            parameter,
            violation: Violation::wrong_type("", "object"),
        }),
    }
}

/// Nothing can be included yet, and asking for it is never silently without effect.
fn inclusion(model: &Model, value: &Value) -> Result<(), Refusal> {
    let wanted = match value {
        Value::Array(items) if items.is_empty() => return Ok(()),
        Value::Array(items) => items.first().unwrap_or(value),
        value => value,
    };
    let name = match wanted {
        Value::String(name) => Some(name.as_str()),
        Value::Object(entry) => entry.get("relation").and_then(Value::as_str),
        _ => None,
    };
    Err(Refusal::Inclusion(match name {
        Some(name) if model.relations.contains(&name) => {
            format!("The relation \"{name}\" can't be included yet")
        }
        Some(name) => {
            let name = super::violation::shortened(name);
            format!("There is no relation \"{name}\"")
        }
        None => "\"include\" takes names of relations".to_owned(),
    }))
}
