//! Folders for compiled code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;

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

/// Where compiled code is kept.
pub(super) enum Cache {
    /// In the data folder.
    Kept(PathBuf),
    /// For this command only: the data folder is not there, and stays so.
    Scratch(Scratch),
}

impl Cache {
    pub(super) fn of(config: &Config) -> Self {
        // Relative paths are not taken.
        let data = std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone());
        match data.is_dir() {
            true => Self::Kept(data.join("cache")),
            false => Self::Scratch(Scratch::new()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Scratch(scratch) => scratch.path(),
        }
    }
}
