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

/// The same as a text of its own.
pub(crate) fn text(micros: i64) -> String {
    let mut out = Vec::with_capacity(24);
    write(&mut out, micros);
    String::from_utf8(out).unwrap_or_default()
}

/// The year 1000, before which MySQL has no times.
const EARLIEST: i64 = -30_610_224_000_000_000;

/// Reads a date-time or a date. Without an offset it means UTC. None, too, for times
/// that not every database knows.
pub(crate) fn parse(text: &str) -> Option<i64> {
    instant(text).filter(|time| *time >= EARLIEST)
}

fn instant(text: &str) -> Option<i64> {
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
    Some(time.as_microsecond()).filter(|time| *time >= EARLIEST)
}

/// The same in microseconds.
pub(crate) fn from_micros(micros: i64) -> Option<i64> {
    let time = Timestamp::from_microsecond(micros).ok()?;
    Some(time.as_microsecond()).filter(|time| *time >= EARLIEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: i64 = 1_795_511_777_763_000;

    fn written(micros: i64) -> String {
        let mut out = Vec::new();
        write(&mut out, micros);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_wire_has_milliseconds() {
        assert_eq!(written(TIME), "2026-11-24T09:16:17.763Z");
        assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(-1_000), "1969-12-31T23:59:59.999Z");
        assert_eq!(whole_millis(TIME + 999), TIME);
        assert_eq!(whole_millis(-1), -1_000);
        assert_eq!(parse(&written(TIME)), Some(TIME));
    }

    #[test]
    fn without_an_offset_a_time_is_utc() {
        for same in [
            "2026-11-24T09:16:17.763Z",
            "2026-11-24T09:16:17.763",
            "2026-11-24T10:16:17.763+01:00",
        ] {
            assert_eq!(parse(same), Some(TIME), "{same}");
        }
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(from_millis(TIME / 1_000), Some(TIME));
    }

    #[test]
    fn what_is_no_time() {
        for bad in [
            "",
            "x",
            "2026-02-30",
            "2026-13-01",
            "0999-12-31",
            "-001000-01-01",
            "24:00",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse("1000-01-01"), Some(EARLIEST));
        for bad in [i64::MIN, i64::MAX, EARLIEST / 1_000 - 1] {
            assert_eq!(from_millis(bad), None);
        }
    }
}
