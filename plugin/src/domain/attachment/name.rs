//! What a file is called: a text for people, and never a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest name, in characters.
pub(crate) const MAX_NAME: usize = 255;

/// What is left as it is in `filename*` (RFC 8187, `attr-char`).
const NOT_ATTR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Whether a text may be the name of a file. It is kept as it is; what it is good for is
/// decided where it is said to somebody.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.contains('\0')
}

/// `Content-Disposition` (RFC 6266): once in ASCII, and once more where that is not all.
pub(crate) fn disposition(name: &str, is_inline: bool) -> String {
    let kind = if is_inline { "inline" } else { "attachment" };
    let name = safe(name);
    let plain: String = name
        .chars()
        .map(|it| match it {
            '"' | '%' => '_',
            it if it.is_ascii() => it,
            _ => '_',
        })
        .collect();
    let extended = match plain == name {
        true => String::new(),
        false => format!(
            "; filename*=UTF-8''{}",
            utf8_percent_encode(&name, NOT_ATTR)
        ),
    };
    format!("{kind}; filename=\"{plain}\"{extended}")
}

/// The name without what could lead a program or a reader astray: what is not seen, what
/// turns the direction of the text, and what separates folders.
fn safe(name: &str) -> String {
    let kept = name.chars().filter_map(|it| match it {
        '/' | '\\' | ':' => Some('_'),
        it if it.is_control() || is_invisible(it) => None,
        it => Some(it),
    });
    let name: String = kept.collect();
    // No hidden file, no folder, and nothing that Windows would cut.
    let name = name.trim_matches(|it: char| it == '.' || it.is_whitespace());
    match name.is_empty() {
        true => "file".to_owned(),
        false => name.to_owned(),
    }
}

/// Marks of direction, joiners and their like (general category Cf, as far as names go),
/// separators of lines, and what stands for nothing.
fn is_invisible(it: char) -> bool {
    matches!(it,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_nothing_but_names() {
        for (name, wanted) in [
            ("a.png", "attachment; filename=\"a.png\""),
            (
                "../../etc/passwd",
                "attachment; filename=\"_.._etc_passwd\"",
            ),
            ("..\\c:\\x.exe", "attachment; filename=\"_c__x.exe\""),
            ("...", "attachment; filename=\"file\""),
            ("\r\n", "attachment; filename=\"file\""),
            (
                "a\r\nSet-Cookie: x=1",
                "attachment; filename=\"aSet-Cookie_ x=1\"",
            ),
            (
                "a\"; filename=\"b.exe",
                "attachment; filename=\"a_; filename=_b.exe\"; \
                 filename*=UTF-8''a%22%3B%20filename%3D%22b.exe",
            ),
            (
                "ü 100%.txt",
                "attachment; filename=\"_ 100_.txt\"; filename*=UTF-8''%C3%BC%20100%25.txt",
            ),
            ("gpj.\u{202e}exe", "attachment; filename=\"gpj.exe\""),
            ("photo.jpg.exe ", "attachment; filename=\"photo.jpg.exe\""),
            (".htaccess", "attachment; filename=\"htaccess\""),
        ] {
            assert_eq!(disposition(name, false), wanted, "{name:?}");
        }
        assert_eq!(disposition("a", true), "inline; filename=\"a\"");
    }

    #[test]
    fn a_name_is_short_and_not_blank() {
        for good in ["a", "../x", &"ü".repeat(255)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", " \t", "a\0", &"x".repeat(256)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
