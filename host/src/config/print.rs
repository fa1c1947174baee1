//! The settings for people: what is in force, the defaults, and the table in the
//! documentation.

use std::fmt::Write;

use super::layers::Place;
use super::load::Draft;
use super::settings::{SETTINGS, Setting};
use super::{SECRET_FILE, database_url};

impl Draft {
    /// What is in force, as TOML; where a value that is not the default was said stands
    /// behind it. Secrets are masked.
    pub fn print(&self) -> String {
        let mut out = Sections::default();
        for setting in SETTINGS
            .iter()
            .filter(|setting| setting.of_named().is_none())
        {
            self.line(&mut out, setting, setting.key.to_owned());
        }
        let plugins = self.config.plugins.keys().map(|name| ("plugin", name));
        let inspectors = self
            .config
            .inspectors
            .keys()
            .map(|name| ("inspector", name));
        for (group, name) in plugins.chain(inspectors) {
            for setting in SETTINGS {
                if let Some((of, rest)) = setting.of_named()
                    && of == group
                {
                    self.line(&mut out, setting, format!("{group}.{name}.{rest}"));
                }
            }
        }
        out.text
    }

    fn line(&self, out: &mut Sections, setting: &Setting, key: String) {
        let name = out.open(&key);
        let text = &mut out.text;
        // Writing to a string cannot fail.
        let _ = match self.layers.get(&key) {
            Some(known) => {
                let value = setting.kind.show(&known.given.value);
                match &known.given.place {
                    Place::Default => writeln!(text, "{name} = {value}"),
                    place => writeln!(text, "{name} = {value} # {place}"),
                }
            }
            None if key == "database.url" && self.layers.get("database.url_file").is_none() => {
                writeln!(
                    text,
                    "{name} = {:?}",
                    database_url::masked(&self.config.database.url)
                )
            }
            None if key == "auth.secret" && self.config.auth.has_no_keys() => {
                let path = self.config.data.join(SECRET_FILE);
                writeln!(text, "# {name}: a random one, kept in {}", path.display())
            }
            None => Ok(()),
        };
    }
}

/// Every setting with its text and default, as a TOML file to start from.
pub fn defaults() -> String {
    let mut out = Sections::default();
    for setting in SETTINGS {
        let name = out.open(&setting.key.replace('*', "NAME"));
        let text = &mut out.text;
        let _ = writeln!(text, "# {}", setting.text);
        let _ = writeln!(text, "# {}; {}", setting.variable(), setting.kind.allowed());
        let _ = match setting.default {
            Some(default) => {
                let value = setting.kind.show(&toml::Value::String(default.into()));
                writeln!(text, "#{name} = {value}")
            }
            None => writeln!(text, "#{name} ="),
        };
    }
    out.text
}

/// Lines of TOML under the headers of their tables.
#[derive(Default)]
struct Sections {
    text: String,
    open: String,
}

impl Sections {
    /// Writes the header when a key is of another table, and returns the key's last part.
    fn open(&mut self, key: &str) -> String {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        if section != self.open {
            let _ = writeln!(self.text, "\n[{section}]");
            section.clone_into(&mut self.open);
        }
        name.to_owned()
    }
}

/// The table in `docs/configuration.md`.
#[cfg(test)]
pub(super) fn table() -> String {
    let mut text = String::from(
        "| key and variable | default | allowed | what it is for |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = setting
            .default
            .map_or_else(|| "unset".into(), |value| format!("`{value}`"));
        let also = match setting.also {
            [] => String::new(),
            names => format!("<br>also `{}`", names.join("`, `")),
        };
        let _ = writeln!(
            text,
            "| `{}`<br>`{}`{also} | {default} | {} | {} |",
            setting.key.replace('*', "NAME"),
            setting.variable(),
            setting.kind.allowed().replace('|', "\\|"),
            setting.text,
        );
    }
    text
}

/// The short tables of the README: the limits, or everything else.
#[cfg(test)]
pub(super) fn brief(limits: bool) -> String {
    let mut text = String::from("| key | default | what it is for |\n|---|---|---|\n");
    for setting in SETTINGS {
        let is_limit = matches!(
            setting.kind,
            super::kind::Kind::Count { .. }
                | super::kind::Kind::Size { .. }
                | super::kind::Kind::Time { .. }
        );
        if is_limit == limits {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                setting.key.replace('*', "NAME"),
                setting
                    .default
                    .map_or_else(|| "unset".into(), |value| format!("`{value}`")),
                setting.text,
            );
        }
    }
    text
}
