//! SQL text and rows. Who may see and change what is a condition inside of every
//! statement here (`scope`), never a check beside it.

mod after;
mod attachment;
mod attempt;
mod audit;
mod change;
mod condition;
mod create;
mod idempotency;
pub(crate) mod migrations;
mod order;
mod read;
mod scope;
mod sql;
mod target;

pub(crate) use attachment::{
    Begun, Link, Readied, Taken, announce, attachment_of, attachment_tag, blob_scope, consume_link,
    expired, find_attachment, find_link, hex, make_link, member_tag, message_tag, ready,
    recipient_tag, set_quarantine, take_findings, withdraw,
};
pub(crate) use change::{BulkChanged, Changed, Guard, change, change_all, delete, delete_all};
pub(crate) use create::{
    Refused, Stamp, create_file, create_files, create_message, create_recipient,
};
pub(crate) use idempotency::{Key, NotDone, Once, once};
pub(crate) use read::{Page, count, find, page};
