//! What is said aloud and not kept: who is typing, and who is there.

use serde_json::{Value, json};

use super::super::error::Failure;
use super::super::fields::Fields;
use super::super::http::Response;
use super::super::route::Context;
use super::message::own_channel;
use super::{page, shown};
use crate::domain::caller::Caller;
use crate::domain::id::is_external;
use crate::domain::violation::Violation;
use crate::domain::{time, topic};
use crate::ports::{Event, Ports};
use crate::store;

/// Seconds after which somebody is taken to have stopped typing.
const TYPING_SECONDS: i64 = 6;
/// Seconds after which somebody is taken to have gone, unless told otherwise.
pub(super) const PRESENT_SECONDS: i64 = 90;
/// Users that one request asks about.
const MAX_ASKED: usize = 100;
const STATUSES: [&str; 3] = ["online", "away", "offline"];

pub(super) fn typing<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of_optional(&context.request)?;
    let typing = fields.flag("typing").unwrap_or(true);
    fields.finish()?;
    let channel = own_channel(context)?;
    say_typing(context.ports, &context.caller, &channel.id, typing)?;
    Ok(Response::empty(204))
}

fn say_typing(
    ports: &impl Ports,
    caller: &Caller,
    channel: &str,
    typing: bool,
) -> Result<(), Failure> {
    let data = json!({
        "channelId": channel,
        "userId": caller.actor,
        "typing": typing,
        "expiresIn": TYPING_SECONDS,
    });
    Ok(ports.signal(&Event {
        topic: topic::channel(&caller.tenant, channel),
        kind: "typing".to_owned(),
        payload: data.to_string(),
    })?)
}

pub(super) fn be<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let status = fields.word("status", &STATUSES, |word| Some(word.to_owned()));
    let status = fields.required("status", status).unwrap_or_default();
    fields.finish()?;
    say_presence(context.ports, &context.caller, &status)?;
    Ok(Response::empty(204))
}

fn say_presence(ports: &impl Ports, caller: &Caller, status: &str) -> Result<(), Failure> {
    let now = time::whole_millis(ports.now());
    store::see(ports, caller, now, status)?;
    let data = json!({
        "userId": caller.actor,
        "status": status,
        "seenOn": time::text(now),
        "expiresIn": PRESENT_SECONDS,
    });
    for topic in store::audience(ports, caller)? {
        ports.signal(&Event {
            topic,
            kind: "presence".to_owned(),
            payload: data.to_string(),
        })?;
    }
    Ok(())
}

/// Who of some users is there, as far as the caller shares a channel with them.
pub(super) fn presence<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let ids = page::parameter(context, "ids")?.unwrap_or_default();
    let users: Vec<_> = ids.split(',').filter(|it| !it.is_empty()).collect();
    if users.is_empty() || users.len() > MAX_ASKED || !users.iter().all(|it| is_external(it)) {
        return Err(page::invalid("ids", Violation::wrong_format("", "ids")));
    }
    let users: Vec<_> = users.into_iter().map(str::to_owned).collect();
    let now = context.ports.now();
    let seen = store::seen(context.ports, &context.caller, &users)?;
    let seen = seen.iter().map(|it| {
        let is_stale = now.saturating_sub(it.on) > PRESENT_SECONDS * 1_000_000;
        let status = if is_stale {
            "offline"
        } else {
            it.status.as_str()
        };
        json!({ "userId": it.user, "status": status, "seenOn": time::text(it.on) })
    });
    Ok(shown(200, &Value::Array(seen.collect())))
}

/// Takes what a client sends on its connection. What makes no sense, or is not the client's
/// to say, is answered with an error; nothing at all needs an answer.
pub(in crate::api) fn frame<P: Ports>(ports: &P, subject: &str, payload: &str) -> Option<String> {
    let answer = handle(ports, subject, payload);
    let (op, error) = match answer {
        Ok(answer) => return answer.map(|it| it.to_string()),
        Err(refusal) => refusal,
    };
    Some(json!({ "type": "error", "data": { "op": op, "error": error } }).to_string())
}

type Refused = (Option<String>, &'static str);

fn handle<P: Ports>(ports: &P, subject: &str, payload: &str) -> Result<Option<Value>, Refused> {
    let frame: Value = serde_json::from_str(payload).map_err(|_| (None, "malformed"))?;
    let op = frame.get("op").and_then(Value::as_str).map(str::to_owned);
    let refused = |text| (op.clone(), text);
    let caller = speaker(ports, subject).ok_or_else(|| refused("unknown"))?;
    let channel = || {
        let id = frame.get("channelId").and_then(Value::as_str);
        let id = id
            .filter(|id| is_external(id))
            .ok_or_else(|| refused("malformed"))?;
        let channel = store::find_channel(ports, &caller, id);
        let channel = channel.map_err(|_| refused("unavailable"))?;
        let channel = channel.filter(|it| it.member.is_some());
        channel.ok_or_else(|| refused("not-found"))
    };
    match op.as_deref() {
        Some("typing") => {
            let typing = frame.get("typing").and_then(Value::as_bool).unwrap_or(true);
            let said = say_typing(ports, &caller, &channel()?.id, typing);
            said.map_err(|_| refused("unavailable"))?;
            Ok(None)
        }
        Some("presence") => {
            let status = frame.get("status").and_then(Value::as_str);
            let status = status.filter(|it| STATUSES.contains(it));
            let status = status.ok_or_else(|| refused("malformed"))?;
            let said = say_presence(ports, &caller, status);
            said.map_err(|_| refused("unavailable"))?;
            Ok(None)
        }
        Some("read") => {
            let seq = frame
                .get("seq")
                .and_then(Value::as_i64)
                .filter(|seq| *seq > 0);
            let seq = seq.ok_or_else(|| refused("malformed"))?;
            let id = channel()?.id;
            let read = store::read_up_to(ports, &caller, &id, seq);
            let read = read.map_err(|_| refused("unavailable"))?;
            let read = read.map_err(|_| refused("not-found"))?;
            Ok(Some(json!({ "type": "read", "data": read.shown(&id) })))
        }
        _ => Err(refused("unknown-op")),
    }
}

/// Who speaks on a connection: the one that it was opened for.
fn speaker(ports: &impl Ports, subject: &str) -> Option<Caller> {
    match topic::of_subject(subject) {
        Some((tenant, user)) => Some(Caller::listener(&user, &tenant)),
        // Its name is hashed: the claims say it, if there are any.
        None => {
            let caller = Caller::from_claims(&ports.claims()?)?;
            let own = topic::subject(&caller.tenant, &caller.actor);
            (own == subject).then(|| Caller::listener(&caller.actor, &caller.tenant))
        }
    }
}

/// The last connection of a subject on this gateway has ended.
pub(in crate::api) fn closed<P: Ports>(ports: &P, subject: &str) {
    if let Some((tenant, user)) = topic::of_subject(subject) {
        let caller = Caller::listener(&user, &tenant);
        // Best effort: the heartbeat that does not come says the same.
        store::gone(ports, &caller, time::whole_millis(ports.now())).ok();
    }
}
