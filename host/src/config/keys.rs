//! The verification keys, out of the settings and the files that they name.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Value;

use super::error::ConfigError;
use super::layers::Layers;
use super::{Algorithm, Key, Secret, file};
use crate::auth::key::VerifyingKey;

/// HS256 with a shorter secret is weaker than its hash.
const GOOD_SECRET: usize = 32;

/// A shorter token of the operator may be guessed.
const GOOD_TOKEN: usize = 16;

/// Keys without an id of one algorithm: each is tried against every token that the ones
/// before it did not sign.
const MAX_NAMELESS: usize = 8;

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
    few_are_nameless(&layers.name("auth.keys"), &keys)?;
    Ok(keys)
}

/// The operator's token; empty when nothing is configured.
pub(super) fn admin_token(layers: &Layers) -> Result<Secret, ConfigError> {
    let (key, token) = if let Some(token) = layers.text("admin.token") {
        ("admin.token", token.to_owned())
    } else if let Some(path) = layers.text("admin.token_file") {
        let place = layers.name("admin.token_file");
        let bytes = read_secret(&place, Path::new(path))?;
        (
            "admin.token_file",
            String::from_utf8_lossy(&bytes).into_owned(),
        )
    } else {
        return Ok(Secret::default());
    };
    if token.len() < GOOD_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::Conflict {
            place: layers.name(key),
            reason: format!(
                "it must have at least {GOOD_TOKEN} characters, letters, digits and signs"
            ),
        });
    }
    Ok(Secret(token))
}

/// A secret that is given, or stands in a file; an empty one is no secret.
pub(super) fn text_or_file(
    layers: &Layers,
    key: &str,
    file_key: &str,
) -> Result<Option<Secret>, ConfigError> {
    if let Some(text) = layers.text(key) {
        return Ok(Some(Secret(text.to_owned())));
    }
    let Some(path) = layers.text(file_key) else {
        return Ok(None);
    };
    let place = layers.name(file_key);
    let text = file::read_text(&place, Path::new(path))?;
    match text.trim() {
        "" => Err(ConfigError::Conflict {
            place,
            reason: format!("{path:?} is empty"),
        }),
        secret => Ok(Some(Secret(secret.to_owned()))),
    }
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
    let material = match &entry {
        Entry {
            secret: Some(text),
            secret_file: None,
            public_key: None,
            public_key_file: None,
            ..
        } if entry.algorithm.is_secret() => text.as_bytes().to_vec(),
        Entry {
            secret: None,
            secret_file: Some(path),
            public_key: None,
            public_key_file: None,
            ..
        } if entry.algorithm.is_secret() => read_secret(place, path)?,
        Entry {
            secret: None,
            secret_file: None,
            public_key: Some(text),
            public_key_file: None,
            ..
        } if !entry.algorithm.is_secret() => text.as_bytes().to_vec(),
        Entry {
            secret: None,
            secret_file: None,
            public_key: None,
            public_key_file: Some(path),
            ..
        } if !entry.algorithm.is_secret() => file::read_text(place, path)?.into_bytes(),
        _ => {
            let both = match entry.algorithm.is_secret() {
                true => "secret, secret_file",
                false => "public_key, public_key_file",
            };
            return Err(ConfigError::Conflict {
                place: place.to_owned(),
                reason: format!("{} takes exactly one of {both}", entry.algorithm.name()),
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

/// Refuses a key that could never verify a token, or that everybody could sign with, so
/// that a start finds it and not the first request.
fn checked(place: &str, key: Key, warnings: &mut Vec<String>) -> Result<Key, ConfigError> {
    if let Err(reason) = VerifyingKey::new(key.id.clone(), key.algorithm, &key.material) {
        return Err(ConfigError::Conflict {
            place: place.to_owned(),
            reason: reason.to_string(),
        });
    }
    if key.algorithm.is_secret() && key.material.len() < GOOD_SECRET {
        warnings.push(format!(
            "{place}: the secret has {} bytes; HS256 is safe with {GOOD_SECRET} random ones or more",
            key.material.len()
        ));
    }
    Ok(key)
}

/// Refuses more keys than a token should be tried against.
fn few_are_nameless(place: &str, keys: &[Key]) -> Result<(), ConfigError> {
    for key in keys {
        let same = |other: &&Key| other.id.is_none() && other.algorithm == key.algorithm;
        if keys.iter().filter(same).count() > MAX_NAMELESS {
            let name = key.algorithm.name();
            return Err(ConfigError::Conflict {
                place: place.to_owned(),
                reason: format!(
                    "more than {MAX_NAMELESS} {name} keys have no id; give each the kid of its tokens"
                ),
            });
        }
    }
    Ok(())
}
