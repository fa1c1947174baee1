//! `Range` and `If-Range` (RFC 9110): which part of some content is asked for.

use super::super::http::Request;
use crate::ports::Range;

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    Part(Range),
    /// No byte of what is asked for is there.
    Nothing,
}

/// The part that a GET asks for, of content with a size and a strong tag. What makes no
/// sense, and several parts at once, are the whole.
pub(super) fn select(request: &Request, size: u64, tag: &str) -> Selection {
    if request.method != "GET" {
        return Selection::Whole;
    }
    let Some(text) = request.list("range") else {
        return Selection::Whole;
    };
    match request.list("if-range") {
        // A date is no tag, and a weak tag is not good enough.
        Some(known) if known.trim() != tag => Selection::Whole,
        _ => parse(&text, size),
    }
}

fn parse(text: &str, size: u64) -> Selection {
    part(text, size).unwrap_or(Selection::Whole)
}

/// None for what is no range, or several.
fn part(text: &str, size: u64) -> Option<Selection> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim_matches([' ', '\t']).split_once('-')?;
    let nothing = Some(Selection::Nothing);
    let (from, to) = match (number(first), number(last)) {
        // The last so many bytes.
        (None, Some(0)) if first.is_empty() => return nothing,
        (None, Some(count)) if first.is_empty() => (size.saturating_sub(count), u64::MAX),
        (Some(from), None) if last.is_empty() => (from, u64::MAX),
        (Some(from), Some(to)) if from <= to => (from, to),
        _ => return None,
    };
    if from >= size {
        return nothing;
    }
    let end = to.saturating_add(1).min(size);
    Some(Selection::Part(Range {
        offset: from,
        length: end - from,
    }))
}

/// Digits alone; more than fits is as far away as can be.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let part = |offset, length| Selection::Part(Range { offset, length });
        let huge = "9".repeat(40);
        for (text, size, wanted) in [
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=0-", 10, part(0, 10)),
            ("Bytes = 3-5", 10, part(3, 3)),
            ("bytes=3-99", 10, part(3, 7)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-99", 10, part(0, 10)),
            ("bytes=9-", 10, part(9, 1)),
            ("bytes=10-", 10, Selection::Nothing),
            ("bytes=-0", 10, Selection::Nothing),
            ("bytes=0-", 0, Selection::Nothing),
            ("bytes=-1", 0, Selection::Nothing),
            ("bytes=5-3", 10, Selection::Whole),
            ("bytes=0-1,3-4", 10, Selection::Whole),
            ("bytes=-", 10, Selection::Whole),
            ("bytes=a-b", 10, Selection::Whole),
            ("bytes=+1-2", 10, Selection::Whole),
            ("bytes= 1 - 2", 10, Selection::Whole),
            ("items=0-1", 10, Selection::Whole),
            ("bytes", 10, Selection::Whole),
            ("", 10, Selection::Whole),
            ("bytes=18446744073709551615-", 10, Selection::Nothing),
            ("bytes=0-18446744073709551615", 10, part(0, 10)),
        ] {
            assert_eq!(parse(text, size), wanted, "{text} of {size}");
        }
        assert_eq!(parse(&format!("bytes={huge}-"), 10), Selection::Nothing);
        assert_eq!(parse(&format!("bytes=2-{huge}"), 10), part(2, 8));
        assert_eq!(parse(&format!("bytes=-{huge}"), 10), part(0, 10));
    }
}
