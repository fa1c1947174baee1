//! The chat service: every decision of it and no resource.
//!
//! - `api`: requests in, answers out;
//! - `domain`: pure rules: who asks, what a message is, the filter language;
//! - `store`: SQL text and rows;
//! - `import`: the task that brings the original's database over;
//! - `ports`: what the three need from outside;
//! - `component`: the ports on the host's capabilities, only in the component.

pub mod api;
#[cfg(target_arch = "wasm32")]
mod component;
mod domain;
pub mod import;
pub mod ports;
mod store;

pub use store::migrations::{Migration, migrations};
