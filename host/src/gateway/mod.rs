//! From a request to the plugin that answers it, and back.

mod accept;
mod client;
mod compress;
mod cors;
mod etag;
mod exchange;
mod live;
mod mounts;
mod rate;
mod security;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN};
use hyper::{Request, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

pub use mounts::Mounts;

use self::client::Proxies;
use self::compress::Compressor;
use self::cors::Cors;
use self::exchange::{Asked, Flow};
use self::live::{Talk, Wish};
use self::rate::Rates;
use self::security::Security;
use crate::auth::{self, Claims, Verifier};
use crate::config;
use crate::error::Cause;
use crate::lifecycle::Shutdown;
use crate::plugin::{Failure, Speaker, Waiting};
use crate::server::{Body, Handler};
use crate::telemetry::access::Line;
use crate::telemetry::metrics::{Connected, Request as Measured};
use crate::telemetry::traces::Head;
use crate::telemetry::{Metrics, Traces};

/// Carries the id that also stands on every log line and in the audit record.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers the requests of the public listener.
#[derive(Debug)]
pub struct Gateway {
    mounts: Mounts,
    parts: ArcSwap<Parts>,
    places: Semaphore,
    shutdown: Shutdown,
    metrics: Metrics,
    traces: Traces,
}

/// What a reload exchanges, all of it at once: a request has the same from its head to its
/// answer.
#[derive(Debug)]
struct Parts {
    verifier: Arc<Verifier>,
    proxies: Proxies,
    rates: Arc<Rates>,
    security: Security,
    cors: Option<Cors>,
    compressor: Compressor,
    limits: Arc<config::Server>,
    /// Whether there is a line of the access log.
    access: bool,
}

impl Parts {
    fn new(
        limits: Arc<config::Server>,
        verifier: Arc<Verifier>,
        rates: Arc<Rates>,
        access: bool,
    ) -> Self {
        Self {
            verifier,
            rates,
            proxies: Proxies::new(&limits),
            security: Security::new(&limits.security),
            cors: Cors::new(&limits.cors),
            compressor: Compressor::new(&limits.compression),
            limits,
            access,
        }
    }
}

/// What is told of each request, beside the metrics.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Whether there is a line of the access log.
    pub access: bool,
    /// The traces.
    pub traces: Traces,
}

impl Gateway {
    /// A gateway to the plugins in `mounts`.
    #[must_use]
    pub fn new(
        mounts: Mounts,
        verifier: Verifier,
        limits: Arc<config::Server>,
        shutdown: Shutdown,
        metrics: Metrics,
        telemetry: Telemetry,
    ) -> Self {
        let places = Semaphore::new(limits.max_requests);
        let rates = Arc::new(Rates::new(&limits.rate));
        let parts = Parts::new(limits, Arc::new(verifier), rates, telemetry.access);
        Self {
            mounts,
            parts: ArcSwap::from_pointee(parts),
            places,
            shutdown,
            metrics,
            traces: telemetry.traces,
        }
    }

    /// Answers requests that begin from now on by other settings. Without a `verifier` the
    /// one that is in use stays, and so do the counts of the rates unless they are others.
    pub(crate) fn reconfigure(
        &self,
        limits: Arc<config::Server>,
        verifier: Option<Verifier>,
        are_rates_new: bool,
        access: bool,
    ) {
        let before = self.parts.load_full();
        let verifier = verifier.map_or_else(|| Arc::clone(&before.verifier), Arc::new);
        let rates = match are_rates_new {
            true => Arc::new(Rates::new(&limits.rate)),
            false => Arc::clone(&before.rates),
        };
        let parts = Parts::new(limits, verifier, rates, access);
        self.parts.store(Arc::new(parts));
    }

    async fn answer(
        &self,
        parts: &Parts,
        id: &str,
        mut request: Request<Incoming>,
        address: IpAddr,
        measured: &mut Measured,
    ) -> Result<Response<Body>, Cause> {
        let _place = self.place(&parts.limits).await?;
        // Before the body is read: a bad token costs no more than a head.
        auth::refuse_in_query(request.uri().query())?;
        if !request.headers().contains_key(AUTHORIZATION)
            && let Some(token) = live::take_token(request.headers_mut())
        {
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        let tokens = request.headers().get_all(AUTHORIZATION);
        let claims = parts
            .verifier
            .authenticate(tokens.iter().map(HeaderValue::as_bytes))
            .await?;
        measured.asked_by(claims.as_ref());
        parts.rates.caller(claims.as_deref())?;
        let host = mounts::host(request.uri(), request.headers());
        let (service, path) = self
            .mounts
            .find(host.as_deref(), request.uri().path())
            .ok_or(Cause::NotFound)?;
        let path = path.to_owned();
        let method = request.method().clone();
        let wishes = parts.compressor.wishes(request.headers())?;
        if wishes.is_some() {
            etag::restore(request.headers_mut());
        }

        let wish = Wish::of(&mut request);
        let caller = caller(claims.as_deref(), address);
        let holder = claims.clone();
        let asked = Asked {
            id,
            path,
            address,
            claims,
            trace: measured.trace(),
        };
        let call = exchange::call(request, asked, service.config(), &parts.limits).await?;
        // After the body is there: a slow client does not keep an old version alive.
        let lease = service.lease(|| Some(caller())).ok_or(Cause::NoVersion)?;
        let identity = lease.version().identity();
        measured.handed_to(lease.version().measured());
        let mut response = lease.handle(call).await.inspect_err(|failure| {
            lease.version().measured().failed(failure.kind());
            // A crowd is no fault of the plugin's, and must not fill the log.
            if matches!(failure, Failure::Busy) {
                return;
            }
            let error: &dyn std::error::Error = failure;
            tracing::error!(
                request = id,
                plugin = identity.name,
                version = identity.version,
                kind = failure.kind(),
                "{}",
                Chain(error)
            );
        })?;
        measured.took(exchange::route(&mut response).as_deref());
        let limit = service.config().limits.response_body;
        let answered = exchange::response(response, limit);
        let (mut response, flow) = answered.inspect_err(|cause| {
            lease.count_malformed();
            tracing::error!(request = id, plugin = identity.name, version = identity.version, %cause, "malformed answer");
        })?;
        match flow {
            Some(Flow::Blob(download)) => {
                return Ok(exchange::send(response, *download, &method, lease).await?);
            }
            // Without the lease: it outlives the version.
            Some(Flow::Events(subscription)) => {
                let talk = Talk {
                    service: Arc::clone(service),
                    speaker: Arc::new(Speaker::new(id, holder, address)),
                    caller: caller().into(),
                };
                return wish.send(response, *subscription, &method, talk, &self.shutdown);
            }
            None => {}
        }
        if let Some(wishes) = wishes {
            parts.compressor.apply(&wishes, &mut response).await;
        }
        Ok(exchange::finish(response, &method))
    }

    /// What is told of a request at its end.
    fn begin(
        &self,
        parts: &Parts,
        id: &str,
        request: &Request<Incoming>,
        peer: SocketAddr,
    ) -> Measured {
        let (method, path) = (request.method(), request.uri().path());
        let mut measured = self.metrics.request(method);
        if parts.access {
            measured.logged(Line {
                id: id.to_owned(),
                method: method.clone(),
                path: path.to_owned(),
                peer,
                claims: None,
                bytes: None,
            });
        }
        let span = self.traces.request(&Head {
            id,
            method: method.as_str(),
            path,
            headers: request.headers(),
            peer: peer.ip(),
        });
        measured.traced(method, span);
        measured
    }

    /// One of the places for requests that are handled at once.
    async fn place(&self, limits: &config::Server) -> Result<SemaphorePermit<'_>, Cause> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting =
            Waiting::enter(self.metrics.waiting(), limits.max_queue).ok_or(Cause::Overload)?;
        let since = Instant::now();
        let place = tokio::select! {
            place = self.places.acquire() => place.map_err(|_| Cause::ShuttingDown),
            () = tokio::time::sleep(limits.queue_timeout) => Err(Cause::Overload),
            () = self.shutdown.soft() => Err(Cause::ShuttingDown),
        };
        self.metrics.waited(since.elapsed());
        place
    }
}

impl Handler for Gateway {
    async fn handle(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let parts = self.parts.load_full();
        let client = parts.proxies.client(peer.ip(), request.headers_mut());
        let address = client.address;
        let id = Uuid::now_v7().to_string();
        let method = request.method().clone();
        let mut measured = self.begin(&parts, &id, &request, SocketAddr::new(address, peer.port()));
        let cors = parts.cors.as_ref();
        let origin = cors.and_then(|_| request.headers().get(ORIGIN).cloned());
        let preflight = cors.and_then(|cors| cors.preflight(&request));
        // First of all: who asks too often is to cost nothing.
        let answer = match (parts.rates.address(address), preflight) {
            (Err(cause), _) => Err(cause),
            (Ok(()), Some(response)) => Ok(response),
            (Ok(()), None) => {
                self.answer(&parts, &id, request, address, &mut measured)
                    .await
            }
        };
        let mut response = answer.unwrap_or_else(|cause| {
            self.metrics.refused(cause.kind());
            tracing::debug!(request = id, client = %address, %cause, "refused");
            cause.into_response()
        });
        // Refusals as well: a page could not tell them from a network that is down.
        if let Some(cors) = cors {
            cors.mark(origin, response.headers_mut());
        }
        measured.answered(response.status(), response.body().size_hint().exact());
        parts
            .security
            .mark(client.is_secure, response.headers_mut());
        tracing::debug!(request = id, client = %address, %method, status = response.status().as_u16(), "answered");
        if let Ok(id) = HeaderValue::from_maybe_shared(bytes::Bytes::from(id)) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn connected(&self) -> Option<Connected> {
        Some(self.metrics.connected())
    }
}

/// Who asks, as far as it can be told: for what is to stay the same for one caller.
fn caller(claims: Option<&Claims>, address: IpAddr) -> impl Fn() -> String + use<> {
    let named = claims.and_then(|claims| {
        let actor = claims.actor.as_ref()?;
        Some((claims.tenant.clone(), actor.clone()))
    });
    move || match &named {
        Some((tenant, actor)) => format!("{}/{actor}", tenant.as_deref().unwrap_or_default()),
        None => address.to_string(),
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
