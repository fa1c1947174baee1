//! What a token says, read strictly.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::{TokenError, json};
use crate::config;

/// The claims that name the caller; the first that a token has counts. Not a setting: the
/// services read the same claims, and two rules would be two callers.
const ACTOR: [&str; 3] = ["userTenantId", "id", "sub"];

/// The claim that names the caller's tenant.
const TENANT: &str = "tenantId";

/// Objects and arrays in one another, the claims themselves included. A plugin parses
/// them again, with less stack.
const MAX_DEPTH: usize = 16;

/// Characters of an actor or tenant.
const MAX_ID: usize = 128;

/// The last second of the year 9999; later times are mistakes.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The claims of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// All of them, as the text of a JSON object. Written anew from what was verified,
    /// so that every reader sees the same even where the token's own text is ambiguous.
    pub json: String,
    /// Who is calling: the first of `userTenantId`, `id` and `sub` that the token has.
    pub actor: Option<String>,
    /// Whose data it is about: `tenantId`.
    pub tenant: Option<String>,
    /// The second since 1970 from which on they hold no longer: `exp`.
    pub expires: Option<u64>,
}

impl Claims {
    /// Claims that no token carried, for a request that the gateway itself makes of a
    /// plugin before it serves.
    ///
    /// # Errors
    /// They are no object, or one that would be refused in a token.
    pub fn for_check(text: &str) -> Result<Arc<Self>, TokenError> {
        let claims = json::object(text.as_bytes())?;
        Ok(Arc::new(Self::of(claims)?))
    }

    fn of(claims: Map<String, Value>) -> Result<Self, TokenError> {
        let actor = ACTOR.iter().find_map(|name| present(&claims, name));
        Ok(Self {
            actor: actor.map(|value| id(value, "actor")).transpose()?,
            tenant: present(&claims, TENANT)
                .map(|value| id(value, "tenant"))
                .transpose()?,
            // What is no number was refused before.
            expires: claims
                .get("exp")
                .and_then(Value::as_f64)
                .map(|at| at as u64),
            json: Value::Object(claims).to_string(),
        })
    }
}

/// The claims of a token whose signature is good, and when they hold.
pub(super) struct Verified {
    pub(super) claims: Arc<Claims>,
    pub(super) times: Times,
}

/// When claims hold, in seconds since 1970.
pub(super) struct Times {
    expires: Option<f64>,
    starts: Option<f64>,
    password_expires: Option<f64>,
}

impl Verified {
    /// Checks everything but the time.
    pub(super) fn read(payload: &[u8], rules: &config::Auth) -> Result<Self, TokenError> {
        let claims = json::object(payload)?;
        if !claims
            .values()
            .all(|value| is_shallow(value, MAX_DEPTH - 1))
        {
            return Err(TokenError::TooDeep);
        }
        let times = Times {
            expires: seconds(&claims, "exp")?,
            starts: seconds(&claims, "nbf")?,
            password_expires: password_expiry(&claims)?,
        };
        if rules.require_exp && times.expires.is_none() {
            return Err(TokenError::Missing("exp"));
        }
        seconds(&claims, "iat")?;
        if let Some(issuer) = &rules.issuer {
            check_issuer(&claims, issuer)?;
        }
        if let Some(audience) = &rules.audience {
            check_audience(&claims, audience)?;
        }
        let claims = Claims::of(claims)?;
        Ok(Self {
            claims: Arc::new(claims),
            times,
        })
    }
}

impl Times {
    /// Whether the claims hold now.
    pub(super) fn check(&self, now: SystemTime, leeway: Duration) -> Result<(), TokenError> {
        // A clock before 1970 makes every token one of the future.
        let now = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let leeway = leeway.as_secs_f64();
        if self.expires.is_some_and(|expires| now >= expires + leeway) {
            return Err(TokenError::Expired);
        }
        if self.starts.is_some_and(|starts| now < starts - leeway) {
            return Err(TokenError::NotYetValid);
        }
        if self.password_expires.is_some_and(|expires| now >= expires) {
            return Err(TokenError::PasswordExpired);
        }
        Ok(())
    }
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    match (value, depth.checked_sub(1)) {
        (Value::Array(items), Some(rest)) => items.iter().all(|item| is_shallow(item, rest)),
        (Value::Object(fields), Some(rest)) => fields.values().all(|item| is_shallow(item, rest)),
        (Value::Array(_) | Value::Object(_), None) => false,
        _ => true,
    }
}

/// A claim in seconds since 1970, whole or not. Anything else than such a number is an
/// error, `null` included: a mistyped limit must not mean no limit.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(seconds) if (0.0..=LAST_SECOND).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(TokenError::Claim(name)),
    }
}

/// `passwordExpiryTime` of the original's tokens: a date as JavaScript writes it, or
/// milliseconds since 1970. `null` is how it says "never".
fn password_expiry(claims: &Map<String, Value>) -> Result<Option<f64>, TokenError> {
    const NAME: &str = "passwordExpiryTime";
    let seconds = match claims.get(NAME) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(date)) => humantime::parse_rfc3339_weak(date)
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_secs_f64()),
        Some(other) => other.as_f64().map(|millis| millis / 1000.0),
    };
    match seconds {
        Some(seconds) if (0.0..=LAST_SECOND).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(TokenError::Claim(NAME)),
    }
}

fn check_issuer(claims: &Map<String, Value>, issuer: &str) -> Result<(), TokenError> {
    match claims.get("iss") {
        None => Err(TokenError::Missing("iss")),
        Some(Value::String(text)) if text == issuer => Ok(()),
        Some(Value::String(_)) => Err(TokenError::Issuer),
        Some(_) => Err(TokenError::Claim("iss")),
    }
}

fn check_audience(claims: &Map<String, Value>, audience: &str) -> Result<(), TokenError> {
    let all = match claims.get("aud") {
        None => return Err(TokenError::Missing("aud")),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let names: Vec<&str> = all
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()
        .ok_or(TokenError::Claim("aud"))?;
    if names.contains(&audience) {
        Ok(())
    } else {
        Err(TokenError::Audience)
    }
}

/// A claim that is there; `null` is how JavaScript writes one that is not.
fn present<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// Who somebody is. Whole numbers are accepted, because databases number their users.
fn id(value: &Value, what: &'static str) -> Result<String, TokenError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return Err(TokenError::Claim(what)),
    };
    let good =
        !text.is_empty() && text.chars().count() <= MAX_ID && !text.chars().any(char::is_control);
    if good {
        Ok(text)
    } else {
        Err(TokenError::Claim(what))
    }
}
