//! The gateway's own program.

use std::process::Command;

use anyhow::Result;

use crate::cargo::Workspace;
use crate::process;
use crate::progress::heading;

/// What every build selects: cargo settles on one set of features for each dependency of
/// a selection, and with another set would compile the runtime once more. This program is
/// left out, because it wants other features of the parsers that the runtime uses.
pub(crate) const EVERYTHING: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Builds programs of the workspace to `target/release`.
pub(crate) fn build(workspace: &Workspace, programs: &[&str]) -> Result<()> {
    heading(&format!(
        "building {} (the first time takes minutes)",
        programs.join(" and ")
    ));
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release"]).args(EVERYTHING);
    for program in programs {
        cargo.args(["--bin", program]);
    }
    process::run(&mut cargo)
}

/// Builds every program together with the tests. In one build, because the tests bring
/// features of their own: the database would be compiled once with and once without.
pub(crate) fn build_with_tests(workspace: &Workspace) -> Result<()> {
    heading("building everything with its tests (the first time takes minutes)");
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--release", "--bins", "--tests"])
        .args(EVERYTHING);
    process::run(&mut cargo)
}

/// The gateway with `words` as its arguments; built first when it is missing.
pub(crate) fn command(workspace: &Workspace, words: &[&str]) -> Result<Command> {
    if !workspace.gateway().is_file() {
        build(workspace, &["gateway"])?;
    }
    let mut command = Command::new(workspace.gateway());
    command.args(words).current_dir(&workspace.root);
    Ok(command)
}
