//! `gateway plugin contract`.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::deploy::{escaped, pending, text_of};
use super::exit::Failed;
use super::operator::Target;
use super::{block_on, print};

/// Apply the migrations that take away, once no gateway uses an older version.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin contract --dry-run
  gateway plugin contract --plugin notes")]
#[command(
    long_about = "Apply the migrations that take away, once no gateway uses an older version.\n\n\
    Migrations of the version that serves which take something away, or demand something that \
    older versions do not know, wait when it is activated. This applies them, if no gateway on \
    the database uses another version any more, draining ones included; otherwise it says which \
    one does, with exit code 1. Afterwards there is no way back to a version from before them."
)]
pub(super) struct Contract {
    #[command(flatten)]
    target: Target,
    /// Only look: what is pending, and who has to be waited for.
    #[arg(long)]
    dry_run: bool,
}

impl Contract {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let path = format!("/v1/plugins/{}/contract", escaped(&plugin));
            let body = json!({ "dry_run": self.dry_run });
            let answer = operator.post(&path, &body).await?;
            match self.target.json {
                true => print(&format!("{answer}\n")),
                false => print(&told(&answer)),
            }
        })
    }
}

fn told(answer: &Value) -> String {
    let mut text = pending(answer);
    let of = |key: &str| text_of(answer.get(key));
    if text.is_empty() {
        return format!("{} {}: nothing is pending\n", of("plugin"), of("version"));
    }
    let waits_for = answer.get("waits_for").and_then(Value::as_array);
    for one in waits_for.into_iter().flatten() {
        let gateway = text_of(one.get("gateway"));
        let _ = match text_of(one.get("version")) {
            "" => writeln!(text, "  gateway {gateway} applies migrations"),
            version => writeln!(text, "  gateway {gateway} still uses {version}"),
        };
    }
    let what = match (
        answer.get("applied"),
        waits_for.is_some_and(|it| !it.is_empty()),
    ) {
        (Some(Value::Bool(true)), _) => "applied",
        (_, true) => "has to wait",
        (_, false) => "could be applied",
    };
    let _ = writeln!(text, "{} {}: {what}", of("plugin"), of("version"));
    text
}
