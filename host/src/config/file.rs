//! The TOML file, as values with their lines.

use std::fs;
use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::layers::{Given, Place};
use super::settings;

/// Longer files are no configuration.
const MAX_FILE: u64 = 1 << 20;

/// Reads the file's settings. Whether they exist and what they allow is checked with
/// the other layers.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, ConfigError> {
    let text = read_text("the configuration file", path)?;
    let document = DeTable::parse(&text).map_err(|error| ConfigError::Conflict {
        place: match error.span() {
            Some(span) => format!("{}:{}", path.display(), line_of(&text, span.start)),
            None => path.display().to_string(),
        },
        reason: error.message().replace('\n', " "),
    })?;
    let mut walk = Walk {
        text: &text,
        file: path.display().to_string(),
        found: Vec::new(),
    };
    walk.table("", document.get_ref())?;
    Ok(walk.found)
}

/// Reads a small text file that a setting names.
pub(super) fn read_text(place: &str, path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::File {
        place: place.to_owned(),
        action: "read",
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    fs::read_to_string(path).map_err(failed)
}

struct Walk<'a> {
    text: &'a str,
    file: String,
    found: Vec<Given>,
}

impl Walk<'_> {
    /// Collects the leaves. A table that is a setting's value is a leaf as well.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            let place = Place::File {
                file: self.file.clone(),
                line: line_of(self.text, name.span().start),
            };
            match value.get_ref() {
                DeValue::Table(inner) if settings::find(&key).is_none() => {
                    self.table(&key, inner)?;
                }
                leaf => {
                    let value = plain(leaf).ok_or_else(|| ConfigError::Conflict {
                        place: place.to_string(),
                        reason: "a number here is too large".into(),
                    })?;
                    self.found.push(Given { key, value, place });
                }
            }
        }
        Ok(())
    }
}

/// The value without its places; nothing when a number does not fit.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| plain(item.get_ref()))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, item)| Some((name.get_ref().to_string(), plain(item.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
