//! `gateway plugin`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::build::Build;
use super::contract::Contract;
use super::deploy::{Activate, Deploy, DrainStatus, List, Remove, Rollback};
use super::exit::{Exit, Failed};
use super::new::New;
use super::scratch::Scratch;
use super::task::{Run, Tasks};
use super::{Source, block_on, print};
use crate::StartError;
use crate::config;
use crate::contract::sql::Dialect;
use crate::plugin::{Engine, Inspection, Role, inspect};

/// Write, build, deploy, swap and look at plugins, and run their long work.
#[derive(Debug, Args)]
pub(super) struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
    Build(Build),
    Deploy(Deploy),
    List(List),
    Activate(Activate),
    Rollback(Rollback),
    Contract(Contract),
    DrainStatus(DrainStatus),
    Remove(Remove),
    Inspect(Inspect),
    Tasks(Tasks),
    Run(Run),
}

/// Print what a component is, what it needs, and whether it would be hosted.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin inspect notes.wasm
  gateway plugin inspect notes.wasm --config gateway.toml --as notes")]
#[command(
    long_about = "Print what a component is, what it needs, and whether it would be \
    hosted.\n\n\
    Name and version come from its metadata, the migrations from asking it, in an instance \
    that can reach nothing. A component that looks into content is told as an inspector. With \
    --as, a service is also held against what the configuration grants that plugin. Exit code 65 when `serve` would refuse it; each reason is \
    printed."
)]
struct Inspect {
    /// The component's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The plugin of the configuration that it would be.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    source: Source,
}

impl Plugin {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::New(new) => new.run(),
            Command::Build(build) => build.run(),
            Command::Deploy(deploy) => deploy.run(),
            Command::List(list) => list.run(),
            Command::Activate(activate) => activate.run(),
            Command::Rollback(rollback) => rollback.run(),
            Command::Contract(contract) => contract.run(),
            Command::DrainStatus(status) => status.run(),
            Command::Remove(remove) => remove.run(),
            Command::Inspect(inspect) => inspect.run(),
            Command::Tasks(tasks) => tasks.run(),
            Command::Run(run) => run.run(),
        }
    }
}

impl Inspect {
    fn run(self) -> Result<(), Failed> {
        let grants = self.grants()?;
        let file = self.file;
        let settings = config::Plugin::with_defaults(file.clone())?;
        let cache = Scratch::new();
        // It is asked a few questions, and thrown away.
        let engine = Engine::new([&settings], config::Optimize::None, cache.path())
            .map_err(StartError::Engine)?;
        let mut inspection = block_on(async { Ok(inspect(&engine, &file).await?) })?;
        if let Some((name, grants)) = grants {
            if inspection.role == Role::Inspector {
                return Err(Failed {
                    exit: Exit::Usage,
                    message: format!(
                        "--as {name}: {} is an inspector, and no plugin: it is granted nothing",
                        file.display()
                    ),
                });
            }
            let missing = grants.missing(&inspection.imports).into_iter();
            inspection.refused.extend(
                missing.map(|it| format!("imports {it}, which plugin.{name}.grants does not have")),
            );
        }
        print(&describe(&inspection))?;
        if inspection.refused.is_empty() {
            return Ok(());
        }
        Err(Failed {
            exit: Exit::Plugin,
            message: format!("{} would be refused", file.display()),
        })
    }
}

impl Inspect {
    /// What the configuration grants the plugin that is named.
    fn grants(&self) -> Result<Option<(String, config::Grants)>, Failed> {
        let usage = |message| Failed {
            exit: Exit::Usage,
            message,
        };
        let Some(name) = &self.name else {
            return match self.source.config {
                None => Ok(None),
                Some(_) => Err(usage("--config wants --as NAME, a plugin of it".into())),
            };
        };
        let draft = self.source.read(&self.source.flags())?;
        match draft.config().plugins.get(name) {
            Some(plugin) => Ok(Some((name.clone(), plugin.grants.clone()))),
            None => Err(usage(format!(
                "--as {name}: there is no such plugin configured"
            ))),
        }
    }
}

fn describe(inspection: &Inspection) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let role = match inspection.role {
        Role::Service => "service, for plugin.NAME.file",
        Role::Inspector => "inspector, for inspector.NAME.file",
    };
    let _ = writeln!(text, "kind      {role}");
    let _ = writeln!(text, "name      {}", said(inspection.name.as_deref()));
    let _ = writeln!(text, "version   {}", said(inspection.version.as_deref()));
    let _ = writeln!(text, "size      {} bytes", inspection.size);
    let _ = writeln!(text, "sha256    {}", hex::encode(inspection.digest));
    list(&mut text, "imports", &inspection.imports);
    list(&mut text, "exports", &inspection.exports);
    for (dialect, migrations) in &inspection.migrations {
        let lines: Vec<String> = migrations
            .iter()
            .map(|(version, name)| format!("{version:04} {}", name.escape_debug()))
            .collect();
        list(
            &mut text,
            &format!("migrations for {}", name(*dialect)),
            &lines,
        );
    }
    match inspection.refused.is_empty() {
        true => text.push_str("\nIt fits.\n"),
        false => list(&mut text, "refused, because it", &inspection.refused),
    }
    text
}

/// A text of the component's, which may hold anything.
fn said(text: Option<&str>) -> String {
    text.map_or_else(
        || "(not said)".into(),
        |text| text.escape_debug().to_string(),
    )
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    if lines.is_empty() {
        text.push_str("  (none)\n");
    }
}

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
        Dialect::Mysql => "MySQL and MariaDB",
    }
}
