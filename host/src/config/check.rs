//! What values must be to each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ConfigError;
use super::layers::Layers;
use super::{BusKind, Config, Cors, Database, database_url, installer, settings};

/// The longest name that PostgreSQL keeps.
const MAX_SCHEMA: usize = 63;

/// A plugin or an inspector that is mentioned must have a file.
pub(super) fn components_have_files(layers: &Layers) -> Result<(), ConfigError> {
    for known in layers.iter() {
        let key = &known.given.key;
        if let Some((group, name, _)) = settings::named(key) {
            let file = format!("{group}.{name}.file");
            if layers.get(&file).is_none() {
                return Err(ConfigError::Conflict {
                    place: format!("{group}.{name}"),
                    reason: format!(
                        "it has no file; set {file} or {}",
                        settings::variable(&file)
                    ),
                });
            }
        }
    }
    Ok(())
}

/// Checks the values against each other; what is merely odd becomes a warning.
pub(super) fn together(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    let refuse = |key: &str, reason: String| {
        Err(ConfigError::Conflict {
            place: layers.name(key),
            reason,
        })
    };
    let listen = config.server.listen;
    if listen == config.admin.listen && listen.port() != 0 {
        return refuse("admin.listen", format!("{listen} is server.listen as well"));
    }
    cors(&config.server.cors).or_else(|reason| refuse("server.cors.credentials", reason))?;
    let rate = &config.server.rate;
    for (name, bucket) in [("address", &rate.address), ("caller", &rate.caller)] {
        if bucket.burst.is_some() && bucket.per_second.is_none() {
            let reason = format!("it does nothing without server.rate.{name}.per_second");
            return refuse(&format!("server.rate.{name}.burst"), reason);
        }
    }
    let mut mounts = BTreeMap::new();
    for (name, plugin) in &config.plugins {
        let hosts: Vec<Option<&str>> = match plugin.hosts.as_slice() {
            [] => vec![None],
            hosts => hosts.iter().map(|host| Some(host.as_str())).collect(),
        };
        for host in hosts {
            if let Some(other) = mounts.insert((host, &plugin.mount), name)
                && other != name
            {
                let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
                let reason = format!(
                    "{:?}{host} is the mount of plugin.{other} as well",
                    plugin.mount
                );
                return refuse(&format!("plugin.{name}.mount"), reason);
            }
        }
        let (cpu, wall) = (plugin.limits.cpu_time, plugin.limits.wall_time);
        if cpu > wall {
            let reason = longer_than_wall_time(cpu, wall);
            return refuse(&format!("plugin.{name}.limits.cpu_time"), reason);
        }
    }
    for (name, inspector) in &config.inspectors {
        let (cpu, wall) = (inspector.limits.cpu_time, inspector.limits.wall_time);
        if cpu > wall {
            let reason = longer_than_wall_time(cpu, wall);
            return refuse(&format!("inspector.{name}.limits.cpu_time"), reason);
        }
    }
    let own = config.plugins.values();
    let own = own.filter_map(|plugin| plugin.database.as_ref());
    let mut databases = std::iter::once(&config.database).chain(own);
    let is_postgres = |database: &Database| database_url::is_postgres(&database.url);
    if config.events.bus == BusKind::Postgres && !databases.any(is_postgres) {
        return refuse("events.bus", "no event log is in a PostgreSQL".into());
    }
    installer::check(config, layers)?;
    if config.database.schema.is_some() && !database_url::is_postgres(&config.database.url) {
        config.warnings.push(format!(
            "{} is ignored, because the database is not PostgreSQL",
            layers.name("database.schema")
        ));
        config.database.schema = None;
    }
    schema(&config.database).or_else(|reason| refuse("database.schema", reason))
}

fn longer_than_wall_time(cpu: Duration, wall: Duration) -> String {
    format!(
        "{} is longer than wall_time, which is {}",
        humantime::format_duration(cpu),
        humantime::format_duration(wall)
    )
}

/// Whether PostgreSQL takes the schema's name as it is.
pub(super) fn schema(database: &Database) -> Result<(), String> {
    let fits = |schema: &String| schema.len() <= MAX_SCHEMA && !schema.starts_with("pg_");
    match database.schema.as_ref().is_none_or(fits) {
        true => Ok(()),
        false => Err(format!(
            "a schema has at most {MAX_SCHEMA} bytes and does not start with pg_"
        )),
    }
}

/// Credentials go only to those who are named.
fn cors(cors: &Cors) -> Result<(), String> {
    let is_any = |list: &[String]| list.iter().any(|item| item == "*");
    if !cors.credentials {
        return Ok(());
    }
    if is_any(&cors.origins) {
        return Err(
            "true does not go with server.cors.origins = *, because then every site \
                    could act in the name of its visitors; list the origins"
                .into(),
        );
    }
    for (name, list) in [
        ("methods", &cors.methods),
        ("headers", &cors.headers),
        ("expose", &cors.expose),
    ] {
        if is_any(list) {
            return Err(format!(
                "true does not go with server.cors.{name} = *, which browsers then take for a \
                 name and not for all of them; list the {name}"
            ));
        }
    }
    Ok(())
}
