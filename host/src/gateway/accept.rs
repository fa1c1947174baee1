//! What encodings of an answer a client accepts.

use std::iter;

use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

/// The encodings that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Zstd,
}

/// What is to be done for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The encoding that it likes best. None: it likes a plain answer as much.
    pub(super) coding: Option<Coding>,
    /// Whether it takes a plain answer at all.
    pub(super) plain: bool,
}

/// Everything, in the unit of the weights: a thousandth.
const FULL: u16 = 1000;

impl Accepted {
    /// Reads `Accept-Encoding` by RFC 9110, section 12.5.3.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut gzip, mut zstd, mut plain, mut other) = (None, None, None, None);
        let lines = headers.get_all(ACCEPT_ENCODING).iter();
        for item in lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')) {
            let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight_of(weight.trim());
            let slot = match name.trim() {
                name if name.eq_ignore_ascii_case("gzip") => &mut gzip,
                name if name.eq_ignore_ascii_case("x-gzip") => &mut gzip,
                name if name.eq_ignore_ascii_case("zstd") => &mut zstd,
                name if name.eq_ignore_ascii_case("identity") => &mut plain,
                "*" => &mut other,
                _ => continue,
            };
            // What cannot be read does not count.
            *slot = weight.or(*slot);
        }
        let (gzip, zstd) = (gzip.or(other).unwrap_or(0), zstd.or(other).unwrap_or(0));
        let plain = plain.or(other.filter(|weight| *weight == 0));
        let (coding, weight) = if gzip > zstd {
            (Coding::Gzip, gzip)
        } else {
            // Of two that are liked equally, the one that costs less.
            (Coding::Zstd, zstd)
        };
        Self {
            coding: (weight > 0 && weight >= plain.unwrap_or(0)).then_some(coding),
            plain: plain != Some(0),
        }
    }
}

/// The weight in `q=0.5`.
fn weight_of(text: &str) -> Option<u16> {
    let (name, number) = text.split_once('=')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !name.eq_ignore_ascii_case("q") || !digits || decimals.len() > 3 {
        return None;
    }
    let decimals = decimals.bytes().chain(iter::repeat(b'0')).take(3);
    let part = decimals.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Coding::{Gzip, Zstd};
    use super::*;

    #[test]
    fn the_table_of_wishes() {
        #[rustfmt::skip]
        let table: [(&[&'static str], Option<Coding>, bool); 23] = [
            (&[], None, true),
            (&[""], None, true),
            (&["gzip"], Some(Gzip), true),
            (&["X-GZIP"], Some(Gzip), true),
            (&["gzip, deflate, br, zstd"], Some(Zstd), true),
            (&["gzip", "zstd"], Some(Zstd), true),
            (&["gzip;q=1, zstd;q=0.999"], Some(Gzip), true),
            (&["gzip ; Q=0.5 , zstd;q=0.5"], Some(Zstd), true),
            (&["gzip;q=0"], None, true),
            (&["gzip;q=0.000, zstd"], Some(Zstd), true),
            (&["*"], Some(Zstd), true),
            (&["*;q=0"], None, false),
            (&["*;q=0, gzip"], Some(Gzip), false),
            (&["*, zstd;q=0"], Some(Gzip), true),
            (&["identity"], None, true),
            (&["identity, gzip;q=0.5"], None, true),
            (&["identity;q=0.5, gzip"], Some(Gzip), true),
            (&["identity;q=0"], None, false),
            (&["identity;q=0, gzip"], Some(Gzip), false),
            (&["identity;q=0, *"], Some(Zstd), false),
            (&["br, identity;q=0"], None, false),
            (&["gzip;q=2, zstd;q=0.1234"], None, true),
            (&["gzip;q=, ;q=1, ,,"], None, true),
        ];
        for (lines, coding, plain) in table {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, line.parse().unwrap());
            }
            assert_eq!(
                Accepted::of(&headers),
                Accepted { coding, plain },
                "{lines:?}"
            );
        }
    }
}
