//! What members do with a message: reactions, pins, favourites, and what was said before.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::error::{Failure, deny};
use super::super::fields::Fields;
use super::super::http::Response;
use super::super::route::Context;
use super::message::{deliver, own_channel};
use super::{Refusal, page, settle, shown};
use crate::domain::draft::{Draft, Shape};
use crate::domain::id::is_external;
use crate::domain::message::is_emoji;
use crate::domain::model::MESSAGE;
use crate::domain::search::Words;
use crate::domain::time;
use crate::domain::violation::Violation;
use crate::ports::Ports;
use crate::store::{self, Behind, Done, Kept, Messages, Source, Stamp};

fn message_id<P: Ports>(context: &Context<'_, P>) -> Result<Uuid, Failure> {
    Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)
}

/// As `settle`, for what is about a message.
fn about<P: Ports>(context: &Context<'_, P>, verb: &str, done: Done) -> Result<Response, Failure> {
    match done {
        Err(Kept::Forbidden) => {
            let action = format!("message.{verb}");
            deny(context.ports, &action, MESSAGE.noun, &context.id)?;
            Err(Failure::Forbidden)
        }
        done => {
            settle(context, verb, done)?;
            Ok(Response::empty(204))
        }
    }
}

fn now<P: Ports>(context: &Context<'_, P>) -> i64 {
    time::whole_millis(context.ports.now())
}

pub(super) fn react<P: Ports>(context: &Context<'_, P>, add: bool) -> Result<Response, Failure> {
    let id = message_id(context)?;
    let emoji = context.other.as_str();
    if !is_emoji(emoji) {
        return Err(Failure::NotFound);
    }
    let (ports, caller, most) = (context.ports, &context.caller, context.limits);
    let done = match add {
        true => {
            let most = most.conversation.reactions;
            store::react(ports, caller, now(context), (id, emoji), most)?
        }
        false => store::unreact(ports, caller, (id, emoji))?,
    };
    about(context, "react", done)
}

pub(super) fn reactions<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::cursor(context, |value| {
        let [emoji, user] = value.as_array()?.as_slice() else {
            return None;
        };
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|it| !it.contains('\0'))
                .map(str::to_owned)
        };
        Some((text(emoji)?, text(user)?))
    })?;
    let id = message_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let all = store::reactions(ports, caller, id, after.as_ref(), limit)?;
    if all.is_empty() && !store::sees(ports, caller, id)? {
        return Err(Failure::NotFound);
    }
    let place = all.last().map(|it| json!([it.emoji, it.user]));
    let all = all
        .iter()
        .map(|it| json!({ "emoji": it.emoji, "userId": it.user, "createdOn": time::text(it.on) }));
    Ok(page::answer(context, all.collect(), limit, place))
}

pub(super) fn pin<P: Ports>(context: &Context<'_, P>, add: bool) -> Result<Response, Failure> {
    let id = message_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let done = match add {
        true => store::pin(
            ports,
            caller,
            now(context),
            id,
            context.limits.conversation.pins,
        )?,
        false => store::unpin(ports, caller, id)?,
    };
    about(context, "pin", done)
}

pub(super) fn favor<P: Ports>(context: &Context<'_, P>, add: bool) -> Result<Response, Failure> {
    let id = message_id(context)?;
    let stamp = Stamp::new(context.ports);
    let done = store::favor(context.ports, &context.caller, stamp, id, add)?;
    about(context, "favor", done)
}

pub(super) fn hide<P: Ports>(context: &Context<'_, P>, add: bool) -> Result<Response, Failure> {
    let id = message_id(context)?;
    let done = store::hide(context.ports, &context.caller, id, add)?;
    about(context, "hide", done)
}

pub(super) fn versions<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let before = page::cursor(context, Value::as_i64)?;
    let id = message_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let versions = store::versions(ports, caller, id, before, limit)?;
    if versions.is_empty() && !store::sees(ports, caller, id)? {
        return Err(Failure::NotFound);
    }
    let place = versions.last().map(|it| it.number.into());
    let versions = versions.iter().map(|it| {
        json!({
            "version": it.number,
            "body": it.body,
            "subject": it.subject,
            "writtenBy": it.by,
            "writtenOn": time::text(it.on),
        })
    });
    Ok(page::answer(context, versions.collect(), limit, place))
}

/// The replies to a message, in the order of their numbers.
pub(super) fn thread<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::cursor(context, Value::as_i64)?;
    let id = message_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let replies = store::replies(ports, caller, id, after.unwrap_or(-1), limit)?;
    if replies.is_empty() && !store::sees(ports, caller, id)? {
        return Err(Failure::NotFound);
    }
    let place = replies.last().and_then(|(it, _)| it.seq).map(Value::from);
    let replies = replies
        .iter()
        .map(|(message, around)| around.shown(message));
    Ok(page::answer(context, replies.collect(), limit, place))
}

/// Sends what a message says to another channel, as a message of the caller's own. Files
/// stay where they are.
pub(super) fn forward<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let channel = fields.external("channelId");
    let channel = fields.required("channelId", channel).unwrap_or_default();
    let client_id = fields.external("clientMessageId");
    fields.finish()?;
    let id = message_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let found = store::message(ports, caller, id)?;
    let (message, _) = found.ok_or(Failure::NotFound)?;
    let target = store::find_channel(ports, caller, &channel)?;
    let target = target.filter(|it| it.member.is_some());
    let target = target.ok_or(Failure::NotFound)?;
    let mut body = json!({
        "body": message.body,
        "channelId": target.id,
        "channelType": target.channel_type,
    });
    if let (Some(body), Some(subject)) = (body.as_object_mut(), message.subject) {
        body.insert("subject".to_owned(), subject.into());
    }
    let draft = Draft::parse(&MESSAGE, body, Shape::New, "");
    let mut draft = draft.map_err(Failure::Body)?;
    draft.client_id = client_id;
    draft.forwarded_from = Some(id);
    deliver(context, &draft)
}

fn list<P: Ports>(context: &Context<'_, P>, source: &Source<'_>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::cursor(context, Behind::from_json)?;
    let messages = store::listed(context.ports, &context.caller, source, after, limit)?;
    Ok(answer(context, &messages, limit))
}

fn answer<P: Ports>(context: &Context<'_, P>, messages: &Messages, limit: i64) -> Response {
    let place = messages.last().map(|(it, _)| Behind::of(it).to_json());
    let messages = messages
        .iter()
        .map(|(message, around)| around.shown(message));
    page::answer(context, messages.collect(), limit, place)
}

pub(super) fn mentions<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    list(context, &Source::Mentions)
}

pub(super) fn favorites<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    list(context, &Source::Favorites)
}

pub(super) fn pins<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let channel = own_channel(context)?;
    list(context, &Source::Pins(&channel.id))
}

pub(super) fn search<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let text = page::parameter(context, "q")?.unwrap_or_default();
    let words = Some(&text).filter(|text| text.chars().count() <= 200);
    let words = words.and_then(|text| Words::read(text));
    let words = words.ok_or_else(|| page::invalid("q", Violation::wrong_format("", "words")))?;
    let channel = page::parameter(context, "channelId")?;
    if channel.as_deref().is_some_and(|it| !is_external(it)) {
        return Err(page::invalid(
            "channelId",
            Violation::wrong_format("", "id"),
        ));
    }
    list(context, &Source::Search(&words, channel.as_deref()))
}

/// Everything of the caller's, in pages: the messages, and with the first page the rest.
pub(super) fn export<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::cursor(context, Behind::from_json)?;
    let (ports, caller) = (context.ports, &context.caller);
    let messages = store::listed(ports, caller, &Source::Own, after, limit)?;
    let place = messages.last().map(|(it, _)| Behind::of(it).to_json());
    let others = match after {
        None => store::own_data(ports, caller)?,
        Some(_) => Value::Null,
    };
    let said: Vec<_> = messages
        .iter()
        .map(|(message, around)| around.shown(message))
        .collect();
    let is_full = usize::try_from(limit).is_ok_and(|limit| said.len() >= limit);
    let data = json!({ "userId": caller.actor, "messages": said, "others": others });
    let mut response = shown(200, &data);
    if let Some(place) = place.filter(|_| is_full) {
        page::tell(context, &mut response, &place);
    }
    Ok(response)
}

/// Erases a user: the caller, or anybody for those whose token moderates. To be asked again
/// until it is done.
pub(super) fn erase<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let user = context.id.as_str();
    if !is_external(user) {
        return Err(Failure::NotFound);
    }
    let moderates = crate::domain::caller::Permission::ModerateMessage;
    if user != context.caller.actor && !context.caller.may(moderates) {
        deny(context.ports, "user.erase", "user", user)?;
        return Err(Failure::Forbidden);
    }
    let done = store::erase(context.ports, &context.caller, now(context), user)?;
    Ok(shown(200, &json!({ "userId": user, "done": done })))
}

pub(super) fn blocks<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::text_cursor(context)?;
    let blocks = store::blocks(context.ports, &context.caller, after.as_deref(), limit)?;
    let place = blocks.last().map(|it| Value::from(it.user.as_str()));
    let blocks = blocks.iter();
    let blocks = blocks.map(|it| json!({ "userId": it.user, "createdOn": time::text(it.on) }));
    Ok(page::answer(context, blocks.collect(), limit, place))
}

pub(super) fn block<P: Ports>(context: &Context<'_, P>, add: bool) -> Result<Response, Failure> {
    let user = context.id.as_str();
    if !is_external(user) || user == context.caller.actor {
        return Err(Failure::NotFound);
    }
    let (ports, caller) = (context.ports, &context.caller);
    match add {
        true if !store::block(ports, caller, now(context), user)? => Err(Refusal::Full.into()),
        false if !store::unblock(ports, caller, user)? => Err(Failure::NotFound),
        _ => Ok(Response::empty(204)),
    }
}
