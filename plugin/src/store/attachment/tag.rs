//! The names by which downloads are ended.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Downloads of one attachment.
pub(crate) fn attachment(id: Uuid) -> String {
    format!("attachment:{}", id.simple())
}

/// The attachment whose tag this is.
pub(crate) fn attachment_of(tag: &str) -> Option<Uuid> {
    Uuid::try_parse(tag.strip_prefix("attachment:")?).ok()
}

/// Downloads of what was sent with one message.
pub(crate) fn message(id: Uuid) -> String {
    format!("message:{}", id.simple())
}

/// One user's downloads of what was sent with one message.
pub(crate) fn recipient(message: Uuid, user: &str) -> String {
    format!("recipient:{}:{}", message.simple(), hash(&[user]))
}

/// One user's downloads of what was sent to one channel.
pub(crate) fn member(tenant: &str, channel: &str, user: &str) -> String {
    format!("member:{}", hash(&[tenant, channel, user]))
}

/// What a tenant's equal content is kept once under.
pub(crate) fn scope(tenant: &str) -> String {
    format!("tenant:{}", hash(&[tenant]))
}

/// The ids of others are longer than a tag may be. None of them holds a NUL.
fn hash(parts: &[&str]) -> String {
    hex(&Sha256::digest(parts.join("\0")))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a text has no way to fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}
