//! The service, linked natively, on a real SQLite.
#![cfg(test)]

mod errors;
mod faults;
mod filter;
mod messages;
mod oracle;
mod plan;
mod scope;
mod support;
