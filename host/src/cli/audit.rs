//! `gateway audit`.

use std::io::{self, IsTerminal, Write};

use clap::{Args, Subcommand};

use super::exit::{Exit, Failed};
use super::{Source, block_on, print};
use crate::capability::audit;
use crate::capability::sql::Database;
use crate::contract::sql;

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
    Each row holds a hash of itself and of the row before it. Every row is read; nothing is \
    written. Exit code 1 when the record is broken."
)]
struct Verify {
    #[command(flatten)]
    source: Source,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failed> {
        let Command::Verify(Verify { source }) = self.command;
        let draft = source.read(&source.flags())?;
        let report = block_on(async {
            let database = Database::connect(&draft.config().database).await?;
            audit::verify(&database, show_progress)
                .await
                .map_err(unreadable)
        })?;
        let mut text = format!("{} rows read, {} faults\n", report.rows, report.count);
        for fault in &report.faults {
            text.push_str(&format!("{fault}\n"));
        }
        let unnamed = report.count.saturating_sub(report.faults.len() as u64);
        if unnamed > 0 {
            text.push_str(&format!("and {unnamed} more\n"));
        }
        print(&text)?;
        if report.is_intact() {
            return Ok(());
        }
        Err(Failed {
            exit: Exit::Failed,
            message: "the audit record is broken".into(),
        })
    }
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
