//! The workspace as cargo sees it, and cargo as a child process.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::plugin::Profile;
use crate::process;

/// What `cargo run` tells the program that it starts. A cargo below it would take some
/// of these for changed inputs of build scripts, and compile for nothing.
const SET_BY_CARGO_RUN: [&str; 9] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "LD_LIBRARY_PATH",
    "OUT_DIR",
];

/// The workspace that this program was compiled from.
#[derive(Clone)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where finished artifacts go: `target`, or what `CARGO_TARGET_DIR` says.
    pub(crate) target: PathBuf,
    /// What `cargo metadata` printed.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Asks cargo about the workspace, dependencies included.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask has no parent folder")?;
        let mut metadata = cargo(root);
        metadata.args(["metadata", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)
            .context("cargo metadata printed something else than JSON")?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .context("cargo metadata names no target_directory")?;
        Ok(Self {
            root: root.to_owned(),
            target: target.into(),
            metadata,
        })
    }

    /// The metadata of one member of the workspace.
    pub(crate) fn package(&self, name: &str) -> Result<&Value> {
        self.members()
            .find(|package| text(package, "name") == name)
            .with_context(|| format!("the workspace has no package `{name}`"))
    }

    /// Every package of the dependency graph, members included.
    pub(crate) fn packages(&self) -> &[Value] {
        list(&self.metadata, "packages")
    }

    /// The packages that are our own.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Value> {
        self.packages()
            .iter()
            .filter(|package| text(package, "source").is_empty())
    }

    /// Cargo of the active toolchain, in the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// The finished gateway.
    pub(crate) fn gateway(&self) -> PathBuf {
        self.target.join("release/gateway")
    }

    /// Where the gateway of `run` keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The finished component of one guest package.
    pub(crate) fn plugin(&self, profile: Profile, name: &str) -> PathBuf {
        let plugins = self.target.join("plugins");
        let folder = match profile {
            Profile::Fast => plugins,
            Profile::Soon => plugins.join("dev"),
        };
        folder.join(name).with_extension("wasm")
    }
}

/// A text of cargo's metadata; empty when it is missing.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A list of cargo's metadata; empty when it is missing.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A command with the environment that the person's own shell would have given it.
pub(crate) fn clean(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let set = SET_BY_CARGO_RUN.contains(&text)
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_BIN_EXE_");
        if set {
            command.env_remove(&name);
        }
    }
    command
}

fn cargo(root: &Path) -> Command {
    let mut command = clean(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
