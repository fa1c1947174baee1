//! What serves at the start of a gateway, and when another one has changed it.

use std::sync::Arc;

use super::error::ChangeError;
use super::service::Service;
use super::store::{Actor, Change, Pointer};
use crate::migrate;
use crate::plugin::Loaded;

impl Service {
    /// Brings up what the pointer says at the start of a gateway. `file` is the component
    /// that the configuration names: one that was never deployed becomes the version that
    /// serves.
    ///
    /// # Errors
    /// See [`ChangeError`]. The plugin has no version then.
    pub async fn open(
        &self,
        file: Loaded,
        signature: Option<&[u8]>,
        apply: bool,
    ) -> Result<(), ChangeError> {
        let _alone = self.changes.lock().await;
        let digest = hex::encode(file.facts().digest);
        let pointer = self.store.pointer(&self.name).await?;
        let known = self.store.by_digest(&self.name, &digest).await?;
        if let (Some(pointer), Some(_)) = (&pointer, &known) {
            return self.resume(pointer.clone(), file, &digest, apply).await;
        }
        // Before its migrations: one that is refused leaves nothing behind.
        file.granted(&self.engine, &self.name, &self.config.grants)?;
        let actor = Actor::gateway("start");
        let rules = self.rules.load_full();
        let signed = rules.signatures.check(file.bytes(), signature)?;
        let mut new = match &known {
            Some(known) => known.clone(),
            None => {
                let note = "from the file of the configuration";
                self.describe(&file, None, note, &actor)
            }
        };
        let _coming = self.announce(&new.version).await?;
        self.none_contracts().await?;
        let mut running = self.run(&new, &file, 1).await?;
        let migrations = self.migrations(&file).await?;
        // As in `extend`.
        migrate::note_expansions(&self.database, &self.name, &migrations).await?;
        migrate::at_start(&self.database, &self.name, &migrations, apply).await?;
        let deployment = match known {
            Some(known) => known,
            None => {
                new.sign(signed);
                let name = new.version.clone();
                let added = self.add_under_a_free_name(new, &file, &actor).await?;
                if added.version != name {
                    running = self.run(&added, &file, 1).await?;
                }
                added
            }
        };
        let next = Pointer {
            revision: 0,
            active: deployment.version.clone(),
            previous: pointer.as_ref().map(|pointer| pointer.active.clone()),
            canary: None,
            changed_at: 0,
            changed_by: String::new(),
        };
        let change = Change {
            action: "plugin.activate",
            actor: &actor,
            details: serde_json::json!({ "version": deployment.version, "at": "start" }),
        };
        let seen = pointer.map(|pointer| pointer.revision);
        let pointer = self.store.point(&self.name, seen, next, &change).await?;
        self.replace(pointer, Arc::new(running), None);
        Ok(())
    }

    /// Serves what an earlier run of some gateway made the version that serves.
    pub(super) async fn resume(
        &self,
        pointer: Pointer,
        file: Loaded,
        digest: &str,
        apply: bool,
    ) -> Result<(), ChangeError> {
        let (pointer, _coming) = self.settle(pointer).await?;
        let mut file = Some(file);
        let deployment = self.deployment(&pointer.active).await?;
        let loaded = match file.take() {
            Some(file) if deployment.digest == digest => file,
            _ => self.load(&deployment).await?,
        };
        let active = Arc::new(self.run(&deployment, &loaded, 1).await?);
        let migrations = self.migrations(&loaded).await?;
        if apply {
            let outlook = migrate::outlook(&self.database, &self.name, &migrations).await?;
            migrate::expand(&self.database, &self.name, &migrations).await?;
            if let Some((left, _)) = outlook
                .iter()
                .find(|(_, phase)| *phase == migrate::Phase::Contract)
            {
                tracing::info!(
                    plugin = self.name,
                    migration = left.version,
                    name = left.name,
                    "a migration that takes away is left: `gateway plugin contract` applies it, \
                     once no gateway uses an older version"
                );
            }
        } else if let Some((left, migrate::Phase::Expand)) =
            migrate::outlook(&self.database, &self.name, &migrations)
                .await?
                .into_iter()
                .next()
        {
            return Err(ChangeError::Migrate(migrate::Error::Pending {
                owner: self.name.clone(),
                version: left.version,
                name: left.name,
            }));
        }
        let canary = match &pointer.canary {
            Some(plan) => self
                .beside(plan, &active, None)
                .await
                .unwrap_or_else(|error| {
                    tracing::error!(plugin = self.name, version = plan.version, %error,
                    "the canary does not serve here");
                    None
                }),
            None => None,
        };
        self.replace(pointer, active, canary);
        Ok(())
    }

    /// Follows a pointer that another gateway moved.
    ///
    /// # Errors
    /// See [`ChangeError`]. What serves goes on.
    pub async fn follow(&self) -> Result<(), ChangeError> {
        let _alone = self.changes.lock().await;
        let Some(pointer) = self.store.pointer(&self.name).await? else {
            return Ok(());
        };
        let live = self.live();
        if live
            .as_ref()
            .is_some_and(|live| live.pointer.revision == pointer.revision)
        {
            return Ok(());
        }
        let (pointer, _coming) = self.settle(pointer).await?;
        let active = self.running(&pointer.active, live.as_deref()).await?;
        let canary = match &pointer.canary {
            Some(plan) => self.beside(plan, &active, live.as_deref()).await?,
            None => None,
        };
        tracing::info!(
            plugin = self.name,
            version = pointer.active,
            revision = pointer.revision,
            by = pointer.changed_by,
            "followed the pointer"
        );
        self.replace(pointer, active, canary);
        Ok(())
    }
}
