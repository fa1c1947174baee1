//! Operations: their names, what they are sent, and what they answer.

use serde_json::{Map, Value, json};

use super::{attachment, conversation, filter, models, reference, response, schema};
use crate::api::cursor;
use crate::api::operation::{Action, OPERATIONS, Operation};

pub(super) fn describe(operation: &Operation) -> Value {
    let tag = tag(operation);
    let (method, summary) = words(operation.action);
    let (name, number) = operation.permission.words();
    let permissions: Vec<_> = std::iter::once(name).chain(number).collect();
    let mut description = json!({
        "tags": [tag],
        "operationId": format!("{tag}.{method}"),
        "x-controller-name": tag,
        "x-operation-name": method,
        "summary": summary.replace("{}", operation.model.name),
        "description": format!("Needs the permission `{}`.", permissions.join("` or `")),
        "x-permissions": permissions,
        "parameters": references(operation),
        "responses": response::of(operation),
    });
    if let (Some(body), Some(schema)) = (description.as_object_mut(), schema::body(operation)) {
        let content = json!({ "application/json": { "schema": schema } });
        let request = json!({ "required": true, "content": content });
        body.insert("requestBody".to_owned(), request);
    }
    description
}

/// The original's controllers, each once.
pub(super) fn tags() -> Vec<Value> {
    let mut names: Vec<String> = Vec::new();
    for operation in &OPERATIONS {
        let name = tag(operation);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| json!({ "name": name }))
        .chain([attachment::tag(), conversation::tag()])
        .collect()
}

fn tag(operation: &Operation) -> String {
    let name = operation.model.name;
    match operation.action {
        Action::ListBelow | Action::CreateBelow | Action::ChangeBelow | Action::DeleteBelow => {
            format!("Message{name}Controller")
        }
        Action::Message => format!("{name}MessageController"),
        _ => format!("{name}Controller"),
    }
}

/// The method of the original's controller, and what it is for.
const fn words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("create", "Create a new {}"),
        Action::CreateAll => ("createBulk", "Create many of {} at once, or none"),
        Action::List => ("find", "Find each {} that a filter fits"),
        Action::Count => ("count", "Count each {} that a condition fits"),
        Action::Find => ("findById", "Read one {}"),
        Action::Change => ("updateById", "Change some properties of one {}"),
        Action::Replace => ("replaceById", "Replace one {}"),
        Action::Delete => ("deleteById", "Delete one {}"),
        Action::ChangeAll => ("updateAll", "Change each {} that a condition fits"),
        Action::ListBelow => ("find", "Find each {} of a message"),
        Action::CreateBelow => ("create", "Create a new {} of a message"),
        Action::ChangeBelow => ("patch", "Change each {} of a message"),
        Action::DeleteBelow => ("delete", "Delete each {} of a message"),
        Action::Message => ("getMessage", "Read the message of one {}"),
    }
}

pub(super) const ID: &str = "id";
const IF_NONE_MATCH: &str = "If-None-Match";
const IF_MATCH: &str = "If-Match";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

fn references(operation: &Operation) -> Vec<Value> {
    let plural = operation.model.plural;
    let mut names = Vec::new();
    if operation.path.contains("{id}") {
        names.push(ID.to_owned());
    }
    match operation.action {
        Action::List | Action::ListBelow => {
            names.extend([format!("{plural}.filter"), cursor::PARAMETER.to_owned()]);
        }
        Action::Find => names.push(format!("{plural}.filter.one")),
        Action::Count | Action::ChangeAll | Action::ChangeBelow | Action::DeleteBelow => {
            names.push(format!("{plural}.where"));
        }
        Action::Create
        | Action::CreateAll
        | Action::CreateBelow
        | Action::Change
        | Action::Replace
        | Action::Delete
        | Action::Message => {}
    }
    names.extend(condition_header(operation).map(str::to_owned));
    names
        .iter()
        .map(|name| reference::parameter(name))
        .collect()
}

fn condition_header(operation: &Operation) -> Option<&'static str> {
    match operation.method {
        "GET" => Some(IF_NONE_MATCH),
        "POST" => Some(IDEMPOTENCY_KEY),
        _ if is_one(operation.action) => Some(IF_MATCH),
        _ => None,
    }
}

/// Whether an operation writes one thing that is there.
pub(super) const fn is_one(action: Action) -> bool {
    matches!(action, Action::Change | Action::Replace | Action::Delete)
}

/// Every parameter that an operation refers to.
pub(super) fn parameters() -> Map<String, Value> {
    let mut parameters = Map::new();
    let mut add = |name: &str, value| parameters.insert(name.to_owned(), value);
    add(
        ID,
        json!({ "name": ID, "in": "path", "required": true, "schema": schema::uuid() }),
    );
    for model in models() {
        let query = |name: &str, schema: Value| {
            let content = json!({ "application/json": { "schema": schema } });
            json!({ "name": name, "in": "query", "content": content })
        };
        let plural = model.plural;
        add(
            &format!("{plural}.filter"),
            query("filter", filter::many(model)),
        );
        add(
            &format!("{plural}.filter.one"),
            query("filter", filter::one(model)),
        );
        add(
            &format!("{plural}.where"),
            query("where", filter::condition(model)),
        );
    }
    add(
        cursor::PARAMETER,
        json!({
            "name": cursor::PARAMETER,
            "in": "query",
            "description": format!(
                "The `{}` of a page: the list goes on behind it, for the same `order` and \
                 without `skip`.",
                cursor::HEADER
            ),
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$" },
        }),
    );
    for (name, description) in [
        (
            IF_NONE_MATCH,
            "An `ETag` that was answered earlier: 304 while nothing changed.",
        ),
        (
            IF_MATCH,
            "An `ETag` that was answered earlier: 412 when the thing is another one by now.",
        ),
        (
            IDEMPOTENCY_KEY,
            "Names this request: repeated with the same body it gets the first answer, with \
             another body 409.",
        ),
    ] {
        let schema = json!({ "type": "string", "minLength": 1 });
        add(
            name,
            json!({ "name": name, "in": "header", "description": description, "schema": schema }),
        );
    }
    parameters
}
