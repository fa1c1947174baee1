//! What the audit record says about messages. Never what is written in them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::draft::Changes;
use crate::ports::{Entry, Outcome};

fn allowed(action: &str, id: String, details: Option<Value>) -> Entry {
    Entry {
        action: action.to_owned(),
        entity: "message".to_owned(),
        entity_id: id,
        outcome: Outcome::Allowed,
        details: details.map(|details| details.to_string()),
    }
}

pub(super) fn created(id: Uuid, channel: &str, new_channel: bool) -> Entry {
    let details = match new_channel {
        true => json!({ "channelId": channel, "newChannel": true }),
        false => json!({ "channelId": channel }),
    };
    allowed("message.create", id.to_string(), Some(details))
}

pub(super) fn updated(id: Uuid, changes: &Changes) -> Entry {
    let details = json!({ "properties": names(changes) });
    allowed("message.update", id.to_string(), Some(details))
}

/// `ids` when they are few enough to be named.
pub(super) fn updated_many(count: u64, ids: Option<&[Uuid]>, changes: &Changes) -> Entry {
    let mut details = json!({ "properties": names(changes), "count": count });
    if let (Some(ids), Some(object)) = (ids, details.as_object_mut()) {
        let ids = ids.iter().map(Uuid::to_string).collect();
        object.insert("ids".to_owned(), ids);
    }
    allowed("message.update", "*".to_owned(), Some(details))
}

pub(super) fn deleted(id: Uuid) -> Entry {
    allowed("message.delete", id.to_string(), None)
}

fn names(changes: &Changes) -> Vec<&'static str> {
    changes
        .set
        .iter()
        .map(|(property, _)| property.name)
        .collect()
}
