//! Causes of failure, and the one table from them to answers.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::attachment::{Refusal as AttachmentRefusal, of_store};
use super::conversation::Refusal as ConversationRefusal;
use super::http::{Field, Response};
use crate::domain::draft::Invalid;
use crate::domain::filter::Refusal;
use crate::domain::model::{CHANNEL_ID, MESSAGE, Model, PARENT_MESSAGE_ID, Property};
use crate::domain::violation::{Violation, pointer, shortened};
use crate::ports::{self, AuditError, BlobError, Entry, EventError, Level, Outcome, Ports};

/// Why a request gets no other answer.
#[derive(Debug)]
pub(super) enum Failure {
    Unauthenticated,
    Forbidden,
    NoSuchRoute,
    MethodNotAllowed(Vec<&'static str>),
    NoBody,
    UnsupportedMediaType(String),
    BodyTooLarge,
    BodySyntax(String),
    Body(Invalid),
    Filter(Refusal),
    /// There is no such thing, or not for the caller.
    NotFound,
    /// The same where something was to be written.
    EntityNotFound {
        entity: &'static str,
        id: String,
    },
    /// The message that a thing is to belong to, by the column that holds its id.
    RelatedNotFound {
        column: &'static str,
        id: String,
    },
    IdMismatch,
    /// A header that can't be read.
    Header {
        name: &'static str,
        code: &'static str,
    },
    /// The idempotency key stands for another request.
    KeyReused,
    /// The thing is not what the caller takes it for.
    Unmatched,
    /// The property has a value that stays.
    Fixed(&'static Property),
    /// There is such a thing already.
    Duplicate,
    /// The rows are too much for one answer.
    ResultTooLarge,
    /// What goes wrong with attachments alone.
    Attachment(AttachmentRefusal),
    /// What goes wrong with channels and what is said there.
    Conversation(ConversationRefusal),
    Events(EventError),
    Database(ports::Error),
    Blob(BlobError),
    AuditUnavailable,
    /// A mistake of ours.
    Internal,
}

/// A line of the table.
struct Answer {
    status: u16,
    name: &'static str,
    code: Option<&'static str>,
    message: String,
    details: Option<Value>,
}

impl Failure {
    /// `id` is what the property was to be.
    pub(super) fn related(property: &'static Property, id: impl Into<String>) -> Self {
        Self::RelatedNotFound {
            column: property.column_name(),
            id: id.into(),
        }
    }

    /// One of each, but for those of a path or a method that no operation has: what the
    /// OpenAPI document shows.
    pub(super) fn specimens() -> Vec<Self> {
        let message = MESSAGE.plural;
        let violation = || Violation::required("", CHANNEL_ID.name);
        let attachments = AttachmentRefusal::specimens().into_iter();
        let mut all = vec![
            Self::Unauthenticated,
            Self::Forbidden,
            Self::NoBody,
            Self::UnsupportedMediaType("text/plain".to_owned()),
            Self::BodyTooLarge,
            Self::BodySyntax("expected value at line 1 column 1".to_owned()),
            Self::Body(Invalid::Schema(vec![violation()])),
            Self::Body(Invalid::Blank(&MESSAGE, vec![CHANNEL_ID.name])),
            Self::Filter(Refusal::Syntax {
                parameter: "filter",
                message: "expected value at line 1 column 1".to_owned(),
            }),
            Self::Filter(Refusal::Invalid {
                parameter: "where",
                violation: Violation::unknown_property("", "chanelId"),
            }),
            Self::Filter(Refusal::Inclusion(
                "There is no relation \"author\"".to_owned(),
            )),
            Self::NotFound,
            Self::EntityNotFound {
                entity: message,
                id: Uuid::nil().to_string(),
            },
            Self::related(&PARENT_MESSAGE_ID, Uuid::nil().to_string()),
            Self::IdMismatch,
            Self::Fixed(&CHANNEL_ID),
            Self::Duplicate,
            Self::ResultTooLarge,
            Self::Database(ports::Error::Unavailable),
            Self::Database(ports::Error::Timeout),
            Self::Internal,
        ];
        all.extend(attachments.map(Self::Attachment));
        let conversations = ConversationRefusal::specimens().into_iter();
        all.extend(conversations.map(Self::Conversation));
        all
    }

    /// The status and the JSON of the answer, and nothing logged.
    pub(super) fn example(&self) -> (u16, Value) {
        let answer = self.answer();
        (answer.status, answer.to_value())
    }

    /// The answer. What the operator has to know is logged here, and nowhere else.
    pub(super) fn respond(&self, ports: &impl Ports) -> Response {
        match self {
            Self::Database(cause @ (ports::Error::InvalidStatement(_) | ports::Error::Other))
            | Self::Database(
                cause @ (ports::Error::ForeignKeyViolation(_)
                | ports::Error::NotNullViolation(_)
                | ports::Error::CheckViolation(_)),
            ) => ports.log(Level::Error, &cause.to_string()),
            Self::Blob(
                cause @ (BlobError::NoSuchBlob | BlobError::Invalid(_) | BlobError::Other),
            ) => ports.log(Level::Error, &cause.to_string()),
            Self::Events(cause @ EventError::Invalid(_)) => {
                ports.log(Level::Error, &cause.to_string());
            }
            Self::AuditUnavailable => {
                ports.log(Level::Error, "the audit record could not be written");
            }
            Self::Internal => ports.log(Level::Error, "a rule of the service contradicts another"),
            _ => {}
        }
        let answer = self.answer();
        let mut response = Response::json(answer.status, answer.to_json());
        let headers = &mut response.headers;
        headers.push(Field::new("x-content-type-options", "nosniff"));
        match self {
            Self::Unauthenticated => headers.push(Field::new("www-authenticate", "Bearer")),
            Self::MethodNotAllowed(methods) => {
                let mut allow = methods.join(", ");
                if methods.contains(&"GET") {
                    allow.push_str(", HEAD");
                }
                headers.push(Field::new("allow", allow));
            }
            Self::Attachment(AttachmentRefusal::Range(size)) => {
                let range = format!("bytes */{size}");
                headers.push(Field::new("content-range", range));
            }
            Self::Conversation(refusal) if refusal.retry_after().is_some() => {
                let seconds = refusal.retry_after().unwrap_or(1);
                headers.push(Field::new("retry-after", seconds.to_string()));
            }
            _ if matches!(answer.status, 429 | 503) => headers.push(Field::new("retry-after", "1")),
            _ => {}
        }
        response
    }

    fn answer(&self) -> Answer {
        match self {
            Self::Unauthenticated => row(401, "UnauthorizedError", None, "Bearer realm=\"Users\""),
            Self::Forbidden => row(403, "ForbiddenError", None, "NotAllowedAccess"),
            Self::NoSuchRoute => row(404, "NotFoundError", None, "API not found !"),
            Self::MethodNotAllowed(_) => row(
                405,
                "MethodNotAllowedError",
                None,
                "The path has no such method",
            ),
            Self::NoBody => row(
                400,
                "BadRequestError",
                Some("MISSING_REQUIRED_PARAMETER"),
                "Request body is required",
            ),
            Self::UnsupportedMediaType(it) => {
                let message = format!("Content-type {} is not supported.", shortened(it));
                row(
                    415,
                    "UnsupportedMediaTypeError",
                    Some("UNSUPPORTED_MEDIA_TYPE"),
                    message,
                )
            }
            Self::BodyTooLarge => row(
                413,
                "PayloadTooLargeError",
                None,
                "request entity too large",
            ),
            Self::BodySyntax(cause) => row(400, "SyntaxError", None, cause.as_str()),
            Self::Body(Invalid::Schema(violations)) => row(
                422,
                "UnprocessableEntityError",
                Some("VALIDATION_FAILED"),
                "The request body is invalid. See error object `details` property for more info.",
            )
            .with(details(violations)),
            Self::Body(Invalid::Blank(model, names)) => blank(model, names),
            Self::Filter(refusal) => refused(refusal),
            Self::NotFound => row(404, "NotFoundError", None, "EntityNotFound"),
            Self::EntityNotFound { entity, id } => {
                let message = format!("Entity not found: {entity} with id \"{}\"", echo(id));
                row(404, "Error", Some("ENTITY_NOT_FOUND"), message)
            }
            Self::RelatedNotFound { column, id } => {
                let message = format!(
                    "Related entity not found ! Key ({column})=({}) is not present in table \
                     \"messages\".",
                    echo(id)
                );
                row(404, "NotFoundError", None, message)
            }
            Self::IdMismatch => row(
                400,
                "Error",
                None,
                "The id in the body is not that of the path",
            ),
            Self::Header { name, code } => row(
                400,
                "BadRequestError",
                Some(code),
                format!("The header {name} can't be read"),
            ),
            Self::KeyReused => row(
                409,
                "ConflictError",
                Some("IDEMPOTENCY_KEY_REUSED"),
                "The Idempotency-Key was used for another request",
            ),
            Self::Unmatched => row(
                412,
                "PreconditionFailedError",
                Some("PRECONDITION_FAILED"),
                "It is not what `If-Match` says: read it again",
            ),
            Self::Fixed(property) => row(
                422,
                "UnprocessableEntityError",
                Some("VALIDATION_FAILED"),
                format!("`{}` can't be changed to another value.", property.name),
            )
            .with(details(&[Violation::fixed(pointer("", property.name))])),
            Self::Duplicate => row(
                409,
                "ConflictError",
                None,
                "Unique constraint violation error !",
            ),
            Self::ResultTooLarge => result_too_large(),
            Self::Attachment(refusal) => {
                let (status, name, code, message) = refusal.answer();
                row(status, name, Some(code), message)
            }
            Self::Conversation(refusal) => {
                let (status, name, code, message) = refusal.answer();
                row(status, name, Some(code), message)
            }
            Self::Events(EventError::Unavailable) => unavailable(),
            Self::Events(EventError::Limit(what)) => {
                Self::Conversation(ConversationRefusal::Limit(what.clone())).answer()
            }
            Self::Events(EventError::Invalid(_)) => internal(),
            Self::Database(cause) => database(cause),
            Self::Blob(cause) => blob(cause),
            Self::AuditUnavailable => unavailable(),
            Self::Internal => internal(),
        }
    }
}

impl Answer {
    fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    fn to_json(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }

    fn to_value(&self) -> Value {
        let mut error = Map::new();
        error.insert("statusCode".to_owned(), self.status.into());
        if self.status != 500 {
            error.insert("name".to_owned(), self.name.into());
        }
        error.insert("message".to_owned(), self.message.as_str().into());
        if let Some(code) = self.code {
            error.insert("code".to_owned(), code.into());
        }
        if let Some(details) = &self.details {
            error.insert("details".to_owned(), details.clone());
        }
        json!({ "error": error })
    }
}

fn row(
    status: u16,
    name: &'static str,
    code: Option<&'static str>,
    message: impl Into<String>,
) -> Answer {
    Answer {
        status,
        name,
        code,
        message: message.into(),
        details: None,
    }
}

fn internal() -> Answer {
    row(500, "InternalServerError", None, "Internal Server Error")
}

fn unavailable() -> Answer {
    row(
        503,
        "ServiceUnavailableError",
        None,
        "The service is busy, try again",
    )
}

fn result_too_large() -> Answer {
    row(
        400,
        "BadRequestError",
        Some("RESULT_TOO_LARGE"),
        "The result is too large; ask for a smaller `limit`, or for fewer `fields`",
    )
}

/// What the database says stays in the log.
fn database(cause: &ports::Error) -> Answer {
    match cause {
        ports::Error::Unavailable | ports::Error::Conflict | ports::Error::UniqueViolation(_) => {
            unavailable()
        }
        ports::Error::Timeout => row(
            504,
            "GatewayTimeoutError",
            None,
            "The request took longer than it may",
        ),
        ports::Error::TooLarge => result_too_large(),
        ports::Error::ForeignKeyViolation(_)
        | ports::Error::NotNullViolation(_)
        | ports::Error::CheckViolation(_)
        | ports::Error::InvalidStatement(_)
        | ports::Error::Other => internal(),
    }
}

/// What the store says stays in the log. What is no upload any more, or never was one, isn't
/// there.
fn blob(cause: &BlobError) -> Answer {
    if let Some(refusal) = of_store(cause) {
        let (status, name, code, message) = refusal.answer();
        return row(status, name, Some(code), message);
    }
    match cause {
        BlobError::NoSuchBlob => Failure::NotFound.answer(),
        BlobError::TooLarge(_) => Failure::BodyTooLarge.answer(),
        BlobError::Busy | BlobError::Unavailable => unavailable(),
        // The client's own length is checked before.
        BlobError::Invalid(_) => row(
            400,
            "BadRequestError",
            Some("MALFORMED"),
            "The content can't be read",
        ),
        _ => internal(),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let invalid = |parameter: &str| {
        let message = format!("Invalid data for parameter \"{parameter}\".");
        row(
            400,
            "BadRequestError",
            Some("INVALID_PARAMETER_VALUE"),
            message,
        )
    };
    match refusal {
        Refusal::Syntax { parameter, message } => {
            invalid(parameter).with(json!({ "syntaxError": message }))
        }
        Refusal::Invalid {
            parameter,
            violation,
        } => invalid(parameter).with(details(std::slice::from_ref(violation))),
        Refusal::Inclusion(message) => row(
            400,
            "Error",
            Some("INVALID_INCLUSION_FILTER"),
            message.as_str(),
        ),
    }
}

fn blank(model: &Model, names: &[&'static str]) -> Answer {
    let list: Vec<_> = names
        .iter()
        .map(|name| format!("`{name}` can't be blank"))
        .collect();
    let message = format!(
        "The `{}` instance is not valid. Details: {}.",
        model.name,
        list.join("; ")
    );
    let pairs = |value: &str| -> Map<String, Value> {
        let pair = |name: &&str| ((*name).to_owned(), json!([value]));
        names.iter().map(pair).collect()
    };
    row(422, "ValidationError", None, message).with(json!({
        "context": model.name,
        "codes": pairs("presence"),
        "messages": pairs("can't be blank"),
    }))
}

fn details(violations: &[Violation]) -> Value {
    let one = |it: &Violation| json!({ "path": it.path, "code": it.code, "message": it.message, "info": it.info });
    violations.iter().map(one).collect()
}

/// An id that the caller sent, handed back: at most as long as an id can be.
fn echo(id: &str) -> String {
    id.chars().take(crate::domain::id::EXTERNAL_CHARS).collect()
}

impl From<ports::Error> for Failure {
    fn from(cause: ports::Error) -> Self {
        Self::Database(cause)
    }
}

impl From<BlobError> for Failure {
    fn from(cause: BlobError) -> Self {
        Self::Blob(cause)
    }
}

impl From<AttachmentRefusal> for Failure {
    fn from(refusal: AttachmentRefusal) -> Self {
        Self::Attachment(refusal)
    }
}

impl From<ConversationRefusal> for Failure {
    fn from(refusal: ConversationRefusal) -> Self {
        Self::Conversation(refusal)
    }
}

impl From<EventError> for Failure {
    fn from(cause: EventError) -> Self {
        Self::Events(cause)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Filter(refusal)
    }
}

/// Records that the caller was denied something. A denial that can't be recorded is
/// still one, but the caller is told to come again.
pub(super) fn deny(
    ports: &impl Ports,
    action: &str,
    entity: &str,
    id: &str,
) -> Result<(), Failure> {
    // Ids that others give may be longer in bytes than the record allows.
    let end = id.floor_char_boundary(128);
    let entry = Entry {
        action: action.to_owned(),
        entity: entity.to_owned(),
        entity_id: id.get(..end).unwrap_or_default().to_owned(),
        outcome: Outcome::Denied,
        details: None,
    };
    ports.record(&entry).map_err(|cause| audit_failure(&cause))
}

/// What is not on record does not happen.
pub(super) fn audit_failure(cause: &AuditError) -> Failure {
    match cause {
        AuditError::Unavailable => Failure::AuditUnavailable,
        AuditError::Invalid(_) => Failure::Internal,
    }
}
