//! Files whose bytes the service has: what it knows of them.

mod finding;
mod kind;
mod name;

use uuid::Uuid;

pub(crate) use finding::{Findings, Thumbnail};
pub(crate) use kind::{BINARY, SNIFFED_BYTES, Types, is_inline, is_type, sniff};
pub(crate) use name::{MAX_NAME, disposition, is_name};

/// What has become of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its bytes are still to come.
    Pending,
    /// They are all there.
    Ready,
    /// They are there, and nobody gets them.
    Quarantined,
    /// They are given up.
    Purged,
}

impl State {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Quarantined => "quarantined",
            Self::Purged => "purged",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Ready, Self::Quarantined, Self::Purged]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// An attachment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attachment {
    pub(crate) id: Uuid,
    pub(crate) channel: String,
    /// The message that it was sent with.
    pub(crate) message: Option<Uuid>,
    /// Who uploaded it.
    pub(crate) owner: String,
    pub(crate) state: State,
    /// What its owner calls it; never a path of anything.
    pub(crate) name: String,
    /// In bytes: as announced, and then as it is.
    pub(crate) size: u64,
    /// What its owner says that it is.
    pub(crate) declared: Option<String>,
    /// What its first bytes say that it is.
    pub(crate) sniffed: Option<String>,
    pub(crate) sha256: Option<Vec<u8>>,
    /// What the host's store calls the bytes.
    pub(crate) blob: Option<String>,
    /// What it calls an upload of several requests.
    pub(crate) upload: Option<String>,
    /// Microseconds since 1970.
    pub(crate) created_on: i64,
    /// Who called its bytes clean: names with spaces between them, or [`RELEASED`]. None
    /// where nobody has.
    pub(crate) clean_by: Option<String>,
    /// Width and height of a picture, in pixels.
    pub(crate) sides: Option<(u32, u32)>,
    pub(crate) thumbnail: Option<Thumbnail>,
    /// Whether the caller may change it, and not only look at it.
    pub(crate) may_change: bool,
}

/// Instead of names: somebody who may say so gave it free.
pub(crate) const RELEASED: &str = "*";

impl Attachment {
    /// Whether its bytes may be handed out, where these must have called them clean.
    pub(crate) fn is_served(&self, required: &[String]) -> bool {
        self.state == State::Ready && self.blob.is_some() && self.is_clean(required)
    }

    fn is_clean(&self, required: &[String]) -> bool {
        let clean_by = self.clean_by.as_deref().unwrap_or_default();
        let said = |name: &String| clean_by.split(' ').any(|it| it == name);
        clean_by == RELEASED || required.iter().all(said)
    }

    /// What its bytes are, as clients are told.
    pub(crate) fn media_type(&self) -> &str {
        self.sniffed.as_deref().unwrap_or(BINARY)
    }
}

/// An attachment that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) channel: String,
    pub(crate) name: String,
    /// In bytes; none where it is not known before all have come.
    pub(crate) size: Option<u64>,
    pub(crate) declared: Option<String>,
}

/// What is known once the bytes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) blob: String,
    pub(crate) size: u64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) sniffed: String,
}

/// How much may be kept, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quotas {
    pub(crate) user: i64,
    pub(crate) tenant: i64,
}
