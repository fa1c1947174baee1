//! Creating things.

mod file;
mod member;
mod message;
mod pace;
mod recipient;

use uuid::Uuid;

pub(crate) use file::{create_file, create_files};
pub(crate) use message::create_message;
pub(crate) use recipient::create_recipient;

use super::sql::{literal, optional, text, uuid};
use crate::domain::caller::Caller;
use crate::domain::draft::Draft;
use crate::domain::id;
use crate::domain::model::{Input, Model, Property};
use crate::domain::time;
use crate::ports::{Clock, Random, Value};

/// What the service itself adds to a new thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) id: Uuid,
    /// Microseconds since 1970.
    pub(crate) now: i64,
}

impl Stamp {
    pub(crate) fn new(ports: &(impl Clock + Random)) -> Self {
        let now = time::whole_millis(ports.now());
        Self {
            id: id::mint(now, [ports.bits(), ports.bits()]),
            now,
        }
    }
}

/// The values of all properties of the model, in its order.
pub(crate) type Created<T = Vec<Value>> = Result<T, Refused>;

/// Why nothing was created.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The channel is there, but not for the caller.
    NotMember,
    /// The caller sees no live message with the id that the thing is to belong to.
    NoTarget,
    /// The caller sees the message, and may not add to it.
    Forbidden,
    /// The property has to be what the message has.
    Fixed(&'static Property),
    /// There is one already.
    Duplicate,
    /// Not all attachments can be sent with the message.
    Unsendable,
    /// The sender has sent it before: this is it.
    Resent(Uuid),
    /// The sender has sent something else by that name.
    ClientIdReused,
    /// The channel takes no messages.
    Archived,
    /// One of the two has blocked the other.
    Blocked,
    /// The channel is slow, for so many seconds more.
    Slow(i64),
    /// The sender has sent too many, for so many seconds more.
    TooMany(i64),
}

/// A new thing as it is answered, in the order of the model.
fn values(model: &Model, caller: &Caller, stamp: Stamp, draft: &Draft) -> Vec<Value> {
    let value = |property: &Property| match (property.input, property.name) {
        (Input::Id, _) => uuid(stamp.id),
        (Input::Audit, "deleted") => Value::Boolean(false),
        (Input::Audit, "createdBy" | "modifiedBy") => text(&caller.actor),
        (Input::Audit, "createdOn" | "modifiedOn") => Value::Timestamp(stamp.now),
        (Input::Audit, _) => Value::Null,
        _ => optional(draft.or_default(property).as_ref(), literal),
    };
    model.properties.iter().map(value).collect()
}
