//! What everybody may read, without a token: how the service is talked to.

use super::error::Failure;
use super::http::{Request, Response};
use super::{explorer, openapi};

/// Makes the answer to a GET.
pub(super) type Page = fn() -> Response;

/// The page of a path.
pub(super) fn find(path: &str) -> Option<Page> {
    match path {
        "/openapi.json" => Some(openapi::json),
        "/openapi.yaml" => Some(openapi::yaml),
        "/explorer" => Some(explorer::page),
        "/explorer/" => Some(explorer::redirect),
        _ => None,
    }
}

pub(super) fn answer(request: &Request, page: Page) -> Result<Response, Failure> {
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(page()),
        _ => Err(Failure::MethodNotAllowed(vec!["GET"])),
    }
}
