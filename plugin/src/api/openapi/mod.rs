//! The OpenAPI document: made of the tables that serve the requests, so that it can't
//! say anything else than what they do.

mod attachment;
mod conversation;
mod filter;
mod operation;
mod reference;
mod response;
mod schema;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::attachment::OPERATIONS as ATTACHMENTS;
use super::conversation::operations;
use super::http::{Field, Response, ResponseBody};
use super::operation::OPERATIONS;
use crate::domain::filter::MAX_QUERY_BYTES;
use crate::domain::model::Model;

/// The version that generators and test tools of today read best.
const VERSION: &str = "3.0.3";

/// The document in one of its two forms. It is written once for each instance, when it
/// is asked for the first time.
pub(super) fn json() -> Response {
    static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| DOCUMENT.to_string().into_bytes());
    Response::json(200, TEXT.clone())
}

pub(super) fn yaml() -> Response {
    // What `Value` holds, YAML can write.
    static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        serde_saphyr::to_string(&*DOCUMENT)
            .unwrap_or_default()
            .into_bytes()
    });
    Response {
        status: 200,
        headers: vec![Field::new("content-type", "application/yaml")],
        body: ResponseBody::Bytes(TEXT.clone()),
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// `servers` is relative to the document itself, wherever the service is mounted.
fn document() -> Value {
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(
                operation.method.to_lowercase(),
                operation::describe(operation),
            );
        }
    }
    for operation in &ATTACHMENTS {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(
                operation.method.to_lowercase(),
                attachment::describe(operation),
            );
        }
    }
    for operation in operations() {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            path.insert(
                operation.method.to_lowercase(),
                conversation::describe(operation),
            );
        }
    }
    let (path, link) = attachment::link();
    paths.insert(path.to_owned(), link);
    json!({
        "openapi": VERSION,
        "info": {
            "title": "Chat Service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description(),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "." }],
        "tags": operation::tags(),
        "security": [{ (reference::SECURITY): [] }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": operation::parameters(),
            "responses": response::components(),
            "securitySchemes": {
                (reference::SECURITY): {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                },
            },
        },
    })
}

fn description() -> String {
    format!(
        "Messages, their recipients and attachments, and the channels where they are said. HEAD is answered wherever GET is, \
         and a method that a path doesn't have with 405. `filter` and `where` are JSON, or \
         written with brackets (`filter[limit]=10`), where a text that reads as the type is as \
         good as the type. A query string has at most {MAX_QUERY_BYTES} bytes. `x-permissions` \
         are the words of which a token's `permissions` has to hold one."
    )
}

fn schemas() -> Map<String, Value> {
    let mut schemas = schema::operations();
    for model in models() {
        schemas.extend([schema::relations(model)]);
        schemas.extend(filter::of(model));
    }
    schemas.extend(filter::common());
    schemas.extend(response::schemas());
    schemas.extend(attachment::schemas());
    schemas.extend(conversation::schemas());
    schemas
}

/// Every model that an operation works with, once.
fn models() -> Vec<&'static Model> {
    let mut models: Vec<&'static Model> = Vec::new();
    for operation in &OPERATIONS {
        if !models.iter().any(|it| it.entity == operation.model.entity) {
            models.push(operation.model);
        }
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_of_the_table_is_there_and_nothing_else() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let methods = |path: &Value| path.as_object().unwrap().len();
        // And the one that needs no token.
        let known = OPERATIONS.len() + ATTACHMENTS.len() + operations().count() + 1;
        assert_eq!(paths.values().map(methods).sum::<usize>(), known);
        for operation in &ATTACHMENTS {
            let described = &paths[operation.path][operation.method.to_lowercase()];
            let (name, _) = operation.permission.words();
            assert_eq!(described["x-permissions"][0], name, "{}", operation.path);
        }
        for operation in operations() {
            let described = &paths[operation.path][operation.method.to_lowercase()];
            let (name, _) = operation.permission.words();
            assert_eq!(described["x-permissions"][0], name, "{}", operation.path);
        }
        for operation in &OPERATIONS {
            let described = &paths[operation.path][operation.method.to_lowercase()];
            let (name, _) = operation.permission.words();
            assert_eq!(described["x-permissions"][0], name, "{}", operation.path);
        }
    }

    #[test]
    fn each_property_of_a_model_can_be_read_and_asked_for() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        for model in models() {
            let properties = |name: String| schemas[name]["properties"].as_object().unwrap();
            let read = properties(format!("{}WithRelations", model.name));
            assert_eq!(read.len(), model.properties.len() + model.relations.len());
            for property in model.properties {
                assert!(read.contains_key(property.name), "{}", property.name);
                let asked = properties(format!("{}.WhereFilter", model.plural));
                assert!(asked.contains_key(property.name), "{}", property.name);
            }
        }
    }
}
