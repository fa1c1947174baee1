//! `gateway config`.

use clap::{Args, Subcommand};

use super::exit::Failed;
use super::{Source, print, warn};
use crate::config::defaults;

/// Look at the configuration without starting anything.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
    Defaults(Defaults),
}

/// Read the configuration and print what is in force.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway config check --config gateway.toml
  GATEWAY_SERVER_LISTEN=0.0.0.0:80 gateway config check")]
#[command(long_about = "Read the configuration and print what is in force.\n\n\
    The file, the environment and the defaults are read as `serve` reads them. Behind each \
    value that is not the default stands where it was said; secrets are masked. Warnings go \
    to standard error. Nothing is made or started. Exit code 64 when something is wrong.")]
struct Check {
    #[command(flatten)]
    source: Source,
}

/// Print every setting with its default, as a TOML file to start from.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway config defaults > gateway.toml")]
struct Defaults {}

impl Config {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Check(check) => {
                let draft = check.source.read(&check.source.flags())?;
                warn(&draft.config().warnings);
                print(&draft.print())
            }
            Command::Defaults(Defaults {}) => print(&defaults()),
        }
    }
}
