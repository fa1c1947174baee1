//! The operator's API, as far as the measurements use it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::wire::Wire;

/// The operator's token of the gateways here.
pub(crate) const TOKEN: &str = "the-operators-token-of-the-bench";

/// How often is looked whether something has come to pass.
const LOOK: Duration = Duration::from_millis(10);

/// The operator of one gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator(pub(crate) SocketAddr);

impl Operator {
    /// Adds a version; with `activate=true` as the query, it serves as well.
    pub(crate) async fn deploy(&self, plugin: &str, query: &str, file: &[u8]) -> Result<Value> {
        let path = format!("/v1/plugins/{plugin}/versions?{query}");
        self.json("POST", &path, file).await
    }

    /// Has a version serve, all of the traffic or `percent` of it.
    pub(crate) async fn activate(
        &self,
        plugin: &str,
        version: &str,
        percent: Option<f64>,
    ) -> Result<Value> {
        let path = format!("/v1/plugins/{plugin}/activate");
        let body = json!({ "version": version, "percent": percent });
        let answer = self
            .json("POST", &path, body.to_string().as_bytes())
            .await?;
        let at = match percent {
            None => "/pointer/active",
            Some(_) => "/pointer/canary/version",
        };
        let serves = answer.pointer(at).and_then(Value::as_str);
        ensure!(
            serves == Some(version),
            "{version} does not serve: {answer}"
        );
        Ok(answer)
    }

    /// Goes back.
    pub(crate) async fn roll_back(&self, plugin: &str) -> Result<Value> {
        let path = format!("/v1/plugins/{plugin}/rollback");
        self.json("POST", &path, b"{}").await
    }

    /// Which versions of a plugin serve, and which finish.
    pub(crate) async fn state(&self, plugin: &str) -> Result<Value> {
        self.json("GET", &format!("/v1/plugins/{plugin}"), &[])
            .await
    }

    /// Asks for the state of a plugin until it is as it is to be.
    pub(crate) async fn until(
        &self,
        plugin: &str,
        limit: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let state = self.state(plugin).await?;
            if holds(&state) {
                return Ok(state);
            }
            ensure!(begun.elapsed() < limit, "not within {limit:?}: {state}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until no version of a plugin has anything left to finish.
    pub(crate) async fn drained(&self, plugin: &str, limit: Duration) -> Result<()> {
        let nothing = |state: &Value| state.get("draining") == Some(&json!([]));
        self.until(plugin, limit, nothing).await.map(drop)
    }

    /// The samples of a counter, all labels summed; 0 when there are none.
    pub(crate) async fn metric(&self, name: &str) -> Result<u64> {
        let text = self.ask("GET", "/metrics", &[]).await?;
        let text = String::from_utf8(text)?;
        let samples = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '))
            .filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
        samples.map(|(_, value)| Ok(value.parse::<u64>()?)).sum()
    }

    async fn json(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        Ok(serde_json::from_slice(
            &self.ask(method, path, body).await?,
        )?)
    }

    async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        let mut wire = Wire::open(self.0).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-length: {}\r\n\r\n",
            self.0,
            body.len()
        );
        let answer = wire
            .ask(&[head.as_bytes(), body].concat())
            .await
            .with_context(|| format!("{method} {path}"))?;
        let (status, text) = (answer.status, answer.text());
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status}: {text}"
        );
        Ok(answer.body.to_vec())
    }
}
