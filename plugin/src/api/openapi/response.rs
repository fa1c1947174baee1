//! Answers: the good one of each operation, and the errors of the one table.

use serde_json::{Map, Value, json};

use super::operation::is_one;
use super::{reference, schema};
use crate::api::cursor;
use crate::api::error::Failure;
use crate::api::operation::{Action, Operation};

/// What every operation may answer. Of these, the gateway itself answers 406 (no
/// encoding that the client takes), 408 (a body that doesn't come), and some of the
/// others for reasons of its own.
pub(super) const ALWAYS: [u16; 10] = [400, 401, 403, 406, 408, 413, 415, 500, 503, 504];

/// The answers of an operation, by status.
pub(super) fn of(operation: &Operation) -> Map<String, Value> {
    let has_body = schema::body(operation).is_some();
    let mut statuses = ALWAYS.to_vec();
    if has_body || operation.path.contains("{id}") {
        statuses.push(404);
    }
    if has_body {
        statuses.push(422);
    }
    match operation.method {
        "GET" => statuses.push(304),
        "POST" => statuses.push(409),
        _ => {}
    }
    if is_one(operation.action) {
        statuses.push(412);
    }
    statuses.sort_unstable();
    let (status, good) = success(operation);
    let mut responses = Map::new();
    responses.insert(status.to_owned(), good);
    for status in statuses {
        let status = status.to_string();
        let response = reference::response(&status);
        responses.insert(status, response);
    }
    responses
}

fn success(operation: &Operation) -> (&'static str, Value) {
    let Some(schema) = schema::answer(operation) else {
        return ("204", json!({ "description": "Done" }));
    };
    let mut response = json!({
        "description": "Done",
        "content": { "application/json": { "schema": schema } },
    });
    if let (Some(response), "GET") = (response.as_object_mut(), operation.method) {
        let header = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
        let mut headers = Map::new();
        headers.insert("ETag".to_owned(), header("For `If-None-Match`."));
        if matches!(operation.action, Action::List | Action::ListBelow) {
            let link = "The next page as `rel=\"next\"`, where this one is full.";
            headers.insert("Link".to_owned(), header(link));
            let next = "The `cursor` of the next page, where this one is full.";
            headers.insert(cursor::HEADER.to_owned(), header(next));
        }
        response.insert("headers".to_owned(), headers.into());
    }
    ("200", response)
}

/// Every answer that operations refer to.
pub(super) fn components() -> Map<String, Value> {
    let mut responses = Map::new();
    let unchanged = json!({ "description": "Nothing changed since that `ETag`" });
    responses.insert("304".to_owned(), unchanged);
    for status in ALWAYS
        .into_iter()
        .chain([404, 409, 412, 416, 422, 429, 507])
    {
        responses.insert(status.to_string(), error(status));
    }
    responses
}

/// The answer of a status, with the table's own lines as examples.
fn error(status: u16) -> Value {
    let mut examples = Map::new();
    for failure in Failure::specimens() {
        let (its_status, value) = failure.example();
        if its_status == status {
            let name = format!("{}", examples.len() + 1);
            examples.insert(name, json!({ "value": value }));
        }
    }
    let mut content = json!({ "schema": reference::schema(ERROR) });
    if let (Some(content), false) = (content.as_object_mut(), examples.is_empty()) {
        content.insert("examples".to_owned(), examples.into());
    }
    json!({
        "description": description(status),
        "content": { "application/json": content },
    })
}

const fn description(status: u16) -> &'static str {
    match status {
        400 => "The request can't be understood, or its result is too large",
        401 => "No token, or one that isn't accepted",
        403 => "The token lacks the permission, or the thing belongs to somebody else",
        404 => "There is no such thing, or not for the caller",
        406 => "No encoding that the client accepts is offered",
        408 => "The body did not arrive in time",
        409 => "It is there already, or the idempotency key belongs to another request",
        412 => "The thing is another one than the client knows",
        413 => "The body is too long",
        415 => "The body is of a type or an encoding that isn't read",
        416 => "The content has no such part",
        422 => "The body breaks the schema, or is not what was announced",
        429 => "Too many uploads are under way",
        503 => "Busy, or shutting down: try again",
        507 => "There is no room left",
        504 => "The request took longer than it may",
        _ => "A mistake of the service",
    }
}

const ERROR: &str = "Error";
const VIOLATION: &str = "Violation";

/// The schema of every error.
pub(super) fn schemas() -> [(String, Value); 2] {
    let text = || json!({ "type": "string" });
    let violation = json!({
        "title": VIOLATION,
        "type": "object",
        "properties": {
            "path": { "type": "string", "description": "A JSON pointer into what was sent." },
            "code": { "type": "string", "description": "The rule that is broken." },
            "message": text(),
            "info": { "type": "object", "additionalProperties": true },
        },
        "required": ["path", "code", "message", "info"],
        "additionalProperties": false,
    });
    let details = json!({
        "oneOf": [
            { "type": "array", "items": reference::schema(VIOLATION) },
            { "type": "object", "additionalProperties": true },
        ],
    });
    let error = json!({
        "type": "object",
        "properties": {
            "statusCode": { "type": "integer", "minimum": 400, "maximum": 599 },
            "name": text(),
            "message": { "type": "string", "description": "For people; it may change." },
            "code": text(),
            "details": details,
        },
        "required": ["statusCode", "message"],
        "additionalProperties": false,
    });
    let whole = json!({
        "title": ERROR,
        "type": "object",
        "properties": { "error": error },
        "required": ["error"],
        "additionalProperties": false,
    });
    [(ERROR.to_owned(), whole), (VIOLATION.to_owned(), violation)]
}
