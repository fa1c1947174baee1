//! Versions that were replaced finish what they began.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::service::{Service, millis};
use crate::plugin::Version;

/// Versions that finished, of which the end is remembered.
pub(super) const REMEMBERED: usize = 20;

/// The versions that finish, and the last that did.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) draining: Vec<Draining>,
    pub(super) ended: Vec<Ended>,
}

#[derive(Debug)]
pub(super) struct Draining {
    pub(super) version: Arc<Version>,
    pub(super) since: Instant,
}

/// A version that does not serve any more, and finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// The version.
    pub version: String,
    /// From its retirement to the end of its last request, in milliseconds.
    pub took_millis: u64,
    /// Requests that were cut because the time was over; their clients got 503.
    pub cut: u64,
}

/// A version that finishes what it began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finishing {
    /// The version.
    pub version: String,
    /// Requests that it still handles.
    pub in_flight: usize,
    /// How long it has been doing so, in milliseconds.
    pub for_millis: u64,
    /// When what is left is cut, in milliseconds from its retirement.
    pub limit_millis: u64,
}

impl Service {
    /// The versions that finish what they began, and the last that did.
    #[must_use]
    pub fn drains(&self) -> (Vec<Finishing>, Vec<Ended>) {
        let limit = millis(self.rules.load().deploy.drain_timeout);
        let ends = self.ends.lock();
        let finishing = ends.draining.iter().map(|one| Finishing {
            version: one.version.identity().version.clone(),
            in_flight: one.version.in_flight(),
            for_millis: millis(one.since.elapsed()),
            limit_millis: limit,
        });
        (finishing.collect(), ends.ended.clone())
    }

    /// Lets a version finish, and cuts what is left when its time is over. It is freed
    /// with the last handle, which is the one here.
    pub(super) fn drain(&self, version: Arc<Version>) {
        version.retire();
        let (ends, limit, plugin) = (
            Arc::clone(&self.ends),
            self.rules.load().deploy.drain_timeout,
            self.name.clone(),
        );
        let (since, metrics) = (Instant::now(), self.metrics.clone());
        metrics.swaps().draining.inc();
        ends.lock().draining.push(Draining {
            version: Arc::clone(&version),
            since,
        });
        tokio::spawn(async move {
            if tokio::time::timeout(limit, version.drained())
                .await
                .is_err()
            {
                tracing::warn!(
                    plugin,
                    version = version.identity().version,
                    left = version.in_flight(),
                    ?limit,
                    "cutting what a retired version did not finish in time"
                );
                version.cut();
                version.drained().await;
            }
            let ended = Ended {
                version: version.identity().version.clone(),
                took_millis: millis(since.elapsed()),
                cut: version.cut_requests(),
            };
            tracing::info!(
                plugin,
                version = ended.version,
                took_ms = ended.took_millis,
                cut = ended.cut,
                "a version is drained"
            );
            let swaps = metrics.swaps();
            swaps.draining.dec();
            swaps.drained.inc();
            swaps.cut.inc_by(ended.cut);
            let mut ends = ends.lock();
            ends.draining
                .retain(|one| !Arc::ptr_eq(&one.version, &version));
            ends.ended.insert(0, ended);
            ends.ended.truncate(REMEMBERED);
        });
    }
}
