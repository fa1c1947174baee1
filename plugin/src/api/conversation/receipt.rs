//! How far somebody has read, and what that one wants to hear.

use super::super::error::Failure;
use super::super::fields::Fields;
use super::super::http::Response;
use super::super::route::Context;
use super::{channel_id, settle, shown};
use crate::domain::time;
use crate::ports::Ports;
use crate::store::{self, Done, Read};

/// 9999-12-31: muted until somebody says otherwise.
const ALWAYS: i64 = 253_402_214_400_000_000;

/// The number that a body names.
fn place<P: Ports>(context: &Context<'_, P>) -> Result<i64, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let seq = fields.integer("seq", 1..=i64::MAX);
    let seq = fields.required("seq", seq);
    fields.finish()?;
    Ok(seq.unwrap_or_default())
}

fn answer<P: Ports>(context: &Context<'_, P>, done: Done<Read>) -> Result<Response, Failure> {
    let read = settle(context, "read", done)?;
    Ok(shown(200, &read.shown(&context.id)))
}

pub(super) fn read<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let seq = place(context)?;
    let id = channel_id(context)?;
    store::ensure(context.ports, &context.caller, id)?;
    let done = store::read_up_to(context.ports, &context.caller, id, seq)?;
    answer(context, done)
}

pub(super) fn unread<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let seq = place(context)?;
    let id = channel_id(context)?;
    let done = store::mark_unread(context.ports, &context.caller, id, seq)?;
    answer(context, done)
}

pub(super) fn delivered<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let seq = place(context)?;
    let id = channel_id(context)?;
    let done = store::deliver(context.ports, &context.caller, id, seq)?;
    answer(context, done)
}

pub(super) fn mute<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of_optional(&context.request)?;
    let until = fields.time("until");
    fields.finish()?;
    set_mute(context, Some(until.unwrap_or(ALWAYS)))
}

pub(super) fn unmute<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    set_mute(context, None)
}

fn set_mute<P: Ports>(context: &Context<'_, P>, until: Option<i64>) -> Result<Response, Failure> {
    let id = channel_id(context)?;
    let until = until.map(time::whole_millis);
    let done = store::mute(context.ports, &context.caller, id, until)?;
    let channel = settle(context, "mute", done)?;
    let mut value = channel.shown();
    if let (Some(object), Some(member)) = (value.as_object_mut(), &channel.member) {
        object.insert("membership".to_owned(), member.shown());
    }
    Ok(shown(200, &value))
}
