//! A bucket of a real server that speaks S3, and a proxy before it that makes trouble.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use gateway::config;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// The part of a bucket that one test has for itself.
#[derive(Debug)]
pub struct TestBucket {
    url: reqwest::Url,
    /// What the names of the test's objects begin with.
    pub prefix: String,
    client: AmazonS3,
}

impl TestBucket {
    /// An empty one, on the server that `TEST_S3_URL` names as
    /// `http://ACCESS:SECRET@HOST:PORT/BUCKET`.
    ///
    /// # Panics
    /// Without that variable.
    pub fn fresh() -> Self {
        let url = std::env::var("TEST_S3_URL").unwrap_or_else(|_| {
            panic!("TEST_S3_URL is not set; `cargo xtask test` starts a server and sets it")
        });
        let url: reqwest::Url = url.parse().expect("TEST_S3_URL");
        let mut bucket = Self {
            client: AmazonS3Builder::new()
                .with_bucket_name(url.path().trim_matches('/'))
                .with_endpoint(endpoint(&url))
                .with_access_key_id(url.username())
                .with_secret_access_key(url.password().expect("a secret key"))
                .with_allow_http(true)
                .build()
                .expect("a client"),
            prefix: String::new(),
            url,
        };
        bucket.prefix = format!("test/{}", uuid::Uuid::now_v7().simple());
        bucket
    }

    /// The server's address.
    pub fn endpoint(&self) -> String {
        endpoint(&self.url)
    }

    /// What a gateway is told of it, when it is to speak to `endpoint`.
    pub fn env(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        let place = format!("s3://{}/{}", self.url.path().trim_matches('/'), self.prefix);
        let secret = self.url.password().expect("a secret key");
        vec![
            ("GATEWAY_BLOB_STORE", place),
            ("GATEWAY_BLOB_S3_ENDPOINT", endpoint.to_owned()),
            ("GATEWAY_BLOB_S3_ACCESS_KEY", self.url.username().to_owned()),
            ("GATEWAY_BLOB_S3_SECRET_KEY", secret.to_owned()),
            ("GATEWAY_BLOB_S3_ALLOW_HTTP", "true".to_owned()),
            ("GATEWAY_BLOB_S3_PART_BYTES", "5MiB".to_owned()),
            ("GATEWAY_BLOB_S3_REQUEST_TIMEOUT", "1s".to_owned()),
            ("GATEWAY_BLOB_S3_RETRIES", "3".to_owned()),
            ("GATEWAY_BLOB_TIMEOUT", "10s".to_owned()),
        ]
    }

    /// The settings of a store at `endpoint`.
    ///
    /// # Panics
    /// When they are wrong.
    pub fn config(&self, endpoint: &str) -> config::Blob {
        settings(self.env(endpoint))
    }

    /// The sizes of the test's objects.
    pub async fn sizes(&self) -> Vec<u64> {
        let prefix = object_store::path::Path::from(self.prefix.as_str());
        let listed = self.client.list(Some(&prefix));
        listed
            .map_ok(|object| object.size)
            .try_collect()
            .await
            .unwrap()
    }
}

fn endpoint(url: &reqwest::Url) -> String {
    url.origin().ascii_serialization()
}

/// The settings of a store that the environment names.
///
/// # Panics
/// When they are wrong.
pub fn settings(env: Vec<(&'static str, String)>) -> config::Blob {
    let env = env
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let draft = config::Draft::read(None, &env.collect(), &config::Flags::default());
    draft.unwrap().config().blob.clone()
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A whole object is written.
    Put,
    /// An object in parts is begun.
    Begin,
    /// A part is written.
    Part,
    /// The parts are made an object.
    Complete,
    /// The parts are thrown away.
    Abort,
    /// An object, or a range of it, is read.
    Get,
    /// An object is looked at.
    Head,
    /// An object is removed.
    Delete,
}

impl Ask {
    fn of(request: &Request<Incoming>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let has = |name: &str| {
            query
                .split('&')
                .any(|pair| pair.split('=').next() == Some(name))
        };
        match *request.method() {
            Method::PUT if has("partNumber") => Self::Part,
            Method::PUT => Self::Put,
            Method::POST if has("uploads") => Self::Begin,
            Method::POST => Self::Complete,
            Method::DELETE if has("uploadId") => Self::Abort,
            Method::DELETE => Self::Delete,
            Method::HEAD => Self::Head,
            _ => Self::Get,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the server, and is answered with this status.
    Answer(u16),
    /// It never reaches the server, and the connection is cut after that many bytes of it.
    Cut(usize),
    /// It never reaches the server, and nothing is answered.
    Stall,
    /// It is served, but the connection is cut before the answer.
    Lose,
    /// It is served, but the answer's body is cut after that many bytes.
    CutAnswer(usize),
    /// It is served, but nothing follows after that many bytes of the answer's body.
    StallAnswer(usize),
    /// Each piece of the answer's body waits for that long.
    Slow(Duration),
}

/// A proxy that speaks HTTP; dropped, it and its connections are gone.
#[derive(Debug)]
pub struct Trouble {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    faults: Mutex<Vec<(Ask, Fault, usize)>>,
    /// Nobody is let in.
    is_closed: AtomicBool,
    /// Uploads in parts that were begun and neither completed nor thrown away.
    open: AtomicI64,
    hits: AtomicUsize,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

impl Trouble {
    /// A proxy to the server of a bucket that lets everything through.
    pub async fn before(bucket: &TestBucket) -> Self {
        let host = bucket.url.host_str().expect("a host").to_owned();
        let server = (host, bucket.url.port_or_known_default().expect("a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                if !seen.is_closed.load(Ordering::Acquire) {
                    connections.spawn(serve(stream, server.clone(), Arc::clone(&seen)));
                }
            }
        });
        Self {
            address,
            state,
            accepting,
        }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of the next `times` requests of a kind; then they pass.
    pub async fn next(&self, ask: Ask, fault: Fault, times: usize) {
        self.state.faults.lock().await.push((ask, fault, times));
    }

    /// Lets everything through again.
    pub async fn clear(&self) {
        self.state.faults.lock().await.clear();
    }

    /// Whether new connections are ended as soon as they are made, and requests on the
    /// others.
    pub fn close(&self, is_closed: bool) {
        self.state.is_closed.store(is_closed, Ordering::Release);
    }

    /// Requests that met a fault.
    pub fn hits(&self) -> usize {
        self.state.hits.load(Ordering::Acquire)
    }

    /// Uploads in parts that were begun and neither completed nor thrown away.
    pub fn open_uploads(&self) -> i64 {
        self.state.open.load(Ordering::Acquire)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, server: (String, u16), state: Arc<State>) {
    let service = service_fn(|request| answer(request, &server, &state));
    let connection = hyper::server::conn::http1::Builder::new();
    // A client that goes away is none of the proxy's business.
    let _gone = connection
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    server: &(String, u16),
    state: &State,
) -> std::io::Result<Response<Body>> {
    let cut = || std::io::Error::other("cut on purpose");
    if state.is_closed.load(Ordering::Acquire) {
        return Err(cut());
    }
    let ask = Ask::of(&request);
    let fault = state.take(ask).await;
    match fault {
        Some(Fault::Answer(status)) => {
            // Whoever sends a body reads no answer before its end.
            let _body = request.into_body().collect().await;
            let text = "<Error><Code>OnPurpose</Code></Error>";
            let never = |never: Infallible| match never {};
            let body = Full::new(Bytes::from(text)).map_err(never).boxed_unsync();
            return Ok(Response::builder().status(status).body(body).unwrap());
        }
        Some(Fault::Cut(after)) => {
            let mut body = request.into_body().into_data_stream();
            let mut seen = 0;
            while seen < after
                && let Some(Ok(piece)) = body.next().await
            {
                seen += piece.len();
            }
            return Err(cut());
        }
        Some(Fault::Stall) => std::future::pending().await,
        _ => {}
    }
    let response = forward(request, server).await?;
    if response.status().is_success() {
        match ask {
            Ask::Begin => drop(state.open.fetch_add(1, Ordering::AcqRel)),
            Ask::Complete | Ask::Abort => drop(state.open.fetch_sub(1, Ordering::AcqRel)),
            _ => {}
        }
    }
    match fault {
        Some(Fault::Lose) => {
            // The server has done it once its answer is here.
            let _answer = response.into_body().collect().await;
            Err(cut())
        }
        Some(Fault::CutAnswer(after)) => Ok(response.map(|body| limited(body, after, true))),
        Some(Fault::StallAnswer(after)) => Ok(response.map(|body| limited(body, after, false))),
        Some(Fault::Slow(pause)) => Ok(response.map(|body| {
            let slow = BodyStream::new(body).then(move |frame| async move {
                tokio::time::sleep(pause).await;
                frame.map_err(std::io::Error::other)
            });
            StreamBody::new(slow).boxed_unsync()
        })),
        _ => Ok(response.map(|body| body.map_err(std::io::Error::other).boxed_unsync())),
    }
}

async fn forward(
    request: Request<Incoming>,
    server: &(String, u16),
) -> std::io::Result<Response<Incoming>> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await;
    response.map_err(std::io::Error::other)
}

/// The first bytes of a body; then it is cut, or nothing follows.
fn limited(body: Incoming, after: usize, is_cut: bool) -> Body {
    let pieces = body.into_data_stream().map_err(std::io::Error::other);
    let first = pieces.scan(after, |left, piece| {
        let piece = (*left > 0).then(|| {
            piece.map(|bytes| {
                let bytes = bytes.slice(..bytes.len().min(*left));
                *left -= bytes.len();
                Frame::data(bytes)
            })
        });
        std::future::ready(piece)
    });
    let end = stream::once(async move {
        // Whoever reads has what came before.
        tokio::time::sleep(Duration::from_millis(50)).await;
        match is_cut {
            true => Err(std::io::Error::other("cut on purpose")),
            false => std::future::pending().await,
        }
    });
    StreamBody::new(first.chain(end)).boxed_unsync()
}

impl State {
    /// The fault that is next for a kind of request.
    async fn take(&self, ask: Ask) -> Option<Fault> {
        let mut faults = self.faults.lock().await;
        let next = faults
            .iter_mut()
            .find(|(of, _, times)| *of == ask && *times > 0)?;
        next.2 -= 1;
        self.hits.fetch_add(1, Ordering::AcqRel);
        Some(next.1)
    }
}
