//! From a request to its operation, and what comes before each of them.

use percent_encoding::percent_decode_str;

use super::error::Failure;
use super::http::{Answer, Field, Request};
use super::limits::Limits;
use super::operation::{OPERATIONS, Operation};
use super::{attachment, conditional, conversation, public, resource};
use crate::domain::caller::{Caller, Permission};
use crate::domain::model::{FILE, MESSAGE, Model};
use crate::ports::Ports;

/// What an operation works with: the caller is known, and has the permission.
pub(super) struct Context<'a, P: Ports> {
    pub(super) ports: &'a P,
    pub(super) limits: &'a Limits,
    pub(super) caller: Caller,
    pub(super) request: Request,
    /// The body, where it is not there yet.
    pub(super) stream: Option<P::Body>,
    pub(super) model: &'static Model,
    /// The first name in the path, decoded; empty where there is none.
    pub(super) id: String,
    /// The second.
    pub(super) other: String,
    /// When the token ended that a ticket stands for, in seconds since 1970.
    pub(super) expires: Option<u64>,
}

pub(super) fn dispatch<P: Ports>(
    ports: &P,
    limits: &Limits,
    request: Request,
    stream: Option<P::Body>,
) -> Answer<P> {
    let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
    let is_tus = attachment::is_tus(&request.path);
    let known = request.list("if-none-match").filter(|_| is_read);
    let mut route = None;
    let Answer { response, stream } = run(ports, limits, request, stream, &mut route)
        .unwrap_or_else(|failure| failure.respond(ports).into());
    let mut response = match is_read {
        true => conditional::read(response, known.as_deref()),
        false => response,
    };
    if is_tus {
        attachment::seal_tus(&mut response);
    }
    // The host counts by it, and keeps it for itself.
    let named = route.map(|route| Field::new("x-route", route));
    response.headers.extend(named);
    Answer { response, stream }
}

/// First the operation, then who asks, then whether they may; what they ask is read last,
/// so that strangers learn nothing about it.
fn run<P: Ports>(
    ports: &P,
    limits: &Limits,
    request: Request,
    stream: Option<P::Body>,
    route: &mut Option<&'static str>,
) -> Result<Answer<P>, Failure> {
    if let Some((path, page)) = public::find(&request.path) {
        *route = Some(path);
        return public::answer(&request, page).map(Answer::from);
    }
    if let Some([secret, _]) = matched(attachment::LINK, &request.path) {
        *route = Some(attachment::LINK);
        return match request.method.as_str() {
            "GET" | "HEAD" => attachment::follow(ports, limits, &request, secret),
            _ => Err(Failure::MethodNotAllowed(vec!["GET"])),
        };
    }
    if request.method == "OPTIONS" && attachment::is_tus(&request.path) {
        *route = Some(attachment::UPLOADS);
        return Ok(attachment::tus_options(limits).into());
    }
    let (operation, [id, other]) = find(&request)?;
    *route = Some(operation.path());
    let (caller, expires) = match ports.claims() {
        Some(claims) => (Caller::from_claims(&claims), None),
        None => match conversation::ticket_holder(ports, &request)? {
            Some(holder) => (Some(holder.caller), holder.expires),
            None => (None, None),
        },
    };
    let caller = caller.ok_or(Failure::Unauthenticated)?;
    if !caller.may(operation.permission()) {
        return Err(Failure::Forbidden);
    }
    let context = Context {
        ports,
        limits,
        caller,
        request,
        stream,
        model: operation.model(),
        id,
        other,
        expires,
    };
    match operation {
        Known::Model(operation) => resource::run(context, operation.action).map(Answer::from),
        Known::Attachment(operation) => attachment::run(context, operation.action),
        Known::Conversation(operation) => conversation::run(context, operation.action),
    }
}

/// An operation of one of the tables.
#[derive(Clone, Copy)]
enum Known {
    Model(&'static Operation),
    Attachment(&'static attachment::Operation),
    Conversation(&'static conversation::Operation),
}

impl Known {
    fn all() -> impl Iterator<Item = Self> {
        let attachments = attachment::OPERATIONS.iter().map(Self::Attachment);
        let conversations = conversation::operations().map(Self::Conversation);
        let models = OPERATIONS.iter().map(Self::Model);
        models.chain(attachments).chain(conversations)
    }

    fn method(self) -> &'static str {
        match self {
            Self::Model(it) => it.method,
            Self::Attachment(it) => it.method,
            Self::Conversation(it) => it.method,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Model(it) => it.path,
            Self::Attachment(it) => it.path,
            Self::Conversation(it) => it.path,
        }
    }

    fn permission(self) -> Permission {
        match self {
            Self::Model(it) => it.permission,
            Self::Attachment(it) => it.permission,
            Self::Conversation(it) => it.permission,
        }
    }

    fn model(self) -> &'static Model {
        match self {
            Self::Model(it) => it.model,
            Self::Attachment(_) => &FILE,
            Self::Conversation(_) => &MESSAGE,
        }
    }

    /// A HEAD is answered like a GET where it is no method of its own.
    fn takes(self, method: &str) -> bool {
        self.method() == method || (method == "HEAD" && self.method() == "GET")
    }
}

fn find(request: &Request) -> Result<(Known, [String; 2]), Failure> {
    // What has a path of its own is no `{id}`, whatever the method.
    let is_fixed = Known::all().any(|it| it.path() == request.path);
    let mut allowed = Vec::new();
    for operation in Known::all() {
        if is_fixed && operation.path() != request.path {
            continue;
        }
        let Some(names) = matched(operation.path(), &request.path) else {
            continue;
        };
        if operation.takes(&request.method) {
            let decoded = |name| percent_decode_str(name).decode_utf8_lossy().into_owned();
            return Ok((operation, names.map(decoded)));
        }
        allowed.push(operation.method());
    }
    match allowed.is_empty() {
        true => Err(Failure::NoSuchRoute),
        false => Err(Failure::MethodNotAllowed(allowed)),
    }
}

/// What stands in a path where the pattern has names such as `{id}`: at most two of them,
/// and an empty text for each that it doesn't have.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<[&'p str; 2]> {
    let mut found = ["", ""];
    let mut places = found.iter_mut();
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') {
            *places.next()? = Some(part).filter(|part| !part.is_empty())?;
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(found)
}
