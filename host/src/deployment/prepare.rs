//! Every check before a version serves, and what is told of those that it fails.

use super::check::{self, Imports, Report};
use super::error::ChangeError;
use super::service::{Running, Service};
use super::store::{Actor, Change, Deployment};
use crate::capability::audit::Outcome;
use crate::contract::lifecycle::Migration;
use crate::migrate;
use crate::plugin::Loaded;

impl Service {
    /// Every check, the migrations that only add, and the first instances. None when it
    /// was refused, or nothing was to be begun.
    pub(super) async fn prepare(
        &self,
        report: &mut Report,
        loaded: &Loaded,
        deployment: &Deployment,
        dry_run: bool,
    ) -> Result<Option<Running>, ChangeError> {
        let migrations = self.examine(report, loaded).await?;
        if !report.accepted() {
            return Ok(None);
        }
        // Before anything is written: whatever can be refused without its tables is.
        let live = self.live();
        // As many as the version has that it takes over from: its first requests must not
        // all wait for an instance.
        let warm = live.as_ref().map_or(1, |live| live.active.version.warm());
        let running = self.run(deployment, loaded, warm.max(1)).await?;
        report.warm = running.version.warm();
        let requests = loaded.smoke(&self.engine).await?;
        check::sendable(report, &requests);
        if !report.accepted() {
            return Ok(None);
        }
        if dry_run && !report.migrations.is_empty() {
            report
                .skipped
                .push("smoke requests and routes: they need the pending migrations".to_owned());
            return Ok(None);
        }
        if !dry_run && let Err(error) = self.extend(live.is_some(), &migrations).await {
            // What the component brings is wrong, or else the database.
            if matches!(
                error,
                migrate::Error::Database(_) | migrate::Error::Locked { .. }
            ) {
                return Err(error.into());
            }
            report.refused.push(error.to_string());
            return Ok(None);
        }
        let limit = self.rules.load().deploy.check_timeout;
        check::smoke(report, &running.version, requests, limit).await;
        if let Some(live) = &live {
            report.routes = check::routes(&running.version, &live.active.version).await;
        }
        Ok((!dry_run).then_some(running))
    }

    /// Applies what is pending: what only adds, while another version serves.
    pub(super) async fn extend(
        &self,
        beside_another: bool,
        migrations: &[Migration],
    ) -> Result<(), migrate::Error> {
        // Before they run: a gateway that dies in between must find that they fit the
        // version which serves still.
        migrate::note_expansions(&self.database, &self.name, migrations).await?;
        match beside_another {
            true => migrate::expand(&self.database, &self.name, migrations).await?,
            false => migrate::run(&self.database, &self.name, migrations).await?,
        };
        Ok(())
    }

    /// Notes in the report of a version that does not serve what stays of its migrations.
    pub(super) async fn note_left_behind(&self, report: &mut Report, loaded: &Loaded) {
        if report.migrations.is_empty() {
            return;
        }
        let found = async {
            let migrations = self.migrations(loaded).await?;
            let left = check::left_behind(report, &self.database, &self.name, &migrations);
            Ok::<_, ChangeError>(left.await?)
        };
        match found.await {
            Ok(left) => report.left_behind = left,
            Err(error) => report.skipped.push(format!(
                "what stays of the migrations in the database: {error}"
            )),
        }
    }

    /// The checks that begin nothing.
    pub(super) async fn examine(
        &self,
        report: &mut Report,
        loaded: &Loaded,
    ) -> Result<Vec<Migration>, ChangeError> {
        if let Ok(misfits) = loaded.misfits(&self.engine) {
            report.refused.extend(misfits);
        }
        let all = check::imports(&self.engine, loaded);
        let new = match self.live() {
            Some(live) => check::difference(&all, &live.active.imports),
            None => Vec::new(),
        };
        for import in self.config.grants.missing(&all) {
            report.refused.push(format!(
                "imports {import}, which plugin.{}.grants does not list",
                self.name
            ));
        }
        report.imports = Imports { all, new };
        if !report.accepted() {
            return Ok(Vec::new());
        }
        let migrations = self.migrations(loaded).await?;
        check::migrations(report, &self.database, &self.name, &migrations).await?;
        Ok(migrations)
    }

    pub(super) fn report(&self, deployment: &Deployment) -> Report {
        Report {
            plugin: self.name.clone(),
            version: deployment.version.clone(),
            digest: deployment.digest.clone(),
            running: self.live().map(|live| live.pointer.active.clone()),
            ..Report::default()
        }
    }

    /// The error of an activation, with what stays in the database although it failed; if
    /// anything does, that is recorded.
    pub(super) async fn failed(
        &self,
        error: ChangeError,
        mut report: Report,
        loaded: &Loaded,
        actor: &Actor,
    ) -> ChangeError {
        self.note_left_behind(&mut report, loaded).await;
        if report.left_behind.is_empty() {
            return error;
        }
        let change = Change {
            action: "plugin.activate",
            actor,
            details: serde_json::json!({
                "version": report.version,
                "sha256": report.digest,
                "reason": error.to_string().chars().take(300).collect::<String>(),
                "left_behind": left_behind(&report),
            }),
        };
        self.store
            .record(&self.name, &change, Outcome::Failed)
            .await;
        ChangeError::Incomplete {
            source: Box::new(error),
            report: Box::new(report),
        }
    }

    pub(super) async fn refused(&self, action: &'static str, actor: &Actor, report: &Report) {
        let change = Change {
            action,
            actor,
            details: serde_json::json!({
                "version": report.version,
                "sha256": report.digest,
                "refused": report.refused.iter().take(10).map(|reason| {
                    reason.chars().take(300).collect::<String>()
                }).collect::<Vec<_>>(),
                "left_behind": left_behind(report),
            }),
        };
        self.store
            .record(&self.name, &change, Outcome::Denied)
            .await;
    }
}

/// What stays in the database, for the record; none when nothing does.
pub(super) fn left_behind(report: &Report) -> Option<Vec<String>> {
    let lines = report
        .left_behind
        .iter()
        .take(10)
        .map(check::Leftover::line);
    (!report.left_behind.is_empty()).then(|| lines.collect())
}
