//! The audit record.
