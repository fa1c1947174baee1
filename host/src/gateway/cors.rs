//! What browsers are told about pages of other origins.
//!
//! `tower-http` has a layer for this. It takes every `OPTIONS` for a preflight, where some
//! are a plugin's to answer, and it makes the same headers anew for each request.

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::config;
use crate::server::{Body, whole};

/// The headers, made once.
#[derive(Debug)]
pub(super) struct Cors {
    /// None when every origin is allowed.
    origins: Option<Vec<HeaderValue>>,
    methods: HeaderValue,
    headers: HeaderValue,
    expose: HeaderValue,
    max_age: HeaderValue,
    credentials: bool,
}

impl Cors {
    /// None when no origin is allowed: then nothing about a request is a browser's.
    pub(super) fn new(config: &config::Cors) -> Option<Self> {
        let is_any = config.origins.iter().any(|origin| origin == "*");
        let origins = config.origins.iter().map(|origin| value(origin)).collect();
        (!config.origins.is_empty()).then(|| Self {
            origins: (!is_any).then_some(origins),
            methods: value(&config.methods.join(", ")),
            headers: value(&match config.headers.as_slice() {
                // Browsers do not count this one among all.
                [all] if all == "*" => "*, authorization".to_owned(),
                names => names.join(", "),
            }),
            expose: value(&config.expose.join(", ")),
            max_age: config.max_age.as_secs().into(),
            credentials: config.credentials,
        })
    }

    /// The answer to a preflight; none when the request is something else.
    ///
    /// It says the same whatever is asked about, and whether or not there is such a path:
    /// the browser compares, and the request itself meets all the checks.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let asks = request.headers().contains_key(ORIGIN)
            && request
                .headers()
                .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::new(whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allows(request.headers().get(ORIGIN)) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
        Some(response)
    }

    /// Says on an answer, whatever it is, whether the page that asked may read it. What a
    /// plugin says about that does not count.
    pub(super) fn mark(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
        headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        if self.origins.is_some() {
            // On refusals and on answers to no browser as well: a cache must keep those
            // apart from the answers that a page may read.
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        if !self.allows(origin.as_ref()) {
            return;
        }
        let any = HeaderValue::from_static("*");
        let allowed = self.origins.as_ref().and(origin).unwrap_or(any);
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }

    fn allows(&self, origin: Option<&HeaderValue>) -> bool {
        match &self.origins {
            None => true,
            Some(origins) => origin.is_some_and(|origin| origins.contains(origin)),
        }
    }
}

/// The configuration lets nothing through that is no header value; nothing is allowed by
/// an empty one.
fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
