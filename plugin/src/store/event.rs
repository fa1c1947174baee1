//! Telling those who listen, with the commit.

use serde_json::Value;

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

fn publish(
    transaction: &mut impl Transaction,
    topic: String,
    kind: &str,
    data: &Value,
) -> Result<(), Error> {
    transaction.publish(&Event {
        topic,
        kind: kind.to_owned(),
        payload: data.to_string(),
    })
}
