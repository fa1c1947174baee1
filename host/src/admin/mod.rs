//! The operator's listener.

mod api;
mod health;
mod token;

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

pub use api::{Activate, Api, RollBack};
pub use health::Health;
use health::Report;
pub use token::Token;

use crate::error::{Cause, JSON};
use crate::server::{Body, Handler};
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
        let (status, kind, body) = match request.uri().path() {
            "/healthz" => told(Health::alive()),
            "/readyz" => told(self.health.ready().await),
            path if path == "/openapi.json" || path.starts_with("/v1/") => {
                return self.api.answer(request).await;
            }
            "/metrics" => {
                let kind = HeaderValue::from_static(OPEN_METRICS);
                (StatusCode::OK, kind, self.metrics.encode())
            }
            _ => return Cause::NotFound.into_response(),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Cause::Method("GET, HEAD").into_response();
        }
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn told(report: Report) -> (StatusCode, HeaderValue, String) {
    (report.status, JSON, report.body.to_string())
}
