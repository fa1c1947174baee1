//! What can be told of a component without hosting it.

use std::path::Path;

use super::check::World;
use super::{Engine, LoadError, Loaded};
use crate::contract::sql::Dialect;

/// What a component is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It answers requests: `plugin.NAME.file`.
    Service,
    /// It looks into content: `inspector.NAME.file`.
    Inspector,
}

impl Role {
    /// By what it exports. What exports neither is judged as a service.
    fn of(exports: &[String]) -> Self {
        let has = |name: &str| exports.iter().any(|export| export.starts_with(name));
        match has("gateway:plugin/inspect@") && !has("gateway:plugin/handler@") {
            true => Self::Inspector,
            false => Self::Service,
        }
    }
}

/// What can be told of a component without hosting it.
#[derive(Debug)]
pub struct Inspection {
    /// What it is good for.
    pub role: Role,
    /// The name in its metadata.
    pub name: Option<String>,
    /// The version in its metadata.
    pub version: Option<String>,
    /// The file's size in bytes.
    pub size: u64,
    /// The SHA-256 of the file.
    pub digest: [u8; 32],
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// Number and name of its migrations, by dialect; empty for one that does not fit, and
    /// for an inspector.
    pub migrations: Vec<(Dialect, Vec<(u32, String)>)>,
    /// What keeps it from being hosted, to follow "it"; empty when it fits.
    pub refused: Vec<String>,
}

/// Reads, compiles and asks a component.
///
/// # Errors
/// It can't be read, is no component, or fails while it tells its migrations.
pub async fn inspect(engine: &Engine, path: &Path) -> Result<Inspection, LoadError> {
    let invalid = |source| LoadError::Invalid {
        path: path.to_owned(),
        source,
    };
    let loaded = Loaded::from_file(engine, path)?;
    let facts = loaded.facts();
    let (imports, exports) = loaded.interfaces(engine);
    let role = Role::of(&exports);
    let refused = match role {
        Role::Service => loaded.misfits(engine),
        Role::Inspector => {
            World::inspector().map(|world| world.misfits(engine.wasmtime(), loaded.component()))
        }
    };
    let refused = refused.map_err(invalid)?;
    let mut migrations = Vec::new();
    if refused.is_empty() && role == Role::Service {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
            let told = loaded.migrations(engine, dialect).await?;
            let names = told
                .into_iter()
                .map(|one| (one.version, one.name))
                .collect();
            migrations.push((dialect, names));
        }
    }
    Ok(Inspection {
        role,
        name: facts.name.clone(),
        version: facts.version.clone(),
        size: facts.size,
        digest: facts.digest,
        imports,
        exports,
        migrations,
        refused,
    })
}
