//! The JSON in a request.

use serde_json::Value;

use super::error::Failure;
use super::http::{Body, Request};
use crate::domain::draft::{Draft, Invalid, Shape};
use crate::domain::model::Model;
use crate::domain::violation::{Violation, pointer};

/// Reads a body against a schema of a model.
pub(super) fn draft(
    request: &Request,
    model: &'static Model,
    shape: Shape,
) -> Result<Draft, Failure> {
    Draft::parse(model, value(request)?, shape, "").map_err(Failure::Body)
}

/// Reads the member `name` of a body, a list, each element against a schema. Other members
/// are nobody's business, as in the original.
pub(super) fn drafts(
    request: &Request,
    model: &'static Model,
    name: &'static str,
    limit: usize,
) -> Result<Vec<Draft>, Failure> {
    let invalid = |violation| Failure::Body(Invalid::Schema(vec![violation]));
    let Value::Object(mut object) = value(request)? else {
        return Err(invalid(Violation::wrong_type("", "object")));
    };
    let path = pointer("", name);
    let items = match object.remove(name) {
        None => return Err(invalid(Violation::required("", name))),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(invalid(Violation::wrong_type(path, "array"))),
    };
    if items.is_empty() {
        return Err(invalid(Violation::too_few(path, 1)));
    }
    if items.len() > limit {
        return Err(invalid(Violation::too_many(path, limit)));
    }
    let drafts = items.into_iter().enumerate().map(|(index, item)| {
        let path = pointer(&path, &index.to_string());
        Draft::parse(model, item, Shape::New, &path).map_err(Failure::Body)
    });
    drafts.collect()
}

/// The body as JSON.
pub(super) fn value(request: &Request) -> Result<Value, Failure> {
    let bytes = match &request.body {
        Body::Empty => return Err(Failure::NoBody),
        Body::Bytes(bytes) if bytes.is_empty() => return Err(Failure::NoBody),
        body => {
            let content_type = request.header("content-type").unwrap_or_default();
            if !is_json(content_type) {
                return Err(Failure::UnsupportedMediaType(content_type.to_owned()));
            }
            match body {
                Body::Bytes(bytes) => bytes,
                Body::Empty | Body::Long => return Err(Failure::BodyTooLarge),
            }
        }
    };
    serde_json::from_slice(bytes).map_err(|cause| Failure::BodySyntax(cause.to_string()))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
