//! Telling a plugin whose clients have gone.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::service::Service;
use crate::lifecycle::Shutdown;

/// Tells the version that serves of each subject whose last connection has ended, until
/// nothing new should be begun.
pub async fn tell_closed(
    service: Arc<Service>,
    mut gone: mpsc::Receiver<Arc<str>>,
    shutdown: Shutdown,
) {
    loop {
        let subject = tokio::select! {
            () = shutdown.soft() => return,
            subject = gone.recv() => match subject {
                Some(subject) => subject,
                None => return,
            },
        };
        let Some(lease) = service.lease(|| None) else {
            continue;
        };
        if let Err(failure) = lease.closed(&subject).await {
            lease.version().measured().failed(failure.kind());
            let (plugin, error) = (service.name(), &failure as &dyn std::error::Error);
            tracing::warn!(plugin, error, "the end of a connection could not be told");
        }
    }
}
