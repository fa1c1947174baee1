//! Causes, and the one table that turns them into answers.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    SEC_WEBSOCKET_VERSION, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use crate::auth::TokenError;
use crate::capability::blob::store;
use crate::plugin::Failure;
use crate::server::{Body, whole};

/// Why the gateway answers itself, in place of a plugin.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// Nothing is mounted there.
    #[error("no plugin is mounted at this path")]
    NotFound,
    /// The path is known, the method is not.
    #[error("only {0} is allowed here")]
    Method(&'static str),
    /// The token is not one that is accepted, or cannot be checked.
    #[error("the bearer token was refused: {0}")]
    Token(#[from] TokenError),
    /// More requests at once than the gateway takes.
    #[error("too many requests at once")]
    Overload,
    /// An address or a caller asks too often; it may ask again after that time.
    #[error("too many requests of one address or caller")]
    Rate(Duration),
    /// The gateway is shutting down.
    #[error("the gateway is shutting down")]
    ShuttingDown,
    /// The body is longer than the limit.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(u64),
    /// The body came too slowly.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body broke off.
    #[error("the body broke off")]
    BodyCut,
    /// The body is compressed, which only answers may be.
    #[error("the body is compressed")]
    ContentEncoding,
    /// The client asks for a WebSocket in a way that can't be agreed to.
    #[error("no WebSocket handshake that is understood")]
    Handshake,
    /// The client takes an answer neither plain nor in an encoding that is offered.
    #[error("no encoding that the client accepts is offered")]
    NotAcceptable,
    /// The plugin could not answer.
    #[error(transparent)]
    Plugin(#[from] Failure),
    /// No version of the plugin serves.
    #[error("no version of the plugin serves")]
    NoVersion,
    /// The plugin answered with something that is no HTTP response.
    #[error("the plugin's answer is not valid: {0}")]
    Malformed(String),
    /// The plugin answered with content that the store does not hand out.
    #[error("the blob store failed: {0}")]
    Store(#[from] store::Error),
}

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What RFC 6750 has a client be told of a token that was refused.
const INVALID_TOKEN: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"Users\", error=\"invalid_token\"");

/// The type of every answer of the host itself.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl Cause {
    /// The kind as one word, for log lines and counters.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NoVersion => "no-version",
            Self::Rate(_) => "rate",
            Self::Method(_) => "method",
            Self::Token(TokenError::NoKeys) => "no-keys",
            Self::Token(_) => "token",
            Self::Overload => "overload",
            Self::ShuttingDown => "shutting-down",
            Self::BodyTooLarge(_) => "body-too-large",
            Self::BodyTimeout => "body-timeout",
            Self::BodyCut => "body-cut",
            Self::ContentEncoding => "content-encoding",
            Self::Handshake => "handshake",
            Self::NotAcceptable => "not-acceptable",
            Self::Plugin(failure) => failure.kind(),
            Self::Malformed(_) => "malformed",
            Self::Store(_) => "store",
        }
    }

    /// Status, name and text of the answer. The text tells nothing of the inside.
    fn answer(&self) -> (StatusCode, Option<&'static str>, &'static str) {
        use StatusCode as S;
        const UNAVAILABLE: Option<&str> = Some("ServiceUnavailableError");
        match self {
            Self::NotFound => (S::NOT_FOUND, Some("NotFoundError"), "API not found !"),
            Self::Method(_) => (
                S::METHOD_NOT_ALLOWED,
                Some("MethodNotAllowedError"),
                "Method not allowed",
            ),
            Self::Token(error @ TokenError::NoKeys) => {
                (S::SERVICE_UNAVAILABLE, UNAVAILABLE, error.message())
            }
            Self::Token(error) => (S::UNAUTHORIZED, Some("UnauthorizedError"), error.message()),
            Self::Overload | Self::Plugin(Failure::Busy) => (
                S::SERVICE_UNAVAILABLE,
                UNAVAILABLE,
                "Too many requests at once, try again",
            ),
            Self::Rate(_) => (
                S::TOO_MANY_REQUESTS,
                Some("TooManyRequestsError"),
                "Too many requests, try again later",
            ),
            Self::ShuttingDown => (
                S::SERVICE_UNAVAILABLE,
                UNAVAILABLE,
                "Shutting down, try again",
            ),
            Self::NoVersion | Self::Plugin(Failure::Retired) => (
                S::SERVICE_UNAVAILABLE,
                UNAVAILABLE,
                "The service is being changed, try again",
            ),
            Self::BodyTooLarge(_) => (
                S::PAYLOAD_TOO_LARGE,
                Some("PayloadTooLargeError"),
                "request entity too large",
            ),
            Self::BodyTimeout => (
                S::REQUEST_TIMEOUT,
                Some("RequestTimeoutError"),
                "The body did not arrive in time",
            ),
            Self::BodyCut => (
                S::BAD_REQUEST,
                Some("BadRequestError"),
                "The body broke off",
            ),
            Self::ContentEncoding => (
                S::UNSUPPORTED_MEDIA_TYPE,
                Some("UnsupportedMediaTypeError"),
                "unsupported content encoding",
            ),
            Self::Handshake => (
                S::BAD_REQUEST,
                Some("BadRequestError"),
                "no WebSocket handshake of version 13",
            ),
            Self::NotAcceptable => (
                S::NOT_ACCEPTABLE,
                Some("NotAcceptableError"),
                "no acceptable content encoding",
            ),
            Self::Plugin(Failure::Deadline(_) | Failure::Cpu(_)) => (
                S::GATEWAY_TIMEOUT,
                Some("GatewayTimeoutError"),
                "The request took too long",
            ),
            Self::Store(error) if error.may_pass() => (
                S::SERVICE_UNAVAILABLE,
                UNAVAILABLE,
                "The content can't be read now, try again",
            ),
            Self::Plugin(_) | Self::Malformed(_) | Self::Store(_) => {
                (S::INTERNAL_SERVER_ERROR, None, "Internal Server Error")
            }
        }
    }

    /// The answer in the error shape that all of the gateway's clients know.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let (status, name, message) = self.answer();
        let mut response = Response::new(whole(body(status, name, message)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Method(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Overload
            | Self::ShuttingDown
            | Self::Token(TokenError::NoKeys)
            | Self::NoVersion
            | Self::Plugin(Failure::Busy | Failure::Retired) => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            Self::Store(error) if error.may_pass() => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            // Whole seconds: rounded down, the next request would be too early as well.
            Self::Rate(wait) => {
                let whole = u64::from(wait.subsec_nanos() > 0);
                headers.insert(RETRY_AFTER, (wait.as_secs() + whole).max(1).into());
            }
            Self::Token(_) => {
                headers.insert(WWW_AUTHENTICATE, INVALID_TOKEN);
            }
            Self::Handshake => {
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            // What a request may come in, says RFC 9110.
            Self::ContentEncoding => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            _ => {}
        }
        response
    }
}

fn body(status: StatusCode, name: Option<&str>, message: &str) -> Bytes {
    let mut error = serde_json::Map::new();
    error.insert("statusCode".into(), status.as_u16().into());
    if let Some(name) = name {
        error.insert("name".into(), name.into());
    }
    error.insert("message".into(), message.into());
    serde_json::json!({ "error": error }).to_string().into()
}
