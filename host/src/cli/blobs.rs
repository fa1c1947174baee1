//! `gateway blobs`.

use std::io::{self, IsTerminal, Write};

use clap::{Args, Subcommand};

use super::exit::{Exit, Failed};
use super::{Source, block_on, print};
use crate::StartError;
use crate::capability::blob::store::Store;
use crate::capability::blob::{Collected, Collector};
use crate::contract::blob::Error;
use crate::databases::Databases;

/// Look after the content that clients uploaded.
#[derive(Debug, Args)]
pub(super) struct Blobs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Gc(Gc),
}

/// Remove content that nobody needs any more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway blobs gc --dry-run
  DATABASE_URL=postgres://gateway@db/gateway gateway blobs gc --format json")]
#[command(long_about = "Remove content that nobody needs any more.\n\n\
    What counts is what the plugins' transactions link. Content that nothing has linked \
    for `blob.grace` is removed, and so are uploads that were begun and never finished. \
    Gateways do the same every `blob.gc_interval`; both may run at once.")]
struct Gc {
    #[command(flatten)]
    source: Source,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// How the result is told.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

impl Blobs {
    pub(super) fn run(self) -> Result<(), Failed> {
        let Command::Gc(command) = self.command;
        command.run()
    }
}

impl Gc {
    fn run(self) -> Result<(), Failed> {
        let draft = self.source.read(&self.source.flags())?;
        let config = draft.config();
        let collected = block_on(async {
            let databases = Databases::connect(config).await?;
            let store = Store::new(&config.blob).map_err(StartError::from)?;
            let mut all = Collected::default();
            for (_, database) in databases.iter() {
                let collector = Collector {
                    database,
                    store: &store,
                    grace: config.blob.grace,
                };
                let collected = match self.dry_run {
                    true => collector.look().await,
                    false => collector.collect(show_progress).await,
                };
                all += collected.map_err(failed)?;
            }
            Ok(all)
        })?;
        let Collected { blobs, bytes } = collected;
        match self.format {
            Format::Text if self.dry_run => print(&format!(
                "{blobs} blobs of {bytes} bytes would be removed\n"
            )),
            Format::Text => print(&format!("{blobs} blobs of {bytes} bytes were removed\n")),
            Format::Json => print(&format!(
                "{}\n",
                serde_json::json!({ "dryRun": self.dry_run, "blobs": blobs, "bytes": bytes })
            )),
        }
    }
}

/// Thousands of blobs take minutes; a person should see that it goes on.
fn show_progress(Collected { blobs, .. }: Collected) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r{blobs} blobs\r");
    }
}

fn failed(error: Error) -> Failed {
    let (exit, cause) = match error {
        Error::Unavailable => (
            Exit::Unavailable,
            "the database or the blob store is unavailable",
        ),
        _ => (
            Exit::Failed,
            "the blobs can't be read; a gateway makes its tables when it first serves from a \
             database",
        ),
    };
    Failed {
        exit,
        message: format!("{cause}; what was removed by then is gone, so run it again"),
    }
}
