//! The service, linked natively, on a real SQLite.
#![cfg(test)]

mod catalogue;
mod defects;
mod errors;
mod faults;
mod files;
mod filter;
mod inclusion;
mod matrix;
mod messages;
mod oracle;
mod plan;
mod recipients;
mod replies;
mod scope;
mod support;
