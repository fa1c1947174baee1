//! From a request to its operation, and what comes before each of them.

use percent_encoding::percent_decode_str;

use super::conditional;
use super::error::Failure;
use super::http::{Field, Request, Response};
use super::limits::Limits;
use super::operation::{OPERATIONS, Operation};
use super::public;
use super::resource;
use crate::domain::caller::Caller;
use crate::domain::model::Model;
use crate::ports::Ports;

/// What an operation works with: the caller is known, and has the permission.
pub(super) struct Context<'a, P> {
    pub(super) ports: &'a P,
    pub(super) limits: Limits,
    pub(super) caller: Caller,
    pub(super) request: Request,
    pub(super) model: &'static Model,
    /// The `{id}` of the path, decoded; empty where there is none.
    pub(super) id: String,
}

pub(super) fn dispatch<P: Ports>(ports: &P, limits: Limits, request: Request) -> Response {
    let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
    let known = request.list("if-none-match").filter(|_| is_read);
    let mut route = None;
    let response =
        run(ports, limits, request, &mut route).unwrap_or_else(|failure| failure.respond(ports));
    let mut response = match is_read {
        true => conditional::read(response, known.as_deref()),
        false => response,
    };
    // The host counts by it, and keeps it for itself.
    let named = route.map(|route| Field::new("x-route", route));
    response.headers.extend(named);
    response
}

/// First the operation, then who asks, then whether they may; what they ask is read last,
/// so that strangers learn nothing about it.
fn run<P: Ports>(
    ports: &P,
    limits: Limits,
    request: Request,
    route: &mut Option<&'static str>,
) -> Result<Response, Failure> {
    if let Some((path, page)) = public::find(&request.path) {
        *route = Some(path);
        return public::answer(&request, page);
    }
    let (operation, id) = find(&request)?;
    *route = Some(operation.path);
    let claims = ports.claims().ok_or(Failure::Unauthenticated)?;
    let caller = Caller::from_claims(&claims).ok_or(Failure::Unauthenticated)?;
    if !caller.may(operation.permission) {
        return Err(Failure::Forbidden);
    }
    let context = Context {
        ports,
        limits,
        caller,
        request,
        model: operation.model,
        id,
    };
    resource::run(context, operation.action)
}

fn find(request: &Request) -> Result<(&'static Operation, String), Failure> {
    let method = match request.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    // What has a path of its own is no `{id}`, whatever the method.
    let is_fixed = OPERATIONS.iter().any(|it| it.path == request.path);
    let mut allowed = Vec::new();
    for operation in &OPERATIONS {
        if is_fixed && operation.path != request.path {
            continue;
        }
        let Some(id) = matched(operation.path, &request.path) else {
            continue;
        };
        if operation.method == method {
            let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
            return Ok((operation, id));
        }
        allowed.push(operation.method);
    }
    match allowed.is_empty() {
        true => Err(Failure::NoSuchRoute),
        false => Err(Failure::MethodNotAllowed(allowed)),
    }
}

/// The `{id}` in a path, or an empty text when the pattern has none.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, after)) = pattern.split_once("{id}") else {
        return (pattern == path).then_some("");
    };
    path.strip_prefix(before)?
        .strip_suffix(after)
        .filter(|id| !id.is_empty() && !id.contains('/'))
}
