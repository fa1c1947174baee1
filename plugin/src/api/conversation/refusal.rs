//! What goes wrong with channels and what is said there, and the lines of it in the table
//! of errors.

/// Why there is no other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Refusal {
    LastOwner,
    Archived,
    Direct,
    Banned,
    Blocked,
    /// There are as many as there may be.
    Full,
    /// The client's own id stands for another message.
    ClientIdReused,
    /// So many seconds are left until the next message.
    Slow(i64),
    TooMany(i64),
    /// The log of events takes no more topics or connections.
    Limit(String),
    /// What was edited is another version by now.
    Ticket,
}

impl Refusal {
    /// One of each, for the OpenAPI document.
    pub(in crate::api) fn specimens() -> Vec<Self> {
        vec![
            Self::LastOwner,
            Self::Archived,
            Self::Direct,
            Self::Banned,
            Self::Blocked,
            Self::Full,
            Self::ClientIdReused,
            Self::Slow(10),
            Self::TooMany(10),
            Self::Limit("topics".to_owned()),
            Self::Ticket,
        ]
    }

    /// Status, name, code and text.
    pub(in crate::api) fn answer(&self) -> (u16, &'static str, &'static str, String) {
        const CONFLICT: &str = "ConflictError";
        const FORBIDDEN: &str = "ForbiddenError";
        const MANY: &str = "TooManyRequestsError";
        let (status, name, code, message) = match self {
            Self::LastOwner => (
                409,
                CONFLICT,
                "LAST_OWNER",
                "Make another member an owner first, or archive the channel",
            ),
            Self::Archived => (
                409,
                CONFLICT,
                "CHANNEL_ARCHIVED",
                "The channel is archived: it takes no messages and no members",
            ),
            Self::Direct => (
                409,
                CONFLICT,
                "DIRECT_CONVERSATION",
                "A direct conversation stays what it is: mute it, or block the other user",
            ),
            Self::Banned => (403, FORBIDDEN, "BANNED", "The user may not come in"),
            Self::Blocked => (
                403,
                FORBIDDEN,
                "BLOCKED",
                "There are no direct messages between these users",
            ),
            Self::Full => (
                409,
                CONFLICT,
                "LIMIT_REACHED",
                "There are as many as there may be",
            ),
            Self::ClientIdReused => (
                409,
                CONFLICT,
                "CLIENT_MESSAGE_ID_REUSED",
                "The clientMessageId was used for another message of this channel",
            ),
            Self::Slow(seconds) => {
                let message = format!("The channel is slow: send again in {seconds} s");
                return (429, MANY, "SLOW_MODE", message);
            }
            Self::TooMany(seconds) => {
                let message = format!("Too many messages: send again in {seconds} s");
                return (429, MANY, "TOO_MANY_MESSAGES", message);
            }
            Self::Limit(what) => {
                let message = format!("More than the gateway takes: {what}");
                return (429, MANY, "TOO_MANY_STREAMS", message);
            }
            Self::Ticket => (
                401,
                "UnauthorizedError",
                "INVALID_TICKET",
                "The ticket is unknown, was used, or has expired",
            ),
        };
        (status, name, code, message.to_owned())
    }

    /// Seconds after which it may work.
    pub(in crate::api) fn retry_after(&self) -> Option<i64> {
        match self {
            Self::Slow(seconds) | Self::TooMany(seconds) => Some((*seconds).max(1)),
            Self::Limit(_) => Some(5),
            _ => None,
        }
    }
}
