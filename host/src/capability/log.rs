//! Log lines of plugins.
