//! From an `Authorization` header to claims.
//!
//! Everything about a token is decided here, strictly: `jsonwebtoken` checks signatures
//! only. A claim of the wrong type is refused and never counts as absent, and the
//! algorithm is that of the key, never that of the token.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::config::{self, Algorithm};

mod claims;
mod error;
mod mint;
#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use error::TokenError;
pub use mint::{MintError, mint};

use claims::Verified;

/// Tokens whose signature is remembered as good, at most. Each takes about its own
/// length.
const REMEMBERED: usize = 4096;

/// Tells the time; tests move it.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Verifies bearer tokens.
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    rules: config::Auth,
    clock: Clock,
    /// Tokens with an asymmetric signature that was good, by their SHA-256: checking one
    /// again costs more than everything else here. Their times are checked each time.
    remembered: Cache<[u8; 32], Arc<Verified>>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

struct VerifyingKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// A configured key that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("key {index} is no {algorithm:?} key")]
pub struct KeyError {
    /// Its place among the configured keys, from 0.
    pub index: usize,
    /// What it is said to verify.
    pub algorithm: Algorithm,
}

/// The part of a token's header that matters.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Verifier {
    /// A verifier that lives by the system's clock.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn new(auth: &config::Auth) -> Result<Self, KeyError> {
        Self::with_clock(auth, SystemTime::now)
    }

    /// A verifier that lives by the given clock.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn with_clock(
        auth: &config::Auth,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, KeyError> {
        let keys = auth.keys.iter().enumerate().map(|(index, key)| {
            let material = key.material.as_slice();
            let parsed = match key.algorithm {
                Algorithm::Hs256 => Ok(DecodingKey::from_secret(material)),
                Algorithm::Rs256 => DecodingKey::from_rsa_pem(material),
                Algorithm::Es256 => DecodingKey::from_ec_pem(material),
            };
            Ok(VerifyingKey {
                id: key.id.clone(),
                algorithm: key.algorithm,
                key: parsed.map_err(|_| KeyError {
                    index,
                    algorithm: key.algorithm,
                })?,
            })
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            rules: config::Auth {
                keys: Vec::new(),
                ..auth.clone()
            },
            clock: Box::new(clock),
            remembered: Cache::new(REMEMBERED),
        })
    }

    /// The claims of the token in the request's `Authorization` header; none without a
    /// header.
    ///
    /// # Errors
    /// Anything else than one header with a good bearer token. Of several headers none
    /// is looked at: another server on the way may have looked at another one.
    pub fn verify<'a>(
        &self,
        mut headers: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<Arc<Claims>>, TokenError> {
        let header = match (headers.next(), headers.next()) {
            (None, _) => return Ok(None),
            (Some(header), None) => header,
            (Some(_), Some(_)) => return Err(TokenError::Repeated),
        };
        let token = self.token(header)?;
        let verified = self.verified(token)?;
        verified.times.check((self.clock)(), self.rules.leeway)?;
        Ok(Some(Arc::clone(&verified.claims)))
    }

    /// The token behind the scheme, when it has the size and the letters of one.
    fn token<'a>(&self, header: &'a [u8]) -> Result<&'a str, TokenError> {
        let (scheme, token) = header
            .split_at_checked("bearer".len())
            .ok_or(TokenError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(b"bearer") || !token.starts_with(b" ") {
            return Err(TokenError::Scheme);
        }
        let token = token.trim_ascii();
        if token.len() > self.rules.max_token_bytes {
            return Err(TokenError::TooLong);
        }
        let letter = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        match std::str::from_utf8(token) {
            Ok(text) if token.iter().all(letter) => Ok(text),
            _ => Err(TokenError::Malformed),
        }
    }

    /// What a token with a good signature says, whatever the time is.
    fn verified(&self, token: &str) -> Result<Arc<Verified>, TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::CriticalHeader);
        }
        let algorithm = match header.alg.as_str() {
            "HS256" => Algorithm::Hs256,
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            _ => return Err(TokenError::Algorithm),
        };
        if algorithm == Algorithm::Hs256 {
            self.check_signature(algorithm, &header, token, signature)?;
            return Ok(Arc::new(Verified::read(&decode(payload)?, &self.rules)?));
        }
        let digest = Sha256::digest(token).into();
        if let Some(verified) = self.remembered.get(&digest) {
            return Ok(verified);
        }
        self.check_signature(algorithm, &header, token, signature)?;
        let verified = Arc::new(Verified::read(&decode(payload)?, &self.rules)?);
        self.remembered.insert(digest, Arc::clone(&verified));
        Ok(verified)
    }

    fn check_signature(
        &self,
        algorithm: Algorithm,
        header: &Header,
        token: &str,
        signature: &str,
    ) -> Result<(), TokenError> {
        let signed = token.len() - signature.len() - 1;
        let message = token
            .as_bytes()
            .get(..signed)
            .ok_or(TokenError::Malformed)?;
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm)
            .filter(|key| key.id.is_none() || key.id == header.kid)
            .peekable();
        if fitting.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        let good = fitting.any(|key| {
            // An error is a signature that cannot even be decoded.
            crypto::verify(signature, message, &key.key, theirs(algorithm)).unwrap_or(false)
        });
        if good {
            Ok(())
        } else {
            Err(TokenError::Signature)
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

fn theirs(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
    }
}
