//! The secrets that are made when none are configured: the one that signs tokens, and the
//! operator's token.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRngCore;
use rand::rngs::OsRng;

use super::error::ConfigError;

/// The secret's file in the data folder.
pub const SECRET_FILE: &str = "jwt.secret";

/// The file of the operator's token in the data folder.
pub const TOKEN_FILE: &str = "admin.token";

/// Random bytes of a secret; its file has two hex digits for each.
const BYTES: usize = 32;

/// Makes the data folder when it is missing, for its owner only.
pub(super) fn make_folder(data: &Path) -> Result<(), ConfigError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(|source| ConfigError::File {
            place: "data".into(),
            action: "make the folder",
            path: data.to_owned(),
            source,
        })
}

/// A secret in the data folder, made when it is missing. Of several gateways that
/// start at once, one makes it and all read the same.
pub(super) fn ensure(
    data: &Path,
    name: &'static str,
    warnings: &mut Vec<String>,
) -> Result<Vec<u8>, ConfigError> {
    let path = data.join(name);
    let failed = |action| {
        let path = path.clone();
        move |source| ConfigError::File {
            place: match name {
                SECRET_FILE => "the signing secret".into(),
                _ => "the operator's token".into(),
            },
            action,
            path,
            source,
        }
    };
    if !path.exists() {
        make(data, name, &path).map_err(failed("make"))?;
    }
    read(&path, warnings).map_err(failed("use"))
}

/// Writes a new secret beside its place and links it there: a link is made whole or not
/// at all, and never over an existing file.
fn make(data: &Path, name: &str, path: &Path) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    let draft = Draft::write(data, name, &hex::encode(bytes))?;
    match fs::hard_link(&draft.0, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }?;
    // The folder's entry has to last as long as the tokens that are signed with it.
    File::open(data)?.sync_all()
}

/// A secret that is not in its place yet; dropped, its file is removed.
struct Draft(PathBuf);

impl Draft {
    fn write(data: &Path, name: &str, secret: &str) -> io::Result<Self> {
        let draft = Self(data.join(format!("{name}.{}", uuid::Uuid::now_v7())));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft.0)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What stays behind is never read.
        let _ = fs::remove_file(&self.0);
    }
}

fn read(path: &Path, warnings: &mut Vec<String>) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
        warnings.push(format!(
            "{} could be read by others (mode {mode:o}) and was set to 600; \
             delete it to have a new secret made if others may have read it",
            path.display()
        ));
    }
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text)?;
    let secret = text.trim_end();
    if secret.len() < BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is shorter than 32 bytes; delete it to have a new one made",
        ));
    }
    Ok(secret.as_bytes().to_vec())
}
