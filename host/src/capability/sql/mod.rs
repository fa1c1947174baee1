//! The plugin's database.

/// An open transaction; dropped, it is rolled back.
#[derive(Debug)]
pub struct Transaction;
