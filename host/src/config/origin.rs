//! Where a configuration was read from, and what is different when it is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::env::Environment;
use super::error::ConfigError;
use super::flags::Flags;
use super::layers::Layers;
use super::{Config, Draft};

/// Where a configuration was read from, and every value that was said there.
#[derive(Clone, Default)]
pub struct Origin {
    file: Option<PathBuf>,
    env: Environment,
    flags: Flags,
    values: BTreeMap<String, Value>,
}

/// Without the values, of which some are secrets.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Origin {
    pub(super) fn new(
        file: Option<PathBuf>,
        env: Environment,
        flags: Flags,
        layers: &Layers,
    ) -> Self {
        let value =
            |known: &super::layers::Known| (known.given.key.clone(), known.canonical.clone());
        Self {
            file,
            env,
            flags,
            values: layers.iter().map(value).collect(),
        }
    }
}

impl Config {
    /// Reads the same file, environment and flags again, as they are now; may block. The
    /// data folder stays the one that is in use.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read_again(&self) -> Result<Self, ConfigError> {
        let Origin {
            file, env, flags, ..
        } = &self.origin;
        let mut draft = Draft::read(file.as_deref(), env, flags)?;
        draft.config.data.clone_from(&self.data);
        draft.into_config()
    }

    /// The keys whose values are others in `next`, in order. A secret in a file whose
    /// content changed is among them by the name of what is in it.
    pub(crate) fn changes(&self, next: &Self) -> BTreeSet<String> {
        let (now, then) = (&self.origin.values, &next.origin.values);
        let mut changes: BTreeSet<String> = now
            .keys()
            .chain(then.keys())
            .filter(|key| now.get(*key) != then.get(*key))
            .cloned()
            .collect();
        let access = |config: &Self| Some(config.blob.store.s3()?.access_key.0.clone());
        let secret = |config: &Self| Some(config.blob.store.s3()?.secret_key.0.clone());
        for (key, is_other) in [
            ("auth.keys", self.auth.keys != next.auth.keys),
            ("admin.token", self.admin.token.0 != next.admin.token.0),
            ("database.url", self.database.url != next.database.url),
            ("blob.s3.access_key", access(self) != access(next)),
            ("blob.s3.secret_key", secret(self) != secret(next)),
        ] {
            // The secret is one of the keys.
            let is_said = |changed: &String| {
                changed.starts_with(key)
                    || (key == "auth.keys" && changed.starts_with("auth.secret"))
            };
            if is_other && !changes.iter().any(is_said) {
                changes.insert(key.to_owned());
            }
        }
        changes
    }

    /// Notes that the value of a key is the one that it has in `next`.
    pub(crate) fn took(&mut self, key: &str, next: &Self) {
        match next.origin.values.get(key) {
            Some(value) => drop(self.origin.values.insert(key.to_owned(), value.clone())),
            None => drop(self.origin.values.remove(key)),
        }
    }
}
