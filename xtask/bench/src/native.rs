//! The native sides of the ratios.

mod ports;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use chat::ports::Value;
use gateway::auth::{Claims, Verifier};
use gateway::capability::audit::Stamp;
use gateway::capability::sql::Database;
use gateway::config::{Config, Environment, Flags, SqlLimits};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use uuid::Uuid;

use self::ports::{Heard, Ports};
use crate::fiber::Fiber;
use crate::sign;

/// hyper alone: accepts, parses, answers the same bytes.
pub(crate) fn hyper(listen: SocketAddr) -> Result<()> {
    serve(listen, |_| async {
        Response::new(Full::new(Bytes::from_static(b"Hello, world!")))
    })
}

/// The chat code without any gateway around it, on the gateway's own database backend
/// and token verification.
pub(crate) fn twin(listen: SocketAddr, database: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let twin = Rc::new(runtime.block_on(Twin::open(database))?);
    serve_on(&runtime, listen, move |request| {
        let twin = Rc::clone(&twin);
        async move { twin.answer(request).await }
    })
}

/// See [`twin`].
pub(crate) struct Twin {
    verifier: Verifier,
    database: Database,
    limits: Arc<SqlLimits>,
    _folder: TempDir,
}

fn serve<F, A>(listen: SocketAddr, answer: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> A + Clone + 'static,
    A: Future<Output = Response<Full<Bytes>>> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    serve_on(&runtime, listen, answer)
}

fn serve_on<F, A>(runtime: &tokio::runtime::Runtime, listen: SocketAddr, answer: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> A + Clone + 'static,
    A: Future<Output = Response<Full<Bytes>>> + 'static,
{
    LocalSet::new().block_on(runtime, async move {
        let listener = TcpListener::bind(listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let response = answer(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            tokio::task::spawn_local(async move {
                // A load that stops in the middle of an answer is no error of the server.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

impl Twin {
    pub(crate) async fn open(database: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let environment: Environment = [
            ("GATEWAY_DATA", folder.path().display().to_string()),
            ("GATEWAY_DATABASE_URL", database.to_owned()),
            ("GATEWAY_PLUGIN_CHAT_FILE", "chat.wasm".to_owned()),
            ("JWT_SECRET", sign::SECRET.to_owned()),
        ]
        .into_iter()
        .collect();
        let config = Config::load(None, &environment, &Flags::default())?;
        let plugin = config.plugins.get("chat").context("no plugin")?;
        Ok(Self {
            verifier: Verifier::new(&config.auth)?,
            database: Database::connect(&config.database).await?,
            limits: Arc::new(plugin.limits.sql.clone()),
            _folder: folder,
        })
    }

    /// The statements with which a GET is answered.
    pub(crate) async fn statements(
        &self,
        path: &str,
        query: Option<&str>,
    ) -> Result<Vec<(String, Vec<Value>)>> {
        let token = format!("Bearer {}", sign::token()?);
        let claims = self.verifier.verify(std::iter::once(token.as_bytes()))?;
        let request = chat::api::Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: Vec::new(),
            body: chat::api::Body::Empty,
        };
        let heard = Heard::default();
        let answer = self.handle(request, claims, Some(Rc::clone(&heard))).await;
        anyhow::ensure!(answer.status == 200, "{path} {query:?}: {answer:?}");
        Ok(heard.take())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let tokens = head.headers.get_all(AUTHORIZATION);
        let Ok(claims) = self
            .verifier
            .verify(tokens.iter().map(HeaderValue::as_bytes))
        else {
            return status(401);
        };
        let Ok(body) = body.collect().await else {
            return status(400);
        };
        let body = body.to_bytes();
        let request = chat::api::Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: fields(&head.headers),
            body: if body.is_empty() {
                chat::api::Body::Empty
            } else {
                chat::api::Body::Bytes(body.into())
            },
        };
        let answer = self.handle(request, claims, None).await;
        let body = match answer.body {
            chat::api::ResponseBody::Empty => Bytes::new(),
            chat::api::ResponseBody::Bytes(bytes) => Bytes::from(bytes),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
        for field in answer.headers {
            let name = HeaderName::try_from(field.name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(field.value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }

    /// Runs the service's code on a fiber.
    async fn handle(
        &self,
        request: chat::api::Request,
        claims: Option<Arc<Claims>>,
        heard: Option<Heard>,
    ) -> chat::api::Response {
        let stamp = Stamp {
            actor: claims.as_ref().and_then(|claims| claims.actor.clone()),
            tenant: claims.as_ref().and_then(|claims| claims.tenant.clone()),
            request: Uuid::now_v7().to_string(),
            plugin: "chat".to_owned(),
            version: "twin".to_owned(),
            ..Stamp::default()
        };
        let (database, limits) = (self.database.clone(), Arc::clone(&self.limits));
        Fiber::new(move |inside| {
            chat::api::handle(
                &Ports {
                    inside,
                    database,
                    limits,
                    stamp,
                    claims,
                    heard,
                },
                &chat::api::Limits::default(),
                request,
                None,
            )
            .response
        })
        .await
    }
}

fn status(code: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    response
}

fn fields(headers: &HeaderMap) -> Vec<chat::api::Field> {
    let text = |value: &HeaderValue| {
        std::str::from_utf8(value.as_bytes())
            .ok()
            .map(str::to_owned)
    };
    headers
        .iter()
        .filter(|(name, _)| *name != AUTHORIZATION)
        .filter_map(|(name, value)| {
            Some(chat::api::Field {
                name: name.as_str().to_owned(),
                value: text(value)?,
            })
        })
        .collect()
}
