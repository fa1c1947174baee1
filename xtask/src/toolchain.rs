//! The compiler that turns a guest into WebAssembly.
//!
//! It is looked for in this order: the target in the active toolchain; Debian's
//! compiler, which brings the sources of the standard library; the same, installed now;
//! the target, added by rustup.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::cargo::{Workspace, clean, text};
use crate::progress::{heading, note, silently};
use crate::{debian, process};

/// What guests are compiled to: nothing ambient, everything through the contract.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, cargo and the sources of the standard library. They may be newer
/// than the release's own `rustc`, which browsers' needs do not move.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// A way to compile guests.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The active toolchain has a standard library for the target.
    Active,
    /// Debian's compiler, which compiles the standard library as well.
    Debian {
        /// Its cargo.
        cargo: String,
        /// Its compiler.
        rustc: String,
        /// LLVM's linker for WebAssembly.
        linker: String,
    },
}

/// Which way to take, when there is more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The first that is there, or can be installed.
    Auto,
    /// The active toolchain with the target of rustup, or nothing.
    Rustup,
    /// Debian's compiler, or nothing.
    Debian,
}

impl Toolchain {
    /// Finds or installs one and says which.
    ///
    /// # Errors
    /// When there is none and none could be installed; the text has the command to run.
    pub(crate) fn find(workspace: &Workspace, choice: Choice) -> Result<Self> {
        heading("looking for a compiler for the guests");
        let mut failures = Vec::new();
        for attempt in attempts(choice) {
            match attempt(workspace) {
                Ok(Some(toolchain)) => {
                    note(&format!("taking {}", toolchain.describe()));
                    return Ok(toolchain);
                }
                Ok(None) => {}
                Err(failure) => failures.push(format!("{failure:#}")),
            }
        }
        failures.push(format!(
            "No compiler for the guests. Run one of these and try again:\n    \
             rustup target add {TARGET}\n    \
             sudo apt-get install {} lld-22    (Debian 12 or later)",
            PACKAGES.join(" ")
        ));
        bail!(failures.join("\n"))
    }

    /// A cargo that builds `package` for the target; the caller adds where to.
    pub(crate) fn build(&self, workspace: &Workspace, package: &str) -> Command {
        let mut command = match self {
            Self::Active => workspace.cargo(),
            Self::Debian {
                cargo,
                rustc,
                linker,
            } => {
                let mut command = clean(cargo);
                command
                    .current_dir(&workspace.root)
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("RUSTDOC")
                    .env("RUSTC", rustc)
                    // The standard library is compiled with flags that only a nightly
                    // compiler takes, unless it is told to bootstrap.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        };
        command.args([
            "build",
            "--locked",
            "--package",
            package,
            "--target",
            TARGET,
        ]);
        if matches!(self, Self::Debian { .. }) {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }

    fn describe(&self) -> String {
        match self {
            Self::Active => format!("the active toolchain, which has {TARGET}"),
            Self::Debian { rustc, linker, .. } => {
                let version = process::output(Command::new(rustc).arg("--version"));
                let version = version.unwrap_or_default();
                format!("Debian's compiler: {}, {linker}", version.trim_end())
            }
        }
    }
}

type Attempt = fn(&Workspace) -> Result<Option<Toolchain>>;

fn attempts(choice: Choice) -> &'static [Attempt] {
    match choice {
        Choice::Auto => &[active, debian, debian_installed_now, rustup],
        Choice::Rustup => &[active, rustup],
        Choice::Debian => &[debian, debian_installed_now],
    }
}

fn active(workspace: &Workspace) -> Result<Option<Toolchain>> {
    let mut rustc = clean(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(&workspace.root);
    let folder = process::output(rustc.args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(folder.trim_end())
        .is_dir()
        .then_some(Toolchain::Active))
}

fn debian(workspace: &Workspace) -> Result<Option<Toolchain>> {
    let [compiler, cargo, sources] = PACKAGES.map(debian::files);
    let program = |files: &[String], path: &str| files.iter().find(|file| *file == path).cloned();
    let rustc = program(&compiler, "/usr/bin/rustc");
    let cargo = program(&cargo, "/usr/bin/cargo");
    let (Some(rustc), Some(cargo), Some(linker)) = (rustc, cargo, wasm_ld()) else {
        return Ok(None);
    };
    if sources.is_empty() {
        return Ok(None);
    }
    let needed = text(workspace.package("xtask")?, "rust_version");
    let version = process::output(Command::new(&rustc).arg("--version"))?;
    if release(&version) < release(needed) {
        note(&format!(
            "Debian's {} is older than {needed}",
            version.trim_end()
        ));
        return Ok(None);
    }
    Ok(Some(Toolchain::Debian {
        cargo,
        rustc,
        linker,
    }))
}

fn debian_installed_now(workspace: &Workspace) -> Result<Option<Toolchain>> {
    if !debian::can_install() {
        return Ok(None);
    }
    debian::update()?;
    let linker = debian::newest("lld")?;
    let mut packages = PACKAGES.to_vec();
    packages.push(&linker);
    debian::install(&packages)?;
    debian(workspace)
}

fn rustup(workspace: &Workspace) -> Result<Option<Toolchain>> {
    let mut add = clean("rustup");
    add.current_dir(&workspace.root)
        .args(["target", "add", TARGET]);
    silently(&process::line(&add), || process::output(&mut add))?;
    active(workspace)
}

/// The newest of LLVM's linkers for WebAssembly.
fn wasm_ld() -> Option<String> {
    let tools = std::fs::read_dir("/usr/bin").ok()?;
    tools
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("wasm-ld-"))
        .max_by_key(|name| debian::version_suffix(name))
        .map(|name| format!("/usr/bin/{name}"))
}

/// Major and minor number of `1.95` or `rustc 1.96.0 (…)`.
fn release(version: &str) -> Option<(u32, u32)> {
    let number = version.split_whitespace().find(|word| word.contains('.'))?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(release("1.95"), Some((1, 95)));
        assert_eq!(
            release("rustc 1.100.2 (abc 2027-01-01) (built from source)"),
            Some((1, 100))
        );
        assert!(release("rustc 1.85.0 (x)") < release("1.95"));
        assert!(release("rustc 1.100.0") > release("1.95"));
        assert_eq!(release("rustc"), None);
    }
}
