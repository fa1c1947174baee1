//! From an `Authorization` header to claims.
//!
//! Everything about a token is decided here, strictly: `jsonwebtoken` checks signatures
//! only. A claim of the wrong type is refused and never counts as absent, and the
//! algorithm is that of the key, never that of the token.
//!
//! Keys are configured, or come from sources that may change: a key set in a file or at
//! a URL, a table in a database. Checking a token never waits while its key is at hand.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::config;

mod claims;
mod error;
mod header;
mod json;
pub(crate) mod key;
pub(crate) mod key_set;
mod mint;
mod query;
mod source;
#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use error::TokenError;
pub use key::Unusable;
pub use mint::{MintError, mint};
pub use query::refuse as refuse_in_query;
pub use source::OriginError;
pub(crate) use source::authorities;

use claims::Verified;
use header::Header;
use key::VerifyingKey;
use source::Source;

/// Tokens whose signature is remembered as good, at most. Each takes about its own
/// length.
const REMEMBERED: usize = 4096;

/// Tells the time; tests move it.
type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// Verifies bearer tokens.
pub struct Verifier {
    /// The configured keys.
    keys: Vec<Arc<VerifyingKey>>,
    /// Where other keys come from.
    sources: Vec<Source>,
    rules: config::Auth,
    clock: Clock,
    /// Tokens with an asymmetric signature that was good, by their SHA-256: checking one
    /// again costs more than everything else here. Their times are checked each time.
    remembered: Cache<[u8; 32], Remembered>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A token that was good, for as long as its key is in force.
#[derive(Clone)]
struct Remembered {
    verified: Arc<Verified>,
    /// Gone once no source has the key any more.
    key: Weak<VerifyingKey>,
}

/// A configured key or source of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key.
    #[error("key {index}: {source}")]
    Key {
        /// Its place among the configured keys, from 0.
        index: usize,
        /// Why.
        source: Unusable,
    },
    /// A source.
    #[error("{0}")]
    Source(#[from] OriginError),
}

impl Verifier {
    /// A verifier that lives by the system's clock. With a source of keys it needs a
    /// tokio runtime, on which the keys are read again until it is dropped.
    ///
    /// # Errors
    /// When a configured key cannot be read, or a source cannot be used. One that merely
    /// does not answer is no error.
    pub fn new(auth: &config::Auth) -> Result<Self, KeyError> {
        Self::with_clock(auth, SystemTime::now)
    }

    /// A verifier that checks the times in tokens by the given clock.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn with_clock(
        auth: &config::Auth,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, KeyError> {
        let keys = auth.keys.iter().enumerate().map(|(index, key)| {
            VerifyingKey::new(key.id.clone(), key.algorithm, &key.material)
                .map(Arc::new)
                .map_err(|source| KeyError::Key { index, source })
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            sources: Source::all(auth)?,
            rules: config::Auth {
                keys: Vec::new(),
                ..auth.clone()
            },
            clock: Box::new(clock),
            remembered: Cache::new(REMEMBERED),
        })
    }

    /// The claims of the token in the request's `Authorization` header; none without a
    /// header. A token of an unknown key waits for the sources to be read again, when
    /// they may be, for at most `auth.refresh.timeout`.
    ///
    /// # Errors
    /// See [`Self::verify`]; and [`TokenError::NoKeys`] when a source that may have the
    /// key has none to offer.
    pub async fn authenticate<'a>(
        &self,
        headers: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<Arc<Claims>>, TokenError> {
        let Some(token) = self.token(headers)? else {
            return Ok(None);
        };
        match self.check(token) {
            Err(TokenError::UnknownKey | TokenError::Signature) if !self.sources.is_empty() => {
                self.check_again(token).await.map(Some)
            }
            outcome => outcome.map(Some),
        }
    }

    /// As [`Self::authenticate`], with the keys that are at hand.
    ///
    /// # Errors
    /// Anything else than one header with a good bearer token. Of several headers none
    /// is looked at: another server on the way may have looked at another one.
    pub fn verify<'a>(
        &self,
        headers: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<Arc<Claims>>, TokenError> {
        self.token(headers)?
            .map(|token| self.check(token))
            .transpose()
    }

    /// Asks the sources that may learn of the token's key, and checks once more.
    async fn check_again(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let header = Parts::of(token)?.header()?;
        let asked: Vec<&Source> = self
            .sources
            .iter()
            .filter(|source| source.may_learn(&header))
            .collect();
        join_all(asked.iter().map(|source| source.ask())).await;
        match self.check(token) {
            Err(TokenError::UnknownKey | TokenError::Signature)
                if asked.iter().any(|source| source.keys().is_none()) =>
            {
                Err(TokenError::NoKeys)
            }
            outcome => outcome,
        }
    }

    /// The token of the only header, when it has the size and the letters of one.
    fn token<'a>(
        &self,
        mut headers: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<&'a str>, TokenError> {
        let header = match (headers.next(), headers.next()) {
            (None, _) => return Ok(None),
            (Some(header), None) => header,
            (Some(_), Some(_)) => return Err(TokenError::Repeated),
        };
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
            Ok(text) if token.iter().all(letter) => Ok(Some(text)),
            _ => Err(TokenError::Malformed),
        }
    }

    /// The claims of a good token that holds now.
    fn check(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let verified = self.verified(token)?;
        verified.times.check((self.clock)(), self.rules.leeway)?;
        Ok(Arc::clone(&verified.claims))
    }

    /// What a token with a good signature says, whatever the time is.
    fn verified(&self, token: &str) -> Result<Arc<Verified>, TokenError> {
        let parts = Parts::of(token)?;
        let header = parts.header()?;
        if header.algorithm.is_secret() {
            self.signer(&header, &parts)?;
            return Ok(Arc::new(Verified::read(
                &decode(parts.payload)?,
                &self.rules,
            )?));
        }
        let digest = Sha256::digest(token).into();
        if let Some(known) = self.remembered.get(&digest)
            && known.key.strong_count() > 0
        {
            return Ok(known.verified);
        }
        let key = self.signer(&header, &parts)?;
        let verified = Arc::new(Verified::read(&decode(parts.payload)?, &self.rules)?);
        let remembered = Remembered {
            verified: Arc::clone(&verified),
            key: Arc::downgrade(&key),
        };
        self.remembered.insert(digest, remembered);
        Ok(verified)
    }

    /// The key that made the token's signature.
    fn signer(&self, header: &Header, parts: &Parts<'_>) -> Result<Arc<VerifyingKey>, TokenError> {
        let mut tried = false;
        let mut made = |key: &&Arc<VerifyingKey>| {
            tried = true;
            key.made(parts.signature, parts.signed.as_bytes())
        };
        let configured = self
            .keys
            .iter()
            .filter(|key| key.algorithm == header.algorithm)
            .filter(|key| key.id.is_none() || key.id == header.key_id)
            .find(&mut made);
        if let Some(key) = configured {
            return Ok(Arc::clone(key));
        }
        for source in &self.sources {
            if let Some(keys) = source.keys()
                && let Some(key) = keys
                    .fitting(header.algorithm, header.key_id.as_deref())
                    .find(&mut made)
            {
                return Ok(Arc::clone(key));
            }
        }
        Err(match tried {
            true => TokenError::Signature,
            false => TokenError::UnknownKey,
        })
    }
}

/// The three parts of a token, still encoded.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// The first two, which the signature is of.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        match signed.split_once('.') {
            Some((header, payload)) if !payload.contains('.') => Ok(Self {
                header,
                payload,
                signature,
                signed,
            }),
            _ => Err(TokenError::Malformed),
        }
    }

    fn header(&self) -> Result<Header, TokenError> {
        Header::read(&decode(self.header)?)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}
