//! The token that the load carries.

use anyhow::Result;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

/// What both sides verify tokens with.
pub(crate) const SECRET: &str = "a secret of the bench, of more than 32 bytes";

/// Who the load is.
pub(crate) const ACTOR: &str = "0198f1a0-0000-7000-8000-000000000001";

/// A token of a user who may read and write messages and attachments.
pub(crate) fn token() -> Result<String> {
    let claims = json!({
        "userTenantId": ACTOR,
        "tenantId": "bench",
        "permissions": [
            "ViewMessage",
            "CreateMessage",
            "UpdateMessage",
            "DeleteMessage",
            "CreateAttachmentFile",
            "ViewAttachmentFile",
        ],
        "exp": 4_102_444_800_i64,
    });
    Ok(encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )?)
}
