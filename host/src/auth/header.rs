//! The part of a token's header that counts.

use serde_json::Value;

use super::key::Algorithm;
use super::{TokenError, json};

/// What a token says of its signature. Where its key can be found (`jku`, `x5u`) and
/// what it is (`jwk`, `x5c`) is never read: whoever forges a token writes that too.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
}

impl Header {
    pub(super) fn read(text: &[u8]) -> Result<Self, TokenError> {
        let mut header = json::object(text)?;
        if header.contains_key("crit") {
            return Err(TokenError::CriticalHeader);
        }
        // Encrypted, or one token inside of another.
        let content = header
            .get("cty")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let nested = ["jwt", "application/jwt"]
            .iter()
            .any(|name| content.eq_ignore_ascii_case(name));
        if nested || header.contains_key("enc") {
            return Err(TokenError::Nested);
        }
        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => Algorithm::named(name).ok_or(TokenError::Algorithm)?,
            _ => return Err(TokenError::Malformed),
        };
        let key_id = match header.remove("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id),
            Some(_) => return Err(TokenError::Malformed),
        };
        Ok(Self { algorithm, key_id })
    }
}
