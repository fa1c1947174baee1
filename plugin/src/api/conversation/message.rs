//! What is said in a channel.

use serde_json::{Value, json};

use super::super::body;
use super::super::error::Failure;
use super::super::http::Response;
use super::super::idempotency;
use super::super::resource;
use super::super::route::Context;
use super::{channel_id, page, shown};
use crate::domain::channel::Channel;
use crate::domain::draft::{ATTACHMENTS, Draft, Invalid, Shape};
use crate::domain::model::{CHANNEL_ID, CHANNEL_TYPE, MESSAGE};
use crate::domain::time;
use crate::domain::violation::{Violation, pointer};
use crate::ports::Ports;
use crate::store::{self, NotDone, Refused, Span, Stamp};

/// A channel whose member the caller is.
pub(super) fn own_channel<P: Ports>(context: &Context<'_, P>) -> Result<Channel, Failure> {
    let id = channel_id(context)?;
    let channel = store::find_channel(context.ports, &context.caller, id)?;
    let channel = channel.filter(|it| it.member.is_some());
    channel.ok_or(Failure::NotFound)
}

/// Since when messages of a channel are kept, in microseconds since 1970.
pub(super) fn kept_since<P: Ports>(context: &Context<'_, P>, channel: &Channel) -> Option<i64> {
    let seconds = channel.retention_seconds?;
    Some(
        context
            .ports
            .now()
            .saturating_sub(seconds.saturating_mul(1_000_000)),
    )
}

/// Removes some of what is older than the channel keeps it.
fn sweep<P: Ports>(context: &Context<'_, P>, channel: &Channel) -> Result<(), Failure> {
    if let Some(before) = kept_since(context, channel) {
        let now = time::whole_millis(context.ports.now());
        let (ports, caller) = (context.ports, &context.caller);
        store::expire(ports, caller, &channel.id, (now, before))?;
    }
    Ok(())
}

pub(super) fn history<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let place = |name| page::integer(context, name, 0..=i64::MAX);
    let span = match (place("before")?, place("after")?, place("around")?) {
        (None, None, None) => Span::Latest,
        (Some(at), None, None) => Span::Before(at),
        (None, Some(at), None) => Span::After(at),
        (None, None, Some(at)) => Span::Around(at),
        _ => {
            let message = "must NOT be given together with another place";
            return Err(page::invalid(
                "before",
                Violation::new("", "not", message, json!({})),
            ));
        }
    };
    let channel = own_channel(context)?;
    store::ensure(context.ports, &context.caller, &channel.id)?;
    let since = kept_since(context, &channel);
    sweep(context, &channel)?;
    let (ports, caller) = (context.ports, &context.caller);
    let history = store::history(ports, caller, &channel.id, since, span, limit)?;
    let messages = history.messages.iter();
    let messages: Vec<_> = messages
        .map(|(message, around)| around.shown(message))
        .collect();
    Ok(shown(
        200,
        &json!({
            "messages": messages,
            "hasBefore": history.has_before,
            "hasAfter": history.has_after,
        }),
    ))
}

/// Sends a message: as `POST /messages` does, but to the channel of the path.
pub(super) fn send<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let Value::Object(mut object) = body::value(&context.request)? else {
        return Err(invalid(Violation::wrong_type("", "object")));
    };
    for property in [&CHANNEL_ID, &CHANNEL_TYPE] {
        if object.contains_key(property.name) {
            return Err(invalid(Violation::unknown_property("", property.name)));
        }
        // Checked like any other, and replaced by what the channel says.
        object.insert(property.name.to_owned(), "x".into());
    }
    let draft = Draft::parse(&MESSAGE, Value::Object(object), Shape::New, "");
    let mut draft = draft.map_err(Failure::Body)?;
    let channel = own_channel(context)?;
    sweep(context, &channel)?;
    draft.place(&channel.id, &channel.channel_type);
    deliver(context, &draft)
}

/// Sends what was drafted, and answers with the message as the channel sees it.
pub(super) fn deliver<P: Ports>(
    context: &Context<'_, P>,
    draft: &Draft,
) -> Result<Response, Failure> {
    let (ports, caller) = (context.ports, &context.caller);
    let most = context.limits.attachments.per_message;
    if draft.attachments.len() > most {
        let path = pointer("", ATTACHMENTS);
        return Err(invalid(Violation::too_many(path, most)));
    }
    let key = idempotency::key(&context.request, ports.now())?;
    let stamp = Stamp::new(ports);
    let rate = context.limits.conversation.per_minute;
    let once = store::once(ports, caller, key.as_ref(), |transaction| {
        let sent = store::create_message(transaction, ports, caller, stamp, draft, rate)?;
        Ok(sent.map(|sent| sent.around.shown(&sent.message).to_string().into_bytes()))
    })?;
    match once {
        Ok(once) => Ok(idempotency::answer(once)),
        Err(NotDone::Reused) => Err(Failure::KeyReused),
        Err(NotDone::Refused(Refused::Resent(id))) => {
            let found = store::message(ports, caller, id)?;
            let (message, around) = found.ok_or(Failure::NotFound)?;
            let body = around.shown(&message).to_string().into_bytes();
            Ok(idempotency::answer(store::Once::Again(200, body)))
        }
        Err(NotDone::Refused(refused)) => Err(resource::refusal(ports, &MESSAGE, draft, refused)),
    }
}

fn invalid(violation: Violation) -> Failure {
    Failure::Body(Invalid::Schema(vec![violation]))
}
