//! The claims of the caller.

use wasmtime::component::HasData;

use crate::auth::Claims;
use crate::contract::identity;

/// What a plugin sees of the request's token.
#[derive(Debug)]
pub struct View<'a> {
    /// The claims; none when the request carries no token.
    pub claims: Option<&'a Claims>,
}

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
}
