//! How spans reach a collector. The SDK sends from a thread of its own, which has no
//! runtime; the sockets belong to that of the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

use super::TraceError;
use crate::telemetry::Metrics;

/// The longest answer of a collector; a usual one has a few bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends requests on the runtime that it was made on.
#[derive(Debug)]
pub(super) struct Client {
    client: Hyper<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
    metrics: Metrics,
    /// Whether the last export failed: only a change is worth a line of the log.
    failing: AtomicBool,
}

impl Client {
    pub(super) fn new(
        endpoint: &str,
        timeout: Duration,
        metrics: Metrics,
    ) -> Result<Self, TraceError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = HttpsConnectorBuilder::new();
        let builder = if endpoint.starts_with("https:") {
            builder
                .with_provider_and_native_roots(provider)
                .map_err(TraceError::Authorities)?
        } else {
            // A system without certificates can send to a collector without TLS.
            let tls = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(tls)
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self {
            client: Hyper::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
            timeout,
            metrics,
            failing: AtomicBool::new(false),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let response = client.request(request.map(Full::new)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let timeout = self.timeout;
        // The time limit needs the runtime as well.
        let limited = async move { tokio::time::timeout(timeout, exchange).await };
        self.runtime.spawn(limited).await??
    }

    /// Counts an attempt, and tells when the collector goes and comes back.
    fn note(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let failure = match outcome {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let outcome = if failure.is_some() { "failed" } else { "sent" };
        self.metrics.exported(outcome);
        let before = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match (before, failure) {
            (false, Some(error)) => tracing::warn!(error, "traces can't be sent"),
            (true, None) => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let outcome = self.send(request).await;
        self.note(&outcome);
        outcome
    }
}
