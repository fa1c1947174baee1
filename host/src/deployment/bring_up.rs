//! From a stored version to one that could serve.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::canary::Canary;
use super::check;
use super::error::ChangeError;
use super::service::{Beside, Live, Running, Service};
use super::store::{Actor, Deployment, StoreError, now};
use crate::contract::lifecycle::Migration;
use crate::plugin::{Identity, Loaded, Resources, StartError, Version};

impl Service {
    /// A version that serves already, or else one that is brought up.
    pub(super) async fn running(
        &self,
        version: &str,
        live: Option<&Live>,
    ) -> Result<Arc<Running>, ChangeError> {
        let there = live.and_then(|live| {
            let beside = live.canary.as_ref().map(|beside| &beside.running);
            [Some(&live.active), beside]
                .into_iter()
                .flatten()
                .find(|running| running.version.identity().version == version)
                .cloned()
        });
        if let Some(there) = there {
            return Ok(there);
        }
        let deployment = self.deployment(version).await?;
        let loaded = self.load(&deployment).await?;
        let warm = live.map_or(1, |live| live.active.version.warm()).max(1);
        Ok(Arc::new(self.run(&deployment, &loaded, warm).await?))
    }

    pub(super) async fn beside(
        &self,
        plan: &Canary,
        active: &Arc<Running>,
        live: Option<&Live>,
    ) -> Result<Option<Beside>, ChangeError> {
        let running = self.running(&plan.version, live).await?;
        Ok(Some(begin(plan, running, active)))
    }

    pub(super) async fn run(
        &self,
        deployment: &Deployment,
        loaded: &Loaded,
        warm: usize,
    ) -> Result<Running, ChangeError> {
        let identity = Identity {
            name: self.name.clone(),
            version: deployment.version.clone(),
        };
        let version = Version::start(
            &self.engine,
            identity,
            loaded,
            &self.config,
            Resources {
                database: self.database.clone(),
                blobs: Some(self.blobs.clone()),
                events: Some(self.events.clone()),
            },
            Arc::clone(&self.turnstile),
            &self.metrics,
        )
        .await?;
        version.warm_up(warm).await.map_err(StartError::Instance)?;
        Ok(Running {
            version: Arc::new(version),
            imports: check::imports(&self.engine, loaded),
        })
    }

    pub(super) async fn migrations(&self, loaded: &Loaded) -> Result<Vec<Migration>, ChangeError> {
        let dialect = self.database.dialect();
        Ok(loaded.migrations(&self.engine, dialect).await?)
    }

    pub(super) async fn deployment(&self, version: &str) -> Result<Deployment, ChangeError> {
        let found = self.store.find(&self.name, version).await?;
        found.ok_or_else(|| ChangeError::NoVersion {
            plugin: self.name.clone(),
            version: version.to_owned(),
        })
    }

    pub(super) async fn load(&self, deployment: &Deployment) -> Result<Loaded, ChangeError> {
        let component = self.store.component(&deployment.digest).await?;
        // Again: whoever can write the table could have put another one there.
        let signature = deployment.signature.as_deref().map(str::as_bytes);
        let rules = self.rules.load_full();
        rules.signatures.check(&component, signature)?;
        self.compile(component.into()).await
    }

    /// Compiles on a thread that may block, or takes the compiled code from the cache.
    pub(super) async fn compile(&self, component: bytes::Bytes) -> Result<Loaded, ChangeError> {
        let engine = self.engine.clone();
        let compiled = tokio::task::spawn_blocking(move || {
            Loaded::from_bytes(&engine, Path::new("the component"), component)
        });
        Ok(compiled.await??)
    }

    pub(super) fn describe(
        &self,
        loaded: &Loaded,
        version: Option<String>,
        note: &str,
        actor: &Actor,
    ) -> Deployment {
        let facts = loaded.facts();
        let digest = hex::encode(facts.digest);
        let told = facts
            .version
            .clone()
            .filter(|told| semver::Version::parse(told).is_ok());
        Deployment {
            plugin: self.name.clone(),
            version: version.or(told).unwrap_or_else(|| marked("0.0.0", &digest)),
            digest,
            size: facts.size,
            note: note.to_owned(),
            signed_by: None,
            signature: None,
            created_at: now(),
            created_by: actor.name.clone(),
        }
    }

    /// Adds a version whose name may be another component's: then it is marked with its
    /// digest. For builds of somebody who has not thought of a number yet.
    pub(super) async fn add_under_a_free_name(
        &self,
        mut new: Deployment,
        loaded: &Loaded,
        actor: &Actor,
    ) -> Result<Deployment, ChangeError> {
        match self.store.add(&new, loaded.bytes(), actor).await {
            Err(StoreError::Taken { .. }) => {
                new.version = marked(&new.version, &new.digest);
                Ok(self.store.add(&new, loaded.bytes(), actor).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}

pub(super) fn begin(plan: &Canary, running: Arc<Running>, active: &Arc<Running>) -> Beside {
    Beside {
        canary_before: running.version.counts(),
        active_before: active.version.counts(),
        running,
        plan: plan.clone(),
        begun: Instant::now(),
    }
}

/// A version with the beginning of its digest as build metadata.
pub(super) fn marked(version: &str, digest: &str) -> String {
    let joint = if version.contains('+') { '.' } else { '+' };
    format!("{version}{joint}{}", digest.get(..12).unwrap_or(digest))
}
