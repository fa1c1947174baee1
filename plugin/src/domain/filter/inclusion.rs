//! `include`: what belongs to the rows, and is wanted with them.

use serde_json::{Map, Value};

use super::{Filter, Refusal, Scope};
use crate::domain::model::{Model, Relation};
use crate::domain::violation::{Violation, pointer, shortened};

/// Relations inside of one another.
pub(crate) const MAX_DEPTH: usize = 4;
/// Relations of one filter: each is a statement.
pub(crate) const MAX_INCLUSIONS: usize = 10;

/// A relation, and what is wanted of its other end.
#[derive(Clone, Debug)]
pub(crate) struct Inclusion {
    pub(crate) relation: &'static Relation,
    pub(crate) filter: Filter,
}

/// Two relations are equal when they are the same.
impl PartialEq for Inclusion {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.relation, other.relation) && self.filter == other.filter
    }
}

/// What one filter may still include.
pub(super) struct Budget {
    depth: usize,
    left: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            depth: 0,
            left: MAX_INCLUSIONS,
        }
    }
}

/// Reads a list of names, or of objects with `relation` and `scope`. One alone may stand
/// without its list.
pub(super) fn parse(
    model: &'static Model,
    value: &Value,
    budget: &mut Budget,
    path: &str,
) -> Result<Vec<Inclusion>, Refusal> {
    if budget.depth == MAX_DEPTH {
        let message = format!("Relations can be included {MAX_DEPTH} deep");
        return Err(Refusal::Inclusion(message));
    }
    budget.depth += 1;
    let list = match value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut inclusions: Vec<Inclusion> = Vec::with_capacity(list.len().min(MAX_INCLUSIONS));
    for (index, item) in list.iter().enumerate() {
        let inclusion = one(model, item, budget, &pointer(path, &index.to_string()))?;
        let name = inclusion.relation.name;
        if inclusions.iter().any(|it| it.relation.name == name) {
            let message = format!("The relation \"{name}\" is included twice");
            return Err(Refusal::Inclusion(message));
        }
        inclusions.push(inclusion);
    }
    budget.depth -= 1;
    Ok(inclusions)
}

fn one(
    model: &'static Model,
    value: &Value,
    budget: &mut Budget,
    path: &str,
) -> Result<Inclusion, Refusal> {
    let (name, scope) = match value {
        Value::String(name) => (name, None),
        Value::Object(entry) => named(entry, path)?,
        _ => return Err(no_name()),
    };
    let relation = model.relation(name).ok_or_else(|| {
        let name = shortened(name);
        Refusal::Inclusion(format!("There is no relation \"{name}\""))
    })?;
    if budget.left == 0 {
        let message = format!("At most {MAX_INCLUSIONS} relations can be included");
        return Err(Refusal::Inclusion(message));
    }
    budget.left -= 1;
    let filter = match scope {
        None => Filter::new(relation.target),
        Some(scope) => {
            let path = pointer(path, "scope");
            Filter::parse(relation.target, scope, Scope::Many, budget, &path)?
        }
    };
    Ok(Inclusion { relation, filter })
}

type Named<'v> = (&'v String, Option<&'v Map<String, Value>>);

fn named<'v>(entry: &'v Map<String, Value>, path: &str) -> Result<Named<'v>, Refusal> {
    let mut name = None;
    let mut scope = None;
    for (key, value) in entry {
        match (key.as_str(), value) {
            ("relation", Value::String(text)) => name = Some(text),
            ("scope", Value::Object(object)) => scope = Some(object),
            ("relation", _) => return Err(no_name()),
            ("scope", _) => {
                let violation = Violation::wrong_type(pointer(path, "scope"), "object");
                return Err(Refusal::filter(violation));
            }
            _ => return Err(Refusal::filter(Violation::unknown_property(path, key))),
        }
    }
    Ok((name.ok_or_else(no_name)?, scope))
}

fn no_name() -> Refusal {
    Refusal::Inclusion("\"include\" takes names of relations".to_owned())
}
