//! One content: what the inspectors find, and that the plugin is told of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Inspectors;
use crate::capability::blob::{Blobs, Content, Job};
use crate::contract::blob::Error;
use crate::contract::inspect::{self, Findings, Verdict};
use crate::contract::inspected::{Derived, Fact, Inspection, Outcome, Report};
use crate::deployment::Service;
use crate::plugin::{Failure, Inspector, Seen, Unreadable};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Why a job has to be tried again.
#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the blobs: {0:?}")]
    Blobs(Error),
    #[error("the plugin has no version that serves")]
    NoVersion,
    #[error("the plugin: {0}")]
    Plugin(#[from] Failure),
    #[error("the plugin refused the report: {0}")]
    Refused(String),
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Blobs(error)
    }
}

/// How far the tries are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Others will follow.
    Usual,
    /// What can't be read now is reported so.
    Last,
    /// The last one never came to its end: whatever it is that takes gateways down, no
    /// inspector is shown it again.
    Beyond,
}

impl Inspectors {
    /// Does all of one job, while it holds it.
    pub(super) async fn run(self: Arc<Self>, service: Arc<Service>, job: Job) {
        let outcome = tokio::select! {
            outcome = self.inspect(&service, &job) => outcome,
            () = self.hold(service.blobs(), &job) => {
                tracing::info!(job = %job.id, "an inspection was taken over by another gateway");
                return;
            }
        };
        let (plugin, blobs) = (service.name(), service.blobs());
        let id = job.id;
        let noted = match outcome {
            Ok(()) => blobs.close_inspection(&job).await,
            Err(cause) if self.turn(&job) == Turn::Usual => {
                let pause = self.pause(job.tries);
                tracing::warn!(plugin, job = %id, %cause, ?pause, "an inspection is tried again");
                blobs.put_off(&job, pause).await
            }
            Err(cause) => {
                blobs.inspected("", "given_up");
                tracing::error!(
                    plugin,
                    job = %id,
                    blob = %job.blob,
                    tag = job.tag,
                    tries = job.tries,
                    %cause,
                    "an inspection is given up: the plugin did not take the report"
                );
                blobs.close_inspection(&job).await
            }
        };
        if let Err(error) = noted {
            tracing::warn!(plugin, job = %id, ?error, "an inspection is done again");
        }
    }

    /// Resolves when somebody else took the job over.
    async fn hold(&self, blobs: &Blobs, job: &Job) {
        let lease = self.settings.lease;
        loop {
            sleep(lease / 3).await;
            if let Ok(false) = blobs.hold(job, lease).await {
                return;
            }
        }
    }

    fn turn(&self, job: &Job) -> Turn {
        match job.tries.cmp(&u64::from(self.settings.tries)) {
            std::cmp::Ordering::Less => Turn::Usual,
            std::cmp::Ordering::Equal => Turn::Last,
            std::cmp::Ordering::Greater => Turn::Beyond,
        }
    }

    fn pause(&self, tries: u64) -> Duration {
        let doubled = u32::try_from(tries.saturating_sub(1).min(20)).unwrap_or(20);
        let pause = self.settings.backoff.saturating_mul(1 << doubled);
        pause.min(LONGEST_PAUSE)
    }

    async fn inspect(&self, service: &Service, job: &Job) -> Result<(), Cause> {
        let blobs = service.blobs();
        let turn = self.turn(job);
        let mut inspections = Vec::new();
        for inspector in self.all.iter().filter(|one| one.sees(&job.media_type)) {
            let looked = match turn {
                Turn::Beyond => Err(Cause::Unreadable(Unreadable("given up".to_owned()))),
                Turn::Usual | Turn::Last => look(blobs, inspector, job).await,
            };
            let inspection = match looked {
                Err(cause @ (Cause::Unreadable(_) | Cause::Blobs(_))) if turn != Turn::Usual => {
                    tracing::error!(job = %job.id, %cause, "content could not be inspected");
                    nothing(inspector, Outcome::Failed("unreadable".to_owned()))
                }
                looked => looked?,
            };
            blobs.inspected(inspector.name(), word(&inspection.outcome));
            inspections.push(inspection);
        }
        let report = Report {
            blob: job.blob.to_string(),
            inspections,
        };
        let lease = service.lease(|| None).ok_or(Cause::NoVersion)?;
        let id = job.id.to_string();
        let taken = lease.report(&id, &job.tag, &report).await?;
        taken.map_err(Cause::Refused)
    }
}

/// What one inspector finds, with what it made of the content in the store.
async fn look(blobs: &Blobs, inspector: &Inspector, job: &Job) -> Result<Inspection, Cause> {
    let content: Content = blobs.look_up(job.blob).await?;
    let id = job.id.to_string();
    let seen = inspector
        .look(&id, &job.media_type, Arc::new(content))
        .await?;
    Ok(match seen {
        Seen::Findings(findings) => keep(blobs, inspector, job, findings).await?,
        Seen::Nothing(reason) => nothing(inspector, Outcome::Unknown(reason)),
        Seen::Failed(failure) => {
            let error: &dyn std::error::Error = &failure;
            tracing::warn!(
                inspector = inspector.name(),
                job = id,
                blob = %job.blob,
                error,
                "an inspector failed on content"
            );
            nothing(inspector, Outcome::Failed(failure.kind().to_owned()))
        }
        Seen::Invalid(limit) => {
            tracing::warn!(inspector = inspector.name(), job = id, "it found {limit}");
            nothing(inspector, Outcome::Failed("invalid".to_owned()))
        }
    })
}

async fn keep(
    blobs: &Blobs,
    inspector: &Inspector,
    job: &Job,
    findings: Findings,
) -> Result<Inspection, Cause> {
    let mut derived = Vec::new();
    for one in findings.derived {
        let stored = blobs.derive(job.blob, &one.bytes).await?;
        derived.push(Derived {
            name: one.name,
            media_type: one.media_type,
            blob: stored.id,
            size: stored.size,
        });
    }
    let fact = |inspect::Fact { name, value }| Fact { name, value };
    Ok(Inspection {
        inspector: inspector.name().to_owned(),
        outcome: match findings.verdict {
            Verdict::Clean => Outcome::Clean,
            Verdict::Suspicious(reason) => Outcome::Suspicious(reason),
        },
        facts: findings.facts.into_iter().map(fact).collect(),
        derived,
    })
}

fn nothing(inspector: &Inspector, outcome: Outcome) -> Inspection {
    Inspection {
        inspector: inspector.name().to_owned(),
        outcome,
        facts: Vec::new(),
        derived: Vec::new(),
    }
}

/// For the metrics.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Clean => "clean",
        Outcome::Suspicious(_) => "suspicious",
        Outcome::Unknown(_) => "unknown",
        Outcome::Failed(_) => "failed",
    }
}
