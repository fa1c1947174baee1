//! Keys that verify tokens: read from PEM or JSON, checked, and each fixed to one
//! algorithm.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{DecodingKey, crypto};
use serde::Deserialize;

/// Bits of an RSA modulus. Shorter ones can be broken; longer ones cost too much for
/// each signature, and the library takes none.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The signature algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 6] = [
        Self::Hs256,
        Self::Rs256,
        Self::Ps256,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in tokens and key sets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of a name; `none` and what is not listed here have none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether who verifies can also sign.
    pub(crate) fn is_secret(self) -> bool {
        self == Self::Hs256
    }

    /// What a key of it is called, to follow "is not" in a sentence.
    fn key(self) -> &'static str {
        match self {
            Self::Hs256 => "a secret",
            Self::Rs256 | Self::Ps256 => "an RSA public key in PEM",
            Self::Es256 => "a P-256 public key in PEM",
            Self::Es384 => "a P-384 public key in PEM",
            Self::EdDsa => "an Ed25519 public key in PEM",
        }
    }

    fn theirs(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// Why a key cannot be used. The text is a sentence about the key and holds nothing of
/// it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A secret without bytes.
    #[error("the secret is empty")]
    Empty,
    /// Everybody who has the public key could sign with it.
    #[error("the secret is a key in PEM; give a public key as public_key in auth.keys")]
    PemAsSecret,
    /// A private key, which has no business here.
    #[error("the key is a private one, not a public key in PEM")]
    Private,
    /// Not what the algorithm takes.
    #[error("the key is not {0}")]
    Not(&'static str),
    /// An RSA modulus of so many bits.
    #[error("the RSA key has {0} bits; make one of {min} to {max}", min = RSA_BITS.start(), max = RSA_BITS.end())]
    RsaBits(usize),
    /// What makes an entry of a key set no key for tokens.
    #[error("{0}")]
    Entry(String),
}

/// A key that can verify tokens of one algorithm.
pub(crate) struct VerifyingKey {
    /// The `kid` that selects it.
    pub(crate) id: Option<String>,
    /// The only algorithm that it is used with.
    pub(crate) algorithm: Algorithm,
    key: DecodingKey,
    /// Its bytes, to tell whether another one is the same.
    material: Vec<u8>,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, self.algorithm, &self.material) == (&other.id, other.algorithm, &other.material)
    }
}

impl VerifyingKey {
    /// A secret for HS256, or a public key in PEM for the others.
    ///
    /// # Errors
    /// When the material could never verify a token, or not safely.
    pub(crate) fn new(
        id: Option<String>,
        algorithm: Algorithm,
        material: &[u8],
    ) -> Result<Self, Unusable> {
        let parsed = match algorithm {
            Algorithm::Hs256 if material.is_empty() => return Err(Unusable::Empty),
            Algorithm::Hs256 if holds(material, b"-----BEGIN ") => {
                return Err(Unusable::PemAsSecret);
            }
            Algorithm::Hs256 => Ok(DecodingKey::from_secret(material)),
            // The parser would take both for a public key.
            _ if holds(material, b"PRIVATE KEY") => return Err(Unusable::Private),
            _ if holds(material, b"CERTIFICATE") => return Err(Unusable::Not(algorithm.key())),
            Algorithm::Rs256 | Algorithm::Ps256 => DecodingKey::from_rsa_pem(material),
            Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem(material),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(material),
        };
        let parsed = parsed.map_err(|_| Unusable::Not(algorithm.key()))?;
        Self::checked(id, algorithm, parsed)
    }

    /// A key whose size is that of its algorithm.
    pub(super) fn checked(
        id: Option<String>,
        algorithm: Algorithm,
        key: DecodingKey,
    ) -> Result<Self, Unusable> {
        let not = || Unusable::Not(algorithm.key());
        let (length, material) = match Jwk::from_decoding_key(&key, None).map(|jwk| jwk.algorithm) {
            Ok(AlgorithmParameters::RSA(parameters)) => {
                let modulus = super::decode(&parameters.n).map_err(|_| not())?;
                let material = format!("{}.{}", parameters.n, parameters.e).into_bytes();
                (bits(&modulus), material)
            }
            Ok(_) => {
                let material = key.try_get_as_bytes().map_err(|_| not())?.to_vec();
                (material.len(), material)
            }
            Err(_) => return Err(not()),
        };
        match (algorithm, length) {
            (Algorithm::Rs256 | Algorithm::Ps256, bits) if !RSA_BITS.contains(&bits) => {
                return Err(Unusable::RsaBits(bits));
            }
            (Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Ps256, _)
            // Uncompressed points.
            | (Algorithm::Es256, 65)
            | (Algorithm::Es384, 97)
            | (Algorithm::EdDsa, 32) => {}
            _ => return Err(not()),
        }
        Ok(Self {
            id,
            algorithm,
            key,
            material,
        })
    }

    /// Whether this key made the signature. One that cannot even be decoded is wrong.
    pub(super) fn made(&self, signature: &str, message: &[u8]) -> bool {
        crypto::verify(signature, message, &self.key, self.algorithm.theirs()).unwrap_or(false)
    }
}

/// The bits of a number, the most significant byte first.
fn bits(number: &[u8]) -> usize {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    match significant.next() {
        Some(first) => significant.count() * 8 + 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

fn holds(material: &[u8], words: &[u8]) -> bool {
    material.windows(words.len()).any(|window| window == words)
}
