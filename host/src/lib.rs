//! A gateway that hosts HTTP services as WebAssembly components.

#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason
)]
pub mod auth;
pub mod capability;
pub mod cli;
pub mod config;
pub mod contract;
pub mod telemetry;
