//! Starts the real gateway and looks at it from outside.
//!
//! `cargo xtask test` brings up the databases and builds what these tests need; a test
//! that finds one of them missing fails and says so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the whole crate is test support: a failure here fails the test that asked"
)]

pub mod blobs;
pub mod browser;
pub mod command;
pub mod database;
pub mod live;
pub mod nats;
pub mod picture;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod server;
pub mod token;
pub mod versions;

use std::path::PathBuf;

/// The folder of built things: `target`, unless cargo was told otherwise.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    )
}
