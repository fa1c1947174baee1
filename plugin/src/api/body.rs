//! The JSON in a request.

use super::error::Failure;
use super::http::{Body, Request};
use crate::domain::draft::{Draft, Shape};

/// Reads a body against a schema.
pub(super) fn draft(request: &Request, shape: Shape) -> Result<Draft, Failure> {
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
                Body::Empty | Body::TooLarge => return Err(Failure::BodyTooLarge),
            }
        }
    };
    let value =
        serde_json::from_slice(bytes).map_err(|cause| Failure::BodySyntax(cause.to_string()))?;
    Draft::parse(value, shape).map_err(Failure::Body)
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
