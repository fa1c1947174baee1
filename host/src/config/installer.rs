//! The variables by which the services of the original's catalogue migrate their
//! databases when they are installed.
//!
//! Each service there reads a pair of its own name and a pair of the whole catalogue. A
//! plugin stands where a service stood, so its own pair is made of its name: the one of
//! `notes` is `NOTES_MIGRATION` and `NOTES_MIGRATION_COPY`.

use std::collections::BTreeSet;

use super::env::Environment;
use super::error::ConfigError;
use super::layers::{Given, Layers, Place};
use super::{Config, database_url};

/// The name of the whole catalogue.
const CATALOGUE: &str = "SOURCELOOP";
/// Says that the database is MySQL.
const MYSQL: &str = "MYSQL_MIGRATION";

/// What the variables of the original's installer ask of `gateway migrate`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installer {
    /// The variable that asks for the files of the migrations in the working folder.
    pub copy: Option<String>,
    /// Whether the migrations are those for MySQL: `MYSQL_MIGRATION=true`.
    pub mysql: bool,
}

/// What the variables say. Any value but an empty one counts, as it does there.
pub(super) fn given(
    env: &Environment,
    plugins: &BTreeSet<&str>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Given>, Installer), ConfigError> {
    let (mut given, mut installer) = (Vec::new(), Installer::default());
    let upper = |name: &&str| name.to_ascii_uppercase().replace('-', "_");
    let mut prefixes = vec![CATALOGUE.to_owned()];
    prefixes.extend(plugins.iter().map(upper));
    for prefix in prefixes {
        let (migration, copy) = (
            format!("{prefix}_MIGRATION"),
            format!("{prefix}_MIGRATION_COPY"),
        );
        if migration != MYSQL && env.get(&migration)?.is_some() {
            given.push(Given::text(
                "migrate.at_start",
                "true",
                Place::Variable(migration),
            ));
        }
        if env.get(&copy)?.is_some() {
            warnings.push(format!(
                "{copy}: `gateway migrate up` writes the files, and `serve` never does"
            ));
            installer.copy = Some(copy);
        }
    }
    installer.mysql = env.get(MYSQL)? == Some("true");
    Ok((given, installer))
}

/// Compares what `MYSQL_MIGRATION` asks for with the database that is configured.
pub(super) fn check(config: &mut Config, layers: &Layers) -> Result<(), ConfigError> {
    if !config.installer.mysql || database_url::is_mysql(&config.database.url) {
        return Ok(());
    }
    let said = ["database.url", "database.url_file"]
        .into_iter()
        .find(|key| layers.get(key).is_some());
    let Some(key) = said else {
        config.warnings.push(format!(
            "{MYSQL} is on, but no database is configured: the embedded SQLite is used"
        ));
        return Ok(());
    };
    Err(ConfigError::Conflict {
        place: MYSQL.into(),
        reason: format!(
            "it asks for the migrations of MySQL, but {} names {}; correct the one (with \
             DB_HOST, by DB_CONNECTOR=mysql) or unset the other",
            layers.name(key),
            match database_url::is_postgres(&config.database.url) {
                true => "a PostgreSQL database",
                false => "an SQLite database",
            }
        ),
    })
}
