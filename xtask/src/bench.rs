//! The measurements: the program itself is the package `gateway-bench`.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::debian;
use crate::process::{self, Running};
use crate::progress::heading;
use crate::services::Services;

/// What is measured beside nginx.
const BLOBS: &str = "blobs";

/// Runs the measurements with both databases at hand.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let services = Services::databases()?;
    if arguments.iter().any(|word| word == BLOBS) {
        nginx()?;
    }
    heading("measuring");
    let mut command = Command::new(workspace.target.join("release/gateway-bench"));
    command
        .args(arguments)
        .envs(services.urls())
        .current_dir(&workspace.root)
        .stdin(Stdio::null());
    let status = Running::start(&mut command, Signal::TERM)?.wait()?;
    if !status.success() {
        bail!("{} ended: {status}", process::line(&command));
    }
    Ok(())
}

/// Installs nginx when it is missing and may be installed; otherwise the measurement says
/// what to do.
fn nginx() -> Result<()> {
    let there = process::succeeds(Command::new("nginx").arg("-v"));
    if !there && debian::can_install() {
        debian::install(&["nginx-light"])?;
    }
    Ok(())
}
