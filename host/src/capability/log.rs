//! Log lines of plugins, with the host's stamp.

use wasmtime::component::HasData;

use crate::contract::log::{Host, Level};

/// The longest line, in bytes; the rest is cut.
const MAX_LINE: usize = 4 * 1024;

/// Marks [`View`] for the linker.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

/// What the calls of this capability may touch.
#[derive(Debug)]
pub struct View<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The request being handled.
    pub request: &'a str,
    /// Lines that this request may still write.
    pub left: &'a mut u32,
    /// Lines that it wrote beyond those.
    pub dropped: &'a mut u32,
}

impl Host for View<'_> {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let View {
            plugin,
            request,
            left,
            dropped,
        } = self;
        let Some(rest) = left.checked_sub(1) else {
            **dropped += 1;
            return Ok(());
        };
        **left = rest;
        let message = message
            .get(..message.floor_char_boundary(MAX_LINE))
            .unwrap_or_default();
        match level {
            Level::Debug => tracing::debug!(target: "plugin", %plugin, %request, "{message}"),
            Level::Info => tracing::info!(target: "plugin", %plugin, %request, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", %plugin, %request, "{message}"),
            Level::Error => tracing::error!(target: "plugin", %plugin, %request, "{message}"),
        }
        Ok(())
    }
}
