//! What is heard live: events, tickets for them, and the state that they start from.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::error::Failure;
use super::super::http::{Answer, Request, Response, Stream};
use super::super::route::Context;
use super::{Refusal, page, shown};
use crate::domain::caller::Caller;
use crate::domain::filter::query;
use crate::domain::{time, topic};
use crate::ports::{Actor, Ports, Random, Subscribe};
use crate::store::{self, Entry, Place};

pub(super) const EVENTS: &str = "/events";
/// The parameter that takes a ticket.
const TICKET: &str = "ticket";
/// How long a ticket is good, in seconds.
const TICKET_SECONDS: i64 = 60;
/// Bytes of the secret of a ticket.
const SECRET: usize = 32;
/// The longest id that a ticket can stand for, in bytes.
const MAX_ACTOR: usize = 128;
/// The longest cursor that is handed to the host, in bytes.
const MAX_CURSOR: usize = 1_024;

/// Who brings a ticket instead of a token.
pub(in crate::api) struct Holder {
    pub(in crate::api) caller: Caller,
    /// When the token ends that asked for the ticket, in seconds since 1970.
    pub(in crate::api) expires: Option<u64>,
}

/// Opens a stream of what the caller may hear: the channels of the caller's, and what is
/// for the caller alone.
pub(super) fn events<P: Ports>(context: &Context<'_, P>) -> Result<Answer<P>, Failure> {
    let named = context.request.header("last-event-id").map(str::to_owned);
    let asked = page::parameter(context, "cursor")?;
    let after = named.filter(|it| !it.is_empty()).or(asked);
    if context.request.method == "HEAD" {
        return Ok(Response::empty(200).into());
    }
    let caller = &context.caller;
    let mut topics = vec![topic::user(&caller.tenant, &caller.actor)];
    topics.extend(store::heard(context.ports, caller)?);
    let subscription = context.ports.subscribe(&Subscribe {
        subject: topic::subject(&caller.tenant, &caller.actor),
        topics,
        // One that is too long is none of ours; the host says what that means.
        after: after.map(|it| it.get(..MAX_CURSOR).map_or(it.clone(), str::to_owned)),
        expires: context.expires,
    })?;
    Ok(Answer {
        response: Response::empty(200),
        stream: Some(Stream::Subscription(subscription)),
    })
}

/// Gives a ticket that opens one stream within a minute, for clients that can't send a
/// token with it: EventSource and WebSocket in browsers.
pub(super) fn ticket<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let (ports, caller) = (context.ports, &context.caller);
    if caller.actor.len() > MAX_ACTOR || caller.tenant.len() > MAX_ACTOR {
        let what = "a ticket can't stand for an id of more than 128 bytes".to_owned();
        return Err(Refusal::Limit(what).into());
    }
    let now = time::whole_millis(ports.now());
    let expires = now.saturating_add(TICKET_SECONDS * 1_000_000);
    let secret = secret(ports);
    let hash = Sha256::digest(secret);
    store::make_ticket(ports, caller, now, &hash, (token_end(ports), expires))?;
    let ticket = BASE64_URL_SAFE_NO_PAD.encode(secret);
    let made = json!({
        // Relative to the address of the request, wherever the service is mounted.
        "url": format!("../events?{TICKET}={ticket}"),
        "ticket": ticket,
        "expiresAt": time::text(expires),
    });
    Ok(shown(201, &made))
}

/// When the token of the request ends, in seconds since 1970.
fn token_end(ports: &impl Ports) -> Option<i64> {
    let claims: Value = serde_json::from_str(&ports.claims()?).ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped, and far from the bounds"
    )]
    claims.get("exp")?.as_f64().map(|end| end as i64)
}

/// Whoever opens a stream with a ticket, which is used up by that.
pub(in crate::api) fn ticket_holder<P: Ports>(
    ports: &P,
    request: &Request,
) -> Result<Option<Holder>, Failure> {
    if request.path != EVENTS || request.method != "GET" {
        return Ok(None);
    }
    let text = request.query.as_deref();
    let text = text.and_then(|it| query::text(it, TICKET).ok().flatten());
    let Some(text) = text else {
        return Ok(None);
    };
    let secret = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap_or_default();
    let ticket = match secret.len() == SECRET {
        true => store::take_ticket(ports, ports.now(), &Sha256::digest(secret))?,
        false => None,
    };
    let ticket = ticket.ok_or(Refusal::Ticket)?;
    let actor = Actor {
        subject: ticket.user.clone(),
        tenant: Some(ticket.tenant.clone()).filter(|it| !it.is_empty()),
        via: TICKET.to_owned(),
    };
    if !ports.act_for(&actor) {
        return Err(Refusal::Ticket.into());
    }
    Ok(Some(Holder {
        caller: Caller::listener(&ticket.user, &ticket.tenant),
        expires: ticket.token_expires.and_then(|end| u64::try_from(end).ok()),
    }))
}

fn secret(random: &impl Random) -> [u8; SECRET] {
    let mut secret = [0; SECRET];
    for bytes in secret.chunks_exact_mut(8) {
        bytes.copy_from_slice(&random.bits().to_be_bytes());
    }
    secret
}

/// The place in the log, and then the state: what has happened since is in the events
/// behind that place.
pub(super) fn sync<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let after = page::cursor(context, Place::from_json)?;
    let (ports, caller) = (context.ports, &context.caller);
    let limit = context.limits.conversation.sync;
    let head = ports.head()?;
    let entries = store::list(ports, caller, None, after.as_ref(), limit)?;
    let blocks = store::blocks(ports, caller, None, store::MAX_BLOCKS)?;
    let is_full = usize::try_from(limit).is_ok_and(|limit| entries.len() >= limit);
    let place = entries.last().filter(|_| is_full);
    let place = place.map(|it| Place::behind(it).to_json());
    let blocks: Vec<_> = blocks.into_iter().map(|it| it.user).collect();
    let state = json!({
        "cursor": head,
        "userId": caller.actor,
        "blocked": blocks,
        "channels": entries.iter().map(Entry::shown).collect::<Vec<_>>(),
    });
    let mut response = shown(200, &state);
    if let Some(place) = place {
        page::tell(context, &mut response, &place);
    }
    Ok(response)
}
