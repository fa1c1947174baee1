//! The routes, and what comes before each of them.

use std::marker::PhantomData;

use percent_encoding::percent_decode_str;

use super::error::Failure;
use super::http::{Request, Response, ResponseBody};
use super::messages;
use crate::domain::caller::{Caller, Permission};
use crate::ports::Ports;

/// What a route works with: the caller is known, and has the permission.
pub(super) struct Context<'a, P> {
    pub(super) ports: &'a P,
    pub(super) caller: Caller,
    pub(super) request: Request,
    /// The `{id}` of the path, decoded; empty on routes without one.
    pub(super) id: String,
}

type Handler<P> = fn(Context<'_, P>) -> Result<Response, Failure>;

struct Route<P> {
    method: &'static str,
    path: &'static str,
    permission: Permission,
    run: Handler<P>,
}

const fn route<P>(
    method: &'static str,
    path: &'static str,
    permission: Permission,
    run: Handler<P>,
) -> Route<P> {
    Route {
        method,
        path,
        permission,
        run,
    }
}

struct Table<P>(PhantomData<P>);

impl<P: Ports> Table<P> {
    /// Fixed paths stand before `{id}`, which would match them too.
    const ROUTES: [Route<P>; 8] = {
        use Permission::{CreateMessage, DeleteMessage, UpdateMessage, ViewMessage};
        [
            route("POST", "/messages", CreateMessage, messages::create),
            route("GET", "/messages", ViewMessage, messages::list),
            route("PATCH", "/messages", UpdateMessage, messages::change_all),
            route("GET", "/messages/count", ViewMessage, messages::count),
            route("GET", "/messages/{id}", ViewMessage, messages::find),
            route("PATCH", "/messages/{id}", UpdateMessage, messages::change),
            route("PUT", "/messages/{id}", UpdateMessage, messages::replace),
            route("DELETE", "/messages/{id}", DeleteMessage, messages::delete),
        ]
    };
}

pub(super) fn dispatch<P: Ports>(ports: &P, request: Request) -> Response {
    let is_head = request.method == "HEAD";
    let mut response = run(ports, request).unwrap_or_else(|failure| failure.respond(ports));
    if is_head {
        response.body = ResponseBody::Empty;
    }
    response
}

/// First the route, then who asks, then whether they may; what they ask is read last,
/// so that strangers learn nothing about it.
fn run<P: Ports>(ports: &P, request: Request) -> Result<Response, Failure> {
    let routes = Table::<P>::ROUTES;
    let (route, id) = find(&routes, &request)?;
    let claims = ports.claims().ok_or(Failure::Unauthenticated)?;
    let caller = Caller::from_claims(&claims).ok_or(Failure::Unauthenticated)?;
    if !caller.may(route.permission) {
        return Err(Failure::Forbidden);
    }
    (route.run)(Context {
        ports,
        caller,
        request,
        id,
    })
}

fn find<'r, P>(
    routes: &'r [Route<P>],
    request: &Request,
) -> Result<(&'r Route<P>, String), Failure> {
    let method = match request.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let mut allowed = Vec::new();
    for route in routes {
        let Some(id) = matched(route.path, &request.path) else {
            continue;
        };
        if route.method == method {
            let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
            return Ok((route, id));
        }
        allowed.push(route.method);
    }
    match allowed.is_empty() {
        true => Err(Failure::NoSuchRoute),
        false => Err(Failure::MethodNotAllowed(allowed)),
    }
}

/// The `{id}` in a path, or an empty text when the pattern has none.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    match pattern.strip_suffix("{id}") {
        None => (pattern == path).then_some(""),
        Some(prefix) => path
            .strip_prefix(prefix)
            .filter(|id| !id.is_empty() && !id.contains('/')),
    }
}
