//! `gateway plugin tasks` and `gateway plugin run`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Failed};
use super::progress::Progress;
use super::scratch::Cache;
use super::signals::Signals;
use super::{Source, block_on, plugin_file, print, warn};
use crate::capability::events::{Bus, Connections, Events, Parts};
use crate::capability::sql::{ConnectError, Database};
use crate::config::{self, Config, Flags};
use crate::contract::task::{StepReport, TaskInfo};
use crate::migrate::{self, Migration};
use crate::plugin::{Engine, Loaded, Runner, Task};
use crate::telemetry::Metrics;
use crate::{StartError, load_all, telemetry};

/// Print what long work a plugin offers.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin tasks notes --plugin notes=notes.wasm")]
pub(super) struct Tasks {
    #[command(flatten)]
    which: Which,
}

/// Run a plugin's long work to its end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin run notes import --source postgres://reader@old/notes --set tenant=acme
  gateway plugin run notes import --source-file old.url --set tenant=acme --dry-run")]
#[command(
    long_about = "Run a plugin's long work to its end, one bounded step after \
    another.\n\n\
    Each step is one transaction, under the limits that a request has. How far the run is \
    goes to standard error, what the task has to say to standard output. SIGINT and SIGTERM \
    end the run after the step in progress, a second one at once; what is done stays. \
    Whether the same command then goes on where it was is told by the task.\n\n\
    Exit codes: 0 done, 1 the task failed, 64 no such task or parameter, 69 a database is \
    not available, 75 interrupted: nothing is wrong, and work is left."
)]
pub(super) struct Run {
    #[command(flatten)]
    which: Which,
    /// The task's name.
    #[arg(value_name = "TASK")]
    task: String,
    /// The address of the database that the task reads from.
    #[arg(long = "source", value_name = "URL", conflicts_with = "from_file")]
    from: Option<String>,
    /// A file that holds this address, which then no process list shows.
    #[arg(long = "source-file", value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// A parameter of the task; can be given for several.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    parameters: Vec<(String, String)>,
    /// Write nothing, and report what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Stop after so many steps, with exit code 75 if work is left.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
}

/// A plugin of the configuration.
#[derive(Debug, Args)]
struct Which {
    /// The plugin's name.
    #[arg(value_name = "PLUGIN")]
    name: String,
    #[command(flatten)]
    source: Source,
    /// A plugin's name and its component; can be given for several.
    #[arg(long = "plugin", value_name = "NAME=FILE", value_parser = plugin_file)]
    plugins: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("write KEY=VALUE, such as tenant=acme".into()),
    }
}

impl Tasks {
    pub(super) fn run(self) -> Result<(), Failed> {
        let draft = self.which.source.read(&self.which.flags())?;
        let tasks = block_on(async {
            let found = self.which.find(draft.config().clone()).await?;
            Ok(found.loaded.tasks(&found.engine).await?)
        })?;
        print(&describe(&tasks))
    }
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failed> {
        let config = self.which.source.load(&self.which.flags())?;
        telemetry::init(&config.log).map_err(|error| Failed {
            exit: Exit::Internal,
            message: error.to_string(),
        })?;
        warn(&config.warnings);
        block_on(async {
            let mut signals = Signals::new()?;
            let found = self.which.find(config).await?;
            let tasks = found.loaded.tasks(&found.engine).await?;
            let task = self.task(&tasks)?;
            let source = self.source(&tasks, &found.config).await?;
            let database = found.database().await?;
            let opened = Events::open(
                &self.which.name,
                database.clone(),
                Parts {
                    settings: Arc::new(found.config.events.clone()),
                    connections: Connections::default(),
                    bus: Bus::None,
                    measured: Metrics::unread().live(&self.which.name),
                },
            );
            // What a step publishes is delivered by the gateways, which find it in the log.
            let opened = opened.await.map_err(|error| Failed {
                exit: Exit::Unavailable,
                message: format!("the event log can't be opened: {error:?}"),
            })?;
            let mut runner = Runner::new(
                &found.engine,
                &self.which.name,
                &found.loaded,
                &found.settings,
                database,
                Some(opened.events),
                source,
            )?;
            self.steps(&mut runner, &task, &mut signals).await
        })
    }

    async fn steps(
        &self,
        runner: &mut Runner,
        task: &Task,
        signals: &mut Signals,
    ) -> Result<(), Failed> {
        let mut progress = Progress::new();
        let mut state: Option<String> = None;
        let (mut steps, mut interrupted) = (0_u64, false);
        loop {
            let step = one(runner, task, state.as_deref(), signals, &mut interrupted).await;
            let report = step.inspect_err(|_| progress.end())?;
            steps += 1;
            progress.show(&report.progress, report.done);
            if !report.lines.is_empty() {
                progress.end();
                print(&lines(&report.lines))?;
            }
            if report.done {
                return Ok(());
            }
            if interrupted || self.steps.is_some_and(|most| steps >= most) {
                progress.end();
                return Err(stopped(&format!(
                    "stopped after {steps} steps; work is left"
                )));
            }
            state = Some(report.state);
        }
    }

    /// The task with its parameters, after both were looked up in what the plugin offers.
    fn task(&self, tasks: &[TaskInfo]) -> Result<Task, Failed> {
        let info = self.info(tasks)?;
        let mut parameters = BTreeMap::new();
        for (key, value) in &self.parameters {
            if !info.parameters.iter().any(|known| known.name == *key) {
                let known: Vec<_> = info.parameters.iter().map(|it| it.name.as_str()).collect();
                return Err(usage(format!(
                    "--set {key}: there is no such parameter; there are: {}",
                    known.join(", ")
                )));
            }
            if parameters.insert(key.as_str(), value.as_str()).is_some() {
                return Err(usage(format!("--set {key} is there twice")));
            }
        }
        let missing = info
            .parameters
            .iter()
            .find(|known| known.required && !parameters.contains_key(known.name.as_str()));
        if let Some(missing) = missing {
            return Err(usage(format!(
                "the parameter {name} is missing: --set {name}=VALUE ({})",
                missing.summary,
                name = missing.name
            )));
        }
        if self.dry_run && !info.dry_run {
            return Err(usage(format!("{} has no --dry-run", info.name)));
        }
        Ok(Task {
            name: info.name.clone(),
            parameters: serde_json::json!(parameters).to_string(),
            dry_run: self.dry_run,
            run: uuid::Uuid::now_v7().to_string(),
        })
    }

    fn info<'a>(&self, tasks: &'a [TaskInfo]) -> Result<&'a TaskInfo, Failed> {
        tasks
            .iter()
            .find(|info| info.name == self.task)
            .ok_or_else(|| {
                let known: Vec<_> = tasks.iter().map(|it| it.name.as_str()).collect();
                usage(format!(
                    "{} has no task {:?}; it has: {}",
                    self.which.name,
                    self.task,
                    known.join(", ")
                ))
            })
    }

    /// The database to read from, if the task reads from one.
    async fn source(
        &self,
        tasks: &[TaskInfo],
        config: &Config,
    ) -> Result<Option<Database>, Failed> {
        let needed = self.info(tasks)?.needs_source;
        let url = match (&self.from, &self.from_file) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(path)) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    usage(format!(
                        "--source-file: cannot read {}: {error}",
                        path.display()
                    ))
                })?;
                Some(text.trim().to_owned())
            }
            (None, None) => None,
        };
        let url = match (url, needed) {
            (Some(url), true) => url,
            (None, false) => return Ok(None),
            (Some(_), false) => return Err(usage(format!("{} reads no --source", self.task))),
            (None, true) => {
                return Err(usage(format!(
                    "{} needs a database: --source URL",
                    self.task
                )));
            }
        };
        let settings = config::Database {
            url,
            schema: None,
            max_connections: 1,
            ..config.database.clone()
        };
        let connected = Database::connect_to_read(&settings).await;
        connected.map(Some).map_err(|error| Failed {
            message: match &error {
                ConnectError::Url(reason) => format!("--source: {reason}"),
                other => format!("--source: {other}"),
            },
            exit: Failed::from(error).exit,
        })
    }
}

/// One step to its end. A first signal is only noted, a second one cuts the step.
async fn one(
    runner: &mut Runner,
    task: &Task,
    state: Option<&str>,
    signals: &mut Signals,
    interrupted: &mut bool,
) -> Result<StepReport, Failed> {
    let step = runner.step(task, state);
    tokio::pin!(step);
    loop {
        tokio::select! {
            outcome = &mut step => {
                let outcome = outcome.map_err(|failure| failed(chain(&failure)))?;
                return outcome.map_err(failed);
            }
            () = signals.next() => {
                if std::mem::replace(interrupted, true) {
                    return Err(stopped("cut in the middle of a step, which left nothing"));
                }
            }
        }
    }
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A plugin and what it works on.
struct Found {
    config: Config,
    settings: config::Plugin,
    engine: Engine,
    loaded: Loaded,
    name: String,
    _cache: Cache,
}

impl Which {
    fn flags(&self) -> Flags {
        Flags {
            plugins: self.plugins.clone(),
            ..self.source.flags()
        }
    }

    /// Compiles this plugin alone.
    async fn find(&self, mut config: Config) -> Result<Found, Failed> {
        let known: Vec<_> = config.plugins.keys().cloned().collect();
        config.plugins.retain(|name, _| *name == self.name);
        let Some(settings) = config.plugins.get(&self.name).cloned() else {
            return Err(usage(format!(
                "there is no plugin {:?}; configured are: {}",
                self.name,
                if known.is_empty() {
                    "none".into()
                } else {
                    known.join(", ")
                }
            )));
        };
        let cache = Cache::of(&config);
        let engine = Engine::new([&settings], config.engine.optimize, cache.path())
            .map_err(StartError::Engine)?;
        let mut loaded = load_all(&engine, &config).await?;
        let (name, loaded) = loaded
            .pop()
            .ok_or_else(|| failed("the plugin is lost".into()))?;
        Ok(Found {
            config,
            settings,
            engine,
            loaded,
            name,
            _cache: cache,
        })
    }
}

impl Found {
    /// The plugin's database with the tables that it expects.
    async fn database(&self) -> Result<Database, Failed> {
        let database = self.settings.database.as_ref();
        let database = Database::connect(database.unwrap_or(&self.config.database)).await?;
        let dialect = database.dialect();
        let own = self.loaded.migrations(&self.engine, dialect).await?;
        let gateway = migrate::gateway(dialect);
        let owners: [(&str, &[Migration]); 2] = [(migrate::GATEWAY, &gateway), (&self.name, &own)];
        for (owner, migrations) in owners {
            migrate::at_start(&database, owner, migrations, self.config.migrate.at_start).await?;
        }
        Ok(database)
    }
}

fn describe(tasks: &[TaskInfo]) -> String {
    let mut text = String::new();
    for task in tasks {
        let reads = if task.needs_source {
            " (needs --source)"
        } else {
            ""
        };
        let dry = if task.dry_run { " (has --dry-run)" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}{reads}{dry}", task.name, task.summary);
        for parameter in &task.parameters {
            let note = match (&parameter.default, parameter.required) {
                (Some(default), _) => format!(" [default: {default}]"),
                (None, true) => " [required]".into(),
                (None, false) => String::new(),
            };
            let _ = writeln!(
                text,
                "  --set {}=…  {}{note}",
                parameter.name, parameter.summary
            );
        }
    }
    match tasks {
        [] => "it has no tasks\n".into(),
        _ => text,
    }
}

fn usage(message: String) -> Failed {
    Failed {
        exit: Exit::Usage,
        message,
    }
}

fn failed(message: String) -> Failed {
    Failed {
        exit: Exit::Failed,
        message,
    }
}

fn stopped(message: &str) -> Failed {
    Failed {
        exit: Exit::Interrupted,
        message: message.into(),
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}
