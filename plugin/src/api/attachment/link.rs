//! Links: addresses that work for a short time without a token, on behalf of whoever asked
//! for them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::body;
use super::super::error::Failure;
use super::super::http::{Answer, Body, Request, Response};
use super::super::limits::Limits;
use super::super::route::Context;
use super::content::{self, Via, Wanted, refuse};
use super::create::invalid;
use super::upload::find;
use super::{Refusal, to_json};
use crate::domain::attachment::State;
use crate::domain::caller::Caller;
use crate::domain::time;
use crate::domain::violation::{Violation, pointer};
use crate::ports::{Actor, Ports, Random};
use crate::store::{self, Stamp};

/// How long a link lives when nobody says, in seconds.
const USUAL_SECONDS: i64 = 300;
/// The longest id of a user or a tenant that a link can stand for, in bytes.
const MAX_ACTOR: usize = 128;
/// Bytes of a secret.
const SECRET: usize = 32;

/// Makes a link to an attachment that the caller may download.
pub(super) fn make<P: Ports>(context: &Context<'_, P>) -> Result<Response, Failure> {
    let Context { ports, caller, .. } = context;
    let ports = *ports;
    let (seconds, once) = wanted(&context.request, context.limits.attachments.link_seconds)?;
    let attachment = find(context)?;
    if attachment.state != State::Ready {
        return Err(Failure::NotFound);
    }
    if caller.actor.len() > MAX_ACTOR || caller.tenant.len() > MAX_ACTOR {
        let text = "a link can't stand for an id of more than 128 bytes";
        return Err(Refusal::Malformed(text.to_owned()).into());
    }
    let stamp = Stamp::new(ports);
    let expires = stamp.now.saturating_add(seconds * 1_000_000);
    let secret = secret(ports);
    let hash = hash(&secret);
    store::make_link(ports, caller, stamp, attachment.id, (&hash, once, expires))?;
    let mut until = Vec::new();
    time::write(&mut until, expires);
    let made = json!({
        "id": stamp.id.to_string(),
        // Relative to the address of the request, wherever the service is mounted.
        "url": format!("../../links/{}", URL_SAFE_NO_PAD.encode(secret)),
        "expiresAt": String::from_utf8_lossy(&until),
        "once": once,
    });
    let Value::Object(made) = made else {
        return Err(Failure::Internal);
    };
    Ok(Response::json(201, to_json(made)))
}

/// What is asked for: seconds, and whether it is for one use.
fn wanted(request: &Request, most: i64) -> Result<(i64, bool), Failure> {
    let usual = USUAL_SECONDS.min(most);
    let mut object = match &request.body {
        Body::Empty => return Ok((usual, false)),
        _ => match body::value(request)? {
            Value::Object(object) => object,
            _ => return Err(invalid(vec![Violation::wrong_type("", "object")])),
        },
    };
    let mut violations = Vec::new();
    let seconds = match object.remove("expiresIn") {
        None => usual,
        Some(value) => {
            let path = pointer("", "expiresIn");
            match value.as_i64() {
                Some(seconds) if (1..=most).contains(&seconds) => seconds,
                other => {
                    violations.push(match other {
                        None => Violation::wrong_type(path, "integer"),
                        Some(seconds) if seconds < 1 => Violation::below(path, 1),
                        Some(_) => Violation::above(path, most),
                    });
                    usual
                }
            }
        }
    };
    let once = match object.remove("once") {
        None => false,
        Some(Value::Bool(once)) => once,
        Some(_) => {
            violations.push(Violation::wrong_type(pointer("", "once"), "boolean"));
            false
        }
    };
    let unknown = object.keys();
    violations.extend(unknown.map(|name| Violation::unknown_property("", name)));
    match violations.is_empty() {
        true => Ok((seconds, once)),
        false => Err(invalid(violations)),
    }
}

/// Follows a link. One that is unknown, has expired or was used up is like any other
/// address that leads nowhere.
pub(in crate::api) fn follow<P: Ports>(
    ports: &P,
    limits: &Limits,
    request: &Request,
    text: &str,
) -> Result<Answer<P>, Failure> {
    if ports.claims().is_some() {
        return Err(Refusal::Token.into());
    }
    let secret = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let hash = hash(&secret);
    let found = match secret.len() == SECRET {
        true => store::find_link(ports, &hash, ports.now())?,
        false => None,
    };
    let Some(link) = found else {
        return Err(refuse(ports, Wanted::Content, "link", "no such link"));
    };
    let actor = Actor {
        subject: link.user.clone(),
        tenant: Some(link.tenant.clone()).filter(|it| !it.is_empty()),
        via: format!("link:{}", link.id),
    };
    if !ports.act_for(&actor) {
        return Err(refuse(ports, Wanted::Content, "link", "nobody to act for"));
    }
    // Only what belongs to the person counts here: no permission of a token does.
    let caller = Caller::without_permissions(&link.user, &link.tenant);
    let via = Via {
        link: &link,
        hash: &hash,
    };
    let file = link.file.to_string();
    let clean_by = &limits.attachments.clean_by;
    content::follow(ports, clean_by, (&caller, request), &file, &via)
}

fn secret(random: &impl Random) -> [u8; SECRET] {
    let mut secret = [0; SECRET];
    for bytes in secret.chunks_exact_mut(8) {
        bytes.copy_from_slice(&random.bits().to_be_bytes());
    }
    secret
}

fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
