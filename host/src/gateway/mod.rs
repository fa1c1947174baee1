//! From a request to the plugin that answers it, and back.

mod accept;
mod compress;
mod cors;
mod etag;
mod exchange;
mod mounts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN};
use hyper::{Request, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

pub use mounts::Mounts;

use self::compress::Compressor;
use self::cors::Cors;
use crate::auth::{self, Verifier};
use crate::config;
use crate::error::Cause;
use crate::lifecycle::Shutdown;
use crate::plugin::{Failure, Waiting};
use crate::server::{Body, Handler};

/// Carries the id that also stands on every log line and in the audit record.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers the requests of the public listener.
#[derive(Debug)]
pub struct Gateway {
    mounts: Mounts,
    verifier: Verifier,
    cors: Option<Cors>,
    compressor: Compressor,
    limits: Arc<config::Server>,
    places: Semaphore,
    waiting: AtomicUsize,
    shutdown: Shutdown,
}

impl Gateway {
    /// A gateway to the plugins in `mounts`.
    #[must_use]
    pub fn new(
        mounts: Mounts,
        verifier: Verifier,
        limits: Arc<config::Server>,
        shutdown: Shutdown,
    ) -> Self {
        let places = Semaphore::new(limits.max_requests);
        Self {
            mounts,
            verifier,
            cors: Cors::new(&limits.cors),
            compressor: Compressor::new(&limits.compression),
            limits,
            places,
            waiting: AtomicUsize::new(0),
            shutdown,
        }
    }

    async fn answer(
        &self,
        id: &str,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Cause> {
        let _place = self.place().await?;
        // Before the body is read: a bad token costs no more than a head.
        auth::refuse_in_query(request.uri().query())?;
        let tokens = request.headers().get_all(AUTHORIZATION);
        let claims = self
            .verifier
            .authenticate(tokens.iter().map(HeaderValue::as_bytes))
            .await?;
        let host = mounts::host(request.uri(), request.headers());
        let (plugin, path) = self
            .mounts
            .find(host.as_deref(), request.uri().path())
            .ok_or(Cause::NotFound)?;
        let path = path.to_owned();
        let method = request.method().clone();
        let wishes = self.compressor.wishes(request.headers())?;
        if wishes.is_some() {
            etag::restore(request.headers_mut());
        }

        let call = exchange::call(id, request, path, claims, plugin.config(), &self.limits).await?;
        let response = plugin.handle(call).await.inspect_err(|failure| {
            // A crowd is no fault of the plugin's, and must not fill the log.
            if matches!(failure, Failure::Busy) {
                return;
            }
            let error: &dyn std::error::Error = failure;
            tracing::error!(
                request = id,
                plugin = plugin.identity().name,
                version = plugin.identity().version,
                kind = failure.kind(),
                "{}",
                Chain(error)
            );
        })?;
        let limit = plugin.config().limits.response_body;
        let mut response = exchange::response(response, limit).inspect_err(|cause| {
            tracing::error!(request = id, plugin = plugin.identity().name, %cause, "malformed answer");
        })?;
        if let Some(wishes) = wishes {
            self.compressor.apply(&wishes, &mut response).await;
        }
        Ok(exchange::finish(response, &method))
    }

    /// One of the places for requests that are handled at once.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Cause> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting =
            Waiting::enter(&self.waiting, self.limits.max_queue).ok_or(Cause::Overload)?;
        tokio::select! {
            place = self.places.acquire() => place.map_err(|_| Cause::ShuttingDown),
            () = tokio::time::sleep(self.limits.queue_timeout) => Err(Cause::Overload),
            () = self.shutdown.soft() => Err(Cause::ShuttingDown),
        }
    }
}

impl Handler for Gateway {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let id = Uuid::now_v7().to_string();
        let method = request.method().clone();
        let cors = self.cors.as_ref();
        let origin = cors.and_then(|_| request.headers().get(ORIGIN).cloned());
        let preflight = cors.and_then(|cors| cors.preflight(&request));
        let mut response = match preflight {
            Some(response) => response,
            None => self.answer(&id, request).await.unwrap_or_else(|cause| {
                tracing::debug!(request = id, %peer, %cause, "refused");
                cause.into_response()
            }),
        };
        // Refusals as well: a page could not tell them from a network that is down.
        if let Some(cors) = cors {
            cors.mark(origin, response.headers_mut());
        }
        tracing::debug!(request = id, %peer, %method, status = response.status().as_u16(), "answered");
        if let Ok(id) = HeaderValue::from_maybe_shared(bytes::Bytes::from(id)) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
}

/// An error with everything that caused it, the guest's backtrace included.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
