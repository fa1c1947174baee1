//! Connections that stay open, in the form that the client asks for.
//!
//! A connection has no task of its own: what waits for it wakes the one that serves its
//! socket.

mod poll;
mod socket;
mod sse;
mod talk;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use self::poll::Poll;
use self::socket::Handshake;
use self::sse::Stream;
use crate::capability::events::Subscription;
use crate::error::{Cause, JSON};
use crate::lifecycle::Shutdown;
use crate::server::{self, Lasting, whole};

pub(super) use self::socket::take_token;
pub(super) use self::talk::Talk;

/// What a client asks for.
#[derive(Debug)]
pub(super) enum Wish {
    /// A WebSocket; none when it can't be agreed to.
    Socket(Option<Box<Handshake>>),
    /// Server-Sent Events.
    Stream,
    /// All that is there by then, and at least something, if anything comes.
    Poll(Option<Duration>),
}

impl Wish {
    /// Reads it off a request.
    pub(super) fn of(request: &mut Request<Incoming>) -> Self {
        if socket::is_asked(request) {
            return Self::Socket(Handshake::of(request).map(Box::new));
        }
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
        mut response: Response<Bytes>,
        subscription: Subscription,
        method: &Method,
        talk: Talk,
        shutdown: &Shutdown,
    ) -> Result<Response<server::Body>, Cause> {
        let is_stream = matches!(self, Self::Stream);
        let content_type = match is_stream {
            true => HeaderValue::from_static("text/event-stream"),
            false => JSON,
        };
        let body = match self {
            Self::Socket(handshake) => {
                let handshake = handshake.ok_or(Cause::Handshake)?;
                let (response, served) = handshake.accept(subscription, talk);
                let cut = shutdown.clone();
                shutdown.spawn(async move {
                    tokio::select! {
                        () = served => {}
                        () = cut.hard() => {}
                    }
                });
                return Ok(response);
            }
            Self::Stream => Stream::new(subscription).boxed_unsync(),
            Self::Poll(wait) => Poll::new(subscription, wait).boxed_unsync(),
        };
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_TYPE, content_type);
        if is_stream {
            // For the proxies that would wait for more.
            headers.insert(BUFFERING, HeaderValue::from_static("no"));
        }
        if *method == Method::HEAD {
            return Ok(response.map(|_| whole(Bytes::new())));
        }
        response.extensions_mut().insert(match is_stream {
            true => Lasting::Alone,
            false => Lasting::Shared,
        });
        Ok(response.map(|_| Either::Right(body)))
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
