//! What a plugin may use. Each capability has the WIT traits in one file and its
//! backends beside it; none knows another except through a type of the contract.

pub mod audit;
pub mod blob;
pub mod body;
pub mod events;
pub mod identity;
pub mod log;
pub mod random;
pub mod settings;
pub mod sql;
