//! What the command line may say: the settings that one changes for a single run.

use super::layers::{Given, Place};

/// Values of command-line flags, which win over the environment and the file. They are
/// checked like values from anywhere else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`: `server.listen`.
    pub listen: Option<String>,
    /// `--admin-listen`: `admin.listen`.
    pub admin_listen: Option<String>,
    /// `--data`: `data`.
    pub data: Option<String>,
    /// `--plugin NAME=FILE`, each: `plugin.NAME.file`.
    pub plugins: Vec<(String, String)>,
}

impl Flags {
    pub(super) fn given(&self) -> Vec<Given> {
        let flags = [
            ("--listen", "server.listen", &self.listen),
            ("--admin-listen", "admin.listen", &self.admin_listen),
            ("--data", "data", &self.data),
        ];
        let single = flags.into_iter().filter_map(|(flag, key, value)| {
            Some(Given::text(key, value.as_ref()?, Place::Flag(flag.into())))
        });
        let plugins = self.plugins.iter().map(|(name, file)| {
            let place = Place::Flag(format!("--plugin {name}"));
            Given::text(&format!("plugin.{name}.file"), file, place)
        });
        single.chain(plugins).collect()
    }
}
