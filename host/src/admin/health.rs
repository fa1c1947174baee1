//! Whether the process lives, and whether it should get traffic.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::capability::sql::Pulse;
use crate::contract::sql::Error;
use crate::databases::Databases;
use crate::deployment::Service;
use crate::lifecycle::Shutdown;

/// How long the database may take to answer a probe.
const PROBE: Duration = Duration::from_secs(1);

/// What readiness depends on.
#[derive(Debug)]
pub struct Health {
    /// The gateway's database, and those that plugins have of their own.
    pub databases: Databases,
    /// The plugins that serve.
    pub plugins: Vec<Arc<Service>>,
    /// A process that ends takes no new traffic.
    pub shutdown: Shutdown,
}

/// The answer to a probe.
#[derive(Debug)]
pub struct Report {
    /// 200 or 503.
    pub status: StatusCode,
    /// What was looked at.
    pub body: Value,
}

impl Health {
    /// The process lives when it answers at all.
    #[must_use]
    pub fn alive() -> Report {
        Report {
            status: StatusCode::OK,
            body: json!({ "status": "ok" }),
        }
    }

    /// Ready: every database answers or is busy with our own statements, and the shutdown
    /// has not begun. A gateway that is under load must not lose its traffic for that.
    pub async fn ready(&self) -> Report {
        let pulses = self.databases.ping(PROBE).await;
        let draining = self.shutdown.is_soft();
        let ready = pulses.iter().all(|(_, pulse)| pulse.is_ok()) && !draining;
        let gateway = pulses.iter().find(|(plugin, _)| plugin.is_none());
        let own: serde_json::Map<_, _> = pulses
            .iter()
            .filter_map(|(plugin, pulse)| Some(((*plugin)?.to_owned(), word(pulse).into())))
            .collect();
        let plugins: Value = self
            .plugins
            .iter()
            .flat_map(|plugin| plugin.serving())
            .map(|it| json!({ "name": it.name, "version": it.version }))
            .collect();
        Report {
            status: if ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            },
            body: json!({
                "status": if ready { "ready" } else { "not ready" },
                "database": gateway.map(|(_, pulse)| word(pulse)),
                "databases": own,
                "draining": draining,
                "plugins": plugins,
            }),
        }
    }
}

fn word(pulse: &Result<Pulse, Error>) -> &'static str {
    match pulse {
        Ok(Pulse::Answers) => "ok",
        Ok(Pulse::Busy) => "busy",
        Err(_) => "unavailable",
    }
}
