//! Who did what to the plugins.

use super::store::{Store, StoreError};
use crate::capability::audit::{self, Place, Recorded};

impl Store {
    /// The record of what operators and gateways did to the plugins: the newest entries, or
    /// those before a place; at most `limit`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn history(
        &self,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let entries = audit::history(self.database(), audit::OWN, before, limit).await;
        Ok(entries?)
    }
}
