//! The claims of the caller.
