//! The measurements: the program itself is the package `gateway-bench`.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::process::{self, Running};
use crate::progress::heading;
use crate::services::Services;

/// Runs the measurements with both databases at hand.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let services = Services::databases()?;
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
