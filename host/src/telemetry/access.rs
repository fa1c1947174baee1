//! The access log: one line a request.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Method;

use super::metrics::Facts;
use crate::auth::Claims;

/// What the line of a request says beside its [`Facts`]. Neither the query nor any header
/// is in it: both may hold secrets.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) peer: SocketAddr,
    pub(crate) claims: Option<Arc<Claims>>,
    pub(crate) bytes: Option<u64>,
}

impl Line {
    /// Writes it. A request without a status is one whose client did not wait.
    pub(crate) fn write(&self, facts: &Facts<'_>) {
        let caller = self
            .claims
            .as_ref()
            .and_then(|claims| claims.actor.as_deref());
        tracing::info!(
            target: "access",
            request = self.id,
            method = %self.method,
            path = self.path,
            status = facts.status.map(|status| status.as_u16()),
            ms = facts.time.as_secs_f64() * 1e3,
            bytes = self.bytes,
            plugin = facts.plugin,
            version = facts.version,
            peer = %self.peer,
            caller,
            "request"
        );
    }
}
