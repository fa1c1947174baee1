//! hyper's request and response, and the contract's.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Either};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use crate::auth::Claims;
use crate::capability::blob::{Download, store};
use crate::capability::body::IncomingBody;
use crate::capability::events::Subscription;
use crate::config;
use crate::contract::body::BodyError;
use crate::contract::http;
use crate::error::Cause;
use crate::plugin::{Answer, Body, Call, Content, Lease};
use crate::server::{self, whole};
use crate::telemetry::traces::Trace;

/// What concerns one connection, or is the host's to say; a plugin can't set it.
static HOST_ONLY: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What is known of a request beside itself.
pub(super) struct Asked<'a> {
    pub(super) id: &'a str,
    /// Below the mount.
    pub(super) path: String,
    pub(super) address: IpAddr,
    pub(super) claims: Option<Arc<Claims>>,
    pub(super) trace: Option<Trace>,
}

/// Reads a request as far as the plugin's inline limit, and hands it over.
pub(super) async fn call(
    request: Request<Incoming>,
    asked: Asked<'_>,
    plugin: &config::Plugin,
    limits: &config::Server,
) -> Result<Call, Cause> {
    let (head, body) = request.into_parts();
    let body = read(&head.headers, body, &plugin.limits, limits).await?;
    let Asked {
        id,
        path,
        address,
        claims,
        trace,
    } = asked;
    Ok(Call {
        id: id.to_owned(),
        method: head.method.as_str().to_owned(),
        path,
        query: head.uri.query().map(str::to_owned),
        headers: fields(&head.headers),
        body,
        address: Some(address),
        claims,
        trace,
    })
}

fn fields(headers: &HeaderMap) -> Vec<http::Field> {
    let visible = headers.iter().filter(|(name, _)| *name != AUTHORIZATION);
    visible
        .filter_map(|(name, value)| {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some(http::Field {
                name: name.as_str().to_owned(),
                value: value.to_owned(),
            })
        })
        .collect()
}

async fn read(
    headers: &HeaderMap,
    body: Incoming,
    plugin: &config::Limits,
    limits: &config::Server,
) -> Result<Body, Cause> {
    if body.is_end_stream() {
        return Ok(Body::Empty);
    }
    // What a plugin reads has one limit, what it stores has another.
    let most = limits.max_body_bytes.max(plugin.blob.bytes);
    if body.size_hint().exact().is_some_and(|length| length > most) {
        return Err(Cause::BodyTooLarge(most));
    }
    let mut body = IncomingBody::new(body, limits.max_body_bytes, limits.body_timeout);
    if is_encoded(headers) {
        return Err(Cause::ContentEncoding);
    }
    // What is known to be long is handed over at once: a plugin that refuses it has not
    // made its client send a part for nothing, and none of it is lost with a connection.
    let inline = plugin.inline_body as u64;
    if body.declared().is_some_and(|length| length > inline) {
        return Ok(Body::Stream(body));
    }
    // The pause between pieces alone would let a trickle hold its place for hours.
    let filled = tokio::time::timeout(limits.body_timeout, body.fill(plugin.inline_body)).await;
    match filled.unwrap_or(Err(BodyError::Timeout)) {
        Ok(true) => Ok(Body::Bytes(body.take_buffered())),
        Ok(false) => Ok(Body::Stream(body)),
        Err(BodyError::TooLarge(limit)) => Err(Cause::BodyTooLarge(limit)),
        Err(BodyError::Timeout) => Err(Cause::BodyTimeout),
        Err(BodyError::Disconnected | BodyError::Malformed(_)) => Err(Cause::BodyCut),
    }
}

/// Plugins are handed plain bodies only, and to decode one takes a limit of its own.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let mut codings = value.as_bytes().split(|byte| *byte == b',');
        codings.any(|coding| {
            !matches!(coding.trim_ascii(), b"")
                && !coding.trim_ascii().eq_ignore_ascii_case(b"identity")
        })
    })
}

/// Names the route that a plugin took, for the host alone.
const ROUTE: &str = "x-route";

/// Takes the name of its route out of what a plugin answered.
pub(super) fn route(answer: &mut Answer) -> Option<String> {
    let named = answer
        .headers
        .iter()
        .position(|field| field.name == ROUTE)?;
    Some(answer.headers.swap_remove(named).value)
}

/// What of an answer comes piece by piece.
#[derive(Debug)]
pub(super) enum Flow {
    /// Content of the blob store.
    Blob(Box<Download>),
    /// What is published.
    Events(Box<Subscription>),
}

/// Checks what a plugin answered, and makes an HTTP response of it; what comes piece by piece
/// is apart.
pub(super) fn response(
    answer: Answer,
    limit: usize,
) -> Result<(Response<Bytes>, Option<Flow>), Cause> {
    let malformed = |what: &str| Cause::Malformed(what.to_owned());

    let status = StatusCode::from_u16(answer.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| Cause::Malformed(format!("status {}", answer.status)))?;
    let (bytes, flow) = match answer.content {
        Content::Bytes(bytes) => (Bytes::from(bytes), None),
        Content::Blob(download) => (Bytes::new(), Some(Flow::Blob(download))),
        Content::Events(subscription) => (Bytes::new(), Some(Flow::Events(subscription))),
    };
    if bytes.len() > limit {
        return Err(Cause::Malformed(format!(
            "a body of {} bytes, {limit} are allowed",
            bytes.len()
        )));
    }
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    for field in answer.headers {
        let name =
            HeaderName::try_from(field.name).map_err(|_| malformed("the name of a header"))?;
        let value =
            HeaderValue::try_from(field.value).map_err(|_| malformed("the value of a header"))?;
        if !HOST_ONLY.contains(&name) {
            response
                .headers_mut()
                .try_append(name, value)
                .map_err(|_| malformed("the number of headers"))?;
        }
    }
    Ok((response, flow))
}

/// Leaves out the body where there is none in HTTP. A HEAD is told the length that a GET
/// would get, as far as the plugin answers it like one.
pub(super) fn finish(mut response: Response<Bytes>, method: &Method) -> Response<server::Body> {
    let is_bare = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    let length = response.body().len();
    if is_bare || *method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    if !is_bare && response.body().len() < length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response.map(whole)
}

/// Streams what comes out of the blob store, for as long as the version may go on.
pub(super) async fn send(
    response: Response<Bytes>,
    mut download: Download,
    method: &Method,
    lease: Lease,
) -> Result<Response<server::Body>, store::Error> {
    let mut response = response.map(|_| ());
    let length = download.length();
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    if *method == Method::HEAD {
        download.finish_bare();
        return Ok(response.map(|()| whole(Bytes::new())));
    }
    download.prepare().await?;
    let cut = lease.cut();
    Ok(response.map(|()| Either::Right(download.into_body(cut, lease).boxed_unsync())))
}
