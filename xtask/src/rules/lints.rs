//! Lints hold everywhere: every package takes those of the workspace, exceptions carry
//! their reason, and unsafe code stands only where it is listed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::source::Source;
use crate::cargo::{Workspace, text};

/// Where unsafe code may be let in, and why it is needed there. Elsewhere the lint of
/// the workspace refuses it.
const UNSAFE: [(&str, &str); 6] = [
    (
        "host/src/plugin/",
        "a component that was compiled before is loaded from the cache",
    ),
    (
        "plugin/src/component",
        "generated: the exports of a component are raw functions",
    ),
    (
        "plugin/pictures/src/component",
        "generated: the exports of a component are raw functions",
    ),
    (
        "host/template/src/lib.rs",
        "generated: the exports of a component are raw functions",
    ),
    (
        "tests/guests/",
        "generated: the exports of a component are raw functions",
    ),
    (
        "xtask/src/rules/lints.rs",
        "speaks of the lint and lets nothing in",
    ),
];

/// Every package takes the lints of the workspace, which deny unsafe code.
pub(super) fn check_manifests(workspace: &Workspace) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    let root = read(&workspace.root.join("Cargo.toml"))?;
    let level =
        lookup(&root, &["workspace", "lints", "rust", "unsafe_code"]).and_then(Value::as_str);
    if !matches!(level, Some("deny" | "forbid")) {
        violations.push("Cargo.toml: the workspace does not deny `unsafe_code`".to_owned());
    }
    for package in workspace.members() {
        let manifest = read(Path::new(text(package, "manifest_path")))?;
        if lookup(&manifest, &["lints", "workspace"]) != Some(&Value::Boolean(true)) {
            violations.push(format!(
                "{}: no `[lints] workspace = true`",
                text(package, "name")
            ));
        }
    }
    Ok(violations)
}

/// No `allow`, and no exception for unsafe code but where it is listed.
pub(super) fn check_sources(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for line in &source.lines {
            let place = format!("{}:{}", source.path, line.number);
            let code = line.code.trim_start();
            if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
                violations.push(format!(
                    "{place}: `allow` instead of `expect` with a reason"
                ));
            }
            // The name alone: rustfmt spreads a long attribute over several lines.
            let listed = UNSAFE.iter().any(|(path, _)| source.path.starts_with(path));
            if code.contains("unsafe_code") && !listed {
                violations.push(format!("{place}: unsafe code is not listed for this file"));
            }
        }
    }
    violations
}

fn read(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path)?;
    text.parse()
        .with_context(|| format!("{} is no TOML", path.display()))
}

fn lookup<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::check_sources;
    use crate::rules::source::Source;

    #[test]
    fn exceptions_are_found() {
        let of = |path, text| check_sources(&[Source::new(path, text)]).len();
        assert_eq!(of("host/src/a.rs", "    #[allow(dead_code)]"), 1);
        assert_eq!(of("host/src/a.rs", "// #[allow(dead_code)]"), 0);
        assert_eq!(
            of("host/src/a.rs", "#[expect(unsafe_code, reason = \"x\")]"),
            1
        );
        assert_eq!(
            of(
                "host/src/plugin/load.rs",
                "#[expect(unsafe_code, reason = \"x\")]"
            ),
            0
        );
        assert_eq!(
            of("host/src/a.rs", "#[expect(dead_code, reason = \"x\")]"),
            0
        );
    }
}
