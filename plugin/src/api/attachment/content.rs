//! Handing the bytes out: only to those who may see them now, and never without a record.

use serde_json::json;
use uuid::Uuid;

use super::super::conditional;
use super::super::error::{Failure, audit_failure};
use super::super::http::{Answer, Field, Request, Response, Stream};
use super::Refusal;
use super::range::{Selection, select};
use crate::domain::attachment::{Attachment, disposition, is_inline};
use crate::domain::caller::Caller;
use crate::domain::violation::shortened;
use crate::ports::{BlobError, Download, Entry, Outcome, Ports};
use crate::store::{self, hex};

/// What downloads are recorded of. The id is the attachment's.
pub(super) const ENTITY: &str = "attachment-content";
const ACTION: &str = "attachment.download";
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

/// One attempt, and one entry of it.
struct Attempt<'a, P> {
    ports: &'a P,
    caller: &'a Caller,
    request: &'a Request,
    id: &'a str,
    via: Option<&'a Via<'a>>,
}

pub(super) fn answer<P: Ports>(
    ports: &P,
    caller: &Caller,
    request: &Request,
    id: &str,
    via: Option<&Via<'_>>,
) -> Result<Answer<P>, Failure> {
    let attempt = Attempt {
        ports,
        caller,
        request,
        id,
        via,
    };
    attempt.run()
}

/// Records an attempt that came to nothing before it was known of what.
pub(super) fn refuse(ports: &impl Ports, id: &str, reason: &str) -> Failure {
    let details = json!({ "reason": reason });
    let entry = entry(id, Outcome::Denied, details.to_string());
    match ports.record(&entry) {
        Ok(()) => Failure::NotFound,
        Err(cause) => audit_failure(&cause),
    }
}

fn entry(id: &str, outcome: Outcome, details: String) -> Entry {
    let end = id.floor_char_boundary(MAX_ID);
    let id = id.get(..end).unwrap_or_default();
    Entry {
        action: ACTION.to_owned(),
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
            return Err(refuse(self.ports, self.id, "not visible"));
        };
        let (true, Some(blob), Some(digest)) =
            (attachment.is_served(), &attachment.blob, &attachment.sha256)
        else {
            return Err(refuse(self.ports, self.id, attachment.state.word()));
        };
        let tag = format!("\"{}\"", hex(digest));
        if conditional::is_known(self.request, &tag) {
            self.record(Outcome::Allowed, &attachment, Some("not modified"))?;
            let mut response = Response::empty(304);
            response.headers = headers(&tag);
            return Ok(response.into());
        }
        let part = match select(self.request, attachment.size, &tag) {
            Selection::Whole => None,
            Selection::Part(part) => Some(part),
            Selection::Nothing => {
                self.record(Outcome::Failed, &attachment, Some("no such range"))?;
                return Err(Refusal::Range(attachment.size).into());
            }
        };
        self.consume()?;
        let details = self.details(&attachment, None);
        let entry = entry(&attachment.id.to_string(), Outcome::Allowed, details);
        let download = match self.ports.open(blob, part, &entry, &self.tags(&attachment)) {
            Ok(download) => download,
            Err(cause) => {
                self.record(Outcome::Failed, &attachment, Some(reason(&cause)))?;
                return Err(cause.into());
            }
        };
        // From here on an end finds the download; what ended before is seen here.
        let now = self.find()?;
        if !now.is_some_and(|it| it.is_served() && it.blob == attachment.blob) {
            drop(download);
            return Err(Failure::NotFound);
        }
        Ok(self.send(&attachment, &tag, part, download))
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
        Err(refuse(self.ports, self.id, "link used"))
    }

    fn send(
        &self,
        attachment: &Attachment,
        tag: &str,
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
        response.headers = headers(tag);
        let headers = &mut response.headers;
        headers.push(Field::new("content-type", attachment.media_type()));
        let inline = is_inline(attachment.media_type());
        let name = disposition(&attachment.name, inline);
        headers.push(Field::new("content-disposition", name));
        if let Some(part) = part {
            response.status = 206;
            let last = (part.offset + part.length).saturating_sub(1);
            let range = format!("bytes {}-{last}/{}", part.offset, attachment.size);
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

    fn record(
        &self,
        outcome: Outcome,
        attachment: &Attachment,
        reason: Option<&str>,
    ) -> Result<(), Failure> {
        let details = self.details(attachment, reason);
        let entry = entry(&attachment.id.to_string(), outcome, details);
        self.ports
            .record(&entry)
            .map_err(|cause| audit_failure(&cause))
    }

    /// Never what the file is called: names are what users wrote.
    fn details(&self, attachment: &Attachment, reason: Option<&str>) -> String {
        let range = self.request.header("range").map(shortened);
        let mut details = json!({
            "method": self.request.method,
            "messageId": attachment.message.map(|id| id.to_string()),
            "channelId": attachment.channel,
            "size": attachment.size,
        });
        if let Some(details) = details.as_object_mut() {
            details.extend(range.map(|range| ("range".to_owned(), range.into())));
            details.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
        }
        details.to_string()
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
