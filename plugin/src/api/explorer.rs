//! A page to try the operations with: one file that needs nothing from the network but
//! the service's own document.

use super::http::{Field, Response, ResponseBody};

/// Reads `openapi.json` beside it, and shows what that says.
const PAGE: &str = include_str!("explorer.html");

/// Only the style and the script of the page itself run, and only the service is talked
/// to. The hashes are those of the two elements' texts, which a test compares.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-MM8aSYivil9mwhvtpX6sAOm1mO5YUVEm2TSR8Tpmsuo='; \
    script-src 'sha256-lvE5GYpZYpA9H3gUbIuZt9SPC9qEj7/lZCb439mfnAY='; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) fn page() -> Response {
    Response {
        status: 200,
        headers: vec![
            Field::new("content-type", "text/html; charset=utf-8"),
            Field::new("content-security-policy", POLICY),
            Field::new("x-content-type-options", "nosniff"),
            Field::new("x-frame-options", "DENY"),
            Field::new("referrer-policy", "no-referrer"),
        ],
        body: ResponseBody::Bytes(PAGE.as_bytes().to_vec()),
    }
}

/// To the address from which the page finds the document. Relative, since nobody here
/// knows where the service is mounted.
pub(super) fn redirect() -> Response {
    Response {
        status: 302,
        headers: vec![Field::new("location", "../explorer")],
        body: ResponseBody::Empty,
    }
}
