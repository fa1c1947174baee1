//! SQL text and rows. Who may see and change what is a condition inside of every
//! statement here (`scope`), never a check beside it.

mod after;
mod around;
mod attachment;
mod attempt;
mod audit;
mod block;
mod change;
mod channel;
mod condition;
mod create;
mod erase;
mod event;
mod expire;
mod idempotency;
mod keep;
mod listed;
pub(crate) mod migrations;
mod naming;
mod order;
mod presence;
mod reaction;
mod read;
mod report;
mod revision;
mod run;
mod scope;
mod sql;
mod target;
mod ticket;
mod told;

pub(crate) use attachment::{
    Begun, Link, Readied, Taken, announce, attachment_of, attachment_tag, blob_scope, consume_link,
    expired, find_attachment, find_link, hex, make_link, member_tag, message_tag, ready,
    recipient_tag, set_quarantine, take_findings, withdraw,
};
pub(crate) use block::{MAX_BLOCKS, block, blocks, unblock};
pub(crate) use change::{BulkChanged, Changed, Guard, change, change_all, delete, delete_all};
pub(crate) use channel::{
    Done, Entry, Kept, Place, Read, Span, add, archive, ban, bans, create_channel, deliver, direct,
    edit, ensure, entry, find_channel, history, join, leave, list, mark_unread, may_moderate,
    members, message, mute, public, read_up_to, set_role, unban,
};
pub(crate) use create::{
    Refused, Stamp, create_file, create_files, create_message, create_recipient,
};
pub(crate) use erase::{erase, own_data};
pub(crate) use expire::expire;
pub(crate) use idempotency::{Key, NotDone, Once, once};
pub(crate) use keep::{favor, hide, pin, unpin};
pub(crate) use listed::{Behind, Messages, Source, listed, replies, sees, versions};
pub(crate) use presence::{audience, gone, heard, see, seen};
pub(crate) use reaction::{react, reactions, unreact};
pub(crate) use read::{Page, count, find, page};
pub(crate) use report::{Report, close_report, report, reports};
pub(crate) use ticket::{make as make_ticket, take as take_ticket};
