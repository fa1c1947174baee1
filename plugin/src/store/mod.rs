//! SQL text and rows. Who may see and change what is a condition inside of every
//! statement here (`scope`), never a check beside it.

mod attempt;
mod audit;
mod change;
mod condition;
mod create;
pub(crate) mod migrations;
mod read;
mod scope;
mod sql;

pub(crate) use change::{BulkChanged, Changed, change, change_all, delete};
pub(crate) use create::{Created, Stamp, create};
pub(crate) use read::{count, find, page};
