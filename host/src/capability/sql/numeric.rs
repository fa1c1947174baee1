//! PostgreSQL's `numeric` on the wire: `sum` of a `bigint` is one.
//!
//! Four 16-bit words (digits, weight, sign, scale), then the digits to the base 10,000,
//! most significant first; the first one counts 10,000 to the power of the weight.

use std::fmt::Write;
use std::str::FromStr;

const NEGATIVE: u16 = 0x4000;
const BASE: u64 = 10_000;

/// Appends an integer.
pub(super) fn encode(value: i64, buffer: &mut Vec<u8>) {
    let mut digits = Vec::with_capacity(5);
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        digits.push((rest % BASE) as u16);
        rest /= BASE;
    }
    let count = digits.len() as u16;
    let sign = if value < 0 { NEGATIVE } else { 0 };
    for word in [count, count.saturating_sub(1), sign, 0] {
        buffer.extend(word.to_be_bytes());
    }
    for digit in digits.iter().rev() {
        buffer.extend(digit.to_be_bytes());
    }
}

/// Reads a number; `None` when it is none of this type: a fraction for an integer, NaN,
/// an infinity, or what is too large.
pub(super) fn decode<T: FromStr>(bytes: &[u8]) -> Option<T> {
    let mut words = bytes
        .chunks_exact(2)
        .filter_map(|word| word.try_into().ok())
        .map(u16::from_be_bytes);
    let count = words.next()?;
    let weight = words.next()? as i16;
    let sign = words.next()?;
    let scale = words.next()? as i16;
    if sign != 0 && sign != NEGATIVE {
        return None;
    }
    let digits: Vec<u16> = words.take(usize::from(count)).collect();
    let digit = |place: i16| {
        let index = usize::try_from(i32::from(weight) - i32::from(place)).ok();
        index
            .and_then(|index| digits.get(index))
            .copied()
            .unwrap_or(0)
    };
    let mut text = String::from(if sign == NEGATIVE { "-0" } else { "0" });
    for place in (0..=weight).rev() {
        write!(text, "{:04}", digit(place)).ok()?;
    }
    let last = weight.saturating_sub(i16::try_from(digits.len()).ok()?.saturating_sub(1));
    if scale > 0 && (last..0).any(|place| digit(place) != 0) {
        text.push('.');
        for place in (last..0).rev() {
            write!(text, "{:04}", digit(place)).ok()?;
        }
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back() {
        for value in [
            0,
            1,
            -1,
            9_999,
            10_000,
            10_001,
            -123_456_789,
            100_000_000,
            i64::MAX,
            i64::MIN,
        ] {
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            assert_eq!(decode::<i64>(&bytes), Some(value));
            assert_eq!(decode::<f64>(&bytes), Some(value as f64));
        }
    }

    #[test]
    fn fractions_are_reals_only() {
        let words = |words: &[u16]| {
            words
                .iter()
                .flat_map(|word| word.to_be_bytes())
                .collect::<Vec<_>>()
        };
        // 12.5, -0.0001, and 12 written with a scale
        let half = words(&[2, 0, 0, 1, 12, 5000]);
        assert_eq!(
            (decode::<i64>(&half), decode::<f64>(&half)),
            (None, Some(12.5))
        );
        let small = words(&[1, 0xffff, NEGATIVE, 4, 1]);
        assert_eq!(
            (decode::<i64>(&small), decode::<f64>(&small)),
            (None, Some(-0.0001))
        );
        assert_eq!(decode::<i64>(&words(&[1, 0, 0, 2, 12])), Some(12));
        // NaN
        assert_eq!(decode::<f64>(&words(&[0, 0, 0xc000, 0])), None);
    }
}
