//! The service, linked natively, on a real SQLite.
#![cfg(test)]

mod attachments;
mod blobs;
mod catalogue;
mod client;
mod conditional;
mod conversation;
mod cursor;
mod defects;
mod errors;
mod faults;
mod files;
mod filter;
mod idempotency;
mod inclusion;
mod limits;
mod listen;
mod matrix;
mod messages;
mod openapi;
mod oracle;
mod plan;
mod recipients;
mod replies;
mod scope;
mod support;
