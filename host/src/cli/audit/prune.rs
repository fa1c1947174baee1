//! `gateway audit prune`.

use clap::Args;

use super::super::exit::{Exit, Failed};
use super::super::{Source, block_on, print};
use super::{moment, show_progress, unreadable};
use crate::capability::audit;
use crate::databases::Databases;

/// Remove old rows of the audit record, and leave the rest verifiable.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway audit export --since 1970-01-01 --until 1y > before.jsonl
  gateway audit prune --before 1y --by ann --dry-run
  gateway audit prune --before 1y --by ann")]
#[command(
    long_about = "Remove old rows of the audit record, and leave the rest verifiable.\n\n\
    Each chain keeps the hash of the last row that was removed, and has an entry that says so: \
    `gateway audit verify` goes on from there, and takes rows that are gone without such an \
    entry for missing. Export them first if they have to be kept. With `audit.retention`, \
    gateways do the same every hour."
)]
pub(super) struct Prune {
    #[command(flatten)]
    source: Source,
    /// Rows from before this time: 2026-11-01, 2026-11-01T12:00:00Z, or 1y ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: i64,
    /// Who removes them, for the record.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Say how many rows would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Prune {
    pub(super) fn run(self) -> Result<(), Failed> {
        if self.by.is_empty() || self.by.len() > 128 || self.by.contains('\0') {
            return Err(Failed {
                exit: Exit::Usage,
                message: "--by: write a name of 1 to 128 bytes".into(),
            });
        }
        let draft = self.source.read(&self.source.flags())?;
        let rows = block_on(async {
            let databases = Databases::connect(draft.config()).await?;
            let mut rows = 0;
            for (_, database) in databases.iter() {
                rows += match self.dry_run {
                    true => audit::prunable(database, self.before).await,
                    false => {
                        let by = Some(self.by.as_str());
                        audit::prune(database, self.before, by, show_progress).await
                    }
                }
                .map_err(unreadable)?;
            }
            Ok(rows)
        })?;
        let verb = if self.dry_run { "would be" } else { "were" };
        print(&format!("{rows} rows {verb} removed\n"))
    }
}
