//! The environment, as values with their variables.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::ConfigError;
use super::kind::quote;
use super::layers::{Given, Place};
use super::settings::{self, SETTINGS};

/// The variable that names the configuration file.
const CONFIG_FILE: &str = "GATEWAY_CONFIG";

/// The environment that a configuration is read from. A variable that is empty counts
/// as not set, except that an empty secret is refused.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let named =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(named.collect())
    }

    /// A variable's text.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.0.get(name) {
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value.to_str().map(Some).ok_or_else(|| ConfigError::Value {
                place: name.to_owned(),
                value: "the value".into(),
                allowed: "text in UTF-8".into(),
            }),
            None => Ok(None),
        }
    }

    /// The configuration file that `GATEWAY_CONFIG` names.
    pub(super) fn config_file(&self) -> Result<Option<&str>, ConfigError> {
        self.get(CONFIG_FILE)
    }

    /// What the `GATEWAY_…` variables say.
    pub(super) fn given(&self) -> Result<Vec<Given>, ConfigError> {
        let mut given = Vec::new();
        for name in self.0.keys().filter(|name| name.starts_with("GATEWAY_")) {
            if name == CONFIG_FILE || is_service_link(name) {
                continue;
            }
            let key = key_of(name).ok_or_else(|| ConfigError::Unknown {
                place: name.clone(),
                nearest: settings::nearest(name, SETTINGS.iter().map(settings::Setting::variable)),
            })?;
            self.refuse_empty_secret(name, &key)?;
            if let Some(value) = self.get(name)? {
                given.push(Given::text(&key, value, Place::Variable(name.clone())));
            }
        }
        Ok(given)
    }

    /// An empty secret is no secret: treating it as "not set" would start a gateway that
    /// trusts tokens which its operator did not mean.
    pub(super) fn refuse_empty_secret(&self, name: &str, key: &str) -> Result<(), ConfigError> {
        let empty = self.0.get(name).is_some_and(|value| value.is_empty());
        if empty && key == "auth.secret" {
            return Err(ConfigError::Value {
                place: name.to_owned(),
                value: quote(""),
                allowed: "a secret; unset the variable to have one made".into(),
            });
        }
        Ok(())
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// Kubernetes tells every container about a service called `gateway` in such variables.
fn is_service_link(name: &str) -> bool {
    let links = [
        "GATEWAY_SERVICE_HOST",
        "GATEWAY_SERVICE_PORT",
        "GATEWAY_PORT_",
    ];
    name == "GATEWAY_PORT" || links.iter().any(|link| name.starts_with(link))
}

/// The full key that a variable says: `GATEWAY_PLUGIN_MY_NOTES_LIMITS_MEMORY` is
/// `plugin.my-notes.limits.memory`. Of several settings that its end fits, the longest is
/// meant: `…_DATABASE_URL_FILE` is not the `file` of a plugin called `…-database-url`.
fn key_of(variable: &str) -> Option<String> {
    let in_group = settings::GROUPS.iter().find_map(|group| {
        let prefix = format!("GATEWAY_{}_", group.to_ascii_uppercase());
        Some((*group, variable.strip_prefix(&prefix)?))
    });
    SETTINGS
        .iter()
        .filter_map(|setting| match (setting.of_named(), in_group) {
            (Some((of, rest)), Some((group, name_and_rest))) if of == group => {
                let suffix = format!("_{}", rest.replace('.', "_").to_ascii_uppercase());
                let name = name_and_rest
                    .strip_suffix(&suffix)
                    .filter(|name| !name.is_empty())?;
                let name = name.to_ascii_lowercase().replace('_', "-");
                Some((rest.len(), format!("{group}.{name}.{rest}")))
            }
            (None, None) => (setting.variable() == variable)
                .then(|| (setting.key.len(), setting.key.to_owned())),
            _ => None,
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, key)| key)
}
