//! Models as schemas, under the names that the original gives them.

use serde_json::{Map, Value, json};

use super::reference;
use crate::api::operation::{Action, OPERATIONS, Operation};
use crate::api::resource::{BULK, MAX_BULK, link};
use crate::domain::draft::{
    ATTACHMENTS, CLIENT_ID, MAX_ATTACHMENTS, MAX_MENTIONS, MAX_RECIPIENTS, MENTIONS, RECIPIENTS,
    Shape,
};
use crate::domain::id::EXTERNAL_CHARS;
use crate::domain::model::{Cardinality, Change, Entity, Input, Model, Property, Type};

/// Visible at both ends, and without control characters.
const EXTERNAL_PATTERN: &str = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]\
    ([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f])?$";
const UUID_PATTERN: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
/// PostgreSQL has no NUL in its texts.
const NO_NUL: &str = "^[^\\u0000]*$";

/// The schema of what an operation is sent.
pub(super) fn body(operation: &Operation) -> Option<Value> {
    let model = operation.model;
    match operation.action {
        Action::CreateAll => Some(reference::schema(&bulk_name(model))),
        action => Some(reference::schema(&name(model, shape(model, action)?))),
    }
}

/// The schema of what an operation answers; none for an empty answer.
pub(super) fn answer(operation: &Operation) -> Option<Value> {
    let model = operation.model;
    let many = |items: Value| json!({ "type": "array", "items": items });
    let created = || reference::schema(model.name);
    match operation.action {
        Action::Create | Action::CreateBelow => Some(created()),
        Action::CreateAll => Some(many(created())),
        Action::List | Action::ListBelow => Some(many(read(model))),
        Action::Find => Some(read(model)),
        Action::Message => link_target(model).map(read),
        Action::Count | Action::ChangeAll | Action::ChangeBelow | Action::DeleteBelow => {
            Some(reference::schema(COUNT))
        }
        Action::Change | Action::Replace | Action::Delete => None,
    }
}

const COUNT: &str = "loopback.Count";

/// Everything that operations are sent and answer, but for what is read.
pub(super) fn operations() -> Map<String, Value> {
    let mut schemas = Map::new();
    for operation in &OPERATIONS {
        let model = operation.model;
        let mut add = |shape| {
            let name = name(model, shape);
            schemas
                .entry(name.as_str())
                .or_insert_with(|| sent(model, shape, &name));
        };
        add(Shape::Full);
        match operation.action {
            Action::CreateAll => {
                add(Shape::New);
                schemas.insert(bulk_name(model), bulk(model));
            }
            action => shape(model, action).into_iter().for_each(add),
        }
    }
    let count = json!({ "type": "integer", "format": "int64", "minimum": 0 });
    let count = json!({
        "type": "object",
        "title": COUNT,
        "properties": { "count": count },
        "required": ["count"],
        "additionalProperties": false,
    });
    schemas.insert(COUNT.to_owned(), count);
    schemas
}

fn shape(model: &'static Model, action: Action) -> Option<Shape> {
    match action {
        Action::Create => Some(Shape::New),
        Action::CreateBelow => Some(Shape::Below(link(model))),
        Action::Replace => Some(Shape::Full),
        Action::Change | Action::ChangeAll | Action::ChangeBelow => Some(Shape::Partial),
        Action::CreateAll
        | Action::List
        | Action::Count
        | Action::Find
        | Action::Delete
        | Action::ListBelow
        | Action::DeleteBelow
        | Action::Message => None,
    }
}

fn name(model: &Model, shape: Shape) -> String {
    match shape {
        Shape::New => format!("New{}", model.name),
        Shape::Below(_) => format!("New{}InMessage", model.name),
        Shape::Full => model.name.to_owned(),
        Shape::Partial => format!("{}Partial", model.name),
    }
}

/// What a body has to be. `Full` is what is answered on creation, too.
fn sent(model: &Model, shape: Shape, name: &str) -> Value {
    let is_new = matches!(shape, Shape::New | Shape::Below(_));
    let mut properties = Map::new();
    let mut required = Vec::new();
    for property in model.properties {
        if is_new && property.input == Input::Id {
            continue;
        }
        let mut schema = value(property);
        if property.input == Input::Audit && property.nullable {
            schema.insert("nullable".to_owned(), true.into());
        }
        if shape != Shape::Partial {
            schema.extend(default(property).map(|it| ("default".to_owned(), it)));
        }
        properties.insert(property.name.to_owned(), schema.into());
        let is_optional =
            shape == Shape::Partial || matches!(shape, Shape::Below(link) if link == property);
        if property.required && !is_optional {
            required.push(property.name);
        }
    }
    if is_new && model.entity == Entity::Message {
        properties.insert(RECIPIENTS.to_owned(), recipients());
        properties.insert(ATTACHMENTS.to_owned(), attachments());
        properties.insert(MENTIONS.to_owned(), mentions());
        properties.insert(CLIENT_ID.to_owned(), client_id());
    }
    let mut schema = object(name, properties);
    // An empty list is not allowed.
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.into()
}

fn object(title: &str, properties: Map<String, Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), title.into());
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    schema
}

fn read_name(model: &Model) -> String {
    format!("{}WithRelations", model.name)
}

fn read(model: &Model) -> Value {
    reference::schema(&read_name(model))
}

/// What is read: with nulls, and with what the filter includes. Nothing is required,
/// because `fields` leaves out whatever it likes.
pub(super) fn relations(model: &Model) -> (String, Value) {
    let mut properties = Map::new();
    for property in model.properties {
        let mut schema = value(property);
        if property.nullable {
            schema.insert("nullable".to_owned(), true.into());
        }
        properties.insert(property.name.to_owned(), schema.into());
    }
    for relation in model.relations {
        let target = read(relation.target);
        let schema = match relation.kind {
            Cardinality::Many(_) => json!({ "type": "array", "items": target }),
            Cardinality::One(_) => target,
        };
        properties.insert(relation.name.to_owned(), schema);
    }
    let name = read_name(model);
    let mut schema = object(&name, properties);
    let description =
        "As it is read. `fields` decides what is there, `include` what comes with it.";
    schema.insert("description".to_owned(), description.into());
    (name, schema.into())
}

/// The model of the message that a thing belongs to.
fn link_target(model: &Model) -> Option<&'static Model> {
    let link = link(model);
    let relation = model
        .relations
        .iter()
        .find(|it| matches!(it.kind, Cardinality::One(property) if property == link))?;
    Some(relation.target)
}

fn bulk_name(model: &Model) -> String {
    format!("New{}s", model.name)
}

fn bulk(model: &Model) -> Value {
    let items = reference::schema(&name(model, Shape::New));
    json!({
        "title": bulk_name(model),
        "type": "object",
        "properties": {
            BULK: { "type": "array", "items": items, "minItems": 1, "maxItems": MAX_BULK },
        },
        "required": [BULK],
        "additionalProperties": true,
    })
}

fn recipients() -> Value {
    json!({
        "type": "array",
        "description": "Users who get a recipient row together with the message.",
        "items": external(),
        "maxItems": MAX_RECIPIENTS,
        "uniqueItems": true,
    })
}

fn attachments() -> Value {
    json!({
        "type": "array",
        "description": "Complete uploads of the sender's to the channel, which are sent with \
            the message.",
        "items": uuid(),
        "maxItems": MAX_ATTACHMENTS,
        "uniqueItems": true,
    })
}

fn mentions() -> Value {
    json!({
        "type": "array",
        "description": "Users who are mentioned; those who are no members are left out.",
        "items": external(),
        "maxItems": MAX_MENTIONS,
        "uniqueItems": true,
    })
}

fn client_id() -> Value {
    let mut schema = external();
    if let Some(schema) = schema.as_object_mut() {
        let text = "What the sender calls the message: sent again, it gets the first answer, \
            and another message by that name a 409.";
        schema.insert("description".to_owned(), text.into());
    }
    schema
}

pub(super) fn external() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": EXTERNAL_CHARS,
        "pattern": EXTERNAL_PATTERN,
    })
}

/// What a new thing has where nothing is said.
fn default(property: &Property) -> Option<Value> {
    match (property.input, property.nullable, property.kind) {
        (Input::Audit, ..) => None,
        (_, false, Type::Boolean) => Some(false.into()),
        (_, false, Type::Integer) => Some(0.into()),
        _ => None,
    }
}

/// The values that a property can have.
fn value(property: &Property) -> Map<String, Value> {
    let least = usize::from(property.required);
    let schema = match property.input {
        Input::Audit => audit(property.kind),
        Input::Id | Input::Uuid => uuid(),
        Input::Text(limit) => {
            json!({ "type": "string", "minLength": least, "maxLength": limit, "pattern": NO_NUL })
        }
        // JSON Schema counts characters; none has less than a byte.
        Input::LongText(limit) => json!({
            "type": "string",
            "minLength": least,
            "maxLength": limit,
            "pattern": NO_NUL,
            "description": format!("At most {limit} bytes of UTF-8."),
        }),
        Input::External => external(),
        Input::Integer => json!({
            "type": "integer",
            "format": "int32",
            "minimum": i32::MIN,
            "maximum": i32::MAX,
        }),
        Input::Flag => json!({ "type": "boolean" }),
        Input::Object(limit) => json!({
            "type": "object",
            "additionalProperties": true,
            "description": format!("At most {limit} bytes of JSON."),
        }),
    };
    let Value::Object(mut schema) = schema else {
        return Map::new();
    };
    if let Some(rule) = rule(property.change) {
        schema.insert("description".to_owned(), rule.into());
    }
    schema
}

fn rule(change: Change) -> Option<&'static str> {
    match change {
        Change::Free => None,
        Change::Once => Some("Stays what it is once it is set."),
        Change::Link => Some("A message that the caller sees."),
        Change::LinkOnce => {
            Some("A message that the caller sees. Stays what it is once it is set.")
        }
        Change::Own => Some("The caller's own id."),
    }
}

pub(super) fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid", "pattern": UUID_PATTERN })
}

/// Accepted, because clients send back what they have read, and ignored.
fn audit(kind: Type) -> Value {
    let mut schema = match kind {
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Time => json!({ "type": "string", "format": "date-time" }),
        _ => json!({ "type": "string" }),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("readOnly".to_owned(), true.into());
    }
    schema
}
