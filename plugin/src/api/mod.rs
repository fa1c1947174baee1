//! Requests in, answers out.

mod attachment;
mod body;
mod conditional;
mod conversation;
mod cursor;
mod error;
mod explorer;
mod fields;
mod http;
mod idempotency;
mod json;
mod limits;
mod openapi;
mod operation;
mod page;
mod public;
mod resource;
mod route;
mod smoke;

pub use attachment::inspected;
pub use http::{Answer, Body, Field, Request, Response, ResponseBody, Stream};
pub use limits::Limits;
pub use smoke::{Smoke, smoke};

use crate::ports::Ports;

/// Answers a request. `stream` is its body where that is [`Body::Long`].
pub fn handle<P: Ports>(
    ports: &P,
    limits: &Limits,
    request: Request,
    stream: Option<P::Body>,
) -> Answer<P> {
    route::dispatch(ports, limits, request, stream)
}

/// Takes a text that a client sent on its connection, and gives the answer to it alone.
pub fn frame<P: Ports>(ports: &P, subject: &str, payload: &str) -> Option<String> {
    conversation::frame(ports, subject, payload)
}

/// The last connection of a subject on this gateway has ended.
pub fn closed<P: Ports>(ports: &P, subject: &str) {
    conversation::closed(ports, subject);
}

/// Method and path of every operation, for the test that no operation is without a test.
#[doc(hidden)]
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let attachments = attachment::OPERATIONS.iter();
    let attachments = attachments.map(|it| (it.method, it.path));
    let conversations = conversation::operations().map(|it| (it.method, it.path));
    let others = operation::OPERATIONS.iter().map(|it| (it.method, it.path));
    others.chain(attachments).chain(conversations)
}
