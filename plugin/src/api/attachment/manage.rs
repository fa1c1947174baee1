//! What is known of an attachment, and what may be done with it besides reading it.

use serde_json::Value;

use super::super::body;
use super::super::error::{Failure, deny};
use super::super::http::Response;
use super::super::route::Context;
use super::create::invalid;
use super::upload::find;
use super::{Refusal, shown, to_json};
use crate::domain::attachment::State;
use crate::domain::caller::Permission;
use crate::domain::model::FILE;
use crate::domain::time;
use crate::domain::violation::{Violation, pointer};
use crate::ports::{Blobs, Ports};
use crate::store::{self, Changed};

pub(super) fn read<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let attachment = find(context)?;
    let clean_by = &context.limits.attachments.clean_by;
    Ok(Response::json(200, to_json(shown(&attachment, clean_by))))
}

/// Gives the attachment up: its bytes, and what is known of it.
pub(super) fn delete<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let attachment = find(context)?;
    let ports = context.ports;
    let now = time::whole_millis(ports.now());
    let caller = &context.caller;
    match store::delete(ports, caller, now, (&FILE, attachment.id), None)? {
        Changed::Done => {
            if let Some(upload) = &attachment.upload {
                // The host collects in time what can't be thrown away now.
                Blobs::cancel(ports, upload).ok();
            }
            Ok(Response::empty(204))
        }
        Changed::Forbidden => {
            deny(ports, "attachment.delete", FILE.noun, &context.id)?;
            Err(Failure::Forbidden)
        }
        _ => Err(Failure::NotFound),
    }
}

/// Keeps an attachment back, or gives it free again: for moderators.
pub(super) fn set_state<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let to = wanted(body::value(&context.request)?)?;
    let ports = context.ports;
    let attachment = find(context)?;
    if !context.caller.may(Permission::ModerateMessage) {
        deny(ports, "attachment.state", FILE.noun, &context.id)?;
        return Err(Failure::Forbidden);
    }
    let now = time::whole_millis(ports.now());
    match store::set_quarantine(ports, &context.caller, now, attachment.id, to)? {
        true => Ok(Response::empty(204)),
        false => Err(Refusal::State.into()),
    }
}

fn wanted(value: Value) -> Result<State, Failure> {
    let Value::Object(mut object) = value else {
        return Err(invalid(vec![Violation::wrong_type("", "object")]));
    };
    let name = "state";
    let given = object.remove(name);
    if let Some(other) = object.keys().next() {
        return Err(invalid(vec![Violation::unknown_property("", other)]));
    }
    let Some(given) = given else {
        return Err(invalid(vec![Violation::required("", name)]));
    };
    let state = given.as_str().and_then(State::from_word);
    match state {
        Some(state @ (State::Ready | State::Quarantined)) => Ok(state),
        _ => {
            let message = "must be `quarantined` or `ready`";
            let info = serde_json::json!({ "allowedValues": ["quarantined", "ready"] });
            let path = pointer("", name);
            Err(invalid(vec![Violation::new(path, "enum", message, info)]))
        }
    }
}
