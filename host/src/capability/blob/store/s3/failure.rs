//! What went wrong with a request, in words that can be logged.

use std::error::Error as _;

use object_store::client::{HttpError, HttpErrorKind};

use super::super::Error;

/// The longest code of a server that is repeated.
const MAX_CODE: usize = 64;

/// The kind of a failure. The crate's own text has addresses and whatever the server
/// wrote, which may be the name of a key and what was signed, so none of it is passed on
/// but the status and the code.
pub(super) fn told(error: &object_store::Error) -> Error {
    use object_store::Error as Cause;
    if let Some(broken) = connection(error) {
        return broken;
    }
    let text = error.to_string();
    let code = code(&text);
    let answer = |status: &str| match code {
        Some(code) => format!("S3 answered {status} {code}"),
        None => format!("S3 answered {status}"),
    };
    match error {
        Cause::NotFound { .. } if code == Some("NoSuchBucket") => Error::Unavailable(answer("404")),
        Cause::NotFound { .. } => Error::NotFound(answer("404")),
        // Keys are exchanged, and clocks are set.
        Cause::PermissionDenied { .. } => Error::Unavailable(answer("403")),
        Cause::Unauthenticated { .. } => Error::Unavailable(answer("401")),
        _ if code.is_some_and(is_full) => Error::Full(answer("that there is no room:")),
        _ => match status(&text) {
            Some(507) => Error::Full(answer("507")),
            // A redirection says that the bucket is elsewhere.
            Some(status @ (301 | 307 | 408 | 429 | 500..)) => {
                Error::Unavailable(answer(&status.to_string()))
            }
            Some(status) => Error::Other(answer(&status.to_string())),
            // An answer with status 200 may tell of a failure, too.
            None if code.is_some() => Error::Unavailable(answer("with")),
            None => Error::Other(format!("S3 can't be spoken to: {}", root(error))),
        },
    }
}

/// What is wrong with the connection, if that is what is wrong.
fn connection(error: &object_store::Error) -> Option<Error> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            let root = root(http);
            return Some(match http.kind() {
                HttpErrorKind::Timeout => Error::Timeout("S3 did not answer in time".to_owned()),
                HttpErrorKind::Connect => Error::Unavailable(format!("can't connect: {root}")),
                _ => Error::Unavailable(format!("the connection broke: {root}")),
            });
        }
        cause = inner.source();
    }
    None
}

/// The first of the causes, which knows neither addresses nor headers.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// The code in a server's answer, if it is one word.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && (1..=MAX_CODE).contains(&code.len())).then_some(code)
}

/// The status in the crate's text; it has no other way to ask for it.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// Codes of several servers.
fn is_full(code: &str) -> bool {
    matches!(
        code,
        "QuotaExceeded"
            | "XMinioStorageFull"
            | "XMinioAdminBucketQuotaExceeded"
            | "InsufficientStorage"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: text.into(),
        }
    }

    #[test]
    fn a_failure_is_told_without_what_the_server_wrote() {
        let answer = |status: &str, code: &str| {
            generic(&format!(
                "Error performing PUT http://h/b/k in 1s - Server returned non-2xx status code: \
                 {status}: <Error><Code>{code}</Code><AWSAccessKeyId>hidden</AWSAccessKeyId></Error>"
            ))
        };
        #[rustfmt::skip]
        let table = [
            (answer("503 Service Unavailable", "SlowDown"), Error::Unavailable("S3 answered 503 SlowDown".into())),
            (answer("500 Internal Server Error", "a hidden b"), Error::Unavailable("S3 answered 500".into())),
            (answer("400 Bad Request", "InvalidPart"), Error::Other("S3 answered 400 InvalidPart".into())),
            (answer("507 Insufficient Storage", "XMinioStorageFull"), Error::Full("S3 answered that there is no room: XMinioStorageFull".into())),
            (answer("507 Insufficient Storage", ""), Error::Full("S3 answered 507".into())),
            (generic("Server returned error response: <Code>InternalError</Code>hidden"), Error::Unavailable("S3 answered with InternalError".into())),
        ];
        for (error, expected) in table {
            assert_eq!(told(&error), expected);
        }
        let source = || "<Code>NoSuchBucket</Code>".into();
        let missing = object_store::Error::NotFound {
            path: "hidden".into(),
            source: source(),
        };
        assert_eq!(
            told(&missing),
            Error::Unavailable("S3 answered 404 NoSuchBucket".into())
        );
    }
}
