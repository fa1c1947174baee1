//! Telling those who listen, with the commit.

use serde_json::{Map, Value};

use crate::domain::topic;
use crate::ports::{Error, Event, Transaction};

/// Tells the members of a channel.
pub(super) fn to_channel(
    transaction: &mut impl Transaction,
    tenant: &str,
    channel: &str,
    kind: &str,
    data: &Value,
) -> Result<(), Error> {
    publish(transaction, topic::channel(tenant, channel), kind, data)
}

/// Tells one user, wherever that one is connected.
pub(super) fn to_user(
    transaction: &mut impl Transaction,
    tenant: &str,
    user: &str,
    kind: &str,
    data: &Value,
) -> Result<(), Error> {
    publish(transaction, topic::user(tenant, user), kind, data)
}

/// From now on a user hears a channel.
pub(super) fn admit(
    transaction: &mut impl Transaction,
    tenant: &str,
    channel: &str,
    user: &str,
) -> Result<(), Error> {
    let topic = topic::channel(tenant, channel);
    transaction.admit(&topic, &topic::subject(tenant, user))
}

/// From now on a user hears a channel no more.
pub(super) fn revoke(
    transaction: &mut impl Transaction,
    tenant: &str,
    channel: &str,
    user: &str,
) -> Result<(), Error> {
    let topic = topic::channel(tenant, channel);
    transaction.revoke(&topic, Some(&topic::subject(tenant, user)))
}

/// The longest payload, in bytes: the host's usual limit, with some room.
const MAX_BYTES: usize = 15 * 1024;
/// The longest member that is kept in a payload that is too long, in bytes.
const MAX_MEMBER: usize = 1_024;

fn publish(
    transaction: &mut impl Transaction,
    topic: String,
    kind: &str,
    data: &Value,
) -> Result<(), Error> {
    transaction.publish(&Event {
        topic,
        kind: kind.to_owned(),
        payload: payload(data),
    })
}

/// The data, without what makes them too long for an event: `omitted` names what has to be
/// read instead.
fn payload(data: &Value) -> String {
    let whole = data.to_string();
    let Some(object) = data.as_object().filter(|_| whole.len() > MAX_BYTES) else {
        return whole;
    };
    let mut short = Map::new();
    let mut omitted = Vec::new();
    for (name, value) in object {
        match value.to_string().len() <= MAX_MEMBER {
            true => {
                short.insert(name.clone(), value.clone());
            }
            false => omitted.push(Value::from(name.as_str())),
        }
    }
    short.insert("omitted".to_owned(), omitted.into());
    Value::Object(short).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_too_long_is_named() {
        let data = json!({"id": "a", "body": "x".repeat(MAX_BYTES), "seq": 1});
        let short: Value = serde_json::from_str(&payload(&data)).unwrap();
        assert_eq!(short, json!({"id": "a", "seq": 1, "omitted": ["body"]}));
        let data = json!({"body": "x".repeat(MAX_BYTES - 100)});
        assert_eq!(payload(&data), data.to_string());
    }
}
