//! `gateway migrate`.

mod export;
mod show;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failed};
use super::scratch::Cache;
use super::{Source, block_on, plugin_file, print, warn};
use crate::capability::sql::Database;
use crate::config::{self, Config, Draft};
use crate::contract::sql::Dialect;
use crate::migrate::{self, Migration};
use crate::plugin::{Engine, Loaded};
use crate::{StartError, load_all};
use export::Export;

/// Bring the database's schema up to date, or look at it.
#[derive(Debug, Args)]
#[command(after_help = VARIABLES)]
#[command(
    long_about = "Bring the database's schema up to date, or look at it.\n\n\
    The schema is that of the gateway and of every configured plugin; a plugin carries its \
    own. Where a plugin has a database of its own, that one is looked at as well, and has \
    the gateway's tables too, as \"gateway (of NAME)\". `serve` applies what is pending by itself, unless migrate.at_start is off: then it \
    does not start before `gateway migrate up` ran. A migration changes and drops only what \
    an earlier one of the same owner made: whatever else is in the database stays."
)]
pub(super) struct Migrate {
    #[command(subcommand)]
    command: Command,
}

const VARIABLES: &str = "\
The installer's variables of the original service (any value but an empty one counts):
  NAME_MIGRATION, SOURCELOOP_MIGRATION
      There, `npm install` migrates. Here they turn migrate.at_start on: `serve` migrates,
      whatever the configuration file says. NAME is a plugin's name in capitals.
  NAME_MIGRATION_COPY, SOURCELOOP_MIGRATION_COPY
      There, the files are copied to the working folder. Here `gateway migrate up` does so:
      OWNER/DIALECT/NNNN_name.sql, for the configured database; a file that is there and
      differs is an error.
  MYSQL_MIGRATION=true
      `export` writes the files for MySQL alone. With a configured database that is not
      MySQL or MariaDB it is an error.";

#[derive(Debug, Subcommand)]
enum Command {
    Up(Up),
    Status(Status),
    Plan(Plan),
    Export(Export),
}

/// Apply what is pending.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway migrate up --config /etc/gateway.toml
  DATABASE_URL=postgres://owner@db/gateway gateway migrate up --plugin notes=notes.wasm")]
#[command(
    long_about = "Apply what is pending, oldest first, and say what was applied.\n\n\
    Several at once are safe: each migration is applied once. After an error, what was \
    applied before it stays."
)]
struct Up {
    #[command(flatten)]
    what: What,
}

/// Print every migration and how it stands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway migrate status
  gateway migrate status --json | jq '.[] | select(.state != \"ok\")'")]
#[command(long_about = "Print every migration and how it stands.\n\n\
    ok: it ran. pending: it has yet to run. changed: it ran with another text or name. \
    missing: it ran, and this version does not have it. unfinished: it was cut in its middle \
    (MySQL). Nothing is written. Exit code 65 when one is changed, missing or unfinished: \
    then `serve` would not start.")]
struct Status {
    #[command(flatten)]
    what: What,
    /// Print a JSON list of objects: scope, version, name, appliedAt, state.
    #[arg(long)]
    json: bool,
}

/// Print the statements that `up` would run.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway migrate plan || echo 'not up to date'")]
#[command(
    long_about = "Print the statements that `up` would run, and write nothing.\n\n\
    Exit code 0 when nothing is pending, 1 when something is, 65 when the database's \
    schema is not the one that this version knows, 69 when the database is not available."
)]
struct Plan {
    #[command(flatten)]
    what: What,
}

/// Whose migrations.
#[derive(Debug, Args)]
struct What {
    #[command(flatten)]
    source: Source,
    /// A plugin's name and its component; can be given for several.
    #[arg(long = "plugin", value_name = "NAME=FILE", value_parser = plugin_file)]
    plugins: Vec<(String, String)>,
}

/// The migrations of one owner in one database.
struct Scope {
    owner: String,
    /// The owner, and whose database it is when that is a plugin's own.
    label: String,
    migrations: Vec<Migration>,
}

impl Migrate {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Up(up) => up.run(),
            Command::Status(status) => status.run(),
            Command::Plan(plan) => plan.run(),
            Command::Export(export) => export.run(),
        }
    }
}

impl Up {
    fn run(self) -> Result<(), Failed> {
        let config = self.what.draft()?.into_config()?;
        warn(&config.warnings);
        block_on(async {
            let plugins = Plugins::load(&config).await?;
            for target in targets(&config) {
                let database = Database::connect(target.database).await?;
                let scopes = plugins.scopes_in(&target, database.dialect()).await?;
                if let Some(variable) = &config.installer.copy {
                    let here = std::path::Path::new(".");
                    let count = export::copy(here, database.dialect(), &scopes)?;
                    print(&format!(
                        "{variable}: {count} files written to {}\n",
                        shown(here)
                    ))?;
                }
                for scope in &scopes {
                    let applied = migrate::run(&database, &scope.owner, &scope.migrations).await?;
                    print(&show::applied(&scope.label, &scope.migrations, &applied))?;
                }
                database.close().await;
            }
            Ok(())
        })
    }
}

impl Status {
    fn run(self) -> Result<(), Failed> {
        let draft = self.what.draft()?;
        let stands = block_on(async {
            let mut stands = Vec::new();
            for (scopes, database) in look(draft.config()).await? {
                for Scope {
                    owner,
                    label,
                    migrations,
                } in scopes
                {
                    let status = match &database {
                        Some(database) => migrate::status(database, &owner, &migrations).await?,
                        None => migrate::untouched(&migrations),
                    };
                    stands.push((label, status));
                }
            }
            Ok(stands)
        })?;
        match self.json {
            true => print(&show::json(&stands))?,
            false => print(&show::table(&stands))?,
        }
        let faults = stands.iter().flat_map(|(_, all)| all);
        match faults.filter(|status| status.state.is_fault()).count() {
            0 => Ok(()),
            count => Err(Failed {
                exit: Exit::Plugin,
                message: format!("{count} migrations are not what ran; `serve` would say more"),
            }),
        }
    }
}

impl Plan {
    fn run(self) -> Result<(), Failed> {
        let draft = self.what.draft()?;
        let (text, pending) = block_on(async {
            let (mut text, mut pending) = (String::new(), 0);
            for (scopes, database) in look(draft.config()).await? {
                for Scope {
                    owner,
                    label,
                    migrations,
                } in &scopes
                {
                    let planned = match &database {
                        Some(database) => migrate::plan(database, owner, migrations)
                            .await
                            .map_err(unfit)?,
                        None => migrations.iter().collect(),
                    };
                    pending += planned.len();
                    text.push_str(&show::statements(label, &planned));
                }
            }
            Ok((text, pending))
        })?;
        print(&text)?;
        match pending {
            0 => Ok(()),
            1 => Err(pending_is("1 migration is pending")),
            count => Err(pending_is(&format!("{count} migrations are pending"))),
        }
    }
}

fn pending_is(message: &str) -> Failed {
    Failed {
        exit: Exit::Failed,
        message: message.to_owned(),
    }
}

/// For `plan`, 1 says that something is pending; what doesn't fit must be told from it.
fn unfit(error: migrate::Error) -> Failed {
    let failed = Failed::from(error);
    match failed.exit {
        Exit::Failed => Failed {
            exit: Exit::Plugin,
            ..failed
        },
        _ => failed,
    }
}

impl What {
    fn draft(&self) -> Result<Draft, Failed> {
        let mut flags = self.source.flags();
        flags.plugins.clone_from(&self.plugins);
        self.source.read(&flags)
    }
}

/// For each database the migrations, and the database itself unless it is yet to be made.
/// Makes nothing.
async fn look(config: &Config) -> Result<Vec<(Vec<Scope>, Option<Database>)>, Failed> {
    let plugins = Plugins::load(config).await?;
    let mut all = Vec::new();
    for target in targets(config) {
        let dialect = crate::capability::sql::dialect_of(&target.database.url)?;
        let database = match Database::is_there(target.database)? {
            true => Some(Database::connect(target.database).await?),
            false => None,
        };
        all.push((plugins.scopes_in(&target, dialect).await?, database));
    }
    Ok(all)
}

/// A database, and the plugin whose own it is.
struct Target<'a> {
    plugin: Option<&'a str>,
    database: &'a config::Database,
    /// The plugins that use it.
    users: Vec<&'a str>,
}

/// The gateway's database and those that plugins have of their own.
fn targets(config: &Config) -> Vec<Target<'_>> {
    let named = || {
        config
            .plugins
            .iter()
            .map(|(name, plugin)| (name.as_str(), plugin))
    };
    let shared = Target {
        plugin: None,
        database: &config.database,
        users: named()
            .filter(|(_, plugin)| plugin.database.is_none())
            .map(|(name, _)| name)
            .collect(),
    };
    let own = named().filter_map(|(name, plugin)| {
        Some(Target {
            plugin: Some(name),
            database: plugin.database.as_ref()?,
            users: vec![name],
        })
    });
    std::iter::once(shared).chain(own).collect()
}

/// The configured plugins, compiled.
struct Plugins {
    engine: Engine,
    loaded: Vec<(String, Loaded)>,
    _cache: Cache,
}

impl Plugins {
    async fn load(config: &Config) -> Result<Self, Failed> {
        let cache = Cache::of(config);
        let engine = Engine::new(
            config.plugins.values(),
            config.engine.optimize,
            cache.path(),
        )
        .map_err(StartError::Engine)?;
        let loaded = load_all(&engine, config).await?;
        Ok(Self {
            engine,
            loaded,
            _cache: cache,
        })
    }

    /// The gateway's own migrations and those of each plugin.
    async fn scopes(&self, dialect: Dialect) -> Result<Vec<Scope>, Failed> {
        self.scopes_of(None, |_| true, dialect).await
    }

    /// The migrations that one database gets.
    async fn scopes_in(&self, target: &Target<'_>, dialect: Dialect) -> Result<Vec<Scope>, Failed> {
        let uses = |name: &str| target.users.contains(&name);
        self.scopes_of(target.plugin, uses, dialect).await
    }

    async fn scopes_of(
        &self,
        database_of: Option<&str>,
        included: impl Fn(&str) -> bool,
        dialect: Dialect,
    ) -> Result<Vec<Scope>, Failed> {
        let owner = migrate::GATEWAY;
        let mut scopes = vec![Scope {
            owner: owner.to_owned(),
            label: match database_of {
                Some(plugin) => format!("{owner} (of {plugin})"),
                None => owner.to_owned(),
            },
            migrations: migrate::gateway(dialect),
        }];
        for (name, loaded) in &self.loaded {
            if included(name) {
                scopes.push(Scope {
                    owner: name.clone(),
                    label: name.clone(),
                    migrations: loaded.migrations(&self.engine, dialect).await?,
                });
            }
        }
        Ok(scopes)
    }
}

/// A path as it is shown.
fn shown(path: &std::path::Path) -> String {
    path.canonicalize()
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}
