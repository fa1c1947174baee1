//! Lists that go on where the last page ended, however much was added before it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use super::http::{Field, Response};
use crate::domain::cursor::Cursor;
use crate::domain::filter::{Filter, Order, Refusal, query};
use crate::domain::violation::Violation;

/// The parameter that takes a cursor.
pub(super) const PARAMETER: &str = "cursor";
/// The header that gives one.
pub(super) const HEADER: &str = "x-next-cursor";

/// The longest reference in a `Link`, in bytes: proxies take no head of any length.
const MAX_REFERENCE: usize = 4_096;

/// What a query may not hold as it is, though clients send it. What they have encoded
/// stays so.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Reads the cursor of a query string, for the list that the filter asks for.
pub(super) fn read(query: Option<&str>, filter: &Filter) -> Result<Option<Cursor>, Refusal> {
    let text = query
        .map_or(Ok(None), |query| query::text(query, PARAMETER))
        .map_err(|message| Refusal::Syntax {
            parameter: PARAMETER,
            message,
        })?;
    let Some(text) = text else {
        return Ok(None);
    };
    let cursor = match filter.skip {
        0 => Cursor::decode(&text, &Order::total(&filter.order)),
        _ => {
            let message = "must NOT be given together with `skip` or `offset`";
            Err(Violation::new("", "not", message, json!({})))
        }
    };
    cursor.map(Some).map_err(|violation| Refusal::Invalid {
        parameter: PARAMETER,
        violation,
    })
}

/// Tells where the list goes on: the cursor, and the whole request as a reference that
/// starts with `?`, which is right wherever the service is mounted. A filter that skips
/// rows can't be repeated with a cursor, so that there is no reference then.
pub(super) fn tell(response: &mut Response, query: Option<&str>, filter: &Filter, next: &Cursor) {
    let Some(cursor) = next.encode() else {
        return;
    };
    if filter.skip == 0 {
        let reference = reference(query, &cursor);
        if reference.len() <= MAX_REFERENCE {
            let link = format!("<{reference}>; rel=\"next\"");
            response.headers.push(Field::new("link", link));
        }
    }
    response.headers.push(Field::new(HEADER, cursor));
}

fn reference(query: Option<&str>, cursor: &str) -> String {
    let pairs = query.unwrap_or_default().split('&');
    let kept = pairs.filter(|pair| !pair.is_empty() && !query::names(pair, PARAMETER));
    let mut reference = "?".to_owned();
    for pair in kept {
        reference.extend(utf8_percent_encode(pair, UNSAFE));
        reference.push('&');
    }
    reference + PARAMETER + "=" + cursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_keeps_all_but_the_cursor() {
        for (query, wanted) in [
            (None, "?cursor=c"),
            (Some(""), "?cursor=c"),
            (Some("cursor=b"), "?cursor=c"),
            (
                Some("filter[limit]=2&%63ursor=b&&x"),
                "?filter[limit]=2&x&cursor=c",
            ),
            (
                Some("filter={\"limit\":2,\"a\":\"%22>é\"}"),
                "?filter=%7B%22limit%22:2,%22a%22:%22%22%3E%C3%A9%22%7D&cursor=c",
            ),
        ] {
            assert_eq!(reference(query, "c"), wanted);
        }
    }
}
