//! Connections that stay open, in the form that the client asks for.
//!
//! A connection has no task of its own: what waits for it wakes the one that serves its
//! socket.

mod poll;
mod sse;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use self::poll::Poll;
use self::sse::Stream;
use crate::capability::events::Subscription;
use crate::error::JSON;
use crate::server::{self, Lasting, whole};

/// What a client asks for.
#[derive(Debug)]
pub(super) enum Wish {
    /// Server-Sent Events.
    Stream,
    /// All that is there by then, and at least something, if anything comes.
    Poll(Option<Duration>),
}

impl Wish {
    /// Reads it off a request.
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        let mut accepted = request.headers().get_all(ACCEPT).iter();
        if accepted.any(|value| names(value, "text/event-stream")) {
            return Self::Stream;
        }
        let query = request.uri().query().unwrap_or_default();
        let wait = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("wait="))
            .and_then(|seconds| seconds.parse().ok());
        Self::Poll(wait.map(Duration::from_secs))
    }

    /// The answer that `subscription` makes.
    pub(super) fn send(
        self,
        response: Response<Bytes>,
        subscription: Subscription,
        method: &Method,
    ) -> Response<server::Body> {
        let mut response = response;
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, self.content_type());
        if matches!(self, Self::Stream) {
            // For the proxies that would wait for more.
            headers.insert(BUFFERING, HeaderValue::from_static("no"));
        }
        if *method == Method::HEAD {
            return response.map(|_| whole(Bytes::new()));
        }
        response.extensions_mut().insert(Lasting);
        response.map(|_| {
            Either::Right(match self {
                Self::Stream => Stream::new(subscription).boxed_unsync(),
                Self::Poll(wait) => Poll::new(subscription, wait).boxed_unsync(),
            })
        })
    }

    fn content_type(&self) -> HeaderValue {
        match self {
            Self::Stream => HeaderValue::from_static("text/event-stream"),
            Self::Poll(_) => JSON,
        }
    }
}

const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whether a list of media types has that one, and does not refuse it.
fn names(value: &HeaderValue, wanted: &str) -> bool {
    let text = value.to_str().unwrap_or_default();
    text.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_it = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        is_it && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}
