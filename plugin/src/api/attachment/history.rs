//! Who has downloaded an attachment, from the record that the host keeps.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::cursor::{HEADER, PARAMETER};
use super::super::error::{Failure, audit_failure, deny};
use super::super::http::{Field, Response};
use super::super::route::Context;
use super::content::{ENTITY, Wanted};
use super::upload::find;
use crate::domain::caller::Permission;
use crate::domain::filter::{Refusal, query};
use crate::domain::model::FILE;
use crate::domain::time;
use crate::domain::violation::Violation;
use crate::ports::{Outcome, Ports, Recorded};

/// Entries of a page when nobody says.
pub(in crate::api) const PAGE: i64 = 50;
/// Entries of the largest page.
pub(in crate::api) const MAX_PAGE: i64 = 100;

/// The newest first. For those who may change the attachment: who uploaded it, who sent the
/// message, who owns the channel, and moderators.
pub(super) fn list<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let limit = limit(query)?;
    let before = before(query)?;
    let ports = context.ports;
    let attachment = find(context)?;
    if !attachment.may_change {
        deny(ports, "attachment.downloads", FILE.noun, &context.id)?;
        return Err(Failure::NotFound);
    }
    let tenant = Some(context.caller.tenant.as_str()).filter(|it| !it.is_empty());
    let size = u32::try_from(limit).unwrap_or(u32::MAX);
    let id = attachment.id.to_string();
    let entries = ports
        .history(tenant, ENTITY, &id, before.as_deref(), size)
        .map_err(|cause| audit_failure(&cause))?;
    let shows_place = context.caller.may(Permission::ModerateMessage);
    let shown: Vec<_> = entries.iter().map(|it| shown(it, shows_place)).collect();
    let body = Value::Array(shown).to_string().into_bytes();
    let mut response = Response::json(200, body);
    let is_full = usize::try_from(limit).is_ok_and(|limit| entries.len() == limit);
    if let Some(last) = entries.last().filter(|_| is_full) {
        let cursor = URL_SAFE_NO_PAD.encode(&last.place);
        let link = format!("<?limit={limit}&{PARAMETER}={cursor}>; rel=\"next\"");
        response.headers.push(Field::new("link", link));
        response.headers.push(Field::new(HEADER, cursor));
    }
    Ok(response)
}

/// From where, and with what, is for moderators: it says more of the reader than that the
/// file was read.
fn shown(entry: &Recorded, shows_place: bool) -> Value {
    let details = entry.details.as_deref();
    let details: Value = details
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null);
    let detail = |name: &str| details.get(name).cloned().unwrap_or(Value::Null);
    let place = |text: &Option<String>| text.clone().filter(|_| shows_place);
    let ending = entry.ending.as_ref();
    json!({
        "at": written(entry.at),
        "actor": entry.actor,
        "via": entry.via,
        "address": place(&entry.address),
        "userAgent": place(&entry.agent),
        "requestId": entry.request,
        "version": entry.version,
        "outcome": match entry.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        },
        "what": Wanted::of_action(&entry.action).word(),
        "reason": detail("reason"),
        "method": detail("method"),
        "messageId": detail("messageId"),
        "channelId": detail("channelId"),
        "range": detail("range"),
        "ended": ending.map(|ending| json!({
            "at": written(ending.at),
            "sent": ending.sent,
            "how": ending.how,
        })),
    })
}

fn written(micros: i64) -> String {
    let mut out = Vec::new();
    time::write(&mut out, micros);
    String::from_utf8_lossy(&out).into_owned()
}

fn parameter(query: Option<&str>, name: &'static str) -> Result<Option<String>, Refusal> {
    query
        .map_or(Ok(None), |query| query::text(query, name))
        .map_err(|message| Refusal::Syntax {
            parameter: name,
            message,
        })
}

fn limit(query: Option<&str>) -> Result<i64, Refusal> {
    let name = "limit";
    let Some(text) = parameter(query, name)? else {
        return Ok(PAGE);
    };
    let violation = match text.parse::<i64>() {
        Ok(limit) if (1..=MAX_PAGE).contains(&limit) => return Ok(limit),
        Ok(limit) if limit < 1 => Violation::below("", 1),
        Ok(_) => Violation::above("", MAX_PAGE),
        Err(_) => Violation::wrong_type("", "integer"),
    };
    Err(Refusal::Invalid {
        parameter: name,
        violation,
    })
}

fn before(query: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = parameter(query, PARAMETER)? else {
        return Ok(None);
    };
    let bytes = URL_SAFE_NO_PAD.decode(&text);
    let place = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    place.map(Some).ok_or_else(|| Refusal::Invalid {
        parameter: PARAMETER,
        violation: Violation::wrong_format("", "cursor"),
    })
}
