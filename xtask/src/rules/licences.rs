//! Every dependency's licence is on the list of `deny.toml`.
//!
//! `cargo deny` reads the same file and also asks the database of advisories, which
//! needs a network that not every machine has.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use spdx::{Expression, ParseMode};
use toml::Table;

use crate::cargo::{Workspace, text};

/// What `Cargo.lock` calls crates.io.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let file = fs::read_to_string(workspace.root.join("deny.toml")).context("no deny.toml")?;
    let allowed = allowed(&file)?;
    Ok(workspace
        .packages()
        .iter()
        .filter_map(|package| violation(package, &allowed))
        .collect())
}

/// The list `licenses.allow`.
fn allowed(file: &str) -> Result<BTreeSet<String>> {
    let file: Table = file.parse().context("deny.toml is no TOML")?;
    let list = file
        .get("licenses")
        .and_then(|licenses| licenses.get("allow")?.as_array());
    let list = list.context("deny.toml has no licenses.allow")?;
    Ok(list
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect())
}

fn violation(package: &Value, allowed: &BTreeSet<String>) -> Option<String> {
    let name = format!("{} {}", text(package, "name"), text(package, "version"));
    let source = text(package, "source");
    if !source.is_empty() && source != CRATES_IO {
        return Some(format!("{name}: comes from {source}"));
    }
    let licence = text(package, "license");
    // Older packages write `MIT/Apache-2.0`.
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!(
            "{name}: its licence `{licence}` is no SPDX expression"
        ));
    };
    let fits = expression.evaluate(|requirement| allowed.contains(&requirement.to_string()));
    (!fits).then(|| format!("{name}: its licence `{licence}` is not on the list of deny.toml"))
}

#[cfg(test)]
mod tests {
    use super::{CRATES_IO, allowed, violation};

    #[test]
    fn a_licence_fits_when_its_expression_is_satisfied() {
        let list = "[licenses]\nallow = [\"MIT\", \"ISC\", \"Apache-2.0 WITH LLVM-exception\"]";
        let list = allowed(list).unwrap();
        let fits = |licence: &str, source: &str| {
            let package = serde_json::json!({"name": "x", "version": "1.0.0", "license": licence, "source": source});
            violation(&package, &list).is_none()
        };
        assert!(fits("MIT OR Apache-2.0", CRATES_IO));
        assert!(fits("MIT/Apache-2.0", CRATES_IO));
        assert!(fits("Apache-2.0 WITH LLVM-exception", CRATES_IO));
        assert!(!fits("Apache-2.0", CRATES_IO));
        assert!(!fits("ISC AND GPL-3.0-only", CRATES_IO));
        assert!(!fits("", CRATES_IO));
        assert!(!fits("MIT", "git+https://example.org/x"));
    }
}
