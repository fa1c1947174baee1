//! The command line: one file a command.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Draft, Environment, Flags};

mod audit;
mod blobs;
mod build;
mod config;
mod contract;
mod deploy;
mod exit;
mod migrate;
mod new;
mod operator;
mod plugin;
mod progress;
mod scratch;
mod serve;
mod signals;
mod task;
mod token;

use exit::{Exit, Failed};

/// Hosts HTTP services as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, max_term_width = 100, after_help = AFTER)]
#[command(long_about = "Hosts HTTP services as WebAssembly components.\n\n\
    A plugin is one .wasm file: its code and its database schema. The gateway gives it \
    verified tokens, a database, an audit record and limits, and nothing else.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
A first conversation:
  gateway serve --plugin notes=notes.wasm
  TOKEN=$(gateway token --subject alice)
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:3000/messages

Exit codes:
   0  done
   1  failed; also: `audit verify` found the record broken, `migrate plan` something pending
  64  wrong arguments or configuration; nothing was started
  65  a plugin was refused, or its schema is not the one that the database has
  69  the database or an address is unavailable
  70  an error inside the gateway
  75  `plugin run` was interrupted, and work is left";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Token(token::Token),
    Config(config::Config),
    Migrate(migrate::Migrate),
    Plugin(plugin::Plugin),
    Audit(audit::Audit),
    Blobs(blobs::Blobs),
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct Source {
    /// The TOML file with the configuration [environment: GATEWAY_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded database and the signing secret [default: ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// `NAME=FILE` of `--plugin`.
fn plugin_file(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, file)) => Ok((name.to_owned(), file.to_owned())),
        None => Err("write NAME=FILE, such as notes=notes.wasm".into()),
    }
}

impl Source {
    fn flags(&self) -> Flags {
        Flags {
            data: self.data.clone(),
            ..Flags::default()
        }
    }

    /// Reads the configuration, and touches nothing.
    fn read(&self, flags: &Flags) -> Result<Draft, Failed> {
        let env = Environment::of_process();
        Ok(Draft::read(self.config.as_deref(), &env, flags)?)
    }

    /// Reads the configuration, and makes the data folder and the secret if need be.
    fn load(&self, flags: &Flags) -> Result<Config, Failed> {
        Ok(self.read(flags)?.into_config()?)
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // With no standard output or error, there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    let outcome = match cli.command {
        Command::Serve(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Migrate(command) => command.run(),
        Command::Plugin(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Blobs(command) => command.run(),
    };
    match outcome {
        Ok(()) => Exit::Done.into(),
        Err(failed) => {
            let _ = writeln!(io::stderr(), "gateway: {}", failed.message);
            failed.exit.into()
        }
    }
}

/// Writes what a script reads.
fn print(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failed {
            exit: Exit::Failed,
            message: format!("cannot write to standard output: {error}"),
        })
}

/// Tells the operator what stops nothing.
fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(io::stderr(), "gateway: warning: {warning}");
    }
}

/// Runs what needs a runtime.
fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failed {
        exit: Exit::Internal,
        message: format!("cannot start threads: {error}"),
    })?;
    runtime.block_on(work)
}
