//! The operator's listener.

mod api;
mod health;

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response};

pub use api::{Activate, Api, RollBack};
pub use health::Health;

use crate::error::{Cause, JSON};
use crate::server::{Body, Handler};

/// Answers the requests of the operator's listener.
#[derive(Debug)]
pub struct Admin {
    health: Health,
    api: Api,
}

impl Admin {
    /// An operator's listener that reports `health` and offers `api`.
    #[must_use]
    pub fn new(health: Health, api: Api) -> Self {
        Self { health, api }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>, _peer: SocketAddr) -> Response<Body> {
        let report = match request.uri().path() {
            "/healthz" => Health::alive(),
            "/readyz" => self.health.ready().await,
            path if path == "/openapi.json" || path.starts_with("/v1/") => {
                return self.api.answer(request).await;
            }
            _ => return Cause::NotFound.into_response(),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Cause::Method("GET, HEAD").into_response();
        }
        let mut response = Response::new(Full::new(Bytes::from(report.body.to_string())));
        *response.status_mut() = report.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
