//! `/messages`.

use uuid::Uuid;

use super::body;
use super::error::{Failure, deny};
use super::http::Response;
use super::json;
use super::route::Context;
use crate::domain::draft::{Changes, Shape};
use crate::domain::filter::{Blank, Filter, Scope, where_from_query};
use crate::domain::id;
use crate::domain::model::MESSAGE;
use crate::domain::time;
use crate::ports::{Ports, Value};
use crate::store::{self, BulkChanged, Changed, Created, Stamp};

pub(super) fn create<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        ..
    } = context;
    // The schema requires whatever `into_new` does.
    let message = body::draft(&request, Shape::New)?
        .into_new()
        .ok_or(Failure::Internal)?;
    let now = time::whole_millis(ports.now());
    let stamp = Stamp {
        id: id::mint(now, [ports.bits(), ports.bits()]),
        now,
    };
    match store::create(ports, &caller, stamp, &message)? {
        Created::Done(row) => {
            let fields = MESSAGE.properties.iter().zip(&row);
            let set = fields.filter(|(_, value)| **value != Value::Null);
            Ok(Response::json(200, json::object(set)))
        }
        Created::NotMember => {
            deny(ports, "message.create", "channel", &message.channel_id)?;
            Err(Failure::EntityNotFound {
                entity: "channels",
                id: message.channel_id,
            })
        }
        Created::NoParent => Err(Failure::no_parent(message.parent_message_id)),
    }
}

pub(super) fn list<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let filter = Filter::from_query(&MESSAGE, context.request.query.as_deref(), Scope::Many)?;
    let rows = store::page(context.ports, &context.caller, &filter)?;
    let page = json::array(&filter.properties, &rows).ok_or(Failure::ResultTooLarge)?;
    Ok(Response::json(200, page))
}

pub(super) fn count<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let condition = where_from_query(
        &MESSAGE,
        context.request.query.as_deref(),
        Blank::Everything,
    )?;
    let count = store::count(context.ports, &context.caller, condition.as_ref())?;
    Ok(Response::json(200, json::count(count)))
}

pub(super) fn find<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let filter = Filter::from_query(&MESSAGE, context.request.query.as_deref(), Scope::One)?;
    let id = Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)?;
    let row = store::find(context.ports, &context.caller, id, &filter.properties)?
        .ok_or(Failure::NotFound)?;
    let fields = filter.properties.iter().copied().zip(&row);
    Ok(Response::json(200, json::object(fields)))
}

pub(super) fn change<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let draft = body::draft(&context.request, Shape::Partial)?;
    change_one(context, &draft.into_changes())
}

pub(super) fn replace<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let draft = body::draft(&context.request, Shape::Full)?;
    match &draft.id {
        Some(id) if !same_id(id, &context.id) => Err(Failure::IdMismatch),
        _ => change_one(context, &draft.into_full_changes()),
    }
}

pub(super) fn delete<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports, caller, id, ..
    } = context;
    let now = time::whole_millis(ports.now());
    let changed = match Uuid::try_parse(&id) {
        Ok(id) => store::delete(ports, &caller, now, id)?,
        Err(_) => Changed::Missing,
    };
    answer(ports, "message.delete", id, changed, None)
}

pub(super) fn change_all<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        ..
    } = context;
    let condition = where_from_query(&MESSAGE, request.query.as_deref(), Blank::Refused)?;
    let changes = body::draft(&request, Shape::Partial)?.into_changes();
    let now = time::whole_millis(ports.now());
    match store::change_all(ports, &caller, now, condition.as_ref(), &changes)? {
        BulkChanged::Done(count) => Ok(Response::json(200, json::count(count))),
        BulkChanged::OtherChannel => Err(Failure::ChannelIsFixed),
        BulkChanged::NoParent => Err(Failure::no_parent(changes.parent_message_id)),
    }
}

fn change_one<P: Ports>(context: Context<'_, P>, changes: &Changes) -> Result<Response, Failure> {
    let Context {
        ports, caller, id, ..
    } = context;
    let now = time::whole_millis(ports.now());
    let changed = match Uuid::try_parse(&id) {
        Ok(id) => store::change(ports, &caller, now, id, changes)?,
        Err(_) => Changed::Missing,
    };
    answer(
        ports,
        "message.update",
        id,
        changed,
        changes.parent_message_id,
    )
}

fn answer<P: Ports>(
    ports: &P,
    action: &str,
    id: String,
    changed: Changed,
    parent: Option<Uuid>,
) -> Result<Response, Failure> {
    match changed {
        Changed::Done => Ok(Response::no_content()),
        Changed::Missing => Err(Failure::EntityNotFound {
            entity: "messages",
            id,
        }),
        Changed::Forbidden => {
            deny(ports, action, "message", &id)?;
            Err(Failure::Forbidden)
        }
        Changed::OtherChannel => Err(Failure::ChannelIsFixed),
        Changed::NoParent => Err(Failure::no_parent(parent)),
    }
}

/// Two ways of writing one UUID are one id.
fn same_id(one: &str, other: &str) -> bool {
    one == other
        || matches!((Uuid::try_parse(one), Uuid::try_parse(other)), (Ok(one), Ok(other)) if one == other)
}
