//! How many rows a page has, as the operator says.

use std::ops::RangeInclusive;

use crate::ports::{Level, Ports};

/// The rows of a page when neither the filter nor the operator says.
pub(super) const DEFAULT_LIMIT: i64 = 100;
/// The rows of the largest page when the operator doesn't say.
pub(super) const MAX_LIMIT: i64 = 1_000;

const DEFAULT_SETTING: &str = "page-limit-default";
const MAX_SETTING: &str = "page-limit-max";
/// What the operator may make of the largest page, in rows.
const MAX_RANGE: RangeInclusive<i64> = 1..=10_000;

/// The rows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) default: i64,
    pub(super) max: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default: DEFAULT_LIMIT,
            max: MAX_LIMIT,
        }
    }
}

impl Limits {
    /// Reads the settings `page-limit-max` and `page-limit-default`. One that makes no
    /// sense is logged as an error and left out: a page of the usual size is better than
    /// no service.
    pub fn read(ports: &impl Ports) -> Self {
        let max = setting(ports, MAX_SETTING, MAX_RANGE).unwrap_or(MAX_LIMIT);
        let default = setting(ports, DEFAULT_SETTING, 1..=max);
        Self {
            default: default.unwrap_or_else(|| DEFAULT_LIMIT.min(max)),
            max,
        }
    }
}

fn setting(ports: &impl Ports, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
    let text = ports.setting(name)?;
    let number = text.trim().parse().ok();
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        let (low, high) = range.into_inner();
        let message = format!(
            "the setting {name} is no whole number from {low} to {high}: its default counts"
        );
        ports.log(Level::Error, &message);
    }
    number
}
