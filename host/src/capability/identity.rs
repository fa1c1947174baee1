//! The claims of the caller.

use wasmtime::component::HasData;

use super::audit;
use crate::auth::Claims;
use crate::contract::identity::{self, Actor};

/// What a plugin sees of the request's token.
#[derive(Debug)]
pub struct View<'a> {
    /// The claims; none when the request carries no token.
    pub claims: Option<&'a Claims>,
    /// Who is recorded as the cause.
    pub stamp: &'a mut audit::Stamp,
}

/// The longest text of an actor, in bytes.
const MAX_TEXT: usize = 128;

/// Marks [`View`] as the data behind the identity interface.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

impl identity::Host for View<'_> {
    async fn claims(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.claims.map(|claims| claims.json.clone()))
    }

    async fn act_for(&mut self, actor: Actor) -> wasmtime::Result<bool> {
        let is_fine = |text: &str| (1..=MAX_TEXT).contains(&text.len()) && !text.contains('\0');
        let Actor {
            subject,
            tenant,
            via,
        } = actor;
        let are_fine = is_fine(&subject) && is_fine(&via) && tenant.as_deref().is_none_or(is_fine);
        if self.claims.is_some() || !are_fine {
            return Ok(false);
        }
        self.stamp.actor = Some(subject);
        self.stamp.tenant = tenant;
        self.stamp.via = Some(via);
        Ok(true)
    }
}
