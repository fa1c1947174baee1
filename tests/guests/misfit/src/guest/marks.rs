//! What a test writes into the finished component to have another version of it: each mark
//! has a fixed number of bytes, padded with spaces.

use std::hint::black_box;

/// Looked for by `tests/src/versions.rs`.
static MARKS: &str =
    "misfit-marks version=one      faults=000 migration=none smoke=/ok                 ;";

/// The value of a mark.
pub(super) fn mark(name: &str) -> &'static str {
    // Otherwise the compiler would know it by heart.
    let marks: &'static str = black_box(MARKS);
    let after = marks.split_once(name).map_or("", |(_, after)| after);
    let value = after.trim_start_matches('=');
    value.split([' ', ';']).next().unwrap_or_default()
}
