//! Requests in, answers out.

mod body;
mod conditional;
mod cursor;
mod error;
mod explorer;
mod http;
mod idempotency;
mod json;
mod limits;
mod openapi;
mod operation;
mod public;
mod resource;
mod route;
mod smoke;

pub use http::{Body, Field, Request, Response, ResponseBody};
pub use limits::Limits;
pub use smoke::{Smoke, smoke};

use crate::ports::Ports;

/// Answers a request.
pub fn handle<P: Ports>(ports: &P, limits: Limits, request: Request) -> Response {
    route::dispatch(ports, limits, request)
}

/// Method and path of every operation, for the test that no operation is without a test.
#[doc(hidden)]
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    operation::OPERATIONS.iter().map(|it| (it.method, it.path))
}
