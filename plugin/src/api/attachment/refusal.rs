//! What goes wrong with attachments alone, and the lines of it in the table of errors.

use crate::ports::{BlobError, BodyError};

/// Why there is no other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Refusal {
    /// The operator takes no such type.
    Type,
    /// There came more or less than was announced.
    Size,
    /// There came something else than `Content-Digest` says.
    Digest,
    /// The bytes are there already, or are not awaited any more.
    NotPending,
    /// It is in no state for this.
    State,
    /// The user or the tenant has no room left.
    Quota,
    /// The store has none.
    Full,
    TooManyPending,
    /// The body took too long.
    Slow,
    /// The body was cut.
    Cut,
    /// What is not what it is said to be; the text says what is wrong.
    Malformed(String),
    /// No byte of the range is there; the size of what is.
    Range(u64),
    /// The upload goes on at this place.
    Offset(u64),
    /// The protocol is another version.
    Protocol,
    /// A link is used without a token.
    Token,
}

impl Refusal {
    /// One of each, for the OpenAPI document.
    pub(in crate::api) fn specimens() -> Vec<Self> {
        vec![
            Self::Type,
            Self::Size,
            Self::Digest,
            Self::NotPending,
            Self::State,
            Self::Quota,
            Self::Full,
            Self::TooManyPending,
            Self::Slow,
            Self::Malformed("the form has no file".to_owned()),
            Self::Range(1_000),
            Self::Offset(500),
            Self::Protocol,
            Self::Token,
        ]
    }

    /// Status, name, code and text.
    pub(in crate::api) fn answer(&self) -> (u16, &'static str, &'static str, String) {
        let unprocessable = "UnprocessableEntityError";
        let (status, name, code, message) = match self {
            Self::Type => (
                415,
                "UnsupportedMediaTypeError",
                "TYPE_NOT_ALLOWED",
                "Files of this type are not taken",
            ),
            Self::Size => (
                422,
                unprocessable,
                "SIZE_MISMATCH",
                "The content has not the size that was announced",
            ),
            Self::Digest => (
                422,
                unprocessable,
                "DIGEST_MISMATCH",
                "The content is not what `Content-Digest` says",
            ),
            Self::NotPending => (
                409,
                "ConflictError",
                "NOT_PENDING",
                "The content is there already",
            ),
            Self::State => (
                409,
                "ConflictError",
                "NOT_UPLOADED",
                "There is no content yet",
            ),
            Self::Quota => (
                507,
                "InsufficientStorageError",
                "QUOTA_EXCEEDED",
                "There is no room left: delete something",
            ),
            Self::Full => (
                507,
                "InsufficientStorageError",
                "STORE_FULL",
                "There is no room left",
            ),
            Self::TooManyPending => (
                429,
                "TooManyRequestsError",
                "TOO_MANY_UPLOADS",
                "Finish or delete one of the uploads that are under way",
            ),
            Self::Slow => (
                408,
                "RequestTimeoutError",
                "BODY_TIMEOUT",
                "The content did not arrive in time",
            ),
            Self::Cut => (400, "BadRequestError", "BODY_CUT", "The content was cut"),
            Self::Malformed(text) => (400, "BadRequestError", "MALFORMED", text.as_str()),
            Self::Range(_) => (
                416,
                "RangeNotSatisfiableError",
                "RANGE_NOT_SATISFIABLE",
                "The content has no such part",
            ),
            Self::Offset(at) => {
                let message = format!("The upload goes on at {at}");
                return (409, "ConflictError", "OFFSET_MISMATCH", message);
            }
            Self::Protocol => (
                412,
                "PreconditionFailedError",
                "TUS_VERSION",
                "`Tus-Resumable` has to be 1.0.0",
            ),
            Self::Token => (
                400,
                "BadRequestError",
                "TOKEN_WITH_LINK",
                "A link is used without a token",
            ),
        };
        (status, name, code, message.to_owned())
    }
}

impl From<BodyError> for Refusal {
    fn from(cause: BodyError) -> Self {
        match cause {
            BodyError::TooLarge(_) => Self::Size,
            BodyError::Timeout => Self::Slow,
            BodyError::Disconnected => Self::Cut,
            BodyError::Malformed(text) => Self::Malformed(text),
        }
    }
}

/// The refusals among the store's failures. The others are mistakes of ours or of the
/// store, or have lines of their own in the table.
pub(in crate::api) fn of_store(cause: &BlobError) -> Option<Refusal> {
    match cause {
        BlobError::DigestMismatch => Some(Refusal::Digest),
        BlobError::OffsetMismatch(at) => Some(Refusal::Offset(*at)),
        BlobError::Disconnected => Some(Refusal::Cut),
        BlobError::Timeout => Some(Refusal::Slow),
        BlobError::Full => Some(Refusal::Full),
        BlobError::NoSuchBlob
        | BlobError::TooLarge(_)
        | BlobError::Busy
        | BlobError::Unavailable
        | BlobError::Invalid(_)
        | BlobError::Other => None,
    }
}
