//! Channels themselves.

use super::super::error::Failure;
use super::super::fields::Fields;
use super::super::http::{Field, Response};
use super::super::route::Context;
use super::{channel_id, page, settle, shown};
use crate::domain::channel::{Edit, Kind, MAX_NAME, MAX_TOPIC};
use crate::domain::time;
use crate::ports::Ports;
use crate::store::{self, Entry, Place, Stamp};

/// Members that a new channel may be given.
pub(in crate::api) const MAX_INVITED: usize = 100;
/// The longest time between two messages of a member, in seconds: six hours.
pub(in crate::api) const MAX_SLOW: i64 = 6 * 60 * 60;
/// The shortest and the longest time that messages are kept for, in seconds.
pub(in crate::api) const RETENTION: (i64, i64) = (60, 100 * 366 * 24 * 60 * 60);

pub(super) fn create<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let words = ["direct", "group", "public"];
    let kind = fields.word("kind", &words, Kind::from_word);
    let kind = fields.required("kind", kind);
    let made = match kind {
        Some(Kind::Direct) => {
            let user = fields.external("userId");
            let user = fields.required("userId", user).unwrap_or_default();
            fields.finish()?;
            let stamp = Stamp::new(context.ports);
            let done = store::direct(context.ports, &context.caller, stamp, &user)?;
            settle(context, "direct", done)?
        }
        kind => {
            let name = fields.text("name", MAX_NAME);
            let topic = fields.text("topic", MAX_TOPIC);
            let members = fields.externals("members", MAX_INVITED);
            fields.finish()?;
            let what = (
                kind.unwrap_or(Kind::Group),
                name.as_deref(),
                topic.as_deref(),
            );
            let stamp = Stamp::new(context.ports);
            let entry =
                store::create_channel(context.ports, &context.caller, stamp, what, &members)?;
            (entry, true)
        }
    };
    let (entry, is_new) = made;
    let mut response = shown(if is_new { 201 } else { 200 }, &entry.shown());
    if is_new {
        // Relative to the address of the request; the id is one of ours.
        let location = Field::new("location", format!("channels/{}", entry.channel.id));
        response.headers.push(location);
    }
    Ok(response)
}

pub(super) fn list<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let after = page::cursor(context, Place::from_json)?;
    let archived = page::flag(context, "archived")?;
    let (ports, caller) = (context.ports, &context.caller);
    let entries = match page::flag(context, "public")? {
        true => store::public(ports, caller, after.as_ref(), limit)?,
        false => store::list(ports, caller, Some(archived), after.as_ref(), limit)?,
    };
    let place = entries.last().map(|it| Place::behind(it).to_json());
    let entries = entries.iter().map(Entry::shown).collect();
    Ok(page::answer(context, entries, limit, place))
}

pub(super) fn read<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let id = channel_id(context)?;
    let entry = store::entry(context.ports, &context.caller, id)?;
    let entry = entry.ok_or(Failure::NotFound)?;
    Ok(shown(200, &entry.shown()))
}

pub(super) fn edit<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let edit = Edit {
        name: fields.text_or_null("name", MAX_NAME),
        topic: fields.text_or_null("topic", MAX_TOPIC),
        kind: fields.word("kind", &["group", "public"], Kind::from_word),
        slow_seconds: fields.integer("slowSeconds", 0..=MAX_SLOW),
        retention_seconds: fields.integer_or_null("retentionSeconds", RETENTION.0..=RETENTION.1),
    };
    fields.finish()?;
    let id = channel_id(context)?;
    let done = store::edit(context.ports, &context.caller, id, &edit)?;
    Ok(shown(200, &settle(context, "update", done)?.shown()))
}

pub(super) fn archive<P: Ports>(
    context: &Context<'_, P>,
    archive: bool,
) -> Result<Response, Failure> {
    let id = channel_id(context)?;
    let on = archive.then(|| time::whole_millis(context.ports.now()));
    let done = store::archive(context.ports, &context.caller, id, on)?;
    Ok(shown(200, &settle(context, "archive", done)?.shown()))
}
