//! Entity tags: reads that are answered only when there is news, and changes that are
//! made only when there is none.

use twox_hash::XxHash3_128;

use super::error::Failure;
use super::http::{Field, Request, Response, ResponseBody};

/// The strong tag of a body: 128 bits of it are the same for the same bytes alone.
fn tag(body: &[u8]) -> String {
    format!("\"{:032x}\"", XxHash3_128::oneshot(body))
}

/// Gives the answer to a read its tag, and leaves the body out where the client has it.
///
/// An `If-None-Match` that makes no sense matches nothing: the client gets the body.
pub(super) fn read(response: Response, if_none_match: Option<&str>) -> Response {
    let ResponseBody::Bytes(body) = &response.body else {
        return response;
    };
    if response.status != 200 {
        return response;
    }
    let tag = tag(body);
    let known = if_none_match
        .and_then(Tags::parse)
        .is_some_and(|tags| tags.name_weakly(&tag));
    let mut response = response;
    if known {
        response.status = 304;
        response.body = ResponseBody::Empty;
        response.headers.retain(|it| it.name != "content-type");
    }
    response.headers.push(Field::new("etag", tag));
    // To be asked for again each time, with the tag: who may see what can change.
    response
        .headers
        .push(Field::new("cache-control", "private, no-cache"));
    response
}

/// Whether the client has what a strong tag stands for.
pub(super) fn is_known(request: &Request, tag: &str) -> bool {
    let known = request.list("if-none-match");
    known.is_some_and(|known| Tags::parse(&known).is_some_and(|tags| tags.name_weakly(tag)))
}

/// What a thing has to be like to be changed.
#[derive(Debug)]
pub(super) struct Precondition(Vec<String>);

impl Precondition {
    /// Reads `If-Match`. None where there is none, and for `*`: what isn't there is a 404
    /// anyway.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, Failure> {
        let Some(text) = request.list("if-match") else {
            return Ok(None);
        };
        match Tags::parse(&text) {
            None => Err(Failure::Header {
                name: "If-Match",
                code: "INVALID_IF_MATCH",
            }),
            Some(Tags::Any) => Ok(None),
            Some(Tags::Some(tags)) => {
                let strong = tags.into_iter().filter(|tag| !tag.is_weak);
                Ok(Some(Self(
                    strong.map(|tag| tag.opaque.to_owned()).collect(),
                )))
            }
        }
    }

    /// Whether the body that a read would answer has one of the tags.
    pub(super) fn holds(&self, body: &[u8]) -> bool {
        self.0.contains(&tag(body))
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq)]
enum Tags<'t> {
    /// `*`
    Any,
    Some(Vec<Tag<'t>>),
}

#[derive(Debug, PartialEq)]
struct Tag<'t> {
    is_weak: bool,
    /// With its quotes.
    opaque: &'t str,
}

impl<'t> Tags<'t> {
    /// None for what is no list of tags.
    fn parse(text: &'t str) -> Option<Self> {
        let mut rest = text.trim_matches([' ', '\t']);
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (is_weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let length = quoted.strip_prefix('"')?.find('"')? + 2;
            let (opaque, behind) = quoted.split_at_checked(length)?;
            if opaque.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                return None;
            }
            tags.push(Tag { is_weak, opaque });
            let behind = behind.trim_start_matches([' ', '\t']);
            if !behind.is_empty() && !behind.starts_with(',') {
                return None;
            }
            // Empty elements of a list count for nothing.
            rest = behind.trim_start_matches([' ', '\t', ',']);
        }
        (!tags.is_empty()).then_some(Self::Some(tags))
    }

    /// Whether the list has the tag, be it as a weak one.
    fn name_weakly(&self, wanted: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Some(tags) => tags.iter().any(|tag| tag.opaque == wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags() {
        let tag = |is_weak, opaque| Tag { is_weak, opaque };
        assert_eq!(Tags::parse(" * "), Some(Tags::Any));
        assert_eq!(
            Tags::parse("\"a\" ,, W/\"b,c\",\"\""),
            Some(Tags::Some(vec![
                tag(false, "\"a\""),
                tag(true, "\"b,c\""),
                tag(false, "\"\"")
            ]))
        );
        for bad in [
            "",
            ",",
            "a",
            "\"a",
            "a\"",
            "\"a\" \"b\"",
            "\"a b\"",
            "w/\"a\"",
            "W/a",
            "*, \"a\"",
            "\"a\", *",
            "\"a\"b",
        ] {
            assert_eq!(Tags::parse(bad), None, "{bad}");
        }
    }
}
