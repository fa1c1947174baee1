//! From the file, the environment and the flags to a [`Config`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::env::Environment;
use super::error::ConfigError;
use super::flags::Flags;
use super::layers::Layers;
use super::secret::{SECRET_FILE, TOKEN_FILE};
use super::{
    Admin, Audit, Auth, Blob, Config, Database, Deploy, Engine, Events, Inspection, Inspector,
    Installer, Log, Metrics, Migrate, Origin, Plugin, Server, Telemetry,
};
use super::{
    blob_store, check, database_url, events, file, installer, key_sources, keys, original,
    own_database, secret, settings, tls,
};

/// A configuration that is read and checked, while nothing on disk has been touched.
#[derive(Debug)]
pub struct Draft {
    pub(super) config: Config,
    pub(super) layers: Layers,
}

impl Config {
    /// Reads the configuration, and makes the data folder and the signing secret where
    /// they are missing.
    ///
    /// # Errors
    /// The first thing that is wrong; nothing is made then, unless it is the making that
    /// fails.
    pub fn load(
        file: Option<&Path>,
        env: &Environment,
        flags: &Flags,
    ) -> Result<Self, ConfigError> {
        Draft::read(file, env, flags)?.into_config()
    }
}

impl Plugin {
    /// A plugin with the default settings.
    ///
    /// # Errors
    /// When the defaults are not allowed, which a test excludes.
    pub fn with_defaults(file: PathBuf) -> Result<Self, ConfigError> {
        let given = Flags {
            plugins: vec![("plugin".into(), "file".into())],
            ..Flags::default()
        };
        let plugins = Draft::read(None, &Environment::default(), &given)?
            .config
            .plugins;
        let plugin = plugins.into_values().next();
        let missing = || ConfigError::Conflict {
            place: "plugin".into(),
            reason: "it is lost".into(),
        };
        Ok(Self {
            file,
            ..plugin.ok_or_else(missing)?
        })
    }
}

impl Draft {
    /// Reads and checks the configuration. Without `file`, the one that `GATEWAY_CONFIG`
    /// names is read, if any.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(
        file: Option<&Path>,
        env: &Environment,
        flags: &Flags,
    ) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let mut layers = Layers::default();
        let of_file = match file.or(env.config_file()?.map(Path::new)) {
            Some(path) => file::read(path)?,
            None => Vec::new(),
        };
        let (of_env, of_flags) = (env.given()?, flags.given());
        let plugins: BTreeSet<&str> = [&of_file, &of_env, &of_flags]
            .into_iter()
            .flatten()
            .filter_map(|given| Some(settings::plugin_of(&given.key)?.0))
            .collect();
        let (of_installer, installer) = installer::given(env, &plugins, &mut warnings)?;

        layers.add(of_file)?;
        for layer in original::given(env, &mut warnings)? {
            layers.add(layer)?;
        }
        layers.add(of_installer)?;
        layers.add(of_env)?;
        layers.add(of_flags)?;
        layers.complete()?;

        let keys = keys::assemble(&layers, &mut warnings)?;
        let url = match given_url(&layers, "database.url", "database.url_file")? {
            Some(url) => url,
            None => embedded_url(&layers)?,
        };
        let keys_url = given_url(&layers, "auth.database.url", "auth.database.url_file")?;
        check::components_have_files(&layers)?;
        tls::is_complete(&layers)?;
        let mut config = place(&layers, url, keys_url)?;
        for (name, plugin) in &mut config.plugins {
            plugin.database = own_database::of(name, &layers, &config.database)?;
        }
        config.auth.keys = keys;
        config.admin.token = keys::admin_token(&layers)?;
        config.installer = installer;
        config.warnings = warnings;
        config.blob.store = blob_store::of(&layers, &config.data)?;
        config.events.nats = events::nats(&layers, &config.events)?;
        check::together(&mut config, &layers)?;
        blob_store::check(&config, &layers)?;
        tls::check(&config, &layers)?;
        key_sources::check(&mut config, &layers)?;
        let file = file.map(Path::to_owned);
        config.origin = Origin::new(file, env.clone(), flags.clone(), &layers);
        Ok(Self { config, layers })
    }

    /// The configuration, after the data folder and, when no key is configured, the
    /// signing secret were made.
    ///
    /// # Errors
    /// When one of them cannot be made or read.
    pub fn into_config(self) -> Result<Config, ConfigError> {
        let mut config = self.config;
        // The compile cache takes no relative path.
        config.data = std::path::absolute(&config.data).map_err(|source| ConfigError::File {
            place: self.layers.name("data"),
            action: "find",
            path: config.data.clone(),
            source,
        })?;
        secret::make_folder(&config.data)?;
        if config.auth.has_no_keys() {
            let material = secret::ensure(&config.data, SECRET_FILE, &mut config.warnings)?;
            config.auth.keys.push(super::Key {
                id: None,
                algorithm: super::Algorithm::Hs256,
                material,
            });
        }
        if config.admin.token.0.is_empty() {
            let token = secret::ensure(&config.data, TOKEN_FILE, &mut config.warnings)?;
            config.admin.token = super::Secret(String::from_utf8_lossy(&token).into_owned());
        }
        Ok(config)
    }

    /// What was read. `auth.keys` is empty when a signing secret is to be made.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// The address of the file in the data folder.
fn embedded_url(layers: &Layers) -> Result<String, ConfigError> {
    let data = Path::new(layers.text("data").unwrap_or_default());
    database_url::of_file(&data.join("gateway.db")).ok_or_else(|| ConfigError::Conflict {
        place: layers.name("data"),
        reason: "it is not UTF-8".into(),
    })
}

/// A database's address: given, or in a file.
pub(super) fn given_url(
    layers: &Layers,
    key: &str,
    file_key: &str,
) -> Result<Option<String>, ConfigError> {
    if let Some(url) = layers.text(key) {
        return Ok(Some(url.to_owned()));
    }
    let Some(path) = layers.text(file_key) else {
        return Ok(None);
    };
    let place = layers.name(file_key);
    let text = file::read_text(&place, Path::new(path))?;
    let url = text.trim();
    match database_url::is_allowed(url) {
        true => Ok(Some(url.to_owned())),
        false => Err(ConfigError::Value {
            place,
            value: "the file's content".into(),
            allowed: super::Kind::Url.allowed(),
        }),
    }
}

/// The same shape as the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    data: PathBuf,
    server: Server,
    admin: Admin,
    engine: Engine,
    deploy: Deploy,
    blob: Blob,
    #[serde(default)]
    audit: Audit,
    events: Events,
    database: Database,
    migrate: Migrate,
    auth: Auth,
    #[serde(default)]
    plugin: BTreeMap<String, Plugin>,
    inspection: Inspection,
    #[serde(default)]
    inspector: BTreeMap<String, Inspector>,
    log: Log,
    metrics: Metrics,
    telemetry: Telemetry,
}

/// Puts the canonical values into the types. The table has checked them, so that only a
/// difference between the table and the types can fail here; a test excludes one.
fn place(layers: &Layers, url: String, keys_url: Option<String>) -> Result<Config, ConfigError> {
    let mut tree = Table::new();
    for known in layers.iter() {
        match known.given.key.as_str() {
            // Their content is placed, not their names.
            "auth.secret" | "auth.secret_file" | "auth.keys" => {}
            "database.url_file" | "auth.database.url_file" => {}
            "admin.token" | "admin.token_file" => {}
            // A table alone is nothing to read from; see `key_sources`.
            "auth.database.table" if keys_url.is_none() => {}
            // Neither is TLS without a certificate; see `tls`.
            key if tls::is_unused(layers, key) => {}
            // See `own_database`.
            key if own_database::is_part(key) => {}
            // See `blob_store`.
            key if blob_store::is_part(key) => {}
            // See `events`.
            key if events::is_part(key) => {}
            key => insert(&mut tree, key, known.canonical.clone()),
        }
    }
    insert(&mut tree, "database.url", Value::String(url));
    if let Some(url) = keys_url {
        insert(&mut tree, "auth.database.url", Value::String(url));
    }
    if layers.text("log.format") == Some("auto") {
        let format = if std::io::stderr().is_terminal() {
            "human"
        } else {
            "json"
        };
        insert(&mut tree, "log.format", Value::String(format.into()));
    }
    let tree: Tree = serde_path_to_error::deserialize(Value::Table(tree)).map_err(|error| {
        let key = error.path().to_string();
        ConfigError::Conflict {
            place: layers.name(&key),
            reason: error.inner().message().replace('\n', " "),
        }
    })?;
    Ok(Config {
        server: tree.server,
        admin: tree.admin,
        engine: tree.engine,
        deploy: tree.deploy,
        blob: tree.blob,
        audit: tree.audit,
        events: tree.events,
        data: tree.data,
        database: tree.database,
        migrate: tree.migrate,
        auth: tree.auth,
        plugins: tree.plugin,
        inspection: tree.inspection,
        inspectors: tree.inspector,
        log: tree.log,
        metrics: tree.metrics,
        telemetry: tree.telemetry,
        installer: Installer::default(),
        warnings: Vec::new(),
        origin: Origin::default(),
    })
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((head, rest)) => {
            let inner = table
                .entry(head)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
