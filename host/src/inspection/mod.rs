//! Has content inspected that plugins ask for, in the background: by every inspector of the
//! operator's, each in a fresh instance that sees this one content. A plugin gets what they
//! found as a call; its own transaction then says what follows.
//!
//! Several gateways on one database share the work. A job is held by a lease; that of a
//! gateway that died is taken over when its lease is over.

mod job;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::config;
use crate::deployment::Service;
use crate::lifecycle::Shutdown;
use crate::plugin::{Engine, Inspector, LoadError};

/// The inspectors, and how they are put to work.
#[derive(Debug)]
pub struct Inspectors {
    settings: config::Inspection,
    all: Vec<Inspector>,
}

/// Why the inspectors can't be used.
#[derive(Debug, thiserror::Error)]
#[error("inspector {name}: {source}")]
pub struct InspectorError {
    name: String,
    source: LoadError,
}

impl Inspectors {
    /// Reads, compiles and checks all of them. Blocks for as long as that takes.
    ///
    /// # Errors
    /// The first that can't be used.
    pub fn load(
        engine: &Engine,
        settings: &config::Inspection,
        inspectors: &BTreeMap<String, config::Inspector>,
    ) -> Result<Self, InspectorError> {
        let load = |(name, config): (&String, _)| {
            Inspector::load(engine, name, config).map_err(|source| InspectorError {
                name: name.clone(),
                source,
            })
        };
        Ok(Self {
            settings: settings.clone(),
            all: inspectors.iter().map(load).collect::<Result<_, _>>()?,
        })
    }

    /// Inspects what the plugins ask for until nothing new should be begun. What is not
    /// done by then is let go, for others and for the next start.
    pub async fn work(self: Arc<Self>, services: Vec<Arc<Service>>, shutdown: Shutdown) {
        let mut running = JoinSet::new();
        tokio::select! {
            () = shutdown.soft() => {}
            () = self.go_on(&services, &mut running) => {}
        }
        if running.is_empty() {
            return;
        }
        running.shutdown().await;
        for service in &services {
            // They have it after its lease otherwise; and it was logged.
            let _failed = service.blobs().let_go().await;
        }
    }

    async fn go_on(self: &Arc<Self>, services: &[Arc<Service>], running: &mut JoinSet<()>) {
        let Self { settings, .. } = &**self;
        loop {
            for service in services {
                let free = settings.concurrency.saturating_sub(running.len());
                if free > 0 {
                    self.begin(service, free, running).await;
                }
            }
            tokio::select! {
                () = sleep(settings.interval), if running.len() < settings.concurrency => {}
                Some(_ended) = running.join_next() => {}
            }
        }
    }

    /// Takes on what is due, at most `most`. What fails here was logged, and is tried again.
    async fn begin(self: &Arc<Self>, service: &Arc<Service>, most: usize, to: &mut JoinSet<()>) {
        let blobs = service.blobs();
        for due in blobs.due(most).await.unwrap_or_default() {
            if let Ok(Some(job)) = blobs.take(due, self.settings.lease).await {
                to.spawn(Arc::clone(self).run(Arc::clone(service), job));
            }
        }
    }
}
