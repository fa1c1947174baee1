//! What this gateway uses, and says to the others before it does.

use std::collections::BTreeSet;

use super::error::ChangeError;
use super::roster::CONTRACTING;
use super::service::Service;
use super::store::Pointer;

/// A version that is about to be used; dropped when it is used, or not any more.
pub(super) struct Coming<'a> {
    pub(super) service: &'a Service,
    pub(super) version: String,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut coming = self.service.coming.lock();
        if let Some(place) = coming.iter().position(|it| *it == self.version) {
            coming.swap_remove(place);
        }
    }
}

impl Service {
    /// The versions that are used here: those that serve, finish, or are about to serve.
    pub(super) fn used(&self) -> BTreeSet<String> {
        // In the order in which a version goes through them, so that none is missed.
        let mut used: BTreeSet<String> = self.coming.lock().iter().cloned().collect();
        used.extend(self.serving().into_iter().map(|it| it.version));
        let ends = self.ends.lock();
        let draining = ends.draining.iter();
        used.extend(draining.map(|it| it.version.identity().version.clone()));
        used
    }

    /// Says to all gateways that this one is about to use a version, for as long as the
    /// answer is kept.
    pub(super) async fn announce(&self, version: &str) -> Result<Coming<'_>, ChangeError> {
        self.coming.lock().push(version.to_owned());
        let coming = Coming {
            service: self,
            version: version.to_owned(),
        };
        self.roster.announce(&self.name, version).await?;
        Ok(coming)
    }

    /// Says that this gateway is about to use what the pointer says, and reads it again:
    /// whoever took something away meanwhile did not see this gateway yet.
    pub(super) async fn settle(
        &self,
        mut pointer: Pointer,
    ) -> Result<(Pointer, Vec<Coming<'_>>), ChangeError> {
        loop {
            let mut coming = vec![self.announce(&pointer.active).await?];
            if let Some(canary) = &pointer.canary {
                coming.push(self.announce(&canary.version).await?);
            }
            match self.store.pointer(&self.name).await? {
                Some(next) if next.revision != pointer.revision => pointer = next,
                _ => return Ok((pointer, coming)),
            }
        }
    }

    /// Refuses a change while a gateway takes away what some version needs.
    pub(super) async fn none_contracts(&self) -> Result<(), ChangeError> {
        let timeout = self.rules.load().deploy.gateway_timeout;
        let seen = self.roster.seen(&self.name, timeout).await?;
        match seen
            .iter()
            .find(|it| it.version == CONTRACTING && !self.roster.is_me(it))
        {
            Some(it) => Err(ChangeError::Conflict(format!(
                "gateway {} applies migrations that take away; repeat it when that is done",
                it.gateway
            ))),
            None => Ok(()),
        }
    }
}
