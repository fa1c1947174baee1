//! Channels, and what is said there.

mod channel;
mod live;
mod member;
mod message;
mod note;
mod operation;
mod page;
mod receipt;
mod refusal;
mod report;
mod signal;

use super::error::{Failure, deny};
use super::http::{Answer, Response};
use super::route::Context;
use crate::ports::Ports;
use crate::store::{Done, Kept};

pub(super) use channel::{MAX_INVITED, MAX_SLOW, RETENTION};
pub(super) use live::ticket_holder;
pub(super) use operation::{Operation, Sent};
pub(super) use refusal::Refusal;
pub(super) use signal::{closed, frame};

/// Rows of a page when nobody says, and of the largest.
pub(super) const PAGE: (i64, i64) = (page::USUAL, page::MOST);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    CreateChannel,
    ListChannels,
    ReadChannel,
    EditChannel,
    Archive,
    Unarchive,
    Join,
    Leave,
    ListMembers,
    AddMember,
    SetRole,
    RemoveMember,
    ListBans,
    Ban,
    Unban,
    Mute,
    Unmute,
    MarkRead,
    MarkUnread,
    MarkDelivered,
    History,
    Send,
    Events,
    MakeTicket,
    Sync,
    Typing,
    Be,
    Presence,
    React,
    Unreact,
    Reactions,
    Pin,
    Unpin,
    Pins,
    Favor,
    Unfavor,
    Favorites,
    Hide,
    Unhide,
    Versions,
    Thread,
    Forward,
    Mentions,
    Search,
    Blocks,
    Block,
    Unblock,
    Report,
    Reports,
    CloseReport,
    Export,
    Erase,
}

/// All of them.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    let channels = operation::CHANNEL_OPERATIONS.iter();
    let messages = operation::MESSAGE_OPERATIONS.iter();
    let live = operation::LIVE_OPERATIONS.iter();
    channels
        .chain(messages)
        .chain(live)
        .chain(&operation::NOTE_OPERATIONS)
}

pub(super) fn run<P: Ports>(context: Context<'_, P>, action: Action) -> Result<Answer<P>, Failure> {
    let context = &context;
    let response = match action {
        Action::CreateChannel => channel::create(context)?,
        Action::ListChannels => channel::list(context)?,
        Action::ReadChannel => channel::read(context)?,
        Action::EditChannel => channel::edit(context)?,
        Action::Archive => channel::archive(context, true)?,
        Action::Unarchive => channel::archive(context, false)?,
        Action::Join => member::join(context)?,
        Action::Leave => member::leave(context)?,
        Action::ListMembers => member::list(context)?,
        Action::AddMember => member::add(context)?,
        Action::SetRole => member::set_role(context)?,
        Action::RemoveMember => member::remove(context)?,
        Action::ListBans => member::bans(context)?,
        Action::Ban => member::ban(context)?,
        Action::Unban => member::unban(context)?,
        Action::Mute => receipt::mute(context)?,
        Action::Unmute => receipt::unmute(context)?,
        Action::MarkRead => receipt::read(context)?,
        Action::MarkUnread => receipt::unread(context)?,
        Action::MarkDelivered => receipt::delivered(context)?,
        Action::History => message::history(context)?,
        Action::Send => message::send(context)?,
        Action::Events => return live::events(context),
        Action::MakeTicket => live::ticket(context)?,
        Action::Sync => live::sync(context)?,
        Action::Typing => signal::typing(context)?,
        Action::Be => signal::be(context)?,
        Action::Presence => signal::presence(context)?,
        Action::React => note::react(context, true)?,
        Action::Unreact => note::react(context, false)?,
        Action::Reactions => note::reactions(context)?,
        Action::Pin => note::pin(context, true)?,
        Action::Unpin => note::pin(context, false)?,
        Action::Pins => note::pins(context)?,
        Action::Favor => note::favor(context, true)?,
        Action::Unfavor => note::favor(context, false)?,
        Action::Favorites => note::favorites(context)?,
        Action::Hide => note::hide(context, true)?,
        Action::Unhide => note::hide(context, false)?,
        Action::Versions => note::versions(context)?,
        Action::Thread => note::thread(context)?,
        Action::Forward => note::forward(context)?,
        Action::Mentions => note::mentions(context)?,
        Action::Search => note::search(context)?,
        Action::Blocks => note::blocks(context)?,
        Action::Block => note::block(context, true)?,
        Action::Unblock => note::block(context, false)?,
        Action::Report => report::make(context)?,
        Action::Reports => report::list(context)?,
        Action::CloseReport => report::close(context)?,
        Action::Export => note::export(context)?,
        Action::Erase => note::erase(context)?,
    };
    Ok(response.into())
}

/// Turns what was kept as it was into an answer; a denial is on record.
fn settle<P: Ports, T>(context: &Context<'_, P>, verb: &str, done: Done<T>) -> Result<T, Failure> {
    let denied = |failure: Failure| {
        let action = format!("channel.{verb}");
        deny(context.ports, &action, "channel", &context.id)
            .err()
            .unwrap_or(failure)
    };
    done.map_err(|kept| match kept {
        Kept::Missing => Failure::NotFound,
        Kept::Forbidden => denied(Failure::Forbidden),
        Kept::Banned => denied(Refusal::Banned.into()),
        Kept::Blocked => denied(Refusal::Blocked.into()),
        Kept::LastOwner => Refusal::LastOwner.into(),
        Kept::Archived => Refusal::Archived.into(),
        Kept::Direct => Refusal::Direct.into(),
        Kept::Full => Refusal::Full.into(),
    })
}

/// A path names a channel that could be one.
fn channel_id<'c, P: Ports>(context: &'c Context<'_, P>) -> Result<&'c str, Failure> {
    match crate::domain::id::is_external(&context.id) {
        true => Ok(&context.id),
        false => Err(Failure::NotFound),
    }
}

/// The same for a user, in the second place.
fn user_id<'c, P: Ports>(context: &'c Context<'_, P>) -> Result<&'c str, Failure> {
    match crate::domain::id::is_external(&context.other) {
        true => Ok(&context.other),
        false => Err(Failure::NotFound),
    }
}

fn shown(status: u16, value: &serde_json::Value) -> Response {
    Response::json(status, value.to_string().into_bytes())
}
