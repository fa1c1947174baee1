//! Traces of requests, sent to a collector over OTLP.
//!
//! One span for a request, and below it what it waited for: an instance, the guest, and
//! each call of the guest's database. A request that is not sampled costs what is decided
//! at its head, and without a collector there is nothing of this at all.

mod client;
mod headers;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

use self::client::Client;
use super::metrics::{Metrics, Statement};
use crate::config;
use crate::contract::sql::Dialect;

/// Spans that are sent together.
const BATCH: usize = 512;

/// How long a span lies before it is sent, when there are few.
const DELAY: Duration = Duration::from_secs(1);

/// The longest statement that is told, in bytes; the rest is cut.
const MAX_STATEMENT: usize = 1024;

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file of headers can't be used.
    #[error("telemetry.otlp.headers_file: {0}")]
    Headers(String),
    /// The system has no certificates to trust.
    #[error("telemetry.otlp.endpoint: no trusted certificates are found on this system: {0}")]
    Authorities(std::io::Error),
    /// No TLS.
    #[error("telemetry.otlp.endpoint: TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The exporter can't be made.
    #[error("telemetry.otlp: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Begins traces. Clones share the queue; without a collector, nothing is begun.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    statements: bool,
    timeout: Duration,
}

impl Traces {
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`TraceError`]. A collector that does not answer is none.
    pub fn new(config: &config::Telemetry, metrics: &Metrics) -> Result<Self, TraceError> {
        let otlp = &config.otlp;
        let Some(endpoint) = &otlp.endpoint else {
            return Ok(Self::default());
        };
        let headers = otlp.headers_file.as_deref().map(headers::read);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(endpoint, otlp.timeout, metrics.clone())?)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(otlp.timeout)
            .with_headers(headers.transpose()?.unwrap_or_default())
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(otlp.queue)
            .with_max_export_batch_size(BATCH.min(otlp.queue))
            .with_scheduled_delay(DELAY)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches);
        let resource = Resource::builder()
            .with_service_name("gateway")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let sampler = Sampler::TraceIdRatioBased(config.sample);
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource.build())
            .with_span_processor(processor.build())
            .build();
        Ok(Self(Some(Arc::new(Inner {
            tracer: provider.tracer("gateway"),
            provider,
            statements: otlp.statements,
            timeout: otlp.timeout,
        }))))
    }

    /// Begins the span of a request, when it is to be traced.
    pub(crate) fn request(&self, head: &Head<'_>) -> Option<Span> {
        let inner = self.0.as_ref()?;
        let parent = match head.headers.contains_key("traceparent") {
            true => TraceContextPropagator::new()
                .extract_with_context(&Context::new(), &HeaderExtractor(head.headers)),
            false => Context::new(),
        };
        let builder = SpanBuilder::from_name("request").with_kind(SpanKind::Server);
        let mut span = inner.tracer.build_with_context(builder, &parent);
        // Nothing more is made for one that is not sampled.
        if !span.is_recording() {
            return None;
        }
        span.set_attributes([
            KeyValue::new("http.request.method", head.method.to_owned()),
            KeyValue::new("url.path", head.path.to_owned()),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("client.address", head.peer.to_string()),
            KeyValue::new("gateway.request", head.id.to_owned()),
        ]);
        Some(Span {
            trace: Trace {
                context: parent.with_span(span),
                inner: Arc::clone(inner),
            },
        })
    }

    /// Sends what is left, for as long as one export may take.
    pub async fn shutdown(&self) {
        let Some(inner) = self.0.clone() else { return };
        // It waits for the thread that sends.
        let ended = tokio::task::spawn_blocking(move || {
            inner.provider.shutdown_with_timeout(inner.timeout)
        });
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "not all traces were sent");
        }
    }
}

/// What is known of a request as it comes.
pub(crate) struct Head<'a> {
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) peer: std::net::IpAddr,
}

/// The place in a trace that spans are begun below.
#[derive(Clone)]
pub struct Trace {
    context: Context,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.context.span().span_context().fmt(f)
    }
}

/// A span that has begun; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Span {
    trace: Trace,
}

impl Trace {
    /// Begins a span inside the gateway.
    pub(crate) fn begin(&self, name: &'static str) -> Span {
        self.build(SpanBuilder::from_name(name).with_kind(SpanKind::Internal))
    }

    /// Begins the span of a call of the database.
    pub(crate) fn statement(&self, kind: Statement, dialect: Dialect, text: Option<&str>) -> Span {
        let system = match dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgresql",
            Dialect::Mysql => "mysql",
        };
        let mut attributes = vec![
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.operation.name", kind.word()),
        ];
        // The text has no values: those are parameters.
        if let Some(text) = text.filter(|_| self.inner.statements) {
            let cut = text.get(..text.floor_char_boundary(MAX_STATEMENT));
            attributes.push(KeyValue::new(
                "db.query.text",
                cut.unwrap_or_default().to_owned(),
            ));
        }
        let builder = SpanBuilder::from_name(kind.word()).with_kind(SpanKind::Client);
        self.build(builder.with_attributes(attributes))
    }

    fn build(&self, builder: SpanBuilder) -> Span {
        let span = self.inner.tracer.build_with_context(builder, &self.context);
        Span {
            trace: Self {
                context: self.context.with_span(span),
                inner: Arc::clone(&self.inner),
            },
        }
    }
}

impl Span {
    /// Where spans are begun below this one.
    pub(crate) fn inside(&self) -> Trace {
        self.trace.clone()
    }

    /// Says more of it.
    pub(crate) fn set(&self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        let value = KeyValue::new(key, value);
        self.trace.context.span().set_attribute(value);
    }

    /// What it was for came to nothing.
    pub(crate) fn failed(&self, kind: &'static str) {
        self.set("error.type", kind);
        let status = Status::Error {
            description: Cow::Borrowed(""),
        };
        self.trace.context.span().set_status(status);
    }

    /// Says how a request ended.
    pub(crate) fn answered(&self, method: &str, facts: &super::metrics::Facts<'_>) {
        let span = self.trace.context.span();
        match facts.route.filter(|route| !route.is_empty()) {
            Some(route) => {
                span.update_name(format!("{method} {route}"));
                self.set("http.route", route.to_owned());
            }
            None => span.update_name(method.to_owned()),
        }
        for (key, value) in [
            ("gateway.plugin", facts.plugin),
            ("gateway.plugin.version", facts.version),
        ] {
            if let Some(value) = value {
                self.set(key, value.to_owned());
            }
        }
        match facts.status {
            Some(status) => {
                self.set("http.response.status_code", i64::from(status.as_u16()));
                if status >= StatusCode::INTERNAL_SERVER_ERROR {
                    self.failed("5xx");
                }
            }
            None => self.failed("gone"),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        // Whoever still holds the place must not keep it open.
        self.trace.context.span().end();
    }
}
