//! The chat page: files that need nothing from the network but the service itself. They
//! hold no secret; what they show they ask the API for, with the token that is typed in.

use super::http::{Field, Response, ResponseBody};

/// A file of the page.
#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// What is built of `plugin/client/src`: the client, and the page's own part in `app`.
macro_rules! script {
    ($name:literal) => {
        File {
            path: concat!("/page/", $name),
            kind: "text/javascript; charset=utf-8",
            text: include_str!(concat!("../../client/dist/", $name)),
        }
    };
}

static FILES: [File; 23] = [
    File {
        path: "/page/",
        kind: HTML,
        text: include_str!("../../client/page/index.html"),
    },
    File {
        path: "/page/style.css",
        kind: CSS,
        text: include_str!("../../client/page/style.css"),
    },
    script!("api.js"),
    script!("app/composer.js"),
    script!("app/conversation.js"),
    script!("app/dialog.js"),
    script!("app/dom.js"),
    script!("app/main.js"),
    script!("app/message.js"),
    script!("app/outbox.js"),
    script!("app/people.js"),
    script!("app/side.js"),
    script!("app/typing.js"),
    script!("backoff.js"),
    script!("errors.js"),
    script!("events.js"),
    script!("index.js"),
    script!("link.js"),
    script!("live.js"),
    script!("recent.js"),
    script!("sse.js"),
    script!("state.js"),
    script!("upload.js"),
];

/// Nothing but these files runs, nothing but the service is talked to, no other page may
/// frame this one, and no text can become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The file of a path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    pub(super) fn answer(&self) -> Response {
        Response {
            status: 200,
            headers: vec![
                Field::new("content-type", self.kind),
                Field::new("content-security-policy", POLICY),
                Field::new("x-content-type-options", "nosniff"),
                Field::new("x-frame-options", "DENY"),
                Field::new("referrer-policy", "no-referrer"),
                Field::new("cross-origin-opener-policy", "same-origin"),
                Field::new("cross-origin-resource-policy", "same-origin"),
            ],
            body: ResponseBody::Bytes(self.text.as_bytes().to_vec()),
        }
    }
}

/// To the address from which the page finds its files. Relative, since nobody here knows
/// where the service is mounted.
pub(super) fn redirect() -> Response {
    Response {
        status: 302,
        headers: vec![Field::new("location", "page/")],
        body: ResponseBody::Empty,
    }
}
