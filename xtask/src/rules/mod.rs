//! The rules of the design that no compiler checks.
//!
//! Each returns what breaks it, as `place: what is wrong`, in the order of the files.

mod graph;
mod layers;
mod licences;
mod lints;
mod source;
mod words;

use anyhow::{Result, bail};

use crate::cargo::Workspace;
use crate::progress::note;
use source::Source;

/// Checks every rule and prints what breaks them.
///
/// # Errors
/// When anything does.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let sources = Source::all(&workspace.root)?;
    let rules = [
        ("who depends on whom", graph::check(workspace)),
        ("licences", licences::check(workspace)?),
        ("lints", lints::check_manifests(workspace)?),
        ("exceptions from lints", lints::check_sources(&sources)),
        ("the host knows no chat", words::check(&sources)),
        ("layers of the plugin", layers::check(&sources)),
    ];
    let mut broken = 0;
    for (name, violations) in rules {
        note(&format!(
            "{name}: {}",
            if violations.is_empty() {
                "kept"
            } else {
                "BROKEN"
            }
        ));
        for violation in &violations {
            note(&format!("  {violation}"));
        }
        broken += violations.len();
    }
    if broken > 0 {
        bail!("the rules are broken in {broken} places");
    }
    Ok(())
}
