//! The filter language as schemas: what `filter` and `where` may say of a model.

use serde_json::{Map, Value, json};

use super::{reference, schema};
use crate::api::limits::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::domain::filter::{
    MAX_CONDITIONS, MAX_DEPTH, MAX_INCLUSION_DEPTH, MAX_INCLUSIONS, MAX_VALUES, Operator,
};
use crate::domain::model::{Model, Type};
use crate::domain::pattern::MAX_CHARS;

/// The types that a property can be compared as, and what their schemas are called.
const TYPES: [Type; 6] = [
    Type::Boolean,
    Type::Integer,
    Type::Text,
    Type::Uuid,
    Type::Time,
    Type::Json,
];

const fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Boolean => "where.Boolean",
        Type::Integer => "where.Integer",
        Type::Text => "where.Text",
        Type::Uuid => "where.Uuid",
        Type::Time => "where.Time",
        Type::Json => "where.Json",
    }
}

/// A filter of many things.
pub(super) fn many(model: &Model) -> Value {
    reference::schema(&many_name(model))
}

/// A filter of one thing, which has no `where`.
pub(super) fn one(model: &Model) -> Value {
    reference::schema(&one_name(model))
}

pub(super) fn condition(model: &Model) -> Value {
    reference::schema(&condition_name(model))
}

/// The original counts its two filters like this.
fn many_name(model: &Model) -> String {
    format!("{}.Filter1", model.plural)
}

fn one_name(model: &Model) -> String {
    format!("{}.Filter", model.plural)
}

fn condition_name(model: &Model) -> String {
    format!("{}.WhereFilter", model.plural)
}

fn inclusion_name(model: &Model) -> String {
    format!("{}.IncludeFilter.Items", model.plural)
}

/// The schemas of one model.
pub(super) fn of(model: &'static Model) -> [(String, Value); 4] {
    [
        (condition_name(model), conditions(model)),
        (inclusion_name(model), inclusion(model)),
        (one_name(model), filter(model, None)),
        (many_name(model), filter(model, Some(condition(model)))),
    ]
}

/// The schemas that all models share.
pub(super) fn common() -> impl Iterator<Item = (String, Value)> {
    TYPES
        .into_iter()
        .map(|kind| (type_name(kind).to_owned(), tests(kind)))
}

fn filter(model: &'static Model, condition: Option<Value>) -> Value {
    let mut properties = Map::new();
    let mut add = |name: &str, schema| properties.insert(name.to_owned(), schema);
    if let Some(condition) = condition {
        add("where", condition);
    }
    add("fields", fields(model));
    add("order", order(model));
    add(
        "limit",
        json!({
            "type": "integer",
            "minimum": 1,
            "description": format!(
                "{DEFAULT_LIMIT} where it isn't given, and never more than {MAX_LIMIT} come; the \
                 operator may have set other numbers."
            ),
        }),
    );
    let from_zero = json!({ "type": "integer", "minimum": 0, "format": "int64" });
    add("skip", from_zero.clone());
    add("offset", from_zero);
    add("include", include(model));
    json!({
        "title": format!("{}.Filter", model.plural),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn fields(model: &Model) -> Value {
    let names = model.properties.iter().map(|property| property.name);
    let flags: Map<String, Value> = names
        .clone()
        .map(|name| (name.to_owned(), json!({ "type": "boolean" })))
        .collect();
    json!({
        "oneOf": [
            { "type": "object", "properties": flags, "additionalProperties": false },
            {
                "type": "array",
                "items": { "type": "string", "enum": names.collect::<Vec<_>>() },
                "uniqueItems": true,
            },
        ],
    })
}

fn order(model: &Model) -> Value {
    let mut names = Vec::new();
    for property in model.properties {
        for name in [property.name, property.column_name()] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let key = json!({
        "type": "string",
        "pattern": format!("^({})( ([Aa][Ss][Cc]|[Dd][Ee][Ss][Cc]))?$", names.join("|")),
        "example": "createdOn DESC",
    });
    json!({
        "oneOf": [
            key,
            { "type": "array", "items": key, "maxItems": model.properties.len() },
        ],
    })
}

fn include(model: &Model) -> Value {
    json!({
        "type": "array",
        "items": reference::schema(&inclusion_name(model)),
        "maxItems": model.relations.len(),
        "description": format!(
            "Each relation once; {MAX_INCLUSION_DEPTH} deep, and {MAX_INCLUSIONS} of them in one \
             filter."
        ),
    })
}

fn inclusion(model: &Model) -> Value {
    let names: Vec<_> = model.relations.iter().map(|it| it.name).collect();
    let with_scope = model.relations.iter().map(|relation| {
        json!({
            "type": "object",
            "properties": {
                "relation": { "type": "string", "enum": [relation.name] },
                "scope": many(relation.target),
            },
            "required": ["relation"],
            "additionalProperties": false,
        })
    });
    let mut forms = vec![json!({ "type": "string", "enum": names })];
    forms.extend(with_scope);
    json!({ "title": inclusion_name(model), "oneOf": forms })
}

fn conditions(model: &Model) -> Value {
    let group = json!({ "type": "array", "items": condition(model), "minItems": 1 });
    let mut properties = Map::new();
    for property in model.properties {
        let schema = reference::schema(type_name(property.kind));
        properties.insert(property.name.to_owned(), schema);
    }
    properties.insert("and".to_owned(), group.clone());
    properties.insert("or".to_owned(), group);
    json!({
        "title": condition_name(model),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "description": format!(
            "All of it has to hold. At most {MAX_CONDITIONS} conditions, {MAX_DEPTH} levels and \
             {MAX_VALUES} values."
        ),
    })
}

/// What a property of a type can be asked: one value, or operators.
fn tests(kind: Type) -> Value {
    let mut operators = Map::new();
    for (name, operator) in Operator::ALL {
        if operator.fits(kind) {
            operators.insert(name.to_owned(), operand(operator, kind));
        }
    }
    let operators = json!({
        "type": "object",
        "properties": operators,
        "minProperties": 1,
        "additionalProperties": false,
    });
    let mut forms = literals(kind);
    forms.push(null());
    forms.push(operators);
    json!({ "title": type_name(kind), "anyOf": forms })
}

fn operand(operator: Operator, kind: Type) -> Value {
    let value = || any_of(literals(kind));
    match operator {
        Operator::Compare(comparison) if comparison.takes_null() => {
            let mut forms = literals(kind);
            forms.push(null());
            any_of(forms)
        }
        Operator::Compare(_) => value(),
        Operator::Between => {
            json!({ "type": "array", "items": value(), "minItems": 2, "maxItems": 2 })
        }
        Operator::OneOf { .. } => json!({ "type": "array", "items": value() }),
        Operator::Like { .. } => json!({
            "type": "string",
            "maxLength": MAX_CHARS,
            "description": "`%` is any text, `_` any character, `\\` escapes.",
        }),
        Operator::Regexp => json!({
            "type": "string",
            "maxLength": MAX_CHARS,
            "description": "`x`, `/x/` or `/x/i`, in the subset that all databases agree on.",
        }),
        Operator::Exists => json!({ "type": "boolean" }),
    }
}

/// What stands for a value of a type.
fn literals(kind: Type) -> Vec<Value> {
    match kind {
        Type::Boolean => vec![json!({ "type": "boolean" })],
        Type::Integer => vec![json!({
            "type": "integer",
            "format": "int32",
            "minimum": i32::MIN,
            "maximum": i32::MAX,
        })],
        Type::Text => vec![json!({ "type": "string", "pattern": "^[^\\u0000]*$" })],
        Type::Uuid => vec![schema::uuid()],
        Type::Time => vec![
            json!({ "type": "string", "format": "date-time" }),
            json!({ "type": "string", "format": "date" }),
            json!({
                "type": "integer",
                "format": "int64",
                "description": "Milliseconds since 1970.",
            }),
        ],
        Type::Json => Vec::new(),
    }
}

fn any_of(mut forms: Vec<Value>) -> Value {
    match forms.len() {
        1 => forms.remove(0),
        _ => json!({ "anyOf": forms }),
    }
}

/// OpenAPI 3.0 knows no type `null`.
fn null() -> Value {
    json!({ "type": "string", "nullable": true, "enum": [null] })
}
