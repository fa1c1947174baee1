//! Bodies that are not read yet, and content that is too large for a database.

use super::Entry;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than the host's limit, in bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// The client sent nothing for too long.
    #[error("the body did not arrive in time")]
    Timeout,
    /// The client is gone, or broke the protocol.
    #[error("the body was cut")]
    Disconnected,
    /// It is not what its content type says.
    #[error("{0}")]
    Malformed(String),
}

/// A body that is not read yet.
pub trait Incoming: Sized {
    /// See [`Form`].
    type Form: Form<Body = Self>;

    /// A body of bytes that are there.
    fn of(bytes: &[u8]) -> Self;

    /// The length that the client declared, in bytes.
    fn content_length(&self) -> Option<u64>;

    /// Reads on: at most `max` bytes (and at most 64 KiB); nothing is the end.
    ///
    /// # Errors
    /// See [`BodyError`].
    fn read(&mut self, max: u32) -> Result<Vec<u8>, BodyError>;

    /// The first bytes of what is left, without taking them.
    ///
    /// # Errors
    /// See [`BodyError`].
    fn peek(&mut self, max: u32) -> Result<Vec<u8>, BodyError>;

    /// Takes a `multipart/form-data` body apart.
    ///
    /// # Errors
    /// See [`BodyError`].
    fn form(self, content_type: &str) -> Result<Self::Form, BodyError>;
}

/// The parts of a form, in their order.
pub trait Form {
    /// See [`Incoming`].
    type Body;

    /// The next part; the body of the one before must have been dropped.
    ///
    /// # Errors
    /// See [`BodyError`].
    fn next(&mut self) -> Result<Option<Part<Self::Body>>, BodyError>;
}

/// A part of a form.
#[derive(Debug)]
pub struct Part<B> {
    /// Of the field.
    pub name: String,
    /// What the client calls the file, if it is one.
    pub file_name: Option<String>,
    /// What the client says it is.
    pub content_type: Option<String>,
    /// Its content.
    pub body: B,
}

/// How content is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storing {
    /// Equal content is kept once within a scope. 1 to 128 bytes.
    pub scope: String,
    /// The longest content, in bytes.
    pub limit: u64,
    /// The SHA-256 that it must have.
    pub sha256: Option<Vec<u8>>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Names the content.
    pub id: String,
    /// In bytes.
    pub size: u64,
    /// The digest of the content.
    pub sha256: Vec<u8>,
}

/// A part of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Of the first byte.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
}

/// Why content could not be stored or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is none with this id.
    #[error("no such blob")]
    NoSuchBlob,
    /// Longer than the limit, in bytes.
    #[error("the content is longer than {0} bytes")]
    TooLarge(u64),
    /// It has another SHA-256.
    #[error("the content has another digest")]
    DigestMismatch,
    /// The upload goes on at this place, in bytes.
    #[error("the upload goes on at {0}")]
    OffsetMismatch(u64),
    /// The client is gone, or broke the protocol.
    #[error("the body was cut")]
    Disconnected,
    /// The client took too long.
    #[error("the body did not arrive in time")]
    Timeout,
    /// Too many at once.
    #[error("too many uploads or downloads at once")]
    Busy,
    /// The store has no room left.
    #[error("the store is full")]
    Full,
    /// The store or the record can't be reached.
    #[error("the store can't be reached")]
    Unavailable,
    /// An argument is wrong.
    #[error("invalid argument: {0}")]
    Invalid(String),
    /// Anything else; the host has logged it.
    #[error("the store failed")]
    Other,
}

/// Content that is too large for a database.
pub trait Blobs {
    /// See [`Incoming`].
    type Body: Incoming;
    /// See [`Download`].
    type Download: Download;

    /// Streams a body into the store: all of it, or nothing. Never with a transaction open.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn put(&self, body: Self::Body, how: &Storing) -> Result<Stored, BlobError>;

    /// Begins an upload of several requests; the text names it.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn begin_upload(&self, how: &Storing) -> Result<String, BlobError>;

    /// How many bytes of it have arrived.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn offset(&self, upload: &str) -> Result<u64, BlobError>;

    /// Adds a body at its end, which must be at `offset`; tells where the end is then.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn append(&self, upload: &str, offset: u64, body: Self::Body) -> Result<u64, BlobError>;

    /// Makes content of what has arrived.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn finish(&self, upload: &str) -> Result<Stored, BlobError>;

    /// Throws an upload away.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn cancel(&self, upload: &str) -> Result<(), BlobError>;

    /// At most `length` bytes (and at most 1 MiB) from `offset` on.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn read_blob(&self, id: &str, offset: u64, length: u32) -> Result<Vec<u8>, BlobError>;

    /// Opens content for this request's client. `entry` is on record when this returns.
    ///
    /// # Errors
    /// See [`BlobError`].
    fn open(
        &self,
        id: &str,
        part: Option<Range>,
        entry: &Entry,
        tags: &[String],
    ) -> Result<Self::Download, BlobError>;
}

/// Content on its way to the client.
pub trait Download {
    /// An address of the store from which the client can fetch it, if that is allowed.
    fn redirect(&self) -> Option<String>;
}
