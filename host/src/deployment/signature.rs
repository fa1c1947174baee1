//! Signatures of components: Ed25519 over the bytes of the file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};

use crate::config;

/// Bytes of an Ed25519 signature.
const LENGTH: usize = 64;

/// Why a signature, or its absence, is refused; or why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A key's file is not there, or holds no such key.
    #[error("deploy.trusted_keys: {name}: {reason}")]
    Key {
        /// The key's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Signatures are required, and no key is trusted.
    #[error("deploy.require_signature: no key is in deploy.trusted_keys")]
    NoKeys,
    /// There is none.
    #[error("the component is not signed, and deploy.require_signature is on")]
    Missing,
    /// It is not of the length of a signature.
    #[error("the signature is no Ed25519 signature of 64 bytes, as they are or in base64")]
    Malformed,
    /// No trusted key made it for these bytes.
    #[error("the signature is by none of the trusted keys, or the component was altered")]
    Untrusted,
}

/// The keys that are trusted, and whether a signature is asked for.
pub struct Signatures {
    keys: Vec<(String, DecodingKey)>,
    required: bool,
}

impl std::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signatures")
            .field("keys", &self.keys.len())
            .field("required", &self.required)
            .finish()
    }
}

/// A signature that a trusted key made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The name of the key.
    pub by: String,
    /// The signature, in base64url.
    pub signature: String,
}

/// How versions take over from each other, and whose are taken.
#[derive(Debug)]
pub struct Rules {
    /// The settings.
    pub deploy: config::Deploy,
    /// Whose signatures are good.
    pub signatures: Signatures,
}

impl Rules {
    /// Reads the keys; may block.
    ///
    /// # Errors
    /// [`SignatureError::Key`] or [`SignatureError::NoKeys`].
    pub fn new(deploy: &config::Deploy) -> Result<Self, SignatureError> {
        Ok(Self {
            signatures: Signatures::new(deploy)?,
            deploy: deploy.clone(),
        })
    }
}

impl Signatures {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`SignatureError::Key`] or [`SignatureError::NoKeys`].
    pub fn new(rules: &config::Deploy) -> Result<Self, SignatureError> {
        let key = |(name, file): (&String, &String)| {
            let failed = |reason: String| SignatureError::Key {
                name: name.clone(),
                reason,
            };
            let pem = std::fs::read(Path::new(file))
                .map_err(|error| failed(format!("{file}: {error}")))?;
            let key = DecodingKey::from_ed_pem(&pem)
                .map_err(|_| failed(format!("{file} is no PEM of an Ed25519 public key")))?;
            Ok((name.clone(), key))
        };
        let keys: Vec<_> = rules
            .trusted_keys
            .iter()
            .map(key)
            .collect::<Result<_, _>>()?;
        if rules.require_signature && keys.is_empty() {
            return Err(SignatureError::NoKeys);
        }
        Ok(Self {
            keys,
            required: rules.require_signature,
        })
    }

    /// Who signed a component; none when nobody did and nobody has to.
    ///
    /// # Errors
    /// Any but the two of [`new`](Self::new).
    pub fn check(
        &self,
        component: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<Option<Signed>, SignatureError> {
        let Some(signature) = signature else {
            return match self.required {
                true => Err(SignatureError::Missing),
                false => Ok(None),
            };
        };
        let signature = URL_SAFE_NO_PAD.encode(raw(signature).ok_or(SignatureError::Malformed)?);
        let made = |(_, key): &&(String, DecodingKey)| {
            crypto::verify(&signature, component, key, Algorithm::EdDSA).unwrap_or(false)
        };
        let (by, _) = self
            .keys
            .iter()
            .find(made)
            .ok_or(SignatureError::Untrusted)?;
        Ok(Some(Signed {
            by: by.clone(),
            signature,
        }))
    }
}

/// The bytes of a signature that comes as it is, or as a text.
fn raw(given: &[u8]) -> Option<Vec<u8>> {
    if given.len() == LENGTH {
        return Some(given.to_vec());
    }
    let text = given.trim_ascii();
    [STANDARD.decode(text), URL_SAFE_NO_PAD.decode(text)]
        .into_iter()
        .flatten()
        .find(|bytes| bytes.len() == LENGTH)
}
