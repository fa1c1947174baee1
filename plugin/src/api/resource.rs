//! What the operations do, for any model.

use uuid::Uuid;

use super::body;
use super::conditional::Precondition;
use super::conversation::Refusal as Conversation;
use super::cursor;
use super::error::{Failure, deny};
use super::http::Response;
use super::idempotency;
use super::json;
use super::operation::Action;
use super::route::Context;
use crate::domain::caller::Caller;
use crate::domain::draft::{ATTACHMENTS, Changes, Draft, Invalid, Shape};
use crate::domain::filter::{Blank, Condition, Filter, Literal, Scope, where_from_query};
use crate::domain::model::{
    CHANNEL_ID, Entity, FILE_MESSAGE_ID, MESSAGE, MESSAGE_ID, Model, PARENT_MESSAGE_ID, Property,
};
use crate::domain::time;
use crate::domain::violation::{Violation, pointer};
use crate::ports::{Ports, ValueRef};
use crate::store::{self, BulkChanged, Changed, Guard, NotDone, Once, Page, Refused, Stamp};

/// Files that are registered at once.
pub(super) const MAX_BULK: usize = 100;
/// The member of the body that holds them.
pub(super) const BULK: &str = "attachmentFiles";

pub(super) fn run<P: Ports>(context: Context<'_, P>, action: Action) -> Result<Response, Failure> {
    match action {
        Action::Create => create(context, Shape::New, None),
        Action::CreateAll => create_all(context),
        Action::List => list(context, None),
        Action::Count => count(context),
        Action::Find => find(context),
        Action::Change => change(context),
        Action::Replace => replace(context),
        Action::Delete => delete(context),
        Action::ChangeAll => change_all(context, None),
        Action::ListBelow => match above(&context) {
            Some(above) => list(context, Some(above.condition())),
            None => nothing(context),
        },
        Action::CreateBelow => create_below(context),
        Action::ChangeBelow => match above(&context) {
            Some(above) => change_all(context, Some(above)),
            None => change_nothing(context),
        },
        Action::DeleteBelow => delete_below(context),
        Action::Message => message(context),
    }
}

/// The message of the path, in the property that names it.
#[derive(Clone, Copy)]
struct Above {
    property: &'static Property,
    id: Uuid,
}

impl Above {
    fn condition(self) -> Condition {
        Condition::equal(self.property, Literal::Uuid(self.id))
    }
}

/// The property of a model that names the message that a thing belongs to.
pub(super) fn link(model: &Model) -> &'static Property {
    match model.entity {
        Entity::Message => &PARENT_MESSAGE_ID,
        Entity::Recipient => &MESSAGE_ID,
        Entity::File => &FILE_MESSAGE_ID,
    }
}

/// None for an id that no message can have.
fn above<P: Ports>(context: &Context<'_, P>) -> Option<Above> {
    Uuid::try_parse(&context.id).ok().map(|id| Above {
        property: link(context.model),
        id,
    })
}

fn create<P: Ports>(
    context: Context<'_, P>,
    shape: Shape,
    above: Option<Above>,
) -> Result<Response, Failure> {
    let Context {
        ports,
        limits,
        caller,
        request,
        model,
        ..
    } = context;
    let key = idempotency::key(&request, ports.now())?;
    let mut draft = body::draft(&request, model, shape)?;
    let most = limits.attachments.per_message;
    if draft.attachments.len() > most {
        return Err(about_attachments(|path| Violation::too_many(path, most)));
    }
    if let Some(Above { property, id }) = above {
        if draft.uuid(property).is_some_and(|it| it != id) {
            return Err(Failure::Fixed(property));
        }
        draft.set(property, Literal::Uuid(id));
    }
    let stamp = Stamp::new(ports);
    let once = store::once(ports, &caller, key.as_ref(), |transaction| {
        let created = match model.entity {
            Entity::Message => {
                let rate = limits.conversation.per_minute;
                store::create_message(transaction, ports, &caller, stamp, &draft, rate)?
                    .map(|sent| sent.values)
            }
            Entity::Recipient => store::create_recipient(transaction, &caller, stamp, &draft)?,
            Entity::File => store::create_file(transaction, &caller, stamp, &draft)?,
        };
        Ok(created.map(|values| json::created(model, &values)))
    })?;
    match once {
        Ok(once) => Ok(idempotency::answer(once)),
        Err(NotDone::Reused) => Err(Failure::KeyReused),
        Err(NotDone::Refused(Refused::Resent(id))) => resent(ports, &caller, id),
        Err(NotDone::Refused(refused)) => Err(refusal(ports, model, &draft, refused)),
    }
}

fn create_below<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let property = link(context.model);
    match above(&context) {
        Some(above) => create(context, Shape::Below(property), Some(above)),
        None => {
            body::draft(&context.request, context.model, Shape::Below(property))?;
            Err(Failure::related(property, context.id))
        }
    }
}

fn create_all<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        model,
        ..
    } = context;
    let key = idempotency::key(&request, ports.now())?;
    let drafts = body::drafts(&request, model, BULK, MAX_BULK)?;
    let files: Vec<_> = drafts
        .into_iter()
        .map(|draft| (Stamp::new(ports), draft))
        .collect();
    let once = store::once(ports, &caller, key.as_ref(), |transaction| {
        let created = store::create_files(transaction, &caller, &files)?;
        Ok(created.map(|all| json::created_many(model, &all)))
    })?;
    match once {
        Ok(once) => Ok(idempotency::answer(once)),
        Err(NotDone::Reused) => Err(Failure::KeyReused),
        Err(NotDone::Refused((draft, refused))) => Err(refusal(ports, model, draft, refused)),
    }
}

/// The message that the sender has sent before, as it was answered then.
fn resent(ports: &impl Ports, caller: &Caller, id: Uuid) -> Result<Response, Failure> {
    let filter = Filter::new(&MESSAGE);
    let page = store::find(ports, caller, &MESSAGE, id, &filter)?;
    let page = page.ok_or(Failure::NotFound)?;
    let row = page.rows().next().ok_or(Failure::NotFound)?;
    let values: Vec<_> = (0..MESSAGE.properties.len())
        .map(|place| row.get(place).to_value())
        .collect();
    let body = json::created(&MESSAGE, &values);
    Ok(idempotency::answer(Once::Again(200, body)))
}

/// Why nothing was made.
pub(super) fn refusal(
    ports: &impl Ports,
    model: &'static Model,
    draft: &Draft,
    refused: Refused,
) -> Failure {
    let action = format!("{}.create", model.noun);
    match refused {
        Refused::NotMember => {
            let channel = draft.text(&CHANNEL_ID).unwrap_or_default();
            let answer = Failure::EntityNotFound {
                entity: "channels",
                id: channel.to_owned(),
            };
            let denied = deny(ports, &action, "channel", channel);
            denied.err().unwrap_or(answer)
        }
        Refused::NoTarget => {
            let property = link(model);
            let id = draft.uuid(property).unwrap_or_default();
            Failure::related(property, id.to_string())
        }
        Refused::Forbidden => {
            let id = draft.uuid(link(model)).unwrap_or_default();
            let denied = deny(ports, &action, MESSAGE.noun, &id.to_string());
            denied.err().unwrap_or(Failure::Forbidden)
        }
        Refused::Fixed(property) => Failure::Fixed(property),
        Refused::Duplicate => Failure::Duplicate,
        Refused::Unsendable => about_attachments(Violation::unsendable),
        Refused::ClientIdReused => Conversation::ClientIdReused.into(),
        Refused::Archived => Conversation::Archived.into(),
        Refused::Blocked => Conversation::Blocked.into(),
        Refused::Slow(seconds) => Conversation::Slow(seconds).into(),
        Refused::TooMany(seconds) => Conversation::TooMany(seconds).into(),
        // Answered with the message itself.
        Refused::Resent(_) => Failure::Internal,
    }
}

fn about_attachments(complaint: impl FnOnce(String) -> Violation) -> Failure {
    let violation = complaint(pointer("", ATTACHMENTS));
    Failure::Body(Invalid::Schema(vec![violation]))
}

fn list<P: Ports>(context: Context<'_, P>, above: Option<Condition>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let limits = context.limits;
    let mut filter = Filter::from_query(context.model, query, Scope::Many, limits.max)?;
    if let Some(above) = above {
        filter.narrow(above);
    }
    let after = cursor::read(query, &filter)?;
    let limit = filter.limit.unwrap_or(limits.default);
    let page = store::page(
        context.ports,
        &context.caller,
        context.model,
        &filter,
        after.as_ref(),
        limit,
    )?;
    let body = json::array(&page).ok_or(Failure::ResultTooLarge)?;
    let mut response = Response::json(200, body);
    let is_full = usize::try_from(limit).is_ok_and(|limit| page.rows().len() == limit);
    if let Some(next) = page.end(&filter.order).filter(|_| is_full) {
        cursor::tell(&mut response, query, &filter, &next);
    }
    Ok(response)
}

/// An empty page, for those whose filter and cursor make sense.
fn nothing<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let filter = Filter::from_query(context.model, query, Scope::Many, context.limits.max)?;
    cursor::read(query, &filter)?;
    Ok(Response::json(200, b"[]".to_vec()))
}

fn count<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let condition = where_from_query(context.model, query, Blank::Everything)?;
    let count = store::count(
        context.ports,
        &context.caller,
        context.model,
        condition.as_ref(),
    )?;
    Ok(Response::json(200, json::count(count)))
}

fn find<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let filter = Filter::from_query(context.model, query, Scope::One, context.limits.max)?;
    let id = Uuid::try_parse(&context.id).map_err(|_| Failure::NotFound)?;
    let page = store::find(context.ports, &context.caller, context.model, id, &filter)?;
    let page = page.ok_or(Failure::NotFound)?;
    let object = json::first(&page).ok_or(Failure::ResultTooLarge)?;
    Ok(Response::json(200, object))
}

/// The message that a recipient belongs to.
fn message<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports, caller, id, ..
    } = context;
    let id = Uuid::try_parse(&id).map_err(|_| Failure::NotFound)?;
    let mut filter = Filter::new(context.model);
    filter.properties = vec![link(context.model)];
    let page = store::find(ports, &caller, context.model, id, &filter)?;
    let row = page.as_ref().and_then(|page| page.rows().next());
    let Some(ValueRef::Uuid((high, low))) = row.map(|row| row.get(0)) else {
        return Err(Failure::NotFound);
    };
    let id = Uuid::from_u64_pair(high, low);
    let page = store::find(ports, &caller, &MESSAGE, id, &Filter::new(&MESSAGE))?;
    let page = page.ok_or(Failure::NotFound)?;
    let object = json::first(&page).ok_or(Failure::ResultTooLarge)?;
    Ok(Response::json(200, object))
}

fn change<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let draft = body::draft(&context.request, context.model, Shape::Partial)?;
    let changes = draft.into_changes(&context.caller.actor);
    change_one(context, &changes)
}

fn replace<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let draft = body::draft(&context.request, context.model, Shape::Full)?;
    match &draft.id {
        Some(id) if !same_id(id, &context.id) => Err(Failure::IdMismatch),
        _ => {
            let changes = draft.into_full_changes(context.model, &context.caller.actor);
            change_one(context, &changes)
        }
    }
}

fn change_one<P: Ports>(context: Context<'_, P>, changes: &Changes) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        model,
        id,
        ..
    } = context;
    let now = time::whole_millis(ports.now());
    let precondition = Precondition::of(&request)?;
    let holds = precondition.as_ref().map(holds);
    let guard: Guard<'_> = holds.as_ref().map(|it| it as _);
    let changed = match Uuid::try_parse(&id) {
        Ok(id) => store::change(ports, &caller, now, (model, id), changes, guard)?,
        Err(_) => Changed::Missing,
    };
    answer(ports, model, "update", id, changed, changes.link)
}

fn delete<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        model,
        id,
        ..
    } = context;
    let now = time::whole_millis(ports.now());
    let precondition = Precondition::of(&request)?;
    let holds = precondition.as_ref().map(holds);
    let guard: Guard<'_> = holds.as_ref().map(|it| it as _);
    let changed = match Uuid::try_parse(&id) {
        Ok(id) => store::delete(ports, &caller, now, (model, id), guard)?,
        Err(_) => Changed::Missing,
    };
    answer(ports, model, "delete", id, changed, None)
}

/// Whether what is read of a thing has the tag that is asked for.
fn holds(precondition: &Precondition) -> impl Fn(&Page) -> bool {
    |page| json::first(page).is_some_and(|body| precondition.holds(&body))
}

fn answer(
    ports: &impl Ports,
    model: &'static Model,
    verb: &str,
    id: String,
    changed: Changed,
    target: Option<Uuid>,
) -> Result<Response, Failure> {
    match changed {
        Changed::Done => Ok(Response::empty(204)),
        Changed::Missing => Err(Failure::EntityNotFound {
            entity: model.plural,
            id,
        }),
        Changed::Forbidden => {
            deny(ports, &format!("{}.{verb}", model.noun), model.noun, &id)?;
            Err(Failure::Forbidden)
        }
        Changed::Unmatched => Err(Failure::Unmatched),
        Changed::Fixed(property) => Err(Failure::Fixed(property)),
        Changed::NoTarget => Err(no_target(model, target)),
    }
}

fn no_target(model: &Model, target: Option<Uuid>) -> Failure {
    Failure::related(link(model), target.unwrap_or_default().to_string())
}

fn change_all<P: Ports>(
    context: Context<'_, P>,
    above: Option<Above>,
) -> Result<Response, Failure> {
    let Context {
        ports,
        caller,
        request,
        model,
        ..
    } = context;
    let wanted = where_from_query(model, request.query.as_deref(), Blank::Refused)?;
    let draft = body::draft(&request, model, Shape::Partial)?;
    let mut changes = draft.into_changes(&caller.actor);
    let wanted = match above {
        None => wanted,
        Some(above) => {
            stays_below(&mut changes, above)?;
            Some(Condition::both(above.condition(), wanted))
        }
    };
    let now = time::whole_millis(ports.now());
    match store::change_all(ports, &caller, now, model, wanted.as_ref(), &changes)? {
        BulkChanged::Done(count) => Ok(Response::json(200, json::count(count))),
        BulkChanged::Fixed(property) => Err(Failure::Fixed(property)),
        BulkChanged::NoTarget => Err(no_target(model, changes.link)),
        BulkChanged::Forbidden => Err(Failure::Forbidden),
    }
}

/// What is changed below a message stays there.
fn stays_below(changes: &mut Changes, Above { property, id }: Above) -> Result<(), Failure> {
    let here = Literal::Uuid(id);
    let set = changes
        .set
        .iter()
        .filter_map(|(it, value)| Some((*it, value.as_ref()?)));
    let once = changes.once.iter().map(|(it, value)| (*it, value));
    if set
        .chain(once)
        .any(|(it, value)| it == property && *value != here)
    {
        return Err(Failure::Fixed(property));
    }
    changes.set.retain(|(it, _)| *it != property);
    changes.once.retain(|(it, _)| *it != property);
    changes.link = None;
    Ok(())
}

/// A count of nothing, for those whose request makes sense.
fn change_nothing<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    where_from_query(
        context.model,
        context.request.query.as_deref(),
        Blank::Refused,
    )?;
    body::draft(&context.request, context.model, Shape::Partial)?;
    Ok(Response::json(200, json::count(0)))
}

fn delete_below<P: Ports>(context: Context<'_, P>) -> Result<Response, Failure> {
    let query = context.request.query.as_deref();
    let wanted = where_from_query(context.model, query, Blank::Refused)?;
    let count = match above(&context) {
        None => 0,
        Some(above) => {
            let wanted = Condition::both(above.condition(), wanted);
            let now = time::whole_millis(context.ports.now());
            store::delete_all(context.ports, &context.caller, now, context.model, &wanted)?
        }
    };
    Ok(Response::json(200, json::count(count)))
}

/// Two ways of writing one UUID are one id.
fn same_id(one: &str, other: &str) -> bool {
    one == other
        || matches!((Uuid::try_parse(one), Uuid::try_parse(other)), (Ok(one), Ok(other)) if one == other)
}
