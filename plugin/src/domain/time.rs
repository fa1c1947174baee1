//! Times: microseconds since 1970 inside, ISO 8601 with milliseconds on the wire.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

const WIRE: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The time without what the wire can't carry, so that a client that sends a time back
/// means the same instant.
pub(crate) fn whole_millis(micros: i64) -> i64 {
    micros - micros.rem_euclid(1_000)
}

/// Appends a time such as `2026-11-24T09:16:17.763Z`.
pub(crate) fn write(out: &mut Vec<u8>, micros: i64) {
    let time = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    // Writing to a vector has no way to fail.
    WIRE.print_timestamp(&time, &mut *out).ok();
}

/// Reads a date-time or a date. Without an offset it means UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_microsecond());
    }
    if text.ends_with(['Z', 'z']) {
        return None;
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    TimeZone::UTC
        .to_timestamp(civil)
        .ok()
        .map(Timestamp::as_microsecond)
}

/// A time given as milliseconds since 1970, as JavaScript counts them.
pub(crate) fn from_millis(millis: i64) -> Option<i64> {
    let time = Timestamp::from_millisecond(millis).ok()?;
    Some(time.as_microsecond())
}
