//! What bytes are: said by the bytes, and never by whoever sends them.

/// What is not known is this.
pub(crate) const BINARY: &str = "application/octet-stream";

/// First bytes that are looked at.
pub(crate) const SNIFFED_BYTES: u32 = 8_192;

/// The longest type, in bytes.
const MAX_TYPE: usize = 127;

/// What browsers show without running anything of it.
const INLINE: [&str; 6] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "text/plain; charset=utf-8",
];

/// Whether browsers may show content of a type in their window.
pub(crate) fn is_inline(media_type: &str) -> bool {
    INLINE.contains(&media_type)
}

/// The type of content that starts with these bytes.
///
/// What could be markup never passes as a plain text.
pub(crate) fn sniff(head: &[u8]) -> String {
    let known = infer::get(head).map(|it| it.mime_type());
    match known {
        // Which kind of text it is is looked at more closely below.
        Some(known) if !known.starts_with("text/") => known.to_owned(),
        known => text(head).map_or_else(|| known.unwrap_or(BINARY).to_owned(), str::to_owned),
    }
}

/// None for what is no text.
fn text(head: &[u8]) -> Option<&'static str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The end may cut a character in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_readable = |it: char| !it.is_control() || matches!(it, '\t' | '\n' | '\r' | '\u{c}');
    if text.is_empty() || !text.chars().all(is_readable) {
        return None;
    }
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r', '\u{c}']);
    if !start.starts_with('<') {
        return Some("text/plain; charset=utf-8");
    }
    let lower = start.to_ascii_lowercase();
    Some(match () {
        () if lower.contains("<svg") => "image/svg+xml",
        () if lower.starts_with("<?xml") => "application/xml",
        () => "text/html",
    })
}

/// Whether a text is a type such as `image/png`, with or without parameters.
pub(crate) fn is_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let mark = |byte| b"!#$&-^_.+".contains(&byte);
        !part.is_empty()
            && part
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || mark(it))
    };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let halves = essence.trim_end().split_once('/');
    let is_plain = parameters.bytes().all(|it| (b' '..=b'~').contains(&it));
    text.len() <= MAX_TYPE
        && is_plain
        && halves.is_some_and(|(kind, of)| is_token(kind) && is_token(of))
}

/// Which types may be uploaded: patterns such as `image/*` or `application/pdf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types {
    /// Empty: every type that is not denied.
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Types {
    /// Reads two lists whose elements have commas or spaces between them.
    pub(crate) fn new(allow: &str, deny: &str) -> Self {
        let list = |text: &str| {
            let items = text.split([',', ' ']).map(str::to_ascii_lowercase);
            items.filter(|it| !it.is_empty()).collect()
        };
        Self {
            allow: list(allow),
            deny: list(deny),
        }
    }

    /// Whether content of a type may be uploaded.
    pub(crate) fn take(&self, media_type: &str) -> bool {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let fits = |patterns: &[String]| patterns.iter().any(|it| is_match(it, &essence));
        (self.allow.is_empty() || fits(&self.allow)) && !fits(&self.deny)
    }
}

fn is_match(pattern: &str, essence: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("" | "*/") => true,
        Some(kind) => kind.ends_with('/') && essence.starts_with(kind),
        None => pattern == essence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_they_are() {
        let cases: [(&[u8], &str); 18] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a=1;alert(1)//", "image/gif"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (b"%PDF-1.7\n<html><script>", "application/pdf"),
            (b"PK\x03\x04\x14\0", "application/zip"),
            (b"<!DOCTYPE html><p>", "text/html"),
            (b"  \n<script>alert(1)</script>", "text/html"),
            (b"<?xml version='1.0'?><a/>", "application/xml"),
            (b"<?xml version='1.0'?><svg onload='x'/>", "image/svg+xml"),
            (b"\xef\xbb\xbf<SVG>", "image/svg+xml"),
            (b"hello\tworld\r\n", "text/plain; charset=utf-8"),
            ("\u{fc}ber".as_bytes(), "text/plain; charset=utf-8"),
            (b"caf\xc3", "text/plain; charset=utf-8"),
            (b"caf\xe9 au lait", BINARY),
            (b"a\0b", BINARY),
            (b"", BINARY),
            (b"#!/bin/sh\nrm -rf /\n", "text/plain; charset=utf-8"),
        ];
        for (head, wanted) in cases {
            assert_eq!(sniff(head), wanted, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn lists_of_types() {
        let types = Types::new("", "text/html, image/SVG+xml");
        for (media_type, taken) in [
            ("image/png", true),
            ("TEXT/HTML; charset=utf-8", false),
            ("image/svg+xml", false),
        ] {
            assert_eq!(types.take(media_type), taken, "{media_type}");
        }
        let types = Types::new("image/* application/pdf", "image/gif");
        for (media_type, taken) in [
            ("image/png", true),
            ("image/gif", false),
            ("application/pdf", true),
            ("imagery/png", false),
            (BINARY, false),
        ] {
            assert_eq!(types.take(media_type), taken, "{media_type}");
        }
        assert!(!Types::new("", "*/*").take(BINARY));
    }

    #[test]
    fn types_are_types() {
        for good in ["image/png", "a/b; c=\"d\"", "application/vnd.a-b+json"] {
            assert!(is_type(good), "{good}");
        }
        for bad in [
            "",
            "image",
            "image/",
            "/png",
            "a/b\r\nx: y",
            "a b/c",
            "é/a",
            &"a/".repeat(64),
        ] {
            assert!(!is_type(bad), "{bad}");
        }
    }
}
