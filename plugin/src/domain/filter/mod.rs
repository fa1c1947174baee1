//! LoopBack's filter language. Whatever it doesn't know is refused, never ignored: an
//! ignored condition would widen what a request reads or writes.

mod condition;
mod inclusion;
mod literal;
pub(crate) mod query;
mod selection;

use serde_json::{Map, Value, json};

pub(crate) use condition::{
    Comparison, Condition, MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, Operator, Test,
};
pub(crate) use inclusion::{Inclusion, MAX_DEPTH as MAX_INCLUSION_DEPTH, MAX_INCLUSIONS};
pub(crate) use literal::Literal;
pub(crate) use query::MAX_BYTES as MAX_QUERY_BYTES;
pub(crate) use selection::{Direction, Order};

use super::model::{Model, Property};
use super::violation::{Violation, pointer};

/// A filter that makes sense for its model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// None stands for everything.
    pub(crate) condition: Option<Condition>,
    /// In the order of the wire.
    pub(crate) properties: Vec<&'static Property>,
    /// Empty stands for the model's own order.
    pub(crate) order: Vec<Order>,
    /// At least 1, or none given.
    pub(crate) limit: Option<i64>,
    /// Not negative.
    pub(crate) skip: i64,
    /// What belongs to the rows, and is wanted with them.
    pub(crate) include: Vec<Inclusion>,
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
    /// Everything there is of a model.
    pub(crate) fn new(model: &'static Model) -> Self {
        Self {
            condition: None,
            properties: model.properties.iter().collect(),
            order: Vec::new(),
            limit: None,
            skip: 0,
            include: Vec::new(),
        }
    }

    /// Reads the parameter `filter` of a query string. Where it asks for more rows than
    /// `max`, it gets this many: clients of the original ask for "all" with some large
    /// number.
    pub(crate) fn from_query(
        model: &'static Model,
        query: Option<&str>,
        scope: Scope,
        max: i64,
    ) -> Result<Self, Refusal> {
        let object = object(query, "filter")?;
        refuse_sibling(query, "where", "filter")?;
        match object {
            None => Ok(Self::new(model)),
            Some(object) => {
                let mut budget = inclusion::Budget::new();
                let mut filter = Self::parse(model, &object, scope, &mut budget, "")?;
                filter.cap(max);
                Ok(filter)
            }
        }
    }

    fn cap(&mut self, max: i64) {
        self.limit = self.limit.map(|limit| limit.min(max));
        for inclusion in &mut self.include {
            inclusion.filter.cap(max);
        }
    }

    /// `path` is where the object stands in the parameter.
    fn parse(
        model: &'static Model,
        object: &Map<String, Value>,
        scope: Scope,
        budget: &mut inclusion::Budget,
        path: &str,
    ) -> Result<Self, Refusal> {
        let mut filter = Self::new(model);
        let mut offset = 0;
        for (key, value) in object {
            let path = pointer(path, key);
            let read = match key.as_str() {
                "where" if scope == Scope::Many => condition::parse(model, value, &path)
                    .map(|condition| filter.condition = Some(condition)),
                "fields" => selection::fields(model, value, &path).map(|it| filter.properties = it),
                "order" => selection::order(model, value, &path).map(|it| filter.order = it),
                "limit" => {
                    selection::at_least(value, &path, 1).map(|limit| filter.limit = Some(limit))
                }
                "skip" => selection::at_least(value, &path, 0).map(|skip| filter.skip = skip),
                "offset" => selection::at_least(value, &path, 0).map(|it| offset = it),
                "include" => {
                    filter.include = inclusion::parse(model, value, budget, &path)?;
                    Ok(())
                }
                _ => {
                    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                    Err(Violation::unknown_property(parent, key))
                }
            };
            read.map_err(Refusal::filter)?;
        }
        if offset != 0 {
            filter.skip = offset;
        }
        Ok(filter)
    }

    /// Adds a condition to those that there are.
    pub(crate) fn narrow(&mut self, condition: Condition) {
        self.condition = Some(Condition::both(condition, self.condition.take()));
    }
}

impl Refusal {
    fn filter(violation: Violation) -> Self {
        Self::Invalid {
            parameter: "filter",
            violation,
        }
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
