//! `Idempotency-Key`: a request that is sent again is done once.

use twox_hash::XxHash3_128;

use super::error::Failure;
use super::http::{Body, Field, Request, Response};
use crate::store::{Key, Once};

/// The longest key, in characters.
const MAX_CHARS: usize = 128;

/// The key of a request. None where it has none.
pub(super) fn key(request: &Request, now: i64) -> Result<Option<Key>, Failure> {
    let Some(text) = request.list("idempotency-key") else {
        return Ok(None);
    };
    let name = parse(&text).ok_or(Failure::Header {
        name: "Idempotency-Key",
        code: "INVALID_IDEMPOTENCY_KEY",
    })?;
    Ok(Some(Key {
        name,
        fingerprint: fingerprint(request),
        now,
    }))
}

/// The answer to a creation.
pub(super) fn answer(once: Once) -> Response {
    match once {
        Once::Done(body) => Response::json(200, body),
        Once::Again(status, body) => {
            let mut response = Response::json(status, body);
            let headers = &mut response.headers;
            headers.push(Field::new("idempotency-replayed", "true"));
            response
        }
    }
}

/// Visible ASCII, bare or as a structured string in quotes.
fn parse(text: &str) -> Option<String> {
    let text = text.trim_matches([' ', '\t']);
    let name = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(quoted) => unquoted(quoted)?,
    };
    let is_visible = name.bytes().all(|byte| byte.is_ascii_graphic());
    (is_visible && (1..=MAX_CHARS).contains(&name.len())).then_some(name)
}

fn unquoted(quoted: &str) -> Option<String> {
    let mut name = String::new();
    let mut chars = quoted.strip_suffix('"')?.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return None,
            '\\' => name.push(chars.next().filter(|it| matches!(it, '"' | '\\'))?),
            char => name.push(char),
        }
    }
    Some(name)
}

/// What makes two requests the same. No path and no query holds a NUL.
fn fingerprint(request: &Request) -> Vec<u8> {
    let query = request.query.as_deref().unwrap_or_default();
    let body = match &request.body {
        Body::Bytes(bytes) => bytes.as_slice(),
        Body::Empty | Body::Long => &[],
    };
    let parts = [
        request.method.as_bytes(),
        request.path.as_bytes(),
        query.as_bytes(),
        body,
    ];
    let hash = XxHash3_128::oneshot(&parts.join(&0));
    hash.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bare_or_quoted() {
        let longest = "k".repeat(128);
        for (text, name) in [
            ("a", "a"),
            (" \"a\" ", "a"),
            (r#""a\"\\b""#, r#"a"\b"#),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(parse(text).as_deref(), Some(name), "{text}");
        }
        let long = "k".repeat(129);
        for bad in [
            "", "\"", "\"\"", "a b", "a, b", "\"a", "\"a\"b\"", r#""a\b""#, "é", "\"a b\"", &long,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
