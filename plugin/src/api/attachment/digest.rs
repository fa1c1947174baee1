//! `Content-Digest` (RFC 9530): what the client says that it sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::error::Failure;
use super::super::http::Request;

/// The SHA-256 that the content must have, where the client says one. Digests by other
/// algorithms are left alone, as the RFC allows.
pub(super) fn wanted(request: &Request) -> Result<Option<Vec<u8>>, Failure> {
    let Some(text) = request.list("content-digest") else {
        return Ok(None);
    };
    parse(&text).ok_or(Failure::Header {
        name: "Content-Digest",
        code: "INVALID_CONTENT_DIGEST",
    })
}

/// A dictionary of byte sequences. None for what is none.
fn parse(text: &str) -> Option<Option<Vec<u8>>> {
    let mut wanted = None;
    for member in text.split(',') {
        let (name, value) = member.trim_matches([' ', '\t']).split_once('=')?;
        let encoded = value.strip_prefix(':')?.strip_suffix(':')?;
        let digest = STANDARD.decode(encoded).ok()?;
        if name == "sha-256" {
            if digest.len() != 32 {
                return None;
            }
            wanted = Some(digest);
        }
    }
    Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_strictly() {
        let digest = STANDARD.encode([7; 32]);
        let good = format!("sha-512=:AAAA:, sha-256=:{digest}:");
        assert_eq!(parse(&good), Some(Some(vec![7; 32])));
        assert_eq!(parse("md5=:AAAA:"), Some(None));
        for bad in [
            String::new(),
            "sha-256".to_owned(),
            format!("sha-256={digest}"),
            format!("sha-256=:{digest}"),
            "sha-256=:AAAA:".to_owned(),
            "sha-256=:*:".to_owned(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
