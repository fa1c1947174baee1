//! What clients send on WebSockets, on its way to the plugin and back.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::auth::Claims;
use crate::deployment::Service;
use crate::plugin::{Said, Speaker};

/// How the frames of one connection reach the plugin.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Talk {
    pub(in crate::gateway) service: Arc<Service>,
    /// The request that opened the connection.
    pub(in crate::gateway) speaker: Arc<Speaker>,
    /// Who it is, for a version that serves a part of the callers.
    pub(in crate::gateway) caller: Arc<str>,
}

impl Speaker {
    /// Who opened a connection.
    pub(in crate::gateway) fn new(
        id: &str,
        claims: Option<Arc<Claims>>,
        address: std::net::IpAddr,
    ) -> Self {
        Self {
            id: id.to_owned(),
            claims,
            address: Some(address),
        }
    }
}

impl Talk {
    /// Hands a frame to the plugin; what comes of it is a JSON text for the client, if there
    /// is anything to say.
    pub(super) fn ask(
        &self,
        subject: String,
        payload: String,
    ) -> BoxFuture<'static, Option<String>> {
        let talk = self.clone();
        Box::pin(async move { talk.answer(&subject, &payload).await })
    }

    async fn answer(&self, subject: &str, payload: &str) -> Option<String> {
        let Some(lease) = self.service.lease(|| Some(self.caller.to_string())) else {
            return Some(failed("unavailable"));
        };
        let identity = lease.version().identity();
        match lease.frame(&self.speaker, subject, payload).await {
            Ok(Said::Answer(answer)) => Some(answer),
            Ok(Said::Nothing) => None,
            Ok(Said::Garbage) => {
                lease.count_malformed();
                let (plugin, version) = (&identity.name, &identity.version);
                tracing::error!(plugin, version, "the answer to a frame is no JSON");
                Some(failed("failed"))
            }
            Ok(Said::Deaf) => Some(failed("unsupported")),
            Err(failure) => {
                lease.version().measured().failed(failure.kind());
                let error: &dyn std::error::Error = &failure;
                tracing::warn!(
                    request = self.speaker.id,
                    plugin = identity.name,
                    version = identity.version,
                    error,
                    "a frame came to nothing"
                );
                Some(failed("failed"))
            }
        }
    }
}

/// What a client is told whose frame came to nothing.
fn failed(reason: &str) -> String {
    format!("{{\"type\":\"frame.error\",\"reason\":\"{reason}\"}}")
}
