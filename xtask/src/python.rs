//! Programs and libraries of Python's that the tests need, each in a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::Workspace;
use crate::progress::{note, silently};
use crate::{debian, process};

/// The variable that tells the tests a Python with tuspy.
pub(crate) const TUS: &str = "TEST_TUS_PYTHON";

/// The tus project's own client.
const TUSPY: Package = Package {
    name: "tuspy",
    version: "1.1.0",
    proof: &["bin/python", "-c", "import tusclient"],
};

/// A package on PyPI.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What succeeds in the folder once it is there.
    pub(crate) proof: &'static [&'static str],
}

impl Package {
    /// The folder, below `target`, in which it is from now on.
    ///
    /// # Errors
    /// There is no Python with venv, or PyPI can't be reached.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.target.join(self.name).join(self.version);
        let (program, arguments) = self.proof.split_first().context("no proof")?;
        if process::succeeds(Command::new(folder.join(program)).args(arguments)) {
            note(&format!("taking {}", process::shown(&folder)));
            return Ok(folder);
        }
        let venv = || {
            process::output(
                Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(&folder),
            )
        };
        if venv().is_err() {
            if !debian::can_install() {
                bail!(
                    "{} needs Python with venv: install the package python3-venv",
                    self.name
                );
            }
            debian::install(&["python3-venv"])?;
            venv()?;
        }
        let package = format!("{}=={}", self.name, self.version);
        silently(&format!("pip install {package}"), || {
            process::output(
                Command::new(folder.join("bin/pip"))
                    .args(["install", "--quiet", "--disable-pip-version-check"])
                    .arg(&package),
            )
        })
        .with_context(|| format!("{package} could not be installed from PyPI"))?;
        Ok(folder)
    }
}

/// A Python with tuspy.
///
/// # Errors
/// As for every package.
pub(crate) fn tus(workspace: &Workspace) -> Result<PathBuf> {
    Ok(TUSPY.install(workspace)?.join("bin/python"))
}
