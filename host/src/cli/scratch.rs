//! A folder for what a command needs while it runs.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder for compiled code that nobody needs again; dropped, it is removed.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("gateway-inspect-{}", uuid::Uuid::now_v7())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind in the system's folder for such is the system's to clear.
        let _ = fs::remove_dir_all(&self.0);
    }
}
