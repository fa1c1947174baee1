//! What the settings of key sources must be, to each other and in the files they name.

use std::path::Path;

use super::error::ConfigError;
use super::layers::Layers;
use super::{Config, database_url, file};
use crate::auth::{authorities, key_set};

/// Checks what can be checked without asking anybody; what is merely odd becomes a
/// warning.
pub(super) fn check(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    times(config, layers)?;
    set_in_file(config, layers)?;
    authorities_in_file(config, layers)?;
    table(config, layers)
}

fn refuse(layers: &Layers, key: &str, reason: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Conflict {
        place: layers.name(key),
        reason: reason.into(),
    })
}

fn times(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let refresh = &config.auth.refresh;
    let text = humantime::format_duration;
    if refresh.floor > refresh.interval {
        let (floor, interval) = (text(refresh.floor), text(refresh.interval));
        let reason = format!("{floor} is longer than auth.refresh.interval, which is {interval}");
        return refuse(layers, "auth.refresh.floor", reason);
    }
    if refresh.max_age < refresh.interval {
        let (age, interval) = (text(refresh.max_age), text(refresh.interval));
        let reason = format!("{age} is shorter than auth.refresh.interval, which is {interval}");
        return refuse(layers, "auth.refresh.max_age", reason);
    }
    Ok(())
}

/// The file may change later; the first one must be good.
fn set_in_file(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    const KEY: &str = "auth.jwks.file";
    let Some(path) = &config.auth.jwks.file else {
        return Ok(());
    };
    let place = layers.name(KEY);
    let text = file::read_text(&place, path)?;
    let limit = config.auth.jwks.max_bytes;
    if text.len() > limit {
        let reason = format!(
            "{path:?} has {} bytes; auth.jwks.max_bytes is {limit}",
            text.len()
        );
        return refuse(layers, KEY, reason);
    }
    let keys = match key_set::read(text.as_bytes()) {
        Ok(keys) => keys,
        Err(error) => return refuse(layers, KEY, format!("{path:?}: {error}")),
    };
    if keys.usable.is_empty() {
        let why = keys.skipped.join("; ");
        let reason = format!("{path:?} has no key that can verify tokens ({why}); add one");
        return refuse(layers, KEY, reason);
    }
    for reason in keys.skipped {
        config
            .warnings
            .push(format!("{place}: a key is skipped: {reason}"));
    }
    Ok(())
}

fn authorities_in_file(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    const KEY: &str = "auth.jwks.ca_file";
    let jwks = &config.auth.jwks;
    let Some(path) = &jwks.ca_file else {
        return Ok(());
    };
    let place = layers.name(KEY);
    let text = file::read_text(&place, path)?;
    if let Err(reason) = authorities(text.as_bytes()) {
        return refuse(layers, KEY, format!("{path:?}: {reason}"));
    }
    let is_used = jwks
        .url
        .as_ref()
        .is_some_and(|url| url.starts_with("https:"));
    if !is_used {
        let warning = format!("{place} is ignored, because auth.jwks.url is no https:// address");
        config.warnings.push(warning);
    }
    Ok(())
}

fn table(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    const TABLE: &str = "auth.database.table";
    let Some(database) = &config.auth.database else {
        if layers.get(TABLE).is_some() {
            let reason = "there is no database to read it from; set auth.database.url as well";
            return refuse(layers, TABLE, reason);
        }
        return Ok(());
    };
    // A server may come up later. A file would be made, and would stay empty.
    match database_url::file_of(&database.url) {
        Some(path) if !Path::new(&path).exists() => {
            let reason = format!("there is no file {path:?}; name the one that has the keys");
            refuse(layers, "auth.database.url", reason)
        }
        _ => Ok(()),
    }
}
