//! What the operator set for a plugin.

use std::collections::BTreeMap;

use wasmtime::component::HasData;

use crate::contract::settings;

/// What a plugin sees of its own part of the configuration.
#[derive(Debug)]
pub struct View<'a> {
    /// The plugin's own settings by name.
    pub settings: &'a BTreeMap<String, String>,
}

/// Marks [`View`] as the data behind the settings interface.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

impl settings::Host for View<'_> {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.settings.get(&name).cloned())
    }
}
