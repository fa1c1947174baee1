//! Announcing an attachment.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::body;
use super::super::error::Failure;
use super::super::http::{Field, Response};
use super::super::limits;
use super::super::route::Context;
use super::{Refusal, form, shown, to_json};
use crate::domain::attachment::{Announced, Attachment, MAX_NAME, State, is_name, is_type};
use crate::domain::draft::{Invalid, not_external};
use crate::domain::violation::{Violation, pointer};
use crate::ports::{Blobs, Ports};
use crate::store::{self, Begun, Stamp};

pub(super) fn create<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let content_type = context.request.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        return form::upload(context);
    }
    let announced = announced(body::value(&context.request)?)?;
    let attachment = begin(&context, announced, None)?;
    Ok(created(&attachment, &context.limits.attachments.clean_by))
}

/// Where the bytes go, and what is known so far. The addresses are relative to that of the
/// request, wherever the service is mounted.
pub(super) fn created(attachment: &Attachment, clean_by: &[String]) -> Response {
    let id = attachment.id;
    let mut object = shown(attachment, clean_by);
    object.insert(
        "contentUrl".to_owned(),
        format!("attachments/{id}/content").into(),
    );
    let mut response = Response::json(201, to_json(object));
    let location = Field::new("location", format!("attachments/{id}"));
    response.headers.push(location);
    response
}

/// Keeps an announcement, as far as what is allowed and what there is room for goes.
pub(super) fn begin<P: Ports>(
    context: &Context<'_, P>,
    announced: Announced,
    upload: Option<&str>,
) -> Result<Attachment, Failure> {
    let Context {
        ports,
        limits,
        caller,
        ..
    } = context;
    let limits = &limits.attachments;
    permitted(limits, &announced)?;
    sweep(context)?;
    let stamp = Stamp::new(*ports);
    let key = store::hex(&Uuid::from_u64_pair(ports.bits(), ports.bits()).into_bytes());
    let begun = store::announce(
        *ports,
        caller,
        stamp,
        &announced,
        (&key, upload),
        (limits.quotas, limits.pending),
    )?;
    match begun {
        Begun::Done => Ok(Attachment {
            id: stamp.id,
            channel: announced.channel,
            message: None,
            owner: caller.actor.clone(),
            state: State::Pending,
            name: announced.name,
            size: announced.size.unwrap_or_default(),
            declared: announced.declared,
            sniffed: None,
            sha256: None,
            blob: None,
            upload: upload.map(str::to_owned),
            created_on: stamp.now,
            clean_by: None,
            sides: None,
            thumbnail: None,
            may_change: true,
        }),
        Begun::TooMany => Err(Refusal::TooManyPending.into()),
        Begun::Full => Err(Refusal::Quota.into()),
    }
}

/// Whether the operator takes such a thing.
pub(super) fn permitted(
    limits: &limits::Attachments,
    announced: &Announced,
) -> Result<(), Failure> {
    let most = u64::try_from(limits.bytes).unwrap_or_default();
    if announced.size.is_some_and(|size| size > most) {
        return Err(Failure::BodyTooLarge);
    }
    match &announced.declared {
        Some(declared) if !limits.types.take(declared) => Err(Refusal::Type.into()),
        _ => Ok(()),
    }
}

/// Removes some of what was uploaded long ago and never sent.
fn sweep<P: Ports>(context: &Context<'_, P>) -> Result<(), Failure> {
    let ports = context.ports;
    let age = context.limits.attachments.unsent_seconds * 1_000_000;
    let before = ports.now().saturating_sub(age);
    for upload in store::expired(ports, &context.caller, before)? {
        // The host collects in time what can't be thrown away now.
        Blobs::cancel(ports, &upload).ok();
    }
    Ok(())
}

/// Reads what is announced.
fn announced(value: Value) -> Result<Announced, Failure> {
    let Value::Object(mut object) = value else {
        return Err(invalid(vec![Violation::wrong_type("", "object")]));
    };
    let mut violations = Vec::new();
    let mut text = |object: &mut Map<String, Value>, name: &str, required: bool| {
        match object.remove(name) {
            Some(Value::String(text)) => return Some(text),
            Some(_) => violations.push(Violation::wrong_type(pointer("", name), "string")),
            None if required => violations.push(Violation::required("", name)),
            None => {}
        }
        None
    };
    let channel = text(&mut object, "channelId", true);
    let name = text(&mut object, "name", true);
    let declared = text(&mut object, "type", false);
    let size = match object.remove("size") {
        None => {
            violations.push(Violation::required("", "size"));
            None
        }
        Some(value) => match value.as_u64().filter(|it| i64::try_from(*it).is_ok()) {
            None => {
                violations.push(Violation::wrong_type("/size", "integer"));
                None
            }
            size => size,
        },
    };
    let unknown = object.keys();
    violations.extend(unknown.map(|name| Violation::unknown_property("", name)));
    let announced = Announced {
        channel: channel.unwrap_or_default(),
        name: name.unwrap_or_default(),
        size,
        declared,
    };
    if violations.is_empty() {
        violations = wrong(&announced);
    }
    match violations.is_empty() {
        true => Ok(announced),
        false => Err(invalid(violations)),
    }
}

/// What is wrong with it, whichever way it came.
pub(super) fn wrong(announced: &Announced) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(not_external(&announced.channel, || "/channelId".to_owned()));
    if announced.name.chars().count() > MAX_NAME {
        violations.push(Violation::too_long("/name", MAX_NAME, "characters"));
    } else if !is_name(&announced.name) {
        violations.push(Violation::wrong_format("/name", "file name"));
    }
    if announced.declared.as_deref().is_some_and(|it| !is_type(it)) {
        violations.push(Violation::wrong_format("/type", "media type"));
    }
    violations
}

pub(super) fn invalid(violations: Vec<Violation>) -> Failure {
    Failure::Body(Invalid::Schema(violations))
}
