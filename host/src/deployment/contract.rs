//! Taking away what only older versions needed.

use serde::{Deserialize, Serialize};

use super::check::{self, Pending};
use super::error::ChangeError;
use super::roster::{CONTRACTING, Seen};
use super::service::Service;
use super::store::{Actor, Change};
use crate::capability::audit::Outcome;
use crate::contract::lifecycle::Migration;
use crate::migrate;

/// What came of taking away what only older versions needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contracted {
    /// The plugin.
    pub plugin: String,
    /// The version that serves, whose migrations they are.
    pub version: String,
    /// The migrations that were pending, oldest first.
    pub migrations: Vec<Pending>,
    /// Gateways that still use another version, so that nothing may be applied.
    pub waits_for: Vec<Seen>,
    /// Whether the migrations were applied.
    pub applied: bool,
}

impl Service {
    /// Applies what is pending of the migrations of the version that serves, those included
    /// that take away: only when no gateway uses another version any more.
    ///
    /// # Errors
    /// See [`ChangeError`]; a conflict when another version is still used somewhere.
    pub async fn contract(&self, dry_run: bool, actor: &Actor) -> Result<Contracted, ChangeError> {
        let _alone = self.changes.lock().await;
        let Some(pointer) = self.store().pointer(self.name()).await? else {
            return Err(ChangeError::Conflict("no version has served yet".into()));
        };
        let deployment = self.deployment(&pointer.active).await?;
        let loaded = self.load(&deployment).await?;
        let migrations = self.migrations(&loaded).await?;
        let mut report = self.report(&deployment);
        check::migrations(&mut report, &self.database, self.name(), &migrations).await?;
        let found = Contracted {
            plugin: self.name().to_owned(),
            version: pointer.active,
            migrations: report.migrations.clone(),
            waits_for: Vec::new(),
            applied: false,
        };
        if !report.refused.is_empty() {
            let reason = report.refused.join("; ");
            self.told(&found, Outcome::Denied, Some(&reason), actor)
                .await;
            return Err(ChangeError::Refused(Box::new(report)));
        }
        if found.migrations.is_empty() {
            return Ok(found);
        }
        if dry_run {
            return self.apply(found, &migrations, dry_run, actor).await;
        }
        // Said before it is looked, as others do it with their versions.
        let said = self.announce(CONTRACTING).await?;
        let outcome = self.apply(found, &migrations, dry_run, actor).await;
        drop(said);
        // At once, since others wait for it; if it fails, the next beat does it.
        if let Err(error) = self.roster.tell(self.name(), || self.used()).await {
            tracing::warn!(?error, "the other gateways will wait for a while");
        }
        outcome
    }

    /// Looks whether nobody uses another version, and applies what is pending.
    async fn apply(
        &self,
        mut found: Contracted,
        migrations: &[Migration],
        dry_run: bool,
        actor: &Actor,
    ) -> Result<Contracted, ChangeError> {
        self.roster.tell(self.name(), || self.used()).await?;
        let timeout = self.rules.load().deploy.gateway_timeout;
        let seen = self.roster.seen(self.name(), timeout).await?;
        found.waits_for = seen
            .into_iter()
            .filter(|it| it.version != found.version)
            .filter(|it| !(it.version == CONTRACTING && self.roster.is_me(it)))
            .collect();
        if dry_run {
            return Ok(found);
        }
        if !found.waits_for.is_empty() {
            let reason = waits(&found.waits_for);
            self.told(&found, Outcome::Denied, Some(&reason), actor)
                .await;
            return Err(ChangeError::Conflict(reason));
        }
        migrate::note_expansions(&self.database, self.name(), migrations).await?;
        if let Err(error) = migrate::run(&self.database, self.name(), migrations).await {
            let reason = error.to_string();
            self.told(&found, Outcome::Failed, Some(&reason), actor)
                .await;
            return Err(error.into());
        }
        found.applied = true;
        self.told(&found, Outcome::Allowed, None, actor).await;
        Ok(found)
    }

    /// Puts it into the record.
    async fn told(
        &self,
        found: &Contracted,
        outcome: Outcome,
        reason: Option<&str>,
        actor: &Actor,
    ) {
        let name = |it: &Pending| format!("{} ({})", it.version, it.name);
        let change = Change {
            action: "plugin.contract",
            actor,
            details: serde_json::json!({
                "version": found.version,
                "migrations": found.migrations.iter().take(20).map(name).collect::<Vec<_>>(),
                "reason": reason.map(|text| text.chars().take(1_000).collect::<String>()),
            }),
        };
        self.store().record(self.name(), &change, outcome).await;
    }
}

/// Who has to be waited for.
fn waits(seen: &[Seen]) -> String {
    let one = |it: &Seen| match it.version.as_str() {
        CONTRACTING => format!("gateway {} applies migrations", it.gateway),
        version => format!("gateway {} still uses version {version}", it.gateway),
    };
    let all: Vec<_> = seen.iter().take(5).map(one).collect();
    format!("nothing was applied: {}", all.join("; "))
}
