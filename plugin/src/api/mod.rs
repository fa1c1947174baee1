//! Requests in, answers out.

mod body;
mod conditional;
mod error;
mod http;
mod idempotency;
mod json;
mod operation;
mod resource;
mod route;

pub use http::{Body, Field, Request, Response, ResponseBody};

use crate::ports::Ports;

/// Answers a request.
pub fn handle<P: Ports>(ports: &P, request: Request) -> Response {
    route::dispatch(ports, request)
}
