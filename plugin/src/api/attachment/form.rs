//! All of an attachment in one form, as browsers send it.

use super::super::error::Failure;
use super::super::http::Response;
use super::super::route::Context;
use super::create::{begin, created, invalid, wrong};
use super::upload::{incoming, keep};
use super::{Refusal, digest};
use crate::domain::attachment::Announced;
use crate::domain::time;
use crate::domain::violation::Violation;
use crate::ports::{BodyError, Form, Incoming, Part, Ports};
use crate::store;

/// Bytes of a field that is no file.
const MAX_FIELD: usize = 4_096;
/// Fields before the file.
const MAX_FIELDS: usize = 16;

/// Takes `channelId`, optionally `name` and `type`, and behind them the `file`.
pub(super) fn upload<P: Ports>(mut context: Context<'_, P>) -> Result<Response, Failure> {
    let content_type = context.request.header("content-type").unwrap_or_default();
    let content_type = content_type.to_owned();
    let wanted = digest::wanted(&context.request)?;
    if wanted.is_some() {
        // It would be that of the form.
        let text = "Content-Digest is that of a file: it goes with PUT";
        return Err(Refusal::Malformed(text.to_owned()).into());
    }
    let body = incoming(&mut context);
    let mut form = body.form(&content_type).map_err(failure)?;
    let (announced, body) = read::<P>(&mut form)?;
    let violations = wrong(&announced);
    if !violations.is_empty() {
        return Err(invalid(violations));
    }
    let attachment = begin(&context, announced, None)?;
    let id = attachment.id;
    match keep(&context, attachment, body, (None, None)) {
        Ok(attachment) => Ok(created(&attachment, &context.limits.attachments.clean_by)),
        Err(failure) => {
            let now = time::whole_millis(context.ports.now());
            // Left to the next sweep if it can't be taken back now.
            store::withdraw(context.ports, &context.caller, now, id).ok();
            Err(failure)
        }
    }
}

type Parts<P> = <<P as crate::ports::Blobs>::Body as Incoming>::Form;

/// Reads the form as far as the file.
fn read<P: Ports>(form: &mut Parts<P>) -> Result<(Announced, P::Body), Failure> {
    let (mut channel, mut name, mut declared) = (None, None, None);
    for _ in 0..=MAX_FIELDS {
        let Some(part) = form.next().map_err(failure)? else {
            break;
        };
        if part.file_name.is_some() || part.name == "file" {
            let announced = Announced {
                channel: channel.ok_or_else(|| {
                    let violation = Violation::required("", "channelId");
                    invalid(vec![violation])
                })?,
                name: name.or(part.file_name).unwrap_or_else(|| "file".to_owned()),
                size: None,
                declared: declared.or(part.content_type),
            };
            return Ok((announced, part.body));
        }
        let field = match part.name.as_str() {
            "channelId" => &mut channel,
            "name" => &mut name,
            "type" => &mut declared,
            other => return Err(invalid(vec![Violation::unknown_property("", other)])),
        };
        *field = Some(text(part)?);
    }
    Err(Refusal::Malformed("the form has no file".to_owned()).into())
}

fn text<B: Incoming>(mut part: Part<B>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    loop {
        let piece = part.body.read(MAX_FIELD as u32).map_err(failure)?;
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_FIELD {
            let path = format!("/{}", part.name);
            return Err(invalid(vec![Violation::too_long(path, MAX_FIELD, "bytes")]));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Refusal::Malformed("a field of the form is no UTF-8".to_owned()).into())
}

fn failure(cause: BodyError) -> Failure {
    match cause {
        BodyError::TooLarge(_) => Failure::BodyTooLarge,
        cause => Refusal::from(cause).into(),
    }
}
