//! Another configuration while the gateway serves: checked whole, then taken at once.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::admin::Token;
use crate::auth::{KeyError, Verifier};
use crate::capability::audit::Outcome;
use crate::config::{self, Config, ConfigError};
use crate::deployment::{Actor, Change, Rules, SignatureError, Store};
use crate::gateway::Gateway;
use crate::server::tls::{Tls, TlsError};
use crate::telemetry::{self, TelemetryError};

/// The settings that are taken without a restart; with a dot at the end, all below it.
/// Everything else is bound to sockets, pools and instances that were made with it.
const LIVE: &[&str] = &[
    "admin.token",
    "admin.token_file",
    "auth.",
    "deploy.",
    "log.access",
    "log.filter",
    "server.body_timeout",
    "server.compression.",
    "server.cors.",
    "server.drain_timeout",
    "server.forwarded_header",
    "server.header_timeout",
    "server.max_body_bytes",
    "server.max_header_bytes",
    "server.max_queue",
    "server.max_streams",
    "server.queue_timeout",
    "server.rate.",
    "server.security.",
    "server.trusted_proxies",
];

/// What came of a reload: names of settings, and no values, of which some are secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// What changed and is in force now.
    pub applied: Vec<String>,
    /// What changed and waits for a restart.
    pub restart: Vec<String>,
    /// Whether a certificate, or something that belongs to one, was another one.
    pub certificates: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key for tokens can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key for the signatures of components can't be used.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log can't be filtered like that.
    #[error(transparent)]
    Filter(#[from] TelemetryError),
    /// The task that reads files died.
    #[error("reading failed: {0}")]
    Read(#[from] tokio::task::JoinError),
}

/// What a reload changes.
#[derive(Debug)]
pub struct Parts {
    /// Answers requests.
    pub gateway: Arc<Gateway>,
    /// What new connections of both listeners are held to.
    pub limits: Arc<ArcSwap<config::Server>>,
    /// How versions take over from each other.
    pub rules: Arc<ArcSwap<Rules>>,
    /// Who may operate.
    pub token: Arc<Token>,
    /// Where it is recorded.
    pub store: Store,
    /// The certificates, by the section of the settings.
    pub tls: Vec<(&'static str, Arc<Tls>)>,
}

/// Takes changes of the configuration, one at a time.
#[derive(Debug)]
pub struct Reloader {
    /// What is in force.
    running: Mutex<Config>,
    parts: Parts,
}

impl Reloader {
    /// What `config` brought up.
    #[must_use]
    pub fn new(config: Config, parts: Parts) -> Self {
        Self {
            running: Mutex::new(config),
            parts,
        }
    }

    /// Reads file and environment again, checks everything, and takes what can be taken.
    /// No connection is dropped, and a request sees one configuration from its head to its
    /// answer. What came of it is logged, and recorded if the database answers.
    ///
    /// # Errors
    /// The first thing that is wrong. Nothing has changed then.
    pub async fn reload(&self, actor: &Actor) -> Result<Reloaded, ReloadError> {
        let outcome = self.take().await;
        self.record(actor, &outcome).await;
        match &outcome {
            Ok(Reloaded {
                applied,
                restart,
                certificates,
            }) => {
                tracing::info!(?applied, certificates, "the configuration was read again");
                if !restart.is_empty() {
                    tracing::warn!(settings = ?restart, "these changes wait for a restart");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the new configuration is wrong; nothing was changed");
            }
        }
        outcome
    }

    async fn record(&self, actor: &Actor, came: &Result<Reloaded, ReloadError>) {
        let (details, outcome) = match came {
            Ok(Reloaded {
                applied,
                restart,
                certificates,
            }) => {
                let details = serde_json::json!({
                    "applied": shortened(applied),
                    "restart": shortened(restart),
                    "certificates": certificates,
                });
                (details, Outcome::Allowed)
            }
            Err(error) => {
                let reason: String = error.to_string().chars().take(MOST_REASON).collect();
                (serde_json::json!({ "refused": reason }), Outcome::Denied)
            }
        };
        let change = Change {
            action: "gateway.reload",
            actor,
            details,
        };
        self.parts.store.record_own(&change, outcome).await;
    }

    async fn take(&self) -> Result<Reloaded, ReloadError> {
        let mut running = self.running.lock().await;
        let now = running.clone();
        // Files may be on something slow.
        let read = tokio::task::spawn_blocking(move || -> Result<_, ReloadError> {
            let next = now.read_again()?;
            let rules = Rules::new(&next.deploy)?;
            Ok((next, rules))
        });
        let (next, rules) = read.await??;
        let (applied, restart): (Vec<String>, Vec<String>) = running
            .changes(&next)
            .into_iter()
            .partition(|key| is_live(key));
        let changed = |prefix: &str| applied.iter().any(|key| key.starts_with(prefix));

        // A verifier begins without the keys of its sources: only for a reason.
        let verifier = match changed("auth.") {
            true => Some(Verifier::new(&next.auth)?),
            false => None,
        };
        let filter = match changed("log.filter") {
            true => Some(telemetry::filter(&next.log)?),
            false => None,
        };
        // The last that can fail; the configuration has checked the same files.
        let certificates = self.certificates(&restart).await?;

        if let Some(filter) = filter {
            telemetry::set_filter(filter);
        }
        for key in &applied {
            running.took(key, &next);
        }
        running.take(next);
        let Parts {
            gateway,
            limits,
            rules: in_force,
            token,
            ..
        } = &self.parts;
        let server = Arc::new(running.server.clone());
        gateway.reconfigure(
            Arc::clone(&server),
            verifier,
            changed("server.rate."),
            running.log.access,
        );
        limits.store(server);
        in_force.store(Arc::new(rules));
        token.set(&running.admin.token);
        Ok(Reloaded {
            applied,
            restart,
            certificates,
        })
    }

    /// Reads the certificates again, but those whose settings wait for a restart.
    async fn certificates(&self, restart: &[String]) -> Result<bool, ReloadError> {
        let waits = |section: &str| restart.iter().any(|key| key.starts_with(section));
        let all: Vec<_> = self
            .parts
            .tls
            .iter()
            .filter(|(section, _)| !waits(section))
            .map(|(_, tls)| Arc::clone(tls))
            .collect();
        let reload = move || -> Result<bool, TlsError> {
            let mut changed = false;
            for tls in all {
                changed |= tls.reload()?;
            }
            Ok(changed)
        };
        Ok(tokio::task::spawn_blocking(reload).await??)
    }
}

/// Names of settings that an entry of the record has at most, of each kind.
const MOST_NAMES: usize = 30;

/// Characters of the reason of a refusal there.
const MOST_REASON: usize = 500;

/// A list that an entry of the record has room for.
fn shortened(names: &[String]) -> Vec<String> {
    let mut few: Vec<String> = names.iter().take(MOST_NAMES).cloned().collect();
    if names.len() > MOST_NAMES {
        few.push(format!("and {} more", names.len() - MOST_NAMES));
    }
    few
}

fn is_live(key: &str) -> bool {
    LIVE.iter().any(|live| match live.ends_with('.') {
        true => key.starts_with(live),
        false => key == *live,
    })
}

impl Config {
    /// Takes from `next` what is live, and keeps the rest.
    fn take(&mut self, next: Self) {
        let server = &mut self.server;
        let (listen, tls) = (server.listen, server.tls.take());
        let (max_connections, max_requests) = (server.max_connections, server.max_requests);
        *server = config::Server {
            listen,
            tls,
            max_connections,
            max_requests,
            ..next.server
        };
        self.admin.token = next.admin.token;
        self.auth = next.auth;
        self.deploy = next.deploy;
        self.log = config::Log {
            format: self.log.format,
            ..next.log
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    #[test]
    fn what_is_live_are_settings() {
        for live in LIVE {
            let is_named = |key: &str| match live.ends_with('.') {
                true => key.starts_with(live),
                false => key == *live,
            };
            assert!(
                SETTINGS.iter().any(|setting| is_named(setting.key)),
                "{live}"
            );
        }
    }

    #[test]
    fn what_is_made_once_waits_for_a_restart() {
        for key in [
            "data",
            "server.listen",
            "server.max_connections",
            "server.max_requests",
            "server.tls.certificate",
            "admin.listen",
            "database.url",
            "log.format",
            "plugin.notes.limits.memory",
        ] {
            assert!(!is_live(key), "{key}");
        }
        assert!(is_live("server.rate.address.per_second"));
    }
}
