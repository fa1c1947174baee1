//! Uploads in parts, by the tus protocol 1.0.0 (<https://tus.io>): core, creation and
//! termination.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::error::Failure;
use super::super::http::{Field, Request, Response};
use super::super::limits::Limits;
use super::super::route::Context;
use super::create::{begin as announce, invalid, permitted, wrong};
use super::upload::{complete, find, incoming};
use super::{Refusal, UPLOADS};
use crate::domain::attachment::{Announced, Attachment, SNIFFED_BYTES, State, sniff};
use crate::domain::time;
use crate::ports::{Blobs, Ports, Storing};
use crate::store;

const VERSION: &str = "1.0.0";
const PART: &str = "application/offset+octet-stream";
/// The longest `Upload-Metadata`, in bytes.
const MAX_METADATA: usize = 8_192;

/// Whether a path is one of the protocol's.
pub(in crate::api) fn is_path(path: &str) -> bool {
    path.strip_prefix(UPLOADS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What every answer of the protocol says.
pub(in crate::api) fn seal(response: &mut Response) {
    let headers = &mut response.headers;
    headers.push(Field::new("tus-resumable", VERSION));
    if response.status == 412 {
        headers.push(Field::new("tus-version", VERSION));
    }
}

/// What the service can do; whoever asks needs no token.
pub(in crate::api) fn options(limits: &Limits) -> Response {
    let mut response = Response::empty(204);
    let most = limits.attachments.bytes.to_string();
    for (name, value) in [
        ("tus-version", VERSION),
        ("tus-extension", "creation,termination"),
        ("tus-max-size", &most),
        ("allow", "OPTIONS, POST, HEAD, PATCH, DELETE"),
    ] {
        response.headers.push(Field::new(name, value));
    }
    response
}

/// Begins an upload.
pub(super) fn begin<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let request = &context.request;
    spoken(request)?;
    let length = number(request, "upload-length")?.ok_or_else(|| bad("Upload-Length"))?;
    let announced = announced(request, length)?;
    // Before the store is asked for anything.
    permitted(&context.limits.attachments, &announced)?;
    let how = Storing {
        scope: store::blob_scope(&context.caller.tenant),
        limit: length,
        sha256: None,
    };
    let upload = context.ports.begin_upload(&how)?;
    let attachment = match announce(context, announced, Some(&upload)) {
        Ok(attachment) => attachment,
        Err(failure) => {
            // The host collects in time what can't be thrown away now.
            Blobs::cancel(context.ports, &upload).ok();
            return Err(failure);
        }
    };
    let id = attachment.id;
    let mut response = Response::empty(201);
    if length == 0 {
        finish(context, attachment)?;
    }
    let headers = &mut response.headers;
    headers.push(Field::new("location", format!("uploads/{id}")));
    headers.push(Field::new("upload-offset", "0"));
    Ok(response)
}

/// Tells how much has arrived.
pub(super) fn offset<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    spoken(&context.request)?;
    let attachment = own(context)?;
    let offset = match (&attachment.upload, attachment.state) {
        (Some(upload), State::Pending) => context.ports.offset(upload)?,
        (None, State::Pending) => return Err(Failure::NotFound),
        _ => attachment.size,
    };
    let mut response = Response::empty(200);
    for (name, value) in [
        ("upload-offset", offset.to_string()),
        ("upload-length", attachment.size.to_string()),
        ("cache-control", "no-store".to_owned()),
    ] {
        response.headers.push(Field::new(name, value));
    }
    Ok(response)
}

/// Takes the next part; the last one makes the attachment complete.
pub(super) fn append<P: Ports>(mut context: Context<'_, P>) -> Result<Response, Failure> {
    spoken(&context.request)?;
    let content_type = context.request.header("content-type").unwrap_or_default();
    if !content_type.trim().eq_ignore_ascii_case(PART) {
        return Err(Failure::UnsupportedMediaType(content_type.to_owned()));
    }
    let offset = number(&context.request, "upload-offset")?.ok_or_else(|| bad("Upload-Offset"))?;
    let attachment = own(&context)?;
    let upload = match (&attachment.upload, attachment.state) {
        (Some(upload), State::Pending) => upload.clone(),
        (None, State::Pending) => return Err(Failure::NotFound),
        _ => return Err(Refusal::Offset(attachment.size).into()),
    };
    let body = incoming(&mut context);
    let end = context.ports.append(&upload, offset, body)?;
    if end == attachment.size {
        finish(&context, attachment)?;
    }
    let mut response = Response::empty(204);
    let offset = Field::new("upload-offset", end.to_string());
    response.headers.push(offset);
    Ok(response)
}

/// Throws an upload away.
pub(super) fn cancel<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    spoken(&context.request)?;
    let attachment = own(context)?;
    if attachment.state != State::Pending || !give_up(context, &attachment)? {
        return Err(Refusal::NotPending.into());
    }
    Ok(Response::empty(204))
}

/// False where the upload is no upload any more.
fn give_up<P: Ports>(context: &Context<'_, P>, attachment: &Attachment) -> Result<bool, Failure> {
    let ports = context.ports;
    let now = time::whole_millis(ports.now());
    let done = store::withdraw(ports, &context.caller, now, attachment.id)?;
    if let (true, Some(upload)) = (done, &attachment.upload) {
        // The host collects in time what can't be thrown away now.
        Blobs::cancel(ports, upload).ok();
    }
    Ok(done)
}

/// What has come is complete: only now is it known what it is.
fn finish<P: Ports>(context: &Context<'_, P>, attachment: Attachment) -> Result<(), Failure> {
    let finished = || {
        let ports = context.ports;
        let upload = attachment.upload.as_deref().unwrap_or_default();
        let stored = ports.finish(upload)?;
        let head = ports.read_blob(&stored.id, 0, SNIFFED_BYTES)?;
        let sniffed = sniff(&head);
        if !context.limits.attachments.types.take(&sniffed) {
            return Err(Refusal::Type.into());
        }
        complete(context, attachment.clone(), stored, sniffed)
    };
    match finished() {
        Ok(_) => Ok(()),
        Err(failure) => {
            // There is nothing left to go on with.
            give_up(context, &attachment)?;
            Err(failure)
        }
    }
}

/// The caller's own upload of the path.
fn own<P: Ports>(context: &Context<'_, P>) -> Result<Attachment, Failure> {
    let attachment = find(context)?;
    match attachment.owner == context.caller.actor {
        true => Ok(attachment),
        false => Err(Failure::NotFound),
    }
}

fn spoken(request: &Request) -> Result<(), Failure> {
    match request.header("tus-resumable") {
        Some(VERSION) => Ok(()),
        _ => Err(Refusal::Protocol.into()),
    }
}

fn bad(name: &'static str) -> Failure {
    Failure::Header {
        name,
        code: "INVALID_TUS_HEADER",
    }
}

fn number(request: &Request, name: &'static str) -> Result<Option<u64>, Failure> {
    let Some(text) = request.header(name) else {
        return Ok(None);
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|it| i64::try_from(*it).is_ok());
    match number.filter(|_| is_number) {
        Some(number) => Ok(Some(number)),
        None => Err(bad(match name {
            "upload-length" => "Upload-Length",
            _ => "Upload-Offset",
        })),
    }
}

/// `Upload-Metadata`: `channelId`, and what clients of the protocol call `filename` (or
/// `name`) and `filetype` (or `type`). Other keys are the client's own.
fn announced(request: &Request, length: u64) -> Result<Announced, Failure> {
    let text = request.list("upload-metadata").unwrap_or_default();
    let metadata = metadata(&text).ok_or_else(|| bad("Upload-Metadata"))?;
    let get = |names: &[&str]| {
        let found = metadata.iter().find(|(key, _)| names.contains(key));
        found.map(|(_, value)| value.clone())
    };
    let declared = get(&["filetype", "type"]).filter(|it| !it.is_empty());
    let announced = Announced {
        channel: get(&["channelId"]).unwrap_or_default(),
        name: get(&["filename", "name"]).unwrap_or_else(|| "file".to_owned()),
        size: Some(length),
        declared,
    };
    let violations = wrong(&announced);
    match violations.is_empty() {
        true => Ok(announced),
        false => Err(invalid(violations)),
    }
}

fn metadata(text: &str) -> Option<Vec<(&str, String)>> {
    if text.len() > MAX_METADATA {
        return None;
    }
    let pairs = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let pair = |pair: &'_ str| {
        let (_, value) = pair.split_once(' ').unwrap_or((pair, ""));
        String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()
    };
    pairs
        .map(|it| Some((it.split(' ').next()?, pair(it)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_a_list_of_pairs() {
        assert_eq!(metadata(""), Some(vec![]));
        assert_eq!(
            metadata("filename dy5wbmc=, is_confidential,channelId Yw=="),
            Some(vec![
                ("filename", "w.png".to_owned()),
                ("is_confidential", String::new()),
                ("channelId", "c".to_owned()),
            ])
        );
        for bad in ["filename *", "filename /w==", &"a,".repeat(5_000)] {
            assert_eq!(metadata(bad), None, "{bad}");
        }
    }

    #[test]
    fn paths_of_the_protocol() {
        for (path, is) in [
            (UPLOADS, true),
            ("/attachments/uploads/x", true),
            ("/attachments/uploadsx", false),
            ("/attachments", false),
        ] {
            assert_eq!(is_path(path), is, "{path}");
        }
    }
}
