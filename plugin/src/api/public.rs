//! What everybody may read, without a token: how the service is talked to, and the page.

use super::error::Failure;
use super::http::{Request, Response};
use super::{explorer, openapi, page};

/// What answers a GET.
#[derive(Clone, Copy)]
pub(super) enum Page {
    Made(Maker),
    File(&'static page::File),
}

/// Makes a page that does not change.
type Maker = fn() -> Response;

static PAGES: [(&str, Maker); 5] = [
    ("/openapi.json", openapi::json),
    ("/openapi.yaml", openapi::yaml),
    ("/explorer", explorer::page),
    ("/explorer/", explorer::redirect),
    ("/page", page::redirect),
];

/// The page of a path, and that path.
pub(super) fn find(path: &str) -> Option<(&'static str, Page)> {
    if let Some(file) = page::find(path) {
        return Some((file.path(), Page::File(file)));
    }
    let (known, made) = PAGES.iter().find(|(known, _)| *known == path)?;
    Some((known, Page::Made(*made)))
}

pub(super) fn answer(request: &Request, page: Page) -> Result<Response, Failure> {
    match request.method.as_str() {
        "GET" | "HEAD" => Ok(match page {
            Page::Made(made) => made(),
            Page::File(file) => file.answer(),
        }),
        _ => Err(Failure::MethodNotAllowed(vec!["GET"])),
    }
}
