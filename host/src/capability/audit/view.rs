//! What a plugin sees of the audit record: the contract's trait.

use wasmtime::Result;
use wasmtime::component::HasData;

use super::{Entry, Stamp, recall};
use crate::capability::sql::Database;
use crate::contract::audit::{Error, Host, Recorded};

/// Names [`View`] to wasmtime: `audit::add_to_linker::<_, Audit>(linker, |state| View { … })`.
#[derive(Debug)]
pub struct Audit;

impl HasData for Audit {
    type Data<'a> = View<'a>;
}

/// What the calls of one request need.
#[derive(Debug)]
pub struct View<'a> {
    /// Where the record is.
    pub database: &'a Database,
    /// Who is recorded as the cause.
    pub stamp: &'a Stamp,
}

impl Host for View<'_> {
    async fn record(&mut self, entry: Entry) -> Result<Result<(), Error>> {
        if let Err(reason) = super::permitted(&entry) {
            return Ok(Err(Error::Invalid(reason)));
        }
        Ok(super::record(self.database, self.stamp, entry).await)
    }

    async fn history(
        &mut self,
        tenant: Option<String>,
        entity: String,
        entity_id: String,
        before: Option<String>,
        limit: u32,
    ) -> Result<Result<Vec<Recorded>, Error>> {
        let thing = recall::Thing {
            plugin: &self.stamp.plugin,
            tenant: tenant.as_deref(),
            entity: &entity,
            id: &entity_id,
        };
        Ok(recall::history(self.database, thing, before.as_deref(), limit).await)
    }
}
