//! A range of several objects as one stream.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::{Error, Key, Segment};

/// The bytes of `range` from one object after the other; each is only opened, by `open`,
/// when it is its turn. Nothing comes after an error.
pub(super) fn pieces<S>(
    segments: Vec<Segment>,
    range: Range<u64>,
    open: impl Fn(Key, Range<u64>) -> S + Send + 'static,
) -> BoxStream<'static, Result<Bytes, Error>>
where
    S: futures_util::Stream<Item = Result<Bytes, Error>> + Send + 'static,
{
    let has_failed = |failed: &mut bool, piece: Result<Bytes, Error>| {
        let piece = (!*failed).then_some(piece);
        *failed = matches!(piece, Some(Err(_)) | None);
        std::future::ready(piece)
    };
    stream::iter(wanted(segments, range))
        .flat_map(move |(key, part)| open(key, part))
        .scan(false, has_failed)
        .boxed()
}

/// What of each object is in the range.
fn wanted(segments: Vec<Segment>, range: Range<u64>) -> Vec<(Key, Range<u64>)> {
    let mut at: u64 = 0;
    let mut wanted = Vec::new();
    for Segment { key, size } in segments {
        let end = at.saturating_add(size);
        let part = range.start.clamp(at, end) - at..range.end.clamp(at, end) - at;
        if part.start < part.end {
            wanted.push((key, part));
        }
        at = end;
    }
    wanted
}
