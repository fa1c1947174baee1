//! Entity tags of answers that are compressed on the way.
//!
//! A strong tag promises the same bytes. Compressed bytes are others, so the tag becomes
//! weak on the way out, and strong again on the way in, where the plugin compares it.

use hyper::header::{Entry, HeaderMap, HeaderValue, IF_MATCH};

/// A tag without its promise; none when it makes none.
pub(super) fn weak(tag: &HeaderValue) -> Option<HeaderValue> {
    if !tag.as_bytes().starts_with(b"\"") {
        return None;
    }
    HeaderValue::try_from([b"W/", tag.as_bytes()].concat()).ok()
}

/// Gives the tags of an `If-Match` their promise back: compared strongly, as they must be
/// there, a weak tag would match nothing, and who was sent a compressed answer could never
/// change what it shows. A tag that the plugin itself made weak matches nothing either way.
pub(super) fn restore(headers: &mut HeaderMap) {
    if !headers.contains_key(IF_MATCH) {
        return;
    }
    if let Entry::Occupied(mut lines) = headers.entry(IF_MATCH) {
        for line in lines.iter_mut() {
            let list = line.to_str().ok().map(strong);
            if let Some(list) = list.and_then(|list| HeaderValue::try_from(list).ok()) {
                *line = list;
            }
        }
    }
}

/// A list of tags without the marks of weak ones.
fn strong(list: &str) -> String {
    let mut text = String::with_capacity(list.len());
    // What stands between two quotes is a tag, and may itself end like the mark.
    for (place, part) in list.split('"').enumerate() {
        if place > 0 {
            text.push('"');
        }
        let outside = place % 2 == 0;
        let mark = part.strip_suffix("W/").filter(|_| outside);
        text.push_str(mark.unwrap_or(part));
    }
    text
}

/// Whether the list of an `If-None-Match` has the weak form of a strong tag.
pub(super) fn names_weak(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(list), Ok(tag)) = (list.to_str(), tag.to_str()) else {
        return false;
    };
    let Some(tag) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
        return false;
    };
    let mut parts = list.split('"');
    while let (Some(before), Some(quoted)) = (parts.next(), parts.next()) {
        if quoted == tag && before.ends_with("W/") {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_loses_its_promise_and_gets_it_back() {
        let tag = |text| HeaderValue::from_static(text);
        assert_eq!(weak(&tag("\"a\"")), Some(tag("W/\"a\"")));
        assert_eq!(weak(&tag("W/\"a\"")), None);
        for (list, expected) in [
            ("*", "*"),
            ("W/\"a\"", "\"a\""),
            ("\"a\", W/\"b\",W/\"c\"", "\"a\", \"b\",\"c\""),
            ("\"aW/\", W/\"W/\"", "\"aW/\", \"W/\""),
            ("W/\"open", "\"open"),
        ] {
            assert_eq!(strong(list), expected, "{list}");
        }
    }

    #[test]
    fn the_weak_form_is_found_in_a_list() {
        let names = |list: &'static str| {
            names_weak(
                &HeaderValue::from_static(list),
                &HeaderValue::from_static("\"a\""),
            )
        };
        assert!(names("W/\"a\"") && names("\"b\" , W/\"a\"") && names("\"a\", W/\"a\""));
        assert!(!names("\"a\"") && !names("W/\"b\"") && !names("*") && !names("\"W/\"a\""));
    }
}
