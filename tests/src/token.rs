//! Tokens as an identity provider would sign them.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What the gateways of the tests verify tokens with.
pub const SECRET: &str = "a secret of the tests, of more than 32 bytes";

/// When the tokens of the tests expire: in the year 2100.
pub const FAR: i64 = 4_102_444_800;

/// A token of a user who may do everything that an ordinary user may.
pub fn of(tenant: &str, user: &str) -> String {
    sign(&claims(tenant, user))
}

/// The claims of such a token.
pub fn claims(tenant: &str, user: &str) -> Value {
    json!({
        "sub": user,
        "userTenantId": user,
        "tenantId": tenant,
        "permissions": ["ViewMessage", "CreateMessage", "UpdateMessage", "DeleteMessage"],
        "exp": FAR,
    })
}

/// Signs claims with [`SECRET`].
///
/// # Panics
/// Never, for JSON.
pub fn sign(claims: &Value) -> String {
    encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .unwrap()
}
