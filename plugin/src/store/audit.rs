//! What the audit record says. Never what is written in a message.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::attachment::{Announced, Arrived, Findings, State};
use crate::domain::draft::Changes;
use crate::domain::model::{FILE, MESSAGE, Model};
use crate::domain::violation::shortened;
use crate::ports::{Entry, Outcome};

fn allowed(model: &Model, verb: &str, id: String, details: Option<Value>) -> Entry {
    Entry {
        action: format!("{}.{verb}", model.noun),
        entity: model.noun.to_owned(),
        entity_id: id,
        outcome: Outcome::Allowed,
        details: details.map(|details| details.to_string()),
    }
}

pub(super) fn created(model: &Model, id: Uuid, details: Value) -> Entry {
    allowed(model, "create", id.to_string(), Some(details))
}

pub(super) fn updated(model: &Model, id: Uuid, changes: &Changes) -> Entry {
    let details = json!({ "properties": names(changes) });
    allowed(model, "update", id.to_string(), Some(details))
}

/// `ids` when they are few enough to be named.
pub(super) fn updated_many(
    model: &Model,
    count: u64,
    ids: Option<&[Uuid]>,
    changes: &Changes,
) -> Entry {
    let details = json!({ "properties": names(changes), "count": count });
    many(model, "update", ids, details)
}

pub(super) fn deleted(model: &Model, id: Uuid) -> Entry {
    allowed(model, "delete", id.to_string(), None)
}

pub(super) fn deleted_many(model: &Model, count: u64, ids: Option<&[Uuid]>) -> Entry {
    many(model, "delete", ids, json!({ "count": count }))
}

pub(super) fn attachment_announced(id: Uuid, announced: &Announced) -> Entry {
    let details = json!({ "channelId": announced.channel, "size": announced.size });
    allowed(&FILE, "announce", id.to_string(), Some(details))
}

pub(super) fn attachment_uploaded(id: Uuid, arrived: &Arrived) -> Entry {
    let details = json!({ "size": arrived.size, "type": arrived.sniffed });
    allowed(&FILE, "upload", id.to_string(), Some(details))
}

pub(super) fn attachment_withdrawn(id: Uuid) -> Entry {
    allowed(&FILE, "withdraw", id.to_string(), None)
}

pub(super) fn attachment_state(id: Uuid, to: State) -> Entry {
    let verb = match to {
        State::Quarantined => "quarantine",
        _ => "release",
    };
    allowed(&FILE, verb, id.to_string(), None)
}

/// What was found in it, by whom; the gateway has no actor for it.
pub(super) fn attachment_inspected(id: Uuid, tenant: &str, findings: &Findings) -> Entry {
    let suspicion = findings.suspicion.as_ref();
    let by = suspicion.map(|(by, _)| by.as_str());
    let reason = suspicion.map(|(_, reason)| shortened(reason));
    let silent: Vec<_> = findings.silent.iter().take(MOST_NAMED).collect();
    let details = json!({
        "tenant": tenant,
        "cleanBy": findings.clean_by,
        "silent": silent,
        "suspiciousBy": by,
        "reason": reason,
    });
    let verb = match by {
        Some(_) => "quarantine",
        None => "inspect",
    };
    allowed(&FILE, verb, id.to_string(), Some(details))
}

/// Inspectors that an entry names, so that it keeps within what an entry may hold.
const MOST_NAMED: usize = 20;

/// `expires` is in microseconds since 1970.
pub(super) fn link_made(id: Uuid, link: Uuid, once: bool, expires: i64) -> Entry {
    let details = json!({ "link": link.to_string(), "once": once, "expires": expires });
    allowed(&FILE, "link", id.to_string(), Some(details))
}

/// That nothing is left of a user.
pub(super) fn erased(user: &str) -> Entry {
    let end = user.floor_char_boundary(128);
    Entry {
        action: "user.erase".to_owned(),
        entity: "user".to_owned(),
        entity_id: user.get(..end).unwrap_or_default().to_owned(),
        outcome: Outcome::Allowed,
        details: None,
    }
}

/// What else was done with a message.
pub(super) fn message(verb: &str, id: Uuid) -> Entry {
    allowed(&MESSAGE, verb, id.to_string(), None)
}

/// What was done with a channel, and with whom. Ids that others give may be longer in bytes
/// than the record allows.
pub(super) fn channel(verb: &str, channel: &str, user: Option<&str>) -> Entry {
    let end = channel.floor_char_boundary(128);
    Entry {
        action: format!("channel.{verb}"),
        entity: "channel".to_owned(),
        entity_id: channel.get(..end).unwrap_or_default().to_owned(),
        outcome: Outcome::Allowed,
        details: user.map(|user| json!({ "userId": user }).to_string()),
    }
}

fn many(model: &Model, verb: &str, ids: Option<&[Uuid]>, mut details: Value) -> Entry {
    if let (Some(ids), Some(object)) = (ids, details.as_object_mut()) {
        let ids = ids.iter().map(Uuid::to_string).collect();
        object.insert("ids".to_owned(), ids);
    }
    allowed(model, verb, "*".to_owned(), Some(details))
}

fn names(changes: &Changes) -> Vec<&'static str> {
    changes.names().collect()
}
