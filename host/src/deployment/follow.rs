//! What goes on beside the requests: following the pointers of other gateways, and
//! judging canaries.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::canary::{Canary, Verdict, WHOLE};
use super::service::Service;
use super::signature::Rules;
use super::store::{Actor, Pointer, Store, now};
use crate::lifecycle::Shutdown;

/// The longest pause after pointers could not be read or followed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Follows the pointers and judges the canaries until the gateway ends.
pub async fn watch(
    services: Vec<Arc<Service>>,
    store: Store,
    rules: Arc<ArcSwap<Rules>>,
    shutdown: Shutdown,
) {
    let interval = || rules.load().deploy.follow_interval;
    let mut pause = interval();
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.soft() => return,
        }
        let followed = follow(&services, &store).await;
        for service in &services {
            judge(service).await;
        }
        pause = match followed {
            true => interval(),
            false => (pause * 2).min(LONGEST_PAUSE.max(interval())),
        };
    }
}

/// Whether everything is as the pointers say.
async fn follow(services: &[Arc<Service>], store: &Store) -> bool {
    let revisions = match store.revisions().await {
        Ok(revisions) => revisions,
        Err(error) => {
            tracing::warn!(?error, "can't look for changes of the versions");
            return false;
        }
    };
    let mut all = true;
    for service in services {
        let there = revisions
            .iter()
            .find(|(plugin, _)| plugin == service.name())
            .map(|(_, revision)| *revision);
        let here = service.live().map(|live| live.pointer.revision);
        if there.is_none() || there == here {
            continue;
        }
        if let Err(error) = service.follow().await {
            tracing::error!(
                plugin = service.name(),
                %error,
                "can't follow the pointer; what served goes on"
            );
            all = false;
        }
    }
    all
}

/// Looks at a canary, and does what follows.
async fn judge(service: &Service) {
    let Some(live) = service.live() else { return };
    let Some(beside) = &live.canary else { return };
    let canary = beside.running.version.counts().since(&beside.canary_before);
    let active = live.active.version.counts().since(&beside.active_before);
    let plan = &beside.plan;
    let actor = Actor::gateway("canary");
    let counted = serde_json::json!({
        "version": plan.version,
        "share": f64::from(plan.share) / 100.0,
        "requests": canary.requests,
        "failures": canary.failures,
        "p99_ms": canary.p99().as_secs_f64() * 1e3,
        "beside": {
            "version": live.pointer.active,
            "requests": active.requests,
            "failures": active.failures,
            "p99_ms": active.p99().as_secs_f64() * 1e3,
        },
    });
    let (next, action, reason) = match plan.judge(&canary, &active, beside.begun.elapsed()) {
        Verdict::Wait => return,
        Verdict::Promote(share) => (
            promoted(&live.pointer, plan, share),
            if share >= WHOLE {
                "plugin.activate"
            } else {
                "plugin.canary"
            },
            "it keeps to the band".to_owned(),
        ),
        Verdict::RollBack(reason) => (
            Pointer {
                canary: None,
                ..live.pointer.clone()
            },
            "plugin.rollback",
            reason,
        ),
    };
    tracing::warn!(
        plugin = service.name(),
        version = plan.version,
        affected = canary.failures,
        requests = canary.requests,
        reason,
        action,
        "the canary was judged"
    );
    let mut details = counted;
    if let Some(details) = details.as_object_mut() {
        details.insert("reason".into(), reason.into());
    }
    if action == "plugin.rollback" {
        service.rolled_back();
    }
    let seen = live.pointer.revision;
    // Another gateway may have come first: then its step is followed.
    if let Err(error) = service.step(seen, next, action, details, &actor).await {
        tracing::info!(plugin = service.name(), %error, "the canary's step was not taken here");
    }
}

fn promoted(pointer: &Pointer, plan: &Canary, share: u16) -> Pointer {
    if share >= WHOLE {
        return Pointer {
            active: plan.version.clone(),
            previous: Some(pointer.active.clone()),
            canary: None,
            ..pointer.clone()
        };
    }
    Pointer {
        canary: Some(Canary {
            share,
            steps: plan.steps.iter().skip(1).copied().collect(),
            since: now(),
            ..plan.clone()
        }),
        ..pointer.clone()
    }
}
