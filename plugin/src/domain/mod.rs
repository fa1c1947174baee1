//! Pure rules: no input, no output, no clock.

pub(crate) mod attachment;
pub(crate) mod caller;
pub(crate) mod channel;
pub(crate) mod cursor;
pub(crate) mod draft;
pub(crate) mod filter;
pub(crate) mod id;
pub(crate) mod message;
pub(crate) mod model;
pub(crate) mod pattern;
pub(crate) mod search;
pub(crate) mod time;
pub(crate) mod topic;
pub(crate) mod violation;
