//! What a collector of OpenTelemetry gets, and what happens without one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

/// A collector: takes OTLP over HTTP, and keeps the spans.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    headers: Vec<HeaderMap>,
    paths: Vec<String>,
}

impl Collector {
    /// Starts one, and returns its address.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let kept = collector.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = kept.clone();
                let service = service_fn(move |request| kept.clone().take(request));
                let builder = hyper::server::conn::http1::Builder::new();
                tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
            }
        });
        (collector, address)
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let batch = ExportTraceServiceRequest::decode(body).unwrap();
        let mut kept = self.0.lock().unwrap();
        kept.paths.push(head.uri.path().to_owned());
        kept.headers.push(head.headers);
        for resource in batch.resource_spans {
            for scope in resource.scope_spans {
                kept.spans.extend(scope.spans);
            }
        }
        Ok(Response::new(Empty::new()))
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    /// Waits for a span of a server.
    async fn served(&self, name: &str) -> Span {
        let begun = Instant::now();
        loop {
            let spans = self.spans();
            if let Some(span) = spans.iter().find(|span| span.name == name) {
                return span.clone();
            }
            let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
            assert!(begun.elapsed() < Duration::from_secs(15), "only {names:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn below(&self, parent: &Span) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.parent_span_id == parent.span_id);
        spans
    }
}

/// A text attribute of a span.
fn text(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|it| it.key == key)?;
    match attribute.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn a_request_is_traced_down_to_its_statements(database: TestDatabase) {
    let system = match database.dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgresql",
        Dialect::Mysql => "mysql",
    };
    let (collector, address) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "x-key: of the tests\n").unwrap();
    let env = [
        ("GATEWAY_TELEMETRY_OTLP_ENDPOINT", address.as_str()),
        (
            "GATEWAY_TELEMETRY_OTLP_HEADERS_FILE",
            headers.to_str().unwrap(),
        ),
        ("GATEWAY_TELEMETRY_OTLP_STATEMENTS", "true"),
    ];
    let server = Server::start(database, &[("chat", "/")], &env).await;
    let alice = server.user("acme", "alice");
    let message = json!({
        "body": "the secret of the message", "channelId": "c",
        "channelType": "direct", "toUserId": "bob",
    });
    let request = alice.request(reqwest::Method::POST, "/messages?filter=hidden");
    let request = request.header("traceparent", PARENT).json(&message);
    assert_eq!(answer(request).await.0, 200);

    let served = collector.served("POST /messages").await;
    assert_eq!(hex(&served.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&served.parent_span_id), "b7ad6b7169203331");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/messages"),
        ("http.response.status_code", "200"),
        ("url.path", "/messages"),
        ("client.address", "127.0.0.1"),
        ("gateway.plugin", "chat"),
    ] {
        assert_eq!(text(&served, key).as_deref(), Some(value), "{key}");
    }
    let below = collector.below(&served);
    let names: Vec<_> = below.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["instance wait", "guest call"]);
    let guest = below.last().unwrap();
    let statements = collector.below(guest);
    let names: Vec<_> = statements.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names.first(), Some(&"begin"), "{names:?}");
    assert_eq!(names.last(), Some(&"commit"), "{names:?}");
    assert!(names.contains(&"execute"), "{names:?}");
    for span in &statements {
        assert_eq!(text(span, "db.system.name").as_deref(), Some(system));
        assert!(span.start_time_unix_nano >= guest.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= guest.end_time_unix_nano);
    }
    let told = statements
        .iter()
        .filter_map(|span| text(span, "db.query.text"));
    assert!(told.clone().any(|text| text.starts_with("INSERT INTO")));
    assert!(told.clone().all(|text| text.len() <= 1024));

    let everything = format!("{:?}", collector.spans());
    assert!(!everything.contains("the secret of the message"));
    assert!(!everything.contains("hidden"), "the query is told");
    assert!(!everything.contains("Bearer"), "the token is told");
    server.stop().await;

    let kept = collector.0.lock().unwrap();
    assert!(kept.paths.iter().all(|path| path == "/v1/traces"));
    assert!(kept.headers.iter().all(|headers| {
        headers.get("x-key").unwrap() == "of the tests"
            && headers.get("content-type").unwrap() == "application/x-protobuf"
    }));
}
on_every_database!(a_request_is_traced_down_to_its_statements);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn misfit(env: &[(&str, &str)]) -> Server {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    Server::start(database, &[("misfit", "/")], env).await
}

#[tokio::test]
async fn who_asks_may_decide_and_a_stop_sends_what_is_left() {
    let (collector, address) = Collector::start().await;
    let server = misfit(&[
        ("GATEWAY_TELEMETRY_OTLP_ENDPOINT", address.as_str()),
        ("GATEWAY_TELEMETRY_SAMPLE", "0"),
    ])
    .await;
    let ask = |flag: Option<&str>| {
        let request = server
            .request(reqwest::Method::POST, "/sql")
            .body("SELECT 1");
        match flag {
            Some(flag) => request.header("traceparent", PARENT.replace("-01", flag)),
            None => request,
        }
    };
    for flag in [None, Some("-00"), Some("-zz"), Some("-01")] {
        assert_eq!(answer(ask(flag)).await.0, 200);
    }
    let trap = server.get("/trap").header("traceparent", PARENT);
    assert_eq!(answer(trap).await.0, 500);
    // Long before a batch is full or old.
    server.stop().await;
    let spans = collector.spans();
    let served = |name| {
        spans
            .iter()
            .filter(|span| span.name == name)
            .collect::<Vec<_>>()
    };
    assert_eq!(served("POST").len(), 1, "{spans:?}");
    let trapped = served("GET").pop().unwrap();
    assert_eq!(trapped.status.as_ref().unwrap().code, 2);
    assert_eq!(text(trapped, "http.response.status_code").unwrap(), "500");
    let guest = collector.below(trapped).pop().unwrap();
    assert_eq!(text(&guest, "error.type").unwrap(), "trap");
    // The text is told only where that is asked for.
    let statement = spans
        .iter()
        .find(|span| text(span, "db.system.name").is_some());
    assert_eq!(text(statement.unwrap(), "db.query.text"), None);
}

/// Requests are answered as if there were no collector, and a stop does not wait long.
async fn assert_harmless(address: &str) {
    let server = misfit(&[
        ("GATEWAY_TELEMETRY_OTLP_ENDPOINT", address),
        ("GATEWAY_TELEMETRY_OTLP_TIMEOUT", "500ms"),
        ("GATEWAY_TELEMETRY_OTLP_QUEUE", "16"),
    ])
    .await;
    let mut slowest = Duration::ZERO;
    for _ in 0..300 {
        let begun = Instant::now();
        assert_eq!(answer(server.get("/bytes/3")).await.0, 200);
        slowest = slowest.max(begun.elapsed());
    }
    // An export takes half a second: a request that waited for one would show it.
    assert!(slowest < Duration::from_millis(450), "{slowest:?}");
    let metrics = format!("{}/metrics", server.admin());
    let client = gateway_tests::server::client();
    let begun = Instant::now();
    loop {
        let text = client.get(&metrics).send().await.unwrap().text().await;
        if text
            .unwrap()
            .contains("gateway_trace_exports_total{outcome=\"failed\"}")
        {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "never failed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    server.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_collector_that_is_not_there_does_no_harm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_harmless(&address).await;
}

#[tokio::test]
async fn a_collector_that_never_answers_does_no_harm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut streams = Vec::new();
        loop {
            streams.push(listener.accept().await.unwrap());
        }
    });
    assert_harmless(&address).await;
    silent.abort();
}

#[tokio::test]
async fn a_collector_that_refuses_does_no_harm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let refusing = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|_: Request<Incoming>| async {
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = StatusCode::FORBIDDEN;
                Ok::<_, Infallible>(response)
            });
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    assert_harmless(&address).await;
    refusing.abort();
}
