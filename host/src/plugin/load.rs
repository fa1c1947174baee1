//! From a file to a component that can be instantiated.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasmparser::{ComponentName, ComponentNameSectionReader, KnownCustom, Parser, Payload};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::check::World;
use super::engine::Engine;
use super::instance::{self, State};
use crate::config::Grants;
use crate::contract::ServicePre;
use crate::contract::lifecycle::{self, Migration, SmokeRequest};
use crate::contract::sql::Dialect;

/// Why a component can't be hosted.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no valid component.
    #[error("{}: not a WebAssembly component: {source}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: wasmtime::Error,
    },
    /// It imports what the world does not offer, or lacks what the world asks for.
    #[error("{}: does not fit the world gateway:plugin/service: {}", .path.display(), .misfits.join(", "))]
    Misfit {
        /// The file.
        path: PathBuf,
        /// Every import and export at fault.
        misfits: Vec<String>,
    },
    /// It imports more than an inspector may, or inspects nothing.
    #[error("{}: does not fit the world gateway:plugin/inspector: {}", .path.display(), .misfits.join(", "))]
    NoInspector {
        /// The file.
        path: PathBuf,
        /// Every import and export at fault.
        misfits: Vec<String>,
    },
    /// It imports what the operator has not granted.
    #[error(
        "{}: imports {}, which plugin.{plugin}.grants does not have",
        .path.display(),
        .missing.join(", ")
    )]
    NotGranted {
        /// The file.
        path: PathBuf,
        /// The plugin's name.
        plugin: String,
        /// The imports.
        missing: Vec<String>,
    },
    /// It failed while it told its tasks.
    #[error("{}: failed while it told its tasks: {source}", .path.display())]
    Tasks {
        /// The file.
        path: PathBuf,
        /// The trap.
        source: wasmtime::Error,
    },
    /// It failed while it told its migrations or its smoke requests.
    #[error("{}: failed while it told of its lifecycle: {source}", .path.display())]
    Lifecycle {
        /// The file.
        path: PathBuf,
        /// The trap.
        source: wasmtime::Error,
    },
}

/// What a component says of itself, and what is known from its bytes.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The file's size in bytes.
    pub size: u64,
    /// The SHA-256 of the file.
    pub digest: [u8; 32],
    /// The name in its metadata.
    pub name: Option<String>,
    /// The version in its metadata.
    pub version: Option<String>,
}

/// A component that was compiled, not yet checked.
pub struct Loaded {
    path: PathBuf,
    facts: Facts,
    bytes: Bytes,
    component: Component,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("path", &self.path)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Reads and compiles a component, or takes the compiled code from the cache. Blocks
    /// for as long as compilation takes, which may be seconds.
    ///
    /// # Errors
    /// The file can't be read, or is no component.
    pub fn from_file(engine: &Engine, path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(engine, path, bytes.into())
    }

    /// As [`from_file`](Self::from_file), with the bytes at hand. `path` names them in
    /// errors.
    ///
    /// # Errors
    /// They are no component.
    pub fn from_bytes(engine: &Engine, path: &Path, bytes: Bytes) -> Result<Self, LoadError> {
        let component =
            Component::new(engine.wasmtime(), &bytes).map_err(|source| LoadError::Invalid {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            path: path.to_owned(),
            facts: facts(&bytes),
            bytes,
            component,
        })
    }

    /// The component itself.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn component(&self) -> &Component {
        &self.component
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The names of its imports and of its exports.
    #[must_use]
    pub fn interfaces(&self, engine: &Engine) -> (Vec<String>, Vec<String>) {
        let kind = self.component.component_type();
        let names = |name: &str| name.to_owned();
        (
            kind.imports(engine.wasmtime())
                .map(|(name, _)| names(name))
                .collect(),
            kind.exports(engine.wasmtime())
                .map(|(name, _)| names(name))
                .collect(),
        )
    }

    /// Whether it imports only what the plugin `name` is granted.
    ///
    /// # Errors
    /// `NotGranted`, with every import at fault.
    pub fn granted(&self, engine: &Engine, name: &str, grants: &Grants) -> Result<(), LoadError> {
        let missing = grants.missing(&self.interfaces(engine).0);
        if missing.is_empty() {
            return Ok(());
        }
        Err(LoadError::NotGranted {
            path: self.path.clone(),
            plugin: name.to_owned(),
            missing,
        })
    }

    /// Everything that keeps it from being hosted.
    ///
    /// # Errors
    /// The contract itself is broken.
    pub fn misfits(&self, engine: &Engine) -> wasmtime::Result<Vec<String>> {
        Ok(World::service()?.misfits(engine.wasmtime(), &self.component))
    }

    /// Links it, so that an instance takes microseconds.
    ///
    /// # Errors
    /// It imports what is not offered, or lacks what is asked for.
    pub(super) fn link(&self, engine: &Engine) -> Result<ServicePre<State>, LoadError> {
        let misfits = self
            .misfits(engine)
            .unwrap_or_else(|error| vec![error.to_string()]);
        if !misfits.is_empty() {
            return Err(LoadError::Misfit {
                path: self.path.clone(),
                misfits,
            });
        }
        // What is left can only be a type that differs.
        instance::linker(engine)
            .and_then(|linker| linker.instantiate_pre(&self.component))
            .and_then(ServicePre::new)
            .map_err(|error| LoadError::Misfit {
                path: self.path.clone(),
                misfits: vec![format!("{error:#}")],
            })
    }

    /// Asks it for its migrations, in an instance that can reach nothing.
    ///
    /// # Errors
    /// It traps, or calls what it may not.
    pub async fn migrations(
        &self,
        engine: &Engine,
        dialect: Dialect,
    ) -> Result<Vec<Migration>, LoadError> {
        self.ask(engine, dialect)
            .await
            .map_err(|source| LoadError::Lifecycle {
                path: self.path.clone(),
                source,
            })
    }

    /// Asks it for the requests that show that it works, as for its migrations.
    ///
    /// # Errors
    /// It traps, or calls what it may not.
    pub async fn smoke(&self, engine: &Engine) -> Result<Vec<SmokeRequest>, LoadError> {
        let told = async {
            let (lifecycle, mut store) = self.lifecycle(engine).await?;
            lifecycle.call_smoke(&mut store).await
        };
        told.await.map_err(|source| LoadError::Lifecycle {
            path: self.path.clone(),
            source,
        })
    }

    async fn ask(&self, engine: &Engine, dialect: Dialect) -> wasmtime::Result<Vec<Migration>> {
        let (lifecycle, mut store) = self.lifecycle(engine).await?;
        lifecycle.call_migrations(&mut store, dialect).await
    }

    async fn lifecycle(&self, engine: &Engine) -> wasmtime::Result<(lifecycle::Guest, Store<()>)> {
        let mut linker = Linker::<()>::new(engine.wasmtime());
        linker.define_unknown_imports_as_traps(&self.component)?;
        let mut store = Store::new(engine.wasmtime(), ());
        store.set_epoch_deadline(LIFECYCLE_TICKS);
        store.epoch_deadline_trap();
        let pre = linker.instantiate_pre(&self.component)?;
        // Only this export: the resources that the other one names are not there.
        let lifecycle = lifecycle::GuestIndices::new(&pre)?;
        let instance = pre.instantiate_async(&mut store).await?;
        Ok((lifecycle.load(&mut store, &instance)?, store))
    }
}

/// How many ticks a component may take to tell its migrations: five seconds.
const LIFECYCLE_TICKS: u64 = 500;

fn facts(bytes: &[u8]) -> Facts {
    let (name, version) = described(bytes);
    Facts {
        size: bytes.len() as u64,
        digest: Sha256::digest(bytes).into(),
        name,
        version,
    }
}

/// The name and the version that a component carries in its custom sections. Those of
/// the modules inside it are not its own.
fn described(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let (mut name, mut version, mut depth) = (None, None, 0_u32);
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 => match section.as_known() {
                KnownCustom::ComponentName(names) => name = name.or_else(|| component_name(names)),
                _ if section.name() == "version" => {
                    version = String::from_utf8(section.data().to_vec()).ok();
                }
                _ => {}
            },
            _ => {}
        }
    }
    (name, version)
}

fn component_name(names: ComponentNameSectionReader<'_>) -> Option<String> {
    names
        .into_iter()
        .map_while(Result::ok)
        .find_map(|entry| match entry {
            ComponentName::Component { name, .. } => Some(name.to_owned()),
            _ => None,
        })
}
