//! A version that traps on one request in ten, as a canary under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{MISFIT, mark};
use crate::load;
use crate::operator::Operator;
use crate::wire::Wire;

/// The version.
const VERSION: &str = "9.0.0";

/// Its part of the traffic, in percent.
const PERCENT: f64 = 20.0;

/// Clients, and how long each waits after an answer.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(10);

/// How long it may take until it is found out.
const LIMIT: Duration = Duration::from_secs(30);

/// How long the load goes on afterwards, without a failure.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// How it ended.
#[derive(Debug)]
pub(super) struct Canary {
    /// From its activation to its end.
    pub(super) after: Duration,
    /// Requests from the first to the last, by all clients.
    pub(super) requests: usize,
    /// Of those, answered by the canary.
    pub(super) answered: usize,
    /// Of those, answered with 500.
    pub(super) affected: usize,
    /// Requests that failed otherwise, or when the canary was gone.
    pub(super) failed: usize,
}

/// Deploys it, and waits until it is rolled back by itself.
pub(super) async fn run(operator: Operator, to: SocketAddr, misfit: Vec<u8>) -> Result<Canary> {
    let marks = [("version", "canary"), ("faults", "010")];
    let file = gateway_tests::versions::marked(misfit, VERSION, &marks);
    operator.deploy(MISFIT, "", &file).await?;

    let (stop, gone) = (mark(), mark());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(to, Arc::clone(&stop), Arc::clone(&gone)));
    }
    let begun = Instant::now();
    let watched = async {
        operator.activate(MISFIT, VERSION, Some(PERCENT)).await?;
        let ended = |state: &Value| state.pointer("/pointer/canary").is_none_or(Value::is_null);
        operator.until(MISFIT, LIMIT, ended).await?;
        let after = begun.elapsed();
        operator.drained(MISFIT, LIMIT).await?;
        gone.store(true, Ordering::Relaxed);
        tokio::time::sleep(AFTERWARDS).await;
        anyhow::Ok(after)
    };
    let after = watched.await;
    stop.store(true, Ordering::Relaxed);
    let mut seen = Canary {
        after: after?,
        requests: 0,
        answered: 0,
        affected: 0,
        failed: 0,
    };
    while let Some(one) = clients.join_next().await {
        let [requests, answered, affected, failed] = one??;
        seen.requests += requests;
        seen.answered += answered;
        seen.affected += affected;
        seen.failed += failed;
    }
    Ok(seen)
}

/// Requests, and how many of them were answered by the canary, with 500, and otherwise.
async fn client(
    to: SocketAddr,
    stop: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
) -> Result<[usize; 4]> {
    let request = load::get("/misfit/work", None);
    let mut wire = Wire::open(to).await?;
    let [mut requests, mut answered, mut affected, mut failed] = [0; 4];
    while !stop.load(Ordering::Relaxed) {
        let was_gone = gone.load(Ordering::Relaxed);
        let answer = wire.ask(&request).await?;
        requests += 1;
        match answer.status {
            200 => answered += usize::from(answer.body == b"canary"),
            500 if !was_gone => affected += 1,
            _ => failed += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok([requests, answered, affected, failed])
}
