//! Versions of plugins: deployed, checked, swapped, rolled back.
//!
//! A version is a row that never changes, with its component, in the gateway's database;
//! a pointer for each plugin says which one serves. Whoever moves the pointer has checked
//! the version and brought it up first, so that the move itself is one statement; every
//! other gateway on the database sees it and follows. What the old version began it
//! finishes, until a deadline.

mod canary;
mod check;
mod contract;
mod follow;
mod history;
mod roster;
mod service;
mod signature;
mod store;

pub use canary::{Band, Canary, Verdict, WHOLE};
pub use check::{Imports, Leftover, Pending, Report, Routes, Smoke};
pub use contract::Contracted;
pub use follow::watch;
pub use roster::{Roster, Seen, beat};
pub use service::{ChangeError, Ended, Figures, Finishing, New, Service, Shared};
pub use signature::{Rules, SignatureError, Signatures, Signed};
pub use store::{Actor, Change, Deployment, Pointer, Store, StoreError};
