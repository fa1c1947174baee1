//! Who belongs to a channel, and who may not.

use serde_json::{Value, json};

use super::super::error::Failure;
use super::super::fields::Fields;
use super::super::http::Response;
use super::super::route::Context;
use super::{channel_id, page, settle, shown, user_id};
use crate::domain::channel::{MAX_REASON, Role};
use crate::domain::time;
use crate::ports::Ports;
use crate::store::{self, Kept};

const ROLES: [&str; 3] = ["owner", "moderator", "member"];

pub(super) fn list<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::text_cursor(context)?;
    let id = channel_id(context)?;
    let members = store::members(context.ports, &context.caller, id, after.as_deref(), limit)?;
    if members.is_empty() && after.is_none() {
        // A channel of the caller's has the caller in it.
        return Err(Failure::NotFound);
    }
    let place = members.last().map(|it| Value::from(it.user.as_str()));
    let members = members
        .iter()
        .map(|it| it.membership.shown_of(id, &it.user));
    Ok(page::answer(context, members.collect(), limit, place))
}

pub(super) fn add<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of_optional(&context.request)?;
    let role = fields.word("role", &ROLES, Role::from_word);
    fields.finish()?;
    let (id, user) = (channel_id(context)?, user_id(context)?);
    let who = (id, user, role.unwrap_or(Role::Member));
    let most = context.limits.conversation.members;
    let now = time::whole_millis(context.ports.now());
    let done = store::add(context.ports, &context.caller, now, who, most)?;
    settle(context, "add", done)?;
    Ok(Response::empty(204))
}

pub(super) fn join<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let id = channel_id(context)?;
    let most = context.limits.conversation.members;
    let now = time::whole_millis(context.ports.now());
    let done = store::join(context.ports, &context.caller, now, id, most)?;
    settle(context, "join", done)?;
    let entry = store::entry(context.ports, &context.caller, id)?;
    let entry = entry.ok_or(Failure::NotFound)?;
    Ok(shown(200, &entry.shown()))
}

pub(super) fn leave<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let id = channel_id(context)?;
    let done = store::leave(context.ports, &context.caller, id, &context.caller.actor)?;
    settle(context, "leave", done)?;
    Ok(Response::empty(204))
}

pub(super) fn remove<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let (id, user) = (channel_id(context)?, user_id(context)?);
    let done = store::leave(context.ports, &context.caller, id, user)?;
    settle(context, "remove", done)?;
    Ok(Response::empty(204))
}

pub(super) fn set_role<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let role = fields.word("role", &ROLES, Role::from_word);
    let role = fields.required("role", role);
    fields.finish()?;
    let (id, user) = (channel_id(context)?, user_id(context)?);
    let role = role.unwrap_or(Role::Member);
    let done = store::set_role(context.ports, &context.caller, id, user, role)?;
    settle(context, "role", done)?;
    Ok(Response::empty(204))
}

pub(super) fn bans<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::text_cursor(context)?;
    let id = channel_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let bans = store::bans(ports, caller, id, after.as_deref(), limit)?;
    if bans.is_empty() {
        // Nobody is banned, or it isn't for the caller to know.
        match store::may_moderate(ports, caller, id)? {
            Some(true) => {}
            Some(false) => settle(context, "bans", Err(Kept::Forbidden))?,
            None => return Err(Failure::NotFound),
        }
    }
    let place = bans.last().map(|it| Value::from(it.user.as_str()));
    let bans = bans.iter().map(|it| {
        json!({
            "channelId": id,
            "userId": it.user,
            "reason": it.reason,
            "bannedBy": it.by,
            "bannedOn": time::text(it.on),
        })
    });
    Ok(page::answer(context, bans.collect(), limit, place))
}

pub(super) fn ban<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of_optional(&context.request)?;
    let reason = fields.text("reason", MAX_REASON);
    fields.finish()?;
    let whom = (channel_id(context)?, user_id(context)?);
    let now = time::whole_millis(context.ports.now());
    let (ports, caller) = (context.ports, &context.caller);
    let done = store::ban(ports, caller, now, whom, reason.as_deref())?;
    settle(context, "ban", done)?;
    Ok(Response::empty(204))
}

pub(super) fn unban<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let (id, user) = (channel_id(context)?, user_id(context)?);
    let done = store::unban(context.ports, &context.caller, id, user)?;
    settle(context, "unban", done)?;
    Ok(Response::empty(204))
}
