//! The operator's listener.

mod api;
mod health;
mod page;
mod token;
mod trail;

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};

pub use api::{Activate, Api, Contract, RollBack};
pub use health::Health;
use health::Report;
pub use token::Token;

use crate::error::{Cause, JSON};
use crate::server::{Body, Handler, whole};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::OPEN_METRICS;

/// Answers the requests of the operator's listener.
#[derive(Debug)]
pub struct Admin {
    health: Health,
    api: Api,
    metrics: Metrics,
}

impl Admin {
    /// An operator's listener that reports `health` and `metrics`, and offers `api`.
    #[must_use]
    pub fn new(health: Health, metrics: Metrics, api: Api) -> Self {
        Self {
            health,
            api,
            metrics,
        }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>, _peer: SocketAddr) -> Response<Body> {
        let mut response = match request.uri().path() {
            "/healthz" => told(Health::alive()),
            "/readyz" => told(self.health.ready().await),
            path if path == "/openapi.json" || path.starts_with("/v1/") => {
                return self.api.answer(request).await;
            }
            "/metrics" => {
                let kind = HeaderValue::from_static(OPEN_METRICS);
                text(StatusCode::OK, kind, self.metrics.encode())
            }
            path => match page::file(path) {
                Some(file) => file,
                None => return Cause::NotFound.into_response(),
            },
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Cause::Method("GET, HEAD").into_response();
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

fn told(report: Report) -> Response<Body> {
    text(report.status, JSON, report.body.to_string())
}

fn text(status: StatusCode, kind: HeaderValue, text: String) -> Response<Body> {
    let mut response = Response::new(whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
