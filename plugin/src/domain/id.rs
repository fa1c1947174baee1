//! The two kinds of ids: those that others give, and those that we mint.

use uuid::Uuid;

/// The longest id that others may give (tenant, user, channel), in characters.
pub(crate) const EXTERNAL_CHARS: usize = 128;

/// Whether a text may be the id of a tenant, a user or a channel. Ids are opaque and
/// compare byte by byte; white space at the ends is refused because not every database
/// tells `a` from `a `.
pub(crate) fn is_external(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= EXTERNAL_CHARS
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

/// A new id: UUIDv7, so that ids ascend with time and an index grows at its end.
/// `now` is in microseconds since 1970.
pub(crate) fn mint(now: i64, random: [u64; 2]) -> Uuid {
    let millis = u64::try_from(now).unwrap_or(0) / 1_000;
    let bits = (u128::from(random[0]) << 64 | u128::from(random[1])).to_be_bytes();
    let mut bytes = [0; 10];
    bytes
        .iter_mut()
        .zip(bits)
        .for_each(|(byte, bit)| *byte = bit);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_are_short_visible_texts() {
        for good in ["a", "test_channel", "ü", "a b", &"x".repeat(128)] {
            assert!(is_external(good), "{good:?}");
        }
        for bad in ["", " a", "a ", "a\0", "a\nb", "\u{85}x", &"x".repeat(129)] {
            assert!(!is_external(bad), "{bad:?}");
        }
    }

    #[test]
    fn minted_ids_ascend_with_time_and_carry_version_7() {
        let early = mint(1_700_000_000_000_000, [u64::MAX; 2]);
        let late = mint(1_700_000_000_001_000, [0; 2]);
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
        assert_eq!(late.get_variant(), uuid::Variant::RFC4122);
    }
}
