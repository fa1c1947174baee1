//! `gateway audit verify`.

use clap::Args;

use super::super::exit::{Exit, Failed};
use super::super::{Source, block_on, print};
use super::{show_progress, unreadable};
use crate::capability::audit;
use crate::databases::Databases;

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
pub(super) struct Verify {
    #[command(flatten)]
    source: Source,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failed> {
        let Self { source } = self;
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
    if report.pruned > 0 {
        text.push_str(&format!(
            "{whose}{} older rows were removed on purpose\n",
            report.pruned
        ));
    }
    for fault in &report.faults {
        text.push_str(&format!("{whose}{fault}\n"));
    }
    let unnamed = report.count.saturating_sub(report.faults.len() as u64);
    if unnamed > 0 {
        text.push_str(&format!("{whose}and {unnamed} more\n"));
    }
    text
}
