//! `gateway audit export`.

use std::io::{self, BufWriter, Write};

use clap::{Args, ValueEnum};

use super::super::exit::{Exit, Failed};
use super::super::{Source, block_on};
use super::{moment, unreadable};
use crate::capability::audit::{self, Exported, Selection};
use crate::contract::sql;
use crate::databases::Databases;

/// Write the audit record to standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway audit export --since 2026-11-01 > november.jsonl
  gateway audit export --since 30d --format csv --tenant acme > acme.csv")]
#[command(
    long_about = "Write the audit record to standard output, the oldest rows first.\n\n\
    Each row has everything that its hash is made of, so that what was written out can be \
    checked without the database. `details` is the recorded JSON as a text. In CSV, a value \
    that a spreadsheet would take for a formula has an apostrophe before it; JSON lines are \
    exact. The rows of the gateway's database come first, then those of databases that \
    plugins have of their own. Nothing is written to them."
)]
pub(super) struct Export {
    #[command(flatten)]
    source: Source,
    /// Rows from this time on: 2026-11-01, 2026-11-01T12:00:00Z, or 30d ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: i64,
    /// Rows from before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
    /// Rows of this plugin only.
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// Rows of this tenant only.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// One JSON object a line, or comma-separated values with a head.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Jsonl,
    Csv,
}

/// Why not all of it was written.
enum Stopped {
    Unreadable(sql::Error),
    Unwritten(io::Error),
}

impl From<sql::Error> for Stopped {
    fn from(error: sql::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<csv::Error> for Stopped {
    fn from(error: csv::Error) -> Self {
        Self::Unwritten(error.into())
    }
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failed> {
        let draft = self.source.read(&self.source.flags())?;
        let selection = Selection {
            since: self.since,
            until: self.until,
            plugin: self.plugin,
            tenant: self.tenant,
        };
        block_on(async {
            let databases = Databases::connect(draft.config()).await?;
            let mut out = Output::new(self.format);
            for (_, database) in databases.iter() {
                let each = |row| out.write(row);
                audit::export(database, &selection, each).await?;
            }
            out.finish().map_err(Stopped::from)?;
            Ok(())
        })
    }
}

impl From<Stopped> for Failed {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Unreadable(error) => unreadable(error),
            Stopped::Unwritten(error) => Self {
                exit: Exit::Failed,
                message: format!("cannot write to standard output: {error}"),
            },
        }
    }
}

enum Output {
    Jsonl(BufWriter<io::Stdout>),
    Csv(Box<csv::Writer<io::Stdout>>),
}

impl Output {
    fn new(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl(BufWriter::new(io::stdout())),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(io::stdout()))),
        }
    }

    fn write(&mut self, row: Exported) -> Result<(), Stopped> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &row).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(out) => out.serialize(harmless(row))?,
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Jsonl(mut out) => out.flush(),
            Self::Csv(mut out) => out.flush(),
        }
    }
}

/// Keeps a spreadsheet from taking what a client said for a formula.
fn harmless(mut row: Exported) -> Exported {
    let texts = [
        &mut row.request,
        &mut row.plugin,
        &mut row.version,
        &mut row.action,
        &mut row.entity,
        &mut row.entity_id,
    ];
    let optional = [
        &mut row.actor,
        &mut row.tenant,
        &mut row.via,
        &mut row.address,
        &mut row.agent,
        &mut row.details,
    ];
    for text in texts.into_iter().chain(optional.into_iter().flatten()) {
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            text.insert(0, '\'');
        }
    }
    row
}
