//! What can be told of a component without hosting it.

use std::path::Path;

use super::{Engine, LoadError, Loaded};
use crate::contract::sql::Dialect;

/// What can be told of a component without hosting it.
#[derive(Debug)]
pub struct Inspection {
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
    /// Number and name of its migrations, by dialect; empty for one that does not fit.
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
    let refused = loaded.misfits(engine).map_err(invalid)?;
    let mut migrations = Vec::new();
    if refused.is_empty() {
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
