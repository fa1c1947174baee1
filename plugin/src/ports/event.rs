//! Events: what the host delivers to those who listen.

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The stream that it belongs to: the service's own name.
    pub topic: String,
    /// Such as `message.created`.
    pub kind: String,
    /// A JSON text.
    pub payload: String,
}

/// Who listens to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// `Transaction::admit` and `revoke` act on live connections by this name.
    pub subject: String,
    /// What the subject may hear now.
    pub topics: Vec<String>,
    /// The cursor that the client saw last, as it sent it. None: from now on.
    pub after: Option<String>,
    /// Seconds since 1970 at which the connection is closed, unless the token of the
    /// request ends earlier.
    pub expires: Option<u64>,
}

/// Why nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// More than the host takes: the text says of what.
    #[error("too many or too long: {0}")]
    Limit(String),
    /// The log can't be reached.
    #[error("the log of events can't be reached")]
    Unavailable,
    /// Not what it has to be.
    #[error("invalid: {0}")]
    Invalid(String),
}

/// The log of events and the connections that listen to it.
pub trait Events {
    /// A connection in the making: the body of an answer.
    type Subscription;

    /// Tells those who listen now, and keeps nothing.
    ///
    /// # Errors
    /// See [`EventError`].
    fn signal(&self, event: &Event) -> Result<(), EventError>;

    /// The cursor of this moment: everything committed before this call is before it.
    ///
    /// # Errors
    /// See [`EventError`].
    fn head(&self) -> Result<String, EventError>;

    /// Begins to listen.
    ///
    /// # Errors
    /// See [`EventError`].
    fn subscribe(&self, options: &Subscribe) -> Result<Self::Subscription, EventError>;
}
