//! What members find wrong with messages.

use uuid::Uuid;

use super::super::error::Failure;
use super::super::fields::Fields;
use super::super::http::Response;
use super::super::route::Context;
use super::{channel_id, page, settle, shown};
use crate::domain::channel::MAX_REASON;
use crate::domain::time;
use crate::domain::violation::Violation;
use crate::ports::Ports;
use crate::store::{self, Behind, Kept, Report, Stamp};

const STATES: [&str; 3] = ["open", "resolved", "dismissed"];

pub(super) fn make<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of_optional(&context.request)?;
    let reason = fields.text("reason", MAX_REASON);
    fields.finish()?;
    let id = Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)?;
    let stamp = Stamp::new(context.ports);
    let done = store::report(context.ports, &context.caller, stamp, id, reason.as_deref())?;
    Ok(shown(200, &settle(context, "report", done)?.shown()))
}

pub(super) fn list<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let limit = page::limit(context)?;
    let before = page::cursor(context, Behind::from_json)?;
    let state = page::parameter(context, "state")?;
    let state = state.unwrap_or_else(|| "open".to_owned());
    if !STATES.contains(&state.as_str()) {
        return Err(page::invalid("state", Violation::wrong_format("", "state")));
    }
    let id = channel_id(context)?;
    let (ports, caller) = (context.ports, &context.caller);
    let before = before.map(|it| (it.on, it.id));
    let reports = store::reports(ports, caller, id, &state, before, limit)?;
    if reports.is_empty() {
        match store::may_moderate(ports, caller, id)? {
            Some(true) => {}
            Some(false) => settle(context, "reports", Err(Kept::Forbidden))?,
            None => return Err(Failure::NotFound),
        }
    }
    let place = reports.last().map(|it| {
        Behind {
            on: it.on,
            id: it.id,
        }
        .to_json()
    });
    let reports = reports.iter().map(Report::shown).collect();
    Ok(page::answer(context, reports, limit, place))
}

pub(super) fn close<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let mut fields = Fields::of(&context.request)?;
    let state = fields.word("state", &STATES, |word| Some(word.to_owned()));
    let state = fields.required("state", state).unwrap_or_default();
    fields.finish()?;
    let id = Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)?;
    let now = time::whole_millis(context.ports.now());
    let done = store::close_report(context.ports, &context.caller, now, id, &state)?;
    settle(context, "report", done)?;
    Ok(Response::empty(204))
}
