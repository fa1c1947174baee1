//! Packages of Debian and Ubuntu.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::process;
use crate::progress::silently;

/// Whether this program may install packages here.
pub(crate) fn can_install() -> bool {
    process::is_root() && process::succeeds(Command::new("apt-get").arg("--version"))
}

/// Learns which packages there are; once a run is enough.
pub(crate) fn update() -> Result<()> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        silently("apt-get update", || process::output(apt().arg("update")))?;
        let _ = DONE.set(());
    }
    Ok(())
}

/// Installs `packages` with what they depend on and nothing else. Services that they
/// bring are not started.
///
/// # Errors
/// When a package does not exist here, or the mirrors cannot be reached; the text has
/// apt's own words.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    update()?;
    let names = packages.join(" ");
    let _quiet = NoServices::start()?;
    silently(&format!("apt-get install {names}"), || {
        process::output(
            apt()
                .args(["install", "--yes", "--no-install-recommends"])
                .args(packages),
        )
    })
    .with_context(|| format!("Debian's {names} could not be installed"))?;
    Ok(())
}

/// The files of an installed package; none when it is not installed.
pub(crate) fn files(package: &str) -> Vec<String> {
    process::output(Command::new("dpkg").args(["-L", package]))
        .map(|list| list.lines().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// The package of the newest version of a tool that Debian packs once a major version,
/// such as `lld-22` for `lld`.
pub(crate) fn newest(tool: &str) -> Result<String> {
    let pattern = format!("^{tool}-[0-9]+$");
    let found =
        process::output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    found
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .max_by_key(|name| version_suffix(name))
        .map(str::to_owned)
        .with_context(|| format!("no package named {tool}-NN"))
}

/// The number behind the last dash.
pub(crate) fn version_suffix(name: &str) -> Option<u32> {
    name.rsplit('-').next()?.parse().ok()
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While it lives, packages start no services: our servers have their own ports and
/// data, and a stranger's machine is not ours to run things on.
struct NoServices(Option<&'static Path>);

impl NoServices {
    /// The file that Debian's package scripts ask before they start a service.
    fn start() -> Result<Self> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(Self(None));
        }
        process::remove_at_exit(policy);
        fs::write(policy, "#!/bin/sh\nexit 101\n").context("policy-rc.d could not be written")?;
        let guard = Self(Some(policy));
        fs::set_permissions(policy, Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}
