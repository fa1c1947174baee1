//! The bytes of an attachment, in one request.

use uuid::Uuid;

use super::super::error::Failure;
use super::super::http::{Body, Response};
use super::super::route::Context;
use super::{Refusal, digest, shown, to_json};
use crate::domain::attachment::{Arrived, Attachment, SNIFFED_BYTES, State, sniff};
use crate::domain::time;
use crate::ports::{BlobError, Blobs, Incoming, Ports, Stored, Storing};
use crate::store::{self, Readied};

/// Takes what was announced.
pub(super) fn put<P: Ports>(mut context: Context<'_, P>) -> Result<Response, Failure> {
    let attachment = pending(&context)?;
    let wanted = digest::wanted(&context.request)?;
    let body = incoming(&mut context);
    let size = attachment.size;
    let attachment = keep(&context, attachment, body, (Some(size), wanted))?;
    let clean_by = &context.limits.attachments.clean_by;
    Ok(Response::json(200, to_json(shown(&attachment, clean_by))))
}

/// The attachment of the path, which the caller has announced.
pub(super) fn pending<P: Ports>(context: &Context<'_, P>) -> Result<Attachment, Failure> {
    let attachment = find(context)?;
    match attachment.owner == context.caller.actor {
        false => Err(Failure::NotFound),
        true if attachment.state != State::Pending => Err(Refusal::NotPending.into()),
        true => Ok(attachment),
    }
}

/// The attachment of the path, if the caller may see it.
pub(super) fn find<P: Ports>(context: &Context<'_, P>) -> Result<Attachment, Failure> {
    let id = Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)?;
    let found = store::find_attachment(context.ports, &context.caller, id)?;
    let found = found.filter(|it| it.may_change || it.state != State::Quarantined);
    found.ok_or(Failure::NotFound)
}

/// The body of the request, however long it is.
pub(super) fn incoming<P: Ports>(context: &mut Context<'_, P>) -> P::Body {
    match (context.stream.take(), &context.request.body) {
        (Some(stream), _) => stream,
        (None, Body::Bytes(bytes)) => P::Body::of(bytes),
        (None, Body::Empty | Body::Long) => P::Body::of(&[]),
    }
}

/// Streams a body into the store, and makes the attachment complete. No transaction is open
/// while the client sends.
pub(super) fn keep<P: Ports>(
    context: &Context<'_, P>,
    attachment: Attachment,
    mut body: P::Body,
    (size, sha256): (Option<u64>, Option<Vec<u8>>),
) -> Result<Attachment, Failure> {
    let limits = &context.limits.attachments;
    let is_other = |length: u64| size.is_some_and(|size| size != length);
    if body.content_length().is_some_and(is_other) {
        return Err(Refusal::Size.into());
    }
    let most = u64::try_from(limits.bytes).unwrap_or_default();
    let head = body.peek(SNIFFED_BYTES).map_err(Refusal::from)?;
    let sniffed = sniff(&head);
    if !limits.types.take(&sniffed) {
        return Err(Refusal::Type.into());
    }
    let how = Storing {
        scope: store::blob_scope(&context.caller.tenant),
        limit: size.unwrap_or(most),
        sha256,
    };
    let stored = match Blobs::put(context.ports, body, &how) {
        // More than was announced, though not more than is allowed.
        Err(BlobError::TooLarge(limit)) if size == Some(limit) => {
            return Err(Refusal::Size.into());
        }
        stored => stored?,
    };
    if is_other(stored.size) {
        return Err(Refusal::Size.into());
    }
    complete(context, attachment, stored, sniffed)
}

/// Makes an attachment of what is in the store.
pub(super) fn complete<P: Ports>(
    context: &Context<'_, P>,
    mut attachment: Attachment,
    stored: Stored,
    sniffed: String,
) -> Result<Attachment, Failure> {
    let arrived = Arrived {
        blob: stored.id,
        size: stored.size,
        sha256: stored.sha256,
        sniffed,
    };
    let readied = store::ready(
        context.ports,
        &context.caller,
        time::whole_millis(context.ports.now()),
        (attachment.id, &attachment.name),
        &arrived,
        context.limits.attachments.quotas,
    )?;
    match readied {
        Readied::Done => {}
        Readied::NotPending => return Err(Refusal::NotPending.into()),
        Readied::Full => return Err(Refusal::Quota.into()),
        // Collected in between: the client comes again.
        Readied::Lost => return Err(Failure::Blob(BlobError::Unavailable)),
    }
    attachment.state = State::Ready;
    attachment.size = arrived.size;
    attachment.sha256 = Some(arrived.sha256);
    attachment.sniffed = Some(arrived.sniffed);
    attachment.blob = Some(arrived.blob);
    Ok(attachment)
}
