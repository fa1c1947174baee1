//! Tokens for trying things out and for operators' scripts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value};

use crate::config::{self, Algorithm};

/// Why no token was signed.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Only public keys are configured.
    #[error(
        "only public keys are configured, and they cannot sign; use the service that holds the \
         private key, or configure auth.secret (JWT_SECRET)"
    )]
    NoSecret,
    /// Signing failed.
    #[error("the token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Signs claims with the first HS256 key. `iat` and `exp`, and `iss` and `aud` when they
/// are configured, are added where `claims` does not say otherwise.
///
/// # Errors
/// When no HS256 key is configured.
pub fn mint(
    auth: &config::Auth,
    mut claims: Map<String, Value>,
    now: SystemTime,
    lifetime: Duration,
) -> Result<String, MintError> {
    let key = auth
        .keys
        .iter()
        .find(|key| key.algorithm == Algorithm::Hs256)
        .ok_or(MintError::NoSecret)?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut add = |name: &str, value: Value| {
        claims.entry(name).or_insert(value);
    };
    add("iat", now.as_secs().into());
    add("exp", (now + lifetime).as_secs().into());
    if let Some(issuer) = &auth.issuer {
        add("iss", issuer.as_str().into());
    }
    if let Some(audience) = &auth.audience {
        add("aud", audience.as_str().into());
    }
    let header = Header {
        kid: key.id.clone(),
        ..Header::default()
    };
    Ok(encode(
        &header,
        &claims,
        &EncodingKey::from_secret(&key.material),
    )?)
}
