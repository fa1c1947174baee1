//! Pages of lists: how many, and where they go on.

use std::ops::RangeInclusive;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::Value;

use super::super::cursor::{HEADER, PARAMETER};
use super::super::error::Failure;
use super::super::http::{Field, Response};
use super::super::route::Context;
use crate::domain::filter::{Refusal, query};
use crate::domain::violation::Violation;
use crate::ports::Ports;

/// Rows of a page when nobody says.
pub(in crate::api) const USUAL: i64 = 50;
/// Rows of the largest page.
pub(in crate::api) const MOST: i64 = 100;
/// The longest cursor, in characters.
const MAX_CURSOR: usize = 2_048;

pub(super) fn parameter<P: Ports>(
    context: &Context<'_, P>,
    name: &'static str,
) -> Result<Option<String>, Failure> {
    let query = context.request.query.as_deref();
    let text = query.map_or(Ok(None), |query| query::text(query, name));
    let refusal = |message| Refusal::Syntax {
        parameter: name,
        message,
    };
    Ok(text.map_err(refusal)?)
}

pub(super) fn invalid(parameter: &'static str, violation: Violation) -> Failure {
    Failure::Filter(Refusal::Invalid {
        parameter,
        violation,
    })
}

pub(super) fn integer<P: Ports>(
    context: &Context<'_, P>,
    name: &'static str,
    range: RangeInclusive<i64>,
) -> Result<Option<i64>, Failure> {
    let Some(text) = parameter(context, name)? else {
        return Ok(None);
    };
    let (low, high) = range.into_inner();
    let violation = match text.parse::<i64>() {
        Ok(number) if number < low => Violation::below("", low),
        Ok(number) if number > high => Violation::above("", high),
        Ok(number) => return Ok(Some(number)),
        Err(_) => Violation::wrong_type("", "integer"),
    };
    Err(invalid(name, violation))
}

pub(super) fn flag<P: Ports>(
    context: &Context<'_, P>,
    name: &'static str,
) -> Result<bool, Failure> {
    match parameter(context, name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(name, Violation::wrong_type("", "boolean"))),
    }
}

pub(super) fn limit<P: Ports>(context: &Context<'_, P>) -> Result<i64, Failure> {
    Ok(integer(context, "limit", 1..=MOST)?.unwrap_or(USUAL))
}

/// What the cursor of a request holds. Whoever makes one up gets another place of the same
/// list.
pub(super) fn cursor<P: Ports, T>(
    context: &Context<'_, P>,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, Failure> {
    let Some(text) = parameter(context, PARAMETER)? else {
        return Ok(None);
    };
    let place = Some(&text).filter(|text| text.len() <= MAX_CURSOR);
    let place = place.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    let place = place.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    match place.as_ref().and_then(read) {
        Some(place) => Ok(Some(place)),
        None => Err(invalid(PARAMETER, Violation::wrong_format("", "cursor"))),
    }
}

/// A cursor that is a text: an id of others.
pub(super) fn text_cursor<P: Ports>(context: &Context<'_, P>) -> Result<Option<String>, Failure> {
    cursor(context, |value| {
        let text = value.as_str().filter(|text| !text.contains('\0'))?;
        Some(text.to_owned())
    })
}

/// Tells where the list goes on.
pub(super) fn tell<P: Ports>(context: &Context<'_, P>, response: &mut Response, place: &Value) {
    let cursor = BASE64_URL_SAFE_NO_PAD.encode(place.to_string());
    let others = context.request.query.as_deref().unwrap_or_default();
    let others = others.split('&');
    let others = others.filter(|pair| !pair.is_empty() && !query::names(pair, PARAMETER));
    // What clients may have left as it is would end the reference.
    let is_plain = |pair: &&str| !pair.contains(['<', '>', '"', ' ']);
    let others: Vec<_> = others.filter(is_plain).collect();
    let mut reference = others.join("&");
    if !reference.is_empty() {
        reference.push('&');
    }
    let link = format!("<?{reference}{PARAMETER}={cursor}>; rel=\"next\"");
    response.headers.push(Field::new("link", link));
    response.headers.push(Field::new(HEADER, cursor));
}

/// A page as an array, and where the next one starts when it is full.
pub(super) fn answer<P: Ports>(
    context: &Context<'_, P>,
    shown: Vec<Value>,
    limit: i64,
    place: Option<Value>,
) -> Response {
    let is_full = usize::try_from(limit).is_ok_and(|limit| shown.len() >= limit);
    let mut response = super::shown(200, &Value::Array(shown));
    if let Some(place) = place.filter(|_| is_full) {
        tell(context, &mut response, &place);
    }
    response
}
