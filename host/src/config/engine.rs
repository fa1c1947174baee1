//! How components become code.

use serde::Deserialize;

/// How components are compiled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// What the compiler takes its time for. Default speed.
    pub optimize: Optimize,
}

/// What the compiler takes its time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimize {
    /// That the code runs fast.
    Speed,
    /// Nothing: the code is there sooner.
    None,
}
