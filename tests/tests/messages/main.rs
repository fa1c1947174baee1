//! The eight operations of `/messages`, through the whole gateway, on the three databases.

#[path = "../common/answer.rs"]
mod answer;
mod filter;
mod hostile;
mod operations;
mod pages;
mod raw;
mod refusals;
