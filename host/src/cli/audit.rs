//! `gateway audit`.

use std::io::{self, IsTerminal, Write};

use clap::{Args, Subcommand};

use super::exit::{Exit, Failed};
use super::{Source, block_on, print};
use crate::capability::audit;
use crate::contract::sql;
use crate::databases::Databases;

/// Look at the audit record.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
}

/// Check that no row of the audit record was changed, removed or moved.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway audit verify
  DATABASE_URL=postgres://auditor@db/gateway gateway audit verify")]
#[command(
    long_about = "Check that no row of the audit record was changed, removed or \
    moved.\n\n\
    Each row holds a hash of itself and of the row before it. Every row is read, in the \
    gateway's database and in those that plugins have of their own; nothing is written. Exit code 1 when the record is broken."
)]
struct Verify {
    #[command(flatten)]
    source: Source,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failed> {
        let Command::Verify(Verify { source }) = self.command;
        let draft = source.read(&source.flags())?;
        let reports = block_on(async {
            let databases = Databases::connect(draft.config()).await?;
            let mut reports = Vec::new();
            for (plugin, database) in databases.iter() {
                let report = audit::verify(database, show_progress).await;
                reports.push((plugin.map(str::to_owned), report.map_err(unreadable)?));
            }
            Ok(reports)
        })?;
        for (plugin, report) in &reports {
            print(&describe(plugin.as_deref(), report))?;
        }
        if reports.iter().all(|(_, report)| report.is_intact()) {
            return Ok(());
        }
        Err(Failed {
            exit: Exit::Failed,
            message: "the audit record is broken".into(),
        })
    }
}

/// The record of the gateway's database, or of the one that a plugin has of its own.
fn describe(plugin: Option<&str>, report: &audit::Report) -> String {
    let whose = plugin
        .map(|plugin| format!("plugin.{plugin}: "))
        .unwrap_or_default();
    let mut text = format!(
        "{whose}{} rows read, {} faults\n",
        report.rows, report.count
    );
    for fault in &report.faults {
        text.push_str(&format!("{whose}{fault}\n"));
    }
    let unnamed = report.count.saturating_sub(report.faults.len() as u64);
    if unnamed > 0 {
        text.push_str(&format!("{whose}and {unnamed} more\n"));
    }
    text
}

/// Millions of rows take minutes; a person should see that it goes on.
fn show_progress(rows: u64) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r{rows} rows\r");
    }
}

fn unreadable(error: sql::Error) -> Failed {
    let exit = match error {
        sql::Error::Unavailable | sql::Error::Timeout => Exit::Unavailable,
        _ => Exit::Failed,
    };
    let message = format!(
        "the audit record cannot be read ({error}); a gateway makes its tables when it first \
         serves from a database"
    );
    Failed { exit, message }
}
