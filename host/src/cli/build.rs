//! `gateway plugin build`.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::{Deserializer, Value};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::ComponentEncoder;

use super::exit::{Exit, Failed};
use super::print;

/// Compile a plugin's crate and make it a component.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin build notes
  gateway plugin build notes -- --offline")]
#[command(long_about = "Compile a plugin's crate and make it a component.\n\n\
    `cargo build --release` for wasm32-unknown-unknown, and then the component, checked, with \
    the package's name and version, in target/plugins/NAME.wasm. The variable CARGO names \
    another cargo. What follows `--` is given to it.")]
pub(super) struct Build {
    /// The crate's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Further arguments of cargo.
    #[arg(last = true, value_name = "ARGS")]
    cargo: Vec<String>,
}

const TARGET: &str = "wasm32-unknown-unknown";

impl Build {
    pub(super) fn run(self) -> Result<(), Failed> {
        let module = self.compile()?;
        let bytes = fs::read(&module.file).map_err(|error| unusable(&module.file, &error))?;
        let component = encode(&bytes, &module).map_err(|error| Failed {
            exit: Exit::Plugin,
            message: format!(
                "{} is no component of the world gateway:plugin/service: {error:#}",
                module.name
            ),
        })?;
        let path = module.component();
        write(&path, &component).map_err(|error| unusable(&path, &error))?;
        print(&format!("{}\n", path.display()))
    }

    fn compile(&self) -> Result<Module, Failed> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&program);
        command
            .current_dir(&self.folder)
            .args(["build", "--release", "--target", TARGET])
            .args(["--message-format", "json-render-diagnostics"])
            .args(&self.cargo)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let failed = |reason: String| Failed {
            exit: Exit::Failed,
            message: format!("{}: {reason}", program.display()),
        };
        let mut cargo = command.spawn().map_err(|error| failed(error.to_string()))?;
        let output = cargo.stdout.take();
        let output = output.ok_or_else(|| failed("it has no output".into()))?;
        let mut module = None;
        for message in Deserializer::from_reader(BufReader::new(output)).into_iter::<Value>() {
            let message = message.map_err(|error| failed(error.to_string()))?;
            // The last one: cargo builds a package after those that it needs.
            module = Module::of(&message).or(module);
        }
        let status = cargo.wait().map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(format!(
                "{status}. Is the target there? `rustup target add {TARGET}`"
            )));
        }
        module.ok_or_else(|| {
            failed("it made no module; the library needs `crate-type = [\"cdylib\"]`".into())
        })
    }
}

/// What cargo made.
struct Module {
    file: PathBuf,
    name: String,
    version: String,
}

impl Module {
    /// The module that a message of cargo's reports, if it reports one.
    fn of(message: &Value) -> Option<Self> {
        if message.get("reason")?.as_str()? != "compiler-artifact" {
            return None;
        }
        let files = message.get("filenames")?.as_array()?.iter();
        let mut files = files.filter_map(Value::as_str).map(PathBuf::from);
        let file = files.find(|file| file.extension().is_some_and(|it| it == "wasm"))?;
        // `…/notes#0.1.0`, or `…/folder#notes@0.1.0`.
        let (place, end) = message.get("package_id")?.as_str()?.rsplit_once('#')?;
        let (name, version) = match end.split_once('@') {
            Some(both) => both,
            None => (place.rsplit('/').next()?, end),
        };
        Some(Self {
            file,
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// `target/plugins/NAME.wasm`, for `target/wasm32-unknown-unknown/release/NAME.wasm`.
    fn component(&self) -> PathBuf {
        let target = self.file.ancestors().nth(3).unwrap_or(Path::new("."));
        target.join("plugins").join(format!("{}.wasm", self.name))
    }
}

/// Makes the component, validated, with name and version where `inspect` finds them.
fn encode(module: &[u8], of: &Module) -> anyhow::Result<Vec<u8>> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()?;
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(of.name.clone());
    let mut component = metadata.to_wasm(&component)?;
    CustomSection {
        name: "version".into(),
        data: of.version.as_bytes().into(),
    }
    .append_to_component(&mut component);
    Ok(component)
}

/// In one step, so that a gateway that watches the file never reads half of it.
fn write(path: &Path, component: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&unfinished, component)?;
    fs::rename(&unfinished, path).inspect_err(|_| {
        // The first error tells more than one about what it left behind.
        let _ = fs::remove_file(&unfinished);
    })
}

fn unusable(path: &Path, error: &std::io::Error) -> Failed {
    Failed {
        exit: Exit::Failed,
        message: format!("{}: {error}", path.display()),
    }
}
