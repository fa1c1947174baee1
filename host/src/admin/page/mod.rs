//! The operator's page: a few files that need nothing from the network but the API beside
//! them. They hold no secret; what they show, they ask the API for, with the token that
//! the operator types in.

use hyper::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use hyper::{Response, body::Bytes};

use crate::server::{Body, whole};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// By path, the type and the text.
const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("index.html")),
    ("/page/style.css", CSS, include_str!("style.css")),
    ("/page/main.js", JS, include_str!("main.js")),
    ("/page/api.js", JS, include_str!("api.js")),
    ("/page/dom.js", JS, include_str!("dom.js")),
    ("/page/plugin.js", JS, include_str!("plugin.js")),
    ("/page/charts.js", JS, include_str!("charts.js")),
    ("/page/dialogs.js", JS, include_str!("dialogs.js")),
    ("/page/report.js", JS, include_str!("report.js")),
    ("/page/trail.js", JS, include_str!("trail.js")),
];

/// Nothing but these files runs, nothing but this listener is talked to, no other page may
/// frame this one, and no text can become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of every file.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The file at a path.
pub(super) fn file(path: &str) -> Option<Response<Body>> {
    let (_, kind, text) = FILES.iter().find(|(at, ..)| *at == path)?;
    let mut response = Response::new(whole(Bytes::from_static(text.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}
