//! Channels, and what is said there: what is sent and answered.

mod schemas;

use serde_json::{Map, Value, json};

pub(super) use schemas::schemas;

use super::{reference, response, schema};
use crate::api::conversation::{Operation, PAGE, Sent};

const TAG: &str = "ChannelController";

pub(super) fn tag() -> Value {
    json!({ "name": TAG })
}

pub(super) fn describe(operation: &Operation) -> Value {
    let (name, number) = operation.permission.words();
    let permissions: Vec<_> = std::iter::once(name).chain(number).collect();
    let (method, summary) = operation.words;
    let mut description = json!({
        "tags": [TAG],
        "operationId": format!("{TAG}.{method}"),
        "x-controller-name": TAG,
        "x-operation-name": method,
        "summary": summary,
        "description": format!("Needs the permission `{}`.", permissions.join("` or `")),
        "x-permissions": permissions,
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    let (body, required) = match operation.body {
        Sent::Nothing => return description,
        Sent::Body(body) => (body, true),
        Sent::Optional(body) => (body, false),
    };
    if let Some(description) = description.as_object_mut() {
        let content = json!({ "application/json": { "schema": reference::schema(body) } });
        let request = json!({ "required": required, "content": content });
        description.insert("requestBody".to_owned(), request);
    }
    description
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?;
        name.strip_suffix('}')
    });
    let mut all: Vec<_> = names.map(|name| named(operation, name)).collect();
    all.extend(operation.query.iter().map(|name| asked(name)));
    if operation.method == "GET" && operation.refusals.contains(&304) {
        all.push(reference::parameter("If-None-Match"));
    }
    if operation.words.0 == "send" {
        all.push(reference::parameter("Idempotency-Key"));
    }
    all
}

/// What stands in a path: the id of a message where that is what it is about, and else a
/// name that others give.
fn named(operation: &Operation, name: &str) -> Value {
    let is_minted = name == "id" && !operation.path.starts_with("/channels/");
    let schema = match name {
        "emoji" => json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
        _ if is_minted => schema::uuid(),
        _ => schema::external(),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn asked(name: &str) -> Value {
    let number = |least: i64| json!({ "type": "integer", "format": "int64", "minimum": least });
    let flag = || json!({ "type": "boolean", "default": false });
    let named = if name == "place" { "cursor" } else { name };
    let (description, schema) = match name {
        "cursor" => return reference::parameter("cursor"),
        "limit" => (
            "Rows of the page.",
            json!({
                "type": "integer", "minimum": 1, "maximum": PAGE.1, "default": PAGE.0,
            }),
        ),
        "archived" => ("Those that are archived, and no others.", flag()),
        "public" => (
            "The public channels of the tenant, whether the caller is a member or not.",
            flag(),
        ),
        "place" => (
            "The cursor of the last event that the client has seen; `Last-Event-ID` says the \
            same.",
            json!({ "type": "string" }),
        ),
        "before" => ("Messages with a smaller number.", number(0)),
        "after" => ("Messages with a larger number.", number(0)),
        "around" => ("Messages up to a number, and as many behind it.", number(0)),
        "ticket" => (
            "A ticket instead of a token, once.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 64 }),
        ),
        "wait" => (
            "Seconds that a long poll waits.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
        "q" => (
            "Words, all of which a message has to hold.",
            json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
        ),
        "state" => (
            "Open or closed reports.",
            json!({ "type": "string", "enum": ["open", "resolved", "dismissed"] }),
        ),
        "ids" => (
            "Users, separated by commas.",
            json!({ "type": "string", "maxLength": 8_000 }),
        ),
        _ => ("Only of this channel.", schema::external()),
    };
    json!({ "name": named, "in": "query", "description": description, "schema": schema })
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, schema) in operation.good {
        let mut good = json!({ "description": "Done" });
        if let (Some(good), Some(name)) = (good.as_object_mut(), schema) {
            let schema = match name.strip_suffix("[]") {
                Some(item) => json!({ "type": "array", "items": reference::schema(item) }),
                None => reference::schema(name),
            };
            let content = json!({ "application/json": { "schema": schema } });
            good.insert("content".to_owned(), content);
        }
        responses.insert(status.to_string(), good);
    }
    let mut statuses: Vec<_> = response::ALWAYS.iter().chain(operation.refusals).collect();
    statuses.sort_unstable();
    for status in statuses {
        let status = status.to_string();
        let response = reference::response(&status);
        responses.insert(status, response);
    }
    responses
}
