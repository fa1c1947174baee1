//! The verification keys, out of the settings and the files that they name.

use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use toml::Value;

use super::error::ConfigError;
use super::layers::Layers;
use super::{Algorithm, Key, file};

/// HS256 with a shorter secret is weaker than its hash.
const GOOD_SECRET: usize = 32;

/// An uncompressed point on P-256.
const P256_POINT: usize = 65;

/// One entry of `auth.keys`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Option<String>,
    algorithm: Algorithm,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
}

/// The configured keys; none when nothing is configured.
pub(super) fn assemble(
    layers: &Layers,
    warnings: &mut Vec<String>,
) -> Result<Vec<Key>, ConfigError> {
    let mut keys = Vec::new();
    for setting in ["auth.secret", "auth.secret_file"] {
        let Some(text) = layers.text(setting) else {
            continue;
        };
        let place = layers.name(setting);
        let material = match setting {
            "auth.secret" => text.as_bytes().to_vec(),
            _ => read_secret(&place, Path::new(text))?,
        };
        keys.push(checked(
            &place,
            Key {
                id: None,
                algorithm: Algorithm::Hs256,
                material,
            },
            warnings,
        )?);
    }
    if let Some(known) = layers.get("auth.keys")
        && let Value::Array(entries) = &known.canonical
    {
        for (index, entry) in entries.iter().enumerate() {
            let place = format!("{}[{index}]", known.given.name());
            keys.push(key(&place, entry.clone(), warnings)?);
        }
    }
    Ok(keys)
}

fn key(place: &str, entry: Value, warnings: &mut Vec<String>) -> Result<Key, ConfigError> {
    let entry: Entry = serde_path_to_error::deserialize(entry).map_err(|error| {
        let field = error.path().to_string();
        let reason = match field.as_str() {
            // The parser's own text quotes the value.
            "secret" | "public_key" => "it must be a text".to_owned(),
            _ => error.inner().message().replace('\n', " "),
        };
        let dot = if field == "." {
            String::new()
        } else {
            format!(".{field}")
        };
        ConfigError::Conflict {
            place: format!("{place}{dot}"),
            reason,
        }
    })?;
    let material = match (entry.algorithm, &entry) {
        (
            Algorithm::Hs256,
            Entry {
                secret: Some(text),
                secret_file: None,
                public_key: None,
                public_key_file: None,
                ..
            },
        ) => text.as_bytes().to_vec(),
        (
            Algorithm::Hs256,
            Entry {
                secret: None,
                secret_file: Some(path),
                public_key: None,
                public_key_file: None,
                ..
            },
        ) => read_secret(place, path)?,
        (
            Algorithm::Rs256 | Algorithm::Es256,
            Entry {
                secret: None,
                secret_file: None,
                public_key: Some(text),
                public_key_file: None,
                ..
            },
        ) => text.as_bytes().to_vec(),
        (
            Algorithm::Rs256 | Algorithm::Es256,
            Entry {
                secret: None,
                secret_file: None,
                public_key: None,
                public_key_file: Some(path),
                ..
            },
        ) => file::read_text(place, path)?.into_bytes(),
        (algorithm, _) => {
            return Err(ConfigError::Conflict {
                place: place.to_owned(),
                reason: match algorithm {
                    Algorithm::Hs256 => "HS256 takes exactly one of secret, secret_file",
                    Algorithm::Rs256 | Algorithm::Es256 => {
                        "RS256 and ES256 take exactly one of public_key, public_key_file"
                    }
                }
                .into(),
            });
        }
    };
    checked(
        place,
        Key {
            id: entry.id,
            algorithm: entry.algorithm,
            material,
        },
        warnings,
    )
}

fn read_secret(place: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let text = file::read_text(place, path)?;
    Ok(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec())
}

/// Refuses a key that could never verify a token, so that a start finds it and not the
/// first request.
fn checked(place: &str, key: Key, warnings: &mut Vec<String>) -> Result<Key, ConfigError> {
    let pem = |good: bool, what: &str| match good && !key.holds_private_key() {
        true => Ok(()),
        false => Err(ConfigError::Conflict {
            place: place.to_owned(),
            reason: format!("the key is not {what}"),
        }),
    };
    match key.algorithm {
        Algorithm::Hs256 if key.material.is_empty() => Err(ConfigError::Conflict {
            place: place.to_owned(),
            reason: "the secret is empty".into(),
        }),
        Algorithm::Hs256 => {
            if key.material.len() < GOOD_SECRET {
                warnings.push(format!(
                    "{place}: the secret has {} bytes; HS256 is safe with {GOOD_SECRET} random ones or more",
                    key.material.len()
                ));
            }
            Ok(())
        }
        Algorithm::Rs256 => pem(
            DecodingKey::from_rsa_pem(&key.material).is_ok(),
            "an RSA public key in PEM",
        ),
        Algorithm::Es256 => pem(
            DecodingKey::from_ec_pem(&key.material).is_ok_and(|parsed| {
                parsed
                    .try_get_as_bytes()
                    .is_ok_and(|point| point.len() == P256_POINT)
            }),
            "a P-256 public key in PEM",
        ),
    }?;
    Ok(key)
}

impl Key {
    /// A private key has no business here, and the parser would take it for a public one.
    fn holds_private_key(&self) -> bool {
        self.material
            .windows(11)
            .any(|window| window == b"PRIVATE KEY")
    }
}
