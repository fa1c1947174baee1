//! From a guest package to a component file.

use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::{Deserializer, Value};
use sha2::{Digest, Sha256};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId};

use crate::cargo::{Workspace, list, text};
use crate::process::{self, Running};
use crate::progress::{elapsed, heading, note};
use crate::toolchain::{TARGET, Toolchain};

/// How guests are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For those who are served.
    Fast,
    /// For whoever waits for the compiler.
    Soon,
}

impl Profile {
    /// What the root `Cargo.toml` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Fast => "guest",
            Self::Soon => "guest-dev",
        }
    }
}

/// Builds the package `name` to [`Workspace::plugin`]. The file is replaced in one step,
/// and left alone when nothing changed.
pub(crate) fn build(
    workspace: &Workspace,
    toolchain: &Toolchain,
    profile: Profile,
    name: &str,
) -> Result<()> {
    let started = Instant::now();
    heading(&format!("building the component `{name}`"));
    let module = compile(workspace, toolchain, profile, name)?;
    let version = text(workspace.package(name)?, "version");
    let component = encode(&module, name, version)?;
    let path = workspace.plugin(profile, name);
    let state = if fs::read(&path).is_ok_and(|old| old == component) {
        "unchanged"
    } else {
        write(&path, &component)?;
        "written"
    };
    note(&format!(
        "{} {state}: {name} {version}, {} KiB, sha256:{}, {}",
        process::shown(&path),
        component.len().div_ceil(1024),
        digest(&component),
        elapsed(started),
    ));
    Ok(())
}

/// Compiles to a core module, in a build folder of its own: the flags differ from those
/// of the host, and the two would compile each other's dependencies anew.
fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    profile: Profile,
    name: &str,
) -> Result<Vec<u8>> {
    let folder = workspace.target.join("guest");
    let mut command = toolchain.build(workspace, name);
    command
        .args([
            "--profile",
            profile.name(),
            "--message-format",
            "json-render-diagnostics",
        ])
        .env("CARGO_TARGET_DIR", &folder)
        .env("CARGO_BUILD_BUILD_DIR", &folder)
        // Meant for the host's compiler, and not always known to this one.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut cargo = Running::start(&mut command, Signal::TERM)?;
    let messages = cargo.stdout().context("cargo has no output")?;
    let mut module = None;
    for message in Deserializer::from_reader(BufReader::new(messages)).into_iter::<Value>() {
        module = artifact(&message?, name).or(module);
    }
    let status = cargo.wait()?;
    if !status.success() {
        bail!("{} failed: {status}", process::line(&command));
    }
    let module = module.with_context(|| {
        format!("`{name}` made no module; its library needs `crate-type = [\"cdylib\"]`")
    })?;
    fs::read(&module).with_context(|| format!("{module} cannot be read"))
}

/// The module that a message of cargo reports, if it is this package's.
fn artifact(message: &Value, name: &str) -> Option<String> {
    let target = message.get("target")?;
    let ours = text(message, "reason") == "compiler-artifact" && text(target, "name") == name;
    let is_module = |file: &&str| file.ends_with(".wasm") && file.contains(TARGET);
    let mut files = list(message, "filenames").iter().filter_map(Value::as_str);
    files.find(is_module).filter(|_| ours).map(str::to_owned)
}

/// Makes the component, validated, with name and version in the standard sections.
fn encode(module: &[u8], name: &str, version: &str) -> Result<Vec<u8>> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("`{name}` is no component of the world of wit/"))?;
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(name.to_owned());
    let mut component = metadata.to_wasm(&component)?;
    CustomSection {
        name: "version".into(),
        data: version.as_bytes().into(),
    }
    .append_to_component(&mut component);
    match wit_component::decode(&component)? {
        DecodedWasm::Component(wit, world) if exports(&wit, world) > 0 => Ok(component),
        _ => bail!("the component `{name}` exports nothing; does it call `export!`?"),
    }
}

fn exports(wit: &Resolve, world: WorldId) -> usize {
    wit.worlds.get(world).map_or(0, |world| world.exports.len())
}

/// Never half a file: the gateway may be told to load it at any time.
fn write(path: &Path, component: &[u8]) -> Result<()> {
    let folder = path.parent().context("the plugin has no folder")?;
    fs::create_dir_all(folder)?;
    let readable = fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder)?;
    file.write_all(component)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
