//! Handing the bytes out: only to those who may see them now, and never without a record.

use serde_json::json;
use uuid::Uuid;

use super::super::conditional;
use super::super::error::{Failure, audit_failure};
use super::super::http::{Answer, Field, Request, Response, Stream};
use super::super::route::Context;
use super::Refusal;
use super::range::{Selection, select};
use crate::domain::attachment::{Attachment, State, Thumbnail, disposition, is_inline};
use crate::domain::caller::Caller;
use crate::domain::violation::shortened;
use crate::ports::{BlobError, Download, Entry, Outcome, Ports};
use crate::store::{self, hex};

/// What downloads are recorded of. The id is the attachment's.
pub(super) const ENTITY: &str = "attachment-content";
/// The longest id that is recorded, in bytes.
const MAX_ID: usize = 128;

/// A browser runs nothing of what it is sent, whatever it takes it for.
const POLICY: &str = "sandbox; default-src 'none'";

/// A link that leads here.
pub(super) struct Via<'a> {
    pub(super) link: &'a store::Link,
    /// The hash of its secret.
    pub(super) hash: &'a [u8],
}

/// Which bytes of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Content,
    /// The small picture.
    Thumbnail,
}

impl Wanted {
    /// What the record calls the attempt to get them.
    const fn action(self) -> &'static str {
        match self {
            Self::Content => "attachment.download",
            Self::Thumbnail => "attachment.thumbnail",
        }
    }

    /// Of which bytes an entry of the record is.
    pub(super) fn of_action(action: &str) -> Self {
        match action == Self::Thumbnail.action() {
            true => Self::Thumbnail,
            false => Self::Content,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Thumbnail => "thumbnail",
        }
    }
}

/// Bytes that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    blob: String,
    /// Changes with the bytes.
    tag: String,
    /// In bytes.
    size: u64,
    media_type: String,
    name: String,
}

impl Piece {
    /// None where the attachment has no such bytes.
    fn of(attachment: &Attachment, wanted: Wanted) -> Option<Self> {
        match wanted {
            Wanted::Content => Some(Self {
                blob: attachment.blob.clone()?,
                tag: format!("\"{}\"", hex(attachment.sha256.as_ref()?)),
                size: attachment.size,
                media_type: attachment.media_type().to_owned(),
                name: attachment.name.clone(),
            }),
            Wanted::Thumbnail => {
                let Thumbnail {
                    blob,
                    media_type,
                    size,
                } = attachment.thumbnail.clone()?;
                let kind = media_type.strip_prefix("image/").unwrap_or_default();
                Some(Self {
                    // What a blob's id names never changes.
                    tag: format!("\"{blob}\""),
                    name: format!("thumbnail.{kind}"),
                    blob,
                    size,
                    media_type,
                })
            }
        }
    }
}

/// One attempt, and one entry of it.
struct Attempt<'a, P> {
    ports: &'a P,
    /// Inspectors that must have called it clean.
    clean_by: &'a [String],
    caller: &'a Caller,
    request: &'a Request,
    id: &'a str,
    wanted: Wanted,
    via: Option<&'a Via<'a>>,
}

/// Gives bytes of the attachment of the path.
pub(super) fn answer<P: Ports>(
    context: &Context<'_, P>,
    wanted: Wanted,
) -> Result<Answer<P>, Failure> {
    let attempt = Attempt {
        ports: context.ports,
        clean_by: &context.limits.attachments.clean_by,
        caller: &context.caller,
        request: &context.request,
        id: &context.id,
        wanted,
        via: None,
    };
    attempt.run()
}

/// Gives the content that a link leads to.
pub(super) fn follow<P: Ports>(
    ports: &P,
    clean_by: &[String],
    (caller, request): (&Caller, &Request),
    id: &str,
    via: &Via<'_>,
) -> Result<Answer<P>, Failure> {
    let attempt = Attempt {
        ports,
        clean_by,
        caller,
        request,
        id,
        wanted: Wanted::Content,
        via: Some(via),
    };
    attempt.run()
}

/// Records an attempt that came to nothing before it was known of what.
pub(super) fn refuse(ports: &impl Ports, wanted: Wanted, id: &str, reason: &str) -> Failure {
    let details = json!({ "reason": reason });
    let entry = entry(wanted, id, Outcome::Denied, details.to_string());
    match ports.record(&entry) {
        Ok(()) => Failure::NotFound,
        Err(cause) => audit_failure(&cause),
    }
}

fn entry(wanted: Wanted, id: &str, outcome: Outcome, details: String) -> Entry {
    let end = id.floor_char_boundary(MAX_ID);
    let id = id.get(..end).unwrap_or_default();
    Entry {
        action: wanted.action().to_owned(),
        entity: ENTITY.to_owned(),
        // Whatever stands in a path; the record takes no NUL.
        entity_id: id.replace(char::is_control, "?"),
        outcome,
        details: Some(details),
    }
}

impl<P: Ports> Attempt<'_, P> {
    fn run(&self) -> Result<Answer<P>, Failure> {
        let Some(attachment) = self.find()? else {
            return Err(self.refuse("not visible"));
        };
        if !attachment.is_served(self.clean_by) {
            return Err(self.refuse(match attachment.state {
                State::Ready => "not called clean",
                state => state.word(),
            }));
        }
        let Some(piece) = Piece::of(&attachment, self.wanted) else {
            return Err(self.refuse("no such bytes"));
        };
        if conditional::is_known(self.request, &piece.tag) {
            self.record(
                Outcome::Allowed,
                (&attachment, &piece),
                Some("not modified"),
            )?;
            let mut response = Response::empty(304);
            response.headers = headers(&piece.tag);
            return Ok(response.into());
        }
        let part = match select(self.request, piece.size, &piece.tag) {
            Selection::Whole => None,
            Selection::Part(part) => Some(part),
            Selection::Nothing => {
                self.record(
                    Outcome::Failed,
                    (&attachment, &piece),
                    Some("no such range"),
                )?;
                return Err(Refusal::Range(piece.size).into());
            }
        };
        self.consume()?;
        let entry = self.entry(Outcome::Allowed, (&attachment, &piece), None);
        let tags = self.tags(&attachment);
        let download = match self.ports.open(&piece.blob, part, &entry, &tags) {
            Ok(download) => download,
            Err(cause) => {
                self.record(Outcome::Failed, (&attachment, &piece), Some(reason(&cause)))?;
                return Err(cause.into());
            }
        };
        // From here on an end finds the download; what ended before is seen here.
        let now = self.find()?;
        let is_same = |it: &Attachment| Piece::of(it, self.wanted).is_some_and(|it| it == piece);
        if !now.is_some_and(|it| it.is_served(self.clean_by) && is_same(&it)) {
            drop(download);
            return Err(Failure::NotFound);
        }
        Ok(self.send(&piece, part, download))
    }

    /// What the caller may see of it at this moment.
    fn find(&self) -> Result<Option<Attachment>, Failure> {
        match Uuid::try_parse(self.id) {
            Err(_) => Ok(None),
            Ok(id) => Ok(store::find_attachment(self.ports, self.caller, id)?),
        }
    }

    /// Uses the link up, if it is for one use. Who only looks, uses nothing.
    fn consume(&self) -> Result<(), Failure> {
        let Some(via) = self.via.filter(|via| via.link.once) else {
            return Ok(());
        };
        if self.request.method == "HEAD"
            || store::consume_link(self.ports, via.hash, self.ports.now())?
        {
            return Ok(());
        }
        Err(self.refuse("link used"))
    }

    fn send(
        &self,
        piece: &Piece,
        part: Option<crate::ports::Range>,
        download: P::Download,
    ) -> Answer<P> {
        let elsewhere = match self.request.method.as_str() {
            "GET" => download.redirect(),
            _ => None,
        };
        if let Some(url) = elsewhere {
            let mut response = Response::empty(307);
            response.headers = vec![
                Field::new("location", url),
                Field::new("cache-control", "no-store"),
            ];
            return response.into();
        }
        let mut response = Response::empty(200);
        response.headers = headers(&piece.tag);
        let headers = &mut response.headers;
        headers.push(Field::new("content-type", piece.media_type.as_str()));
        let name = disposition(&piece.name, is_inline(&piece.media_type));
        headers.push(Field::new("content-disposition", name));
        if let Some(part) = part {
            response.status = 206;
            let last = (part.offset + part.length).saturating_sub(1);
            let range = format!("bytes {}-{last}/{}", part.offset, piece.size);
            headers.push(Field::new("content-range", range));
        }
        Answer {
            response,
            stream: Some(Stream::Download(download)),
        }
    }

    fn tags(&self, attachment: &Attachment) -> Vec<String> {
        let Caller { actor, tenant, .. } = self.caller;
        let mut tags = vec![
            store::attachment_tag(attachment.id),
            store::member_tag(tenant, &attachment.channel, actor),
        ];
        if let Some(message) = attachment.message {
            tags.push(store::message_tag(message));
            tags.push(store::recipient_tag(message, actor));
        }
        tags
    }

    fn refuse(&self, reason: &str) -> Failure {
        refuse(self.ports, self.wanted, self.id, reason)
    }

    fn record(
        &self,
        outcome: Outcome,
        of: (&Attachment, &Piece),
        reason: Option<&str>,
    ) -> Result<(), Failure> {
        let entry = self.entry(outcome, of, reason);
        self.ports
            .record(&entry)
            .map_err(|cause| audit_failure(&cause))
    }

    /// Never what the file is called: names are what users wrote.
    fn entry(
        &self,
        outcome: Outcome,
        (attachment, piece): (&Attachment, &Piece),
        reason: Option<&str>,
    ) -> Entry {
        let range = self.request.header("range").map(shortened);
        let mut details = json!({
            "method": self.request.method,
            "messageId": attachment.message.map(|id| id.to_string()),
            "channelId": attachment.channel,
            "size": piece.size,
        });
        if let Some(details) = details.as_object_mut() {
            details.extend(range.map(|range| ("range".to_owned(), range.into())));
            details.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
        }
        let id = attachment.id.to_string();
        entry(self.wanted, &id, outcome, details.to_string())
    }
}

/// What the record says of a store that failed.
const fn reason(cause: &BlobError) -> &'static str {
    match cause {
        BlobError::NoSuchBlob => "lost",
        BlobError::Busy => "busy",
        BlobError::Unavailable => "store unavailable",
        _ => "store failed",
    }
}

/// What every answer with the bytes says, and one without because the client has them.
fn headers(tag: &str) -> Vec<Field> {
    vec![
        Field::new("etag", tag),
        Field::new("accept-ranges", "bytes"),
        Field::new("cache-control", "private, no-cache"),
        Field::new("x-content-type-options", "nosniff"),
        Field::new("content-security-policy", POLICY),
        Field::new("cross-origin-resource-policy", "same-site"),
    ]
}
