//! What operators do: deploy, activate, roll back, remove.

use std::sync::Arc;
use std::time::Instant;

use super::bring_up::begin;
use super::canary::Canary;
use super::check::Report;
use super::error::ChangeError;
use super::service::{Service, millis};
use super::store::{Actor, Change, Deployment, Pointer, now};

/// What is asked for with a new component.
#[derive(Debug, Clone, Default)]
pub struct New {
    /// Its version; none for the one in its metadata.
    pub version: Option<String>,
    /// What the operator wrote about it.
    pub note: String,
    /// Its signature, as it is or in base64.
    pub signature: Option<Vec<u8>>,
    /// Whether a version that another component has is marked instead of refused.
    pub free_name: bool,
    /// Whether it is only looked at.
    pub dry_run: bool,
}

impl Service {
    /// Adds a version; nothing serves otherwise than before.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn deploy(
        &self,
        component: bytes::Bytes,
        wanted: New,
        actor: &Actor,
    ) -> Result<(Deployment, Report), ChangeError> {
        let begun = Instant::now();
        let rules = self.rules.load_full();
        let signed = rules
            .signatures
            .check(&component, wanted.signature.as_deref())?;
        let loaded = self.compile(component).await?;
        let mut new = self.describe(&loaded, wanted.version, &wanted.note, actor);
        new.sign(signed);
        let mut report = self.report(&new);
        self.examine(&mut report, &loaded).await?;
        report.millis = millis(begun.elapsed());
        if !report.accepted() {
            self.refused("plugin.deploy", actor, &report).await;
            return Err(ChangeError::Refused(Box::new(report)));
        }
        if wanted.dry_run {
            return Ok((new, report));
        }
        let deployment = match wanted.free_name {
            true => self.add_under_a_free_name(new, &loaded, actor).await?,
            false => self.store.add(&new, loaded.bytes(), actor).await?,
        };
        report.version.clone_from(&deployment.version);
        Ok((deployment, report))
    }

    /// Makes a version the one that serves, or one that serves a part of the traffic,
    /// after every check.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn activate(
        &self,
        version: &str,
        canary: Option<Canary>,
        dry_run: bool,
        actor: &Actor,
    ) -> Result<(Pointer, Report), ChangeError> {
        let _alone = self.changes.lock().await;
        let begun = Instant::now();
        let deployment = self.deployment(version).await?;
        let pointer = self.store.pointer(&self.name).await?;
        if canary.is_some() && pointer.as_ref().is_none_or(|at| at.active == version) {
            return Err(ChangeError::Conflict(format!(
                "version {version} can't have a part of the traffic: no other version serves"
            )));
        }
        // Before the checks, which are of no use if something is taken away meanwhile.
        let _coming = match dry_run {
            true => None,
            false => {
                let coming = self.announce(version).await?;
                self.none_contracts().await?;
                Some(coming)
            }
        };
        let loaded = self.load(&deployment).await?;
        let mut report = self.report(&deployment);
        let started = self
            .prepare(&mut report, &loaded, &deployment, dry_run)
            .await;
        report.millis = millis(begun.elapsed());
        let started = match started {
            Ok(started) => started,
            Err(error) => return Err(self.failed(error, report, &loaded, actor).await),
        };
        let Some(running) = started.filter(|_| report.accepted()) else {
            if !report.accepted() {
                if !dry_run {
                    self.note_left_behind(&mut report, &loaded).await;
                }
                self.refused("plugin.activate", actor, &report).await;
                return Err(ChangeError::Refused(Box::new(report)));
            }
            let pointer = pointer.unwrap_or_else(|| unmoved(version));
            return Ok((pointer, report));
        };
        let next = self.next(pointer.as_ref(), version, canary.as_ref());
        let change = Change {
            action: match canary {
                Some(_) => "plugin.canary",
                None => "plugin.activate",
            },
            actor,
            details: serde_json::json!({
                "version": version,
                "from": pointer.as_ref().map(|pointer| &pointer.active),
                "share": canary.as_ref().map(|canary| f64::from(canary.share) / 100.0),
                "millis": report.millis,
            }),
        };
        let seen = pointer.map(|pointer| pointer.revision);
        let pointer = match self.store.point(&self.name, seen, next, &change).await {
            Ok(pointer) => pointer,
            Err(error) => return Err(self.failed(error.into(), report, &loaded, actor).await),
        };
        let running = Arc::new(running);
        match (&pointer.canary, self.live()) {
            (Some(plan), Some(live)) => {
                let beside = begin(plan, running, &live.active);
                self.replace(pointer.clone(), Arc::clone(&live.active), Some(beside));
            }
            _ => self.replace(pointer.clone(), running, None),
        }
        Ok((pointer, report))
    }

    /// Goes back: ends a canary, or else makes the version serve that served before.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn roll_back(
        &self,
        reason: &str,
        actor: &Actor,
    ) -> Result<(Pointer, Option<Report>), ChangeError> {
        let pointer = self.store.pointer(&self.name).await?;
        let Some(pointer) = pointer else {
            return Err(ChangeError::Conflict("no version has served yet".into()));
        };
        self.metrics.swaps().rollbacks.inc();
        if let Some(canary) = &pointer.canary {
            let details = serde_json::json!({
                "version": canary.version, "to": pointer.active, "reason": reason,
            });
            let next = Pointer {
                canary: None,
                ..pointer.clone()
            };
            let pointer = self
                .step(pointer.revision, next, "plugin.rollback", details, actor)
                .await?;
            return Ok((pointer, None));
        }
        let Some(previous) = &pointer.previous else {
            return Err(ChangeError::Conflict(format!(
                "version {} is the first: there is none to go back to",
                pointer.active
            )));
        };
        let (pointer, report) = self.activate(previous, None, false, actor).await?;
        Ok((pointer, Some(report)))
    }

    /// Moves the pointer between versions that serve already: a canary's next share, or
    /// its end.
    pub(super) async fn step(
        &self,
        seen: i64,
        next: Pointer,
        action: &'static str,
        details: serde_json::Value,
        actor: &Actor,
    ) -> Result<Pointer, ChangeError> {
        let _alone = self.changes.lock().await;
        let change = Change {
            action,
            actor,
            details,
        };
        let pointer = self
            .store
            .point(&self.name, Some(seen), next, &change)
            .await?;
        let live = self.live();
        let active = self.running(&pointer.active, live.as_deref()).await?;
        let canary = match &pointer.canary {
            Some(plan) => self.beside(plan, &active, live.as_deref()).await?,
            None => None,
        };
        self.replace(pointer.clone(), active, canary);
        Ok(pointer)
    }

    /// Takes a version away that does not serve, here or as the one to go back to.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn remove(&self, version: &str, actor: &Actor) -> Result<Deployment, ChangeError> {
        let _alone = self.changes.lock().await;
        let deployment = self.deployment(version).await?;
        if let Some(pointer) = self.store.pointer(&self.name).await? {
            let role = if pointer.active == version {
                Some("serves")
            } else if pointer
                .canary
                .is_some_and(|canary| canary.version == version)
            {
                Some("serves a part of the traffic")
            } else if pointer.previous.as_deref() == Some(version) {
                Some("is the one that a rollback leads to")
            } else {
                None
            };
            if let Some(role) = role {
                return Err(ChangeError::Conflict(format!("version {version} {role}")));
            }
        }
        self.store.remove(&deployment, actor).await?;
        Ok(deployment)
    }

    /// Where the pointer goes for a version that has been checked.
    pub(super) fn next(
        &self,
        pointer: Option<&Pointer>,
        version: &str,
        canary: Option<&Canary>,
    ) -> Pointer {
        match (pointer, canary) {
            (Some(pointer), Some(canary)) => Pointer {
                canary: Some(Canary {
                    since: now(),
                    ..canary.clone()
                }),
                ..pointer.clone()
            },
            (Some(pointer), None) => Pointer {
                previous: match pointer.active == version {
                    true => pointer.previous.clone(),
                    false => Some(pointer.active.clone()),
                },
                active: version.to_owned(),
                canary: None,
                ..pointer.clone()
            },
            (None, _) => unmoved(version),
        }
    }
}

/// The pointer of a plugin that had none.
pub(super) fn unmoved(version: &str) -> Pointer {
    Pointer {
        revision: 0,
        active: version.to_owned(),
        previous: None,
        canary: None,
        changed_at: 0,
        changed_by: String::new(),
    }
}
