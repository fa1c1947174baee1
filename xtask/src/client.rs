//! The client for browsers, and the page: whether what is committed is what its sources
//! make.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cargo::Workspace;
use crate::process;
use crate::progress::{note, silently};

/// Where it is, below the workspace's root.
const FOLDER: &str = "plugin/client";

/// Runs the client's tests on what is committed, and compares that with a fresh build. Only
/// who changes the client needs Node.js and npm; without them nothing is looked at, and with
/// no way to the packages the tests alone are run.
///
/// # Errors
/// A test fails, or what is committed is stale.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if !process::succeeds(Command::new("node").arg("--version")) {
        note("no Node.js here: not looked at");
        return Ok(());
    }
    let folder = workspace.root.join(FOLDER);
    process::run(
        Command::new("node")
            .args(["--test", "test/"])
            .current_dir(&folder),
    )?;
    if !install(&folder) {
        note("npm has no packages for it: not compared with its sources");
        return Ok(());
    }
    process::run(
        Command::new("node")
            .args(["build.js", "--check"])
            .current_dir(&folder),
    )
}

fn install(folder: &Path) -> bool {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    npm.current_dir(folder);
    silently("npm ci", || process::output(&mut npm)).is_ok()
}
