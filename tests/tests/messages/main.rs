//! The eight operations of `/messages`, through the whole gateway, on the three databases.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/answer.rs"]
mod answer;
mod cursor;
mod filter;
mod hostile;
mod operations;
mod pages;
mod races;
mod raw;
mod refusals;
