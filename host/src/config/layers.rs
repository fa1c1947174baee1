//! Values from several places, the later ones winning.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use toml::Value;

use super::error::ConfigError;
use super::settings::{self, ALTERNATIVES, SETTINGS};

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: the table's default.
    Default,
    /// In the file.
    File {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// In one or more variables.
    Variable(String),
    /// On the command line.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value, its full key, and where it was said.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

impl Given {
    /// A value from where there is nothing but text.
    pub(super) fn text(key: &str, value: &str, place: Place) -> Self {
        Self {
            key: key.to_owned(),
            value: Value::String(value.to_owned()),
            place,
        }
    }

    /// The place as a message names it: variables and flags name their setting, a line
    /// does not.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::File { .. } => format!("{}: {}", self.place, self.key),
            Place::Default => self.key.clone(),
            Place::Variable(_) | Place::Flag(_) => self.place.to_string(),
        }
    }

    /// A refusal that names the place.
    pub(super) fn conflict(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::Conflict {
            place: self.name(),
            reason: reason.into(),
        }
    }
}

/// A value that its setting allows.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) given: Given,
    /// The value in its setting's canonical type.
    pub(super) canonical: Value,
}

/// What is in force, by full key.
#[derive(Debug, Default)]
pub(super) struct Layers {
    known: BTreeMap<String, Known>,
}

impl Layers {
    /// Puts a layer over the others. Every value is checked, hidden ones too.
    pub(super) fn add(&mut self, layer: Vec<Given>) -> Result<(), ConfigError> {
        for (one, other) in alternatives(&layer) {
            let said = |key: &str| layer.iter().find(|given| given.key == key);
            match (said(&one), said(&other)) {
                (Some(a), Some(b)) => {
                    return Err(b.conflict(format!("it and {} say the same; give one", a.name())));
                }
                (Some(_), None) => drop(self.known.remove(&other)),
                (None, Some(_)) => drop(self.known.remove(&one)),
                (None, None) => {}
            }
        }
        for given in layer {
            let known = known(given)?;
            self.known.insert(known.given.key.clone(), known);
        }
        Ok(())
    }

    /// Fills in the defaults of what nobody said, for every plugin that anybody named.
    pub(super) fn complete(&mut self) -> Result<(), ConfigError> {
        let named: BTreeSet<(&str, String)> = self
            .known
            .keys()
            .filter_map(|key| settings::named(key))
            .map(|(group, name, _)| (group, name.to_owned()))
            .collect();
        for setting in SETTINGS {
            let Some(default) = setting.default else {
                continue;
            };
            let keys: Vec<String> = match setting.of_named() {
                Some((of, rest)) => named
                    .iter()
                    .filter(|(group, _)| *group == of)
                    .map(|(group, name)| format!("{group}.{name}.{rest}"))
                    .collect(),
                None => vec![setting.key.to_owned()],
            };
            for key in keys {
                if let Entry::Vacant(slot) = self.known.entry(key) {
                    let given = Given::text(slot.key(), default, Place::Default);
                    slot.insert(known(given)?);
                }
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Known> {
        self.known.get(key)
    }

    /// The text of a setting that is written as text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.known.get(key)?.canonical.as_str()
    }

    /// The time of a setting that is one; zero when nobody said it.
    pub(super) fn time(&self, key: &str) -> Duration {
        let canonical = self.get(key).map(|known| known.canonical.clone());
        canonical
            .and_then(|time| time.try_into().ok())
            .unwrap_or_default()
    }

    /// Where a key's value was said, for a message.
    pub(super) fn name(&self, key: &str) -> String {
        self.get(key)
            .map_or_else(|| key.to_owned(), |known| known.given.name())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }
}

/// The full keys of [`ALTERNATIVES`], for every plugin that the layer names.
fn alternatives(layer: &[Given]) -> Vec<(String, String)> {
    let named = layer
        .iter()
        .filter_map(|given| settings::plugin_of(&given.key));
    let plugins: BTreeSet<&str> = named.map(|(name, _)| name).collect();
    let mut pairs = Vec::new();
    for (one, other) in ALTERNATIVES {
        match one.contains('*') {
            true => pairs.extend(
                plugins
                    .iter()
                    .map(|name| (one.replace('*', name), other.replace('*', name))),
            ),
            false => pairs.push(((*one).to_owned(), (*other).to_owned())),
        }
    }
    pairs
}

/// Checks a value against its setting.
fn known(given: Given) -> Result<Known, ConfigError> {
    let Some(setting) = settings::find(&given.key) else {
        let keys = SETTINGS
            .iter()
            .map(|setting| setting.key.replace('*', "NAME"));
        let nearest = settings::nearest(&given.key, keys);
        return Err(ConfigError::Unknown {
            place: given.name(),
            nearest,
        });
    };
    if let Some((group, name, _)) = settings::named(&given.key)
        && !settings::is_plugin_name(name)
    {
        let article = if group == "plugin" { "a" } else { "an" };
        return Err(given.conflict(format!(
            "{article} {group}'s name is at most 64 lower-case letters, digits and -, a letter \
             first"
        )));
    }
    match setting.kind.read(&given.value) {
        Some(canonical) => Ok(Known { given, canonical }),
        None => Err(ConfigError::Value {
            place: given.name(),
            value: setting.kind.quote(&given.value),
            allowed: setting.kind.allowed(),
        }),
    }
}
