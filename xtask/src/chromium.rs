//! The browser in which the operator's page is tested.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::debian;
use crate::progress::note;

/// Where the tests look for it.
pub(crate) const CHROMIUM: &str = "TEST_CHROMIUM";

/// What it is called.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The browser: the one that the environment names, or one that is found, or else is
/// installed where that may be done.
///
/// # Errors
/// When there is none.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(named) = env::var_os(CHROMIUM).filter(|name| !name.is_empty()) {
        note(&format!("{CHROMIUM} is given"));
        return Ok(named.into());
    }
    if let Some(found) = installed() {
        return Ok(found);
    }
    if debian::can_install() {
        debian::install(&["chromium"])?;
    }
    installed().with_context(|| {
        format!(
            "no Chromium here: install one (Debian: sudo apt-get install chromium), or name \
             one in {CHROMIUM}"
        )
    })
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}
