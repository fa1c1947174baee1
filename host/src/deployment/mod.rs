//! Versions of plugins: deployed, checked, swapped, rolled back.
//!
//! A version is a row that never changes, with its component, in the gateway's database;
//! a pointer for each plugin says which one serves. Whoever moves the pointer has checked
//! the version and brought it up first, so that the move itself is one statement; every
//! other gateway on the database sees it and follows. What the old version began it
//! finishes, until a deadline.

mod bring_up;
mod canary;
mod change;
mod check;
mod closed;
mod contract;
mod drain;
mod error;
mod follow;
mod history;
mod open;
mod prepare;
mod presence;
mod roster;
mod service;
mod signature;
mod store;

pub use canary::{Band, Canary, Verdict, WHOLE};
pub use change::New;
pub use check::{Imports, Leftover, Pending, Report, Routes, Smoke};
pub use closed::tell_closed;
pub use contract::Contracted;
pub use drain::{Ended, Finishing};
pub use error::ChangeError;
pub use follow::watch;
pub use roster::{Roster, Seen, beat};
pub use service::{Figures, Service, Shared};
pub use signature::{Rules, SignatureError, Signatures, Signed};
pub use store::{Actor, Change, Deployment, Pointer, Store, StoreError};
