//! JSON Web Key Sets, and which of their keys a token is tried against.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::key::{Algorithm, Unusable, VerifyingKey};

/// Keys of one source at most; further ones are skipped.
pub(super) const MAX_KEYS: usize = 256;

/// Keys that one token is tried against in one source, at most: a signature costs.
pub(super) const MAX_TRIED: usize = 8;

/// Keys that are skipped with a line in the log, at most.
const MAX_SKIPPED: usize = 16;

/// What a source said: the keys that can be used, and why others can't.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) usable: Vec<VerifyingKey>,
    /// One line for each key that is skipped, or of the first ones.
    pub(crate) skipped: Vec<String>,
}

impl Keys {
    /// Takes a key, or notes why it is skipped. `name` tells which one it is.
    pub(super) fn add(&mut self, name: &str, key: Result<VerifyingKey, Unusable>) {
        match key {
            Ok(_) if self.usable.len() >= MAX_KEYS => {
                self.skip(format!("{name}: there are more than {MAX_KEYS} keys"));
            }
            Ok(key) => self.usable.push(key),
            Err(reason) => self.skip(format!("{name}: {reason}")),
        }
    }

    /// Notes why a key is skipped.
    pub(super) fn skip(&mut self, reason: String) {
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(reason);
        }
    }
}

/// No JSON object with a list of `keys`.
#[derive(Debug, thiserror::Error)]
#[error("it is no JSON Web Key Set: it has no list of keys")]
pub(crate) struct NotASet;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// Reads a JSON Web Key Set. A key that is not for verifying tokens, or not one that is
/// known here, is skipped: sets serve many kinds of readers.
///
/// # Errors
/// When the text is no such set.
pub(crate) fn read(text: &[u8]) -> Result<Keys, NotASet> {
    let set: Set = serde_json::from_slice(text).map_err(|_| NotASet)?;
    let mut keys = Keys::default();
    for (index, entry) in set.keys.into_iter().enumerate() {
        let name = match entry.get("kid").and_then(Value::as_str) {
            Some(id) => format!("key {index} ({})", shown(id)),
            None => format!("key {index}"),
        };
        keys.add(&name, Entry::read(entry));
    }
    Ok(keys)
}

/// A key's id for the log.
pub(super) fn shown(id: &str) -> String {
    format!("{:?}", id.chars().take(64).collect::<String>())
}

/// One key of a set; the members that count.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private part.
    d: Option<IgnoredAny>,
}

impl Entry {
    fn read(entry: Value) -> Result<VerifyingKey, Unusable> {
        let refuse = |reason: String| Err(Unusable::Entry(reason));
        let entry: Self = match serde_json::from_value(entry) {
            Ok(entry) => entry,
            Err(_) => return refuse("a member is missing or of the wrong type".into()),
        };
        if entry.d.is_some() {
            return Err(Unusable::Private);
        }
        if let Some(usage) = entry.usage.as_deref().filter(|usage| *usage != "sig") {
            return refuse(format!("its use is {usage:?}, not \"sig\""));
        }
        if let Some(operations) = &entry.key_ops
            && !operations.iter().any(|one| one == "verify")
        {
            return refuse("its key_ops lack \"verify\"".into());
        }
        let Some(natural) = entry.natural_algorithm() else {
            let curve = entry.crv.unwrap_or_default();
            return refuse(format!("unknown kty {:?} {curve}", entry.kty));
        };
        let algorithm = match entry.alg.as_deref() {
            None => natural,
            // One RSA key fits both; it is used with the one that it names.
            Some("PS256") if natural == Algorithm::Rs256 => Algorithm::Ps256,
            Some(name) if name == natural.name() => natural,
            Some(name) => return refuse(format!("its alg {name:?} is unknown or does not fit")),
        };
        let (first, second) = match natural {
            Algorithm::Rs256 => (entry.n, entry.e),
            Algorithm::EdDsa => (entry.x, None),
            _ => (entry.x, entry.y),
        };
        let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
        let key = match natural {
            Algorithm::Rs256 => DecodingKey::from_rsa_components(&first, &second),
            Algorithm::EdDsa => DecodingKey::from_ed_components(&first),
            _ => DecodingKey::from_ec_components(&first, &second),
        };
        match key {
            Ok(key) => VerifyingKey::checked(entry.kid, algorithm, key),
            Err(_) => refuse("its parameters cannot be decoded".into()),
        }
    }

    /// What a key of this type verifies when it doesn't say.
    fn natural_algorithm(&self) -> Option<Algorithm> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(Algorithm::Rs256),
            ("EC", Some("P-256")) => Some(Algorithm::Es256),
            ("EC", Some("P-384")) => Some(Algorithm::Es384),
            ("OKP", Some("Ed25519")) => Some(Algorithm::EdDsa),
            // A secret that is published is none.
            _ => None,
        }
    }
}

/// The keys of one source that are in force.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Arc<VerifyingKey>>);

impl KeySet {
    /// The new keys. One that the old set has stays the same key, so that what it
    /// verified stays verified.
    pub(super) fn replacing(old: Option<&Self>, keys: Vec<VerifyingKey>) -> Self {
        let same = |key: &VerifyingKey| old?.0.iter().find(|one| ***one == *key).cloned();
        let keep = |key: VerifyingKey| same(&key).unwrap_or_else(|| Arc::new(key));
        Self(keys.into_iter().map(keep).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a key has this id, whatever its algorithm.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The keys that a token is tried against: those that its `kid` selects. Without a
    /// `kid`, the only key of its algorithm, or else those that have no id either.
    pub(super) fn fitting(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> impl Iterator<Item = &Arc<VerifyingKey>> {
        let of_algorithm = move |key: &&Arc<VerifyingKey>| key.algorithm == algorithm;
        let only = id.is_none() && self.0.iter().filter(of_algorithm).count() == 1;
        self.0
            .iter()
            .filter(of_algorithm)
            .filter(move |key| only || key.id.as_deref() == id)
            .take(MAX_TRIED)
    }
}
