//! What everybody may read, without a token: how the service is talked to.

use super::error::Failure;
use super::http::{Request, Response};
use super::{explorer, openapi};

/// Makes the answer to a GET.
pub(super) type Page = fn() -> Response;

static PAGES: [(&str, Page); 4] = [
    ("/openapi.json", openapi::json),
    ("/openapi.yaml", openapi::yaml),
    ("/explorer", explorer::page),
    ("/explorer/", explorer::redirect),
];

/// The page of a path, and that path.
pub(super) fn find(path: &str) -> Option<(&'static str, Page)> {
    PAGES.iter().find(|(known, _)| *known == path).copied()
}

pub(super) fn answer(request: &Request, page: Page) -> Result<Response, Failure> {
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(page()),
        _ => Err(Failure::MethodNotAllowed(vec!["GET"])),
    }
}
