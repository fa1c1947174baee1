//! A plugin's own database: what is not said of it is as for the gateway's.

use super::error::ConfigError;
use super::layers::Layers;
use super::load::given_url;
use super::{Database, check, database_url, settings};

/// Whether the key says something of a plugin's own database.
pub(super) fn is_part(key: &str) -> bool {
    settings::plugin_of(key).is_some_and(|(_, rest)| rest.starts_with("database."))
}

/// The database of a plugin, if it has one of its own: another one, or another schema of
/// the gateway's.
pub(super) fn of(
    name: &str,
    layers: &Layers,
    gateway: &Database,
) -> Result<Option<Database>, ConfigError> {
    let key = |rest: &str| format!("plugin.{name}.database.{rest}");
    let refuse = |rest: &str, reason: String| {
        Err(ConfigError::Conflict {
            place: layers.name(&key(rest)),
            reason,
        })
    };
    let url = given_url(layers, &key("url"), &key("url_file"))?;
    let schema = layers.text(&key("schema")).map(str::to_owned);
    let connections = layers
        .get(&key("max_connections"))
        .and_then(|known| u32::try_from(known.canonical.as_integer()?).ok());
    if url.is_none() && schema.is_none() {
        return match connections {
            None => Ok(None),
            Some(_) => refuse(
                "max_connections",
                format!(
                    "the plugin has no database of its own; set {} or {}",
                    key("url"),
                    key("schema")
                ),
            ),
        };
    }
    let database = Database {
        url: url.unwrap_or_else(|| gateway.url.clone()),
        schema,
        max_connections: connections.unwrap_or(gateway.max_connections),
        ..gateway.clone()
    };
    // Not a mere warning: without its schema the plugin would be among the others.
    if database.schema.is_some() && !database_url::is_postgres(&database.url) {
        return refuse("schema", "the database is not PostgreSQL".into());
    }
    match check::schema(&database) {
        Ok(()) => Ok(Some(database)),
        Err(reason) => refuse("schema", reason),
    }
}
