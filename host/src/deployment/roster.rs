//! Which gateways there are on the database, and which versions they use.
//!
//! A gateway names a version here before it uses it, and takes the name back only when the
//! version has drained. Who wants to take something away looks here after having said so
//! here: of two that come at once, at least one sees the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::service::Service;
use super::signature::Rules;
use super::store::{LIMITS, Store, StoreError, text};
use crate::contract::sql::{self, Dialect, Kind, Value};

/// What stands in the place of a version while migrations that take away are applied.
pub(super) const CONTRACTING: &str = "";

/// The gateways on one database.
#[derive(Debug)]
pub struct Roster {
    store: Store,
    gateway: Uuid,
    /// One at a time, so that what was announced is not swept away.
    writing: tokio::sync::Mutex<()>,
}

/// A gateway that uses a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// A name that the gateway has for as long as it runs.
    pub gateway: String,
    /// The version; empty while it applies migrations that take away.
    pub version: String,
    /// For how long it has not said so, in milliseconds.
    pub silent_millis: u64,
}

impl Roster {
    /// The roster in the gateway's tables, for a gateway that begins.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            gateway: Uuid::now_v7(),
            writing: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether this is the gateway that was seen.
    pub(super) fn is_me(&self, seen: &Seen) -> bool {
        seen.gateway == self.gateway.to_string()
    }

    /// Says that this gateway is about to use a version.
    pub(super) async fn announce(&self, plugin: &str, version: &str) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        self.put(plugin, version).await
    }

    /// Says which versions of a plugin this gateway uses, and none else. `used` is asked
    /// while nobody announces.
    pub(super) async fn tell(
        &self,
        plugin: &str,
        used: impl FnOnce() -> BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let _alone = self.writing.lock().await;
        let used = used();
        for version in &used {
            self.put(plugin, version).await?;
        }
        let sql = "SELECT version FROM gateway_gateways WHERE gateway = ? AND plugin = ?";
        let params = vec![self.me(), text(plugin)];
        for row in self.query(sql, params, &[Kind::Text]).await? {
            if let [Value::Text(version)] = row.as_slice()
                && !used.contains(version)
            {
                let sql = "DELETE FROM gateway_gateways \
                           WHERE gateway = ? AND plugin = ? AND version = ?";
                let params = vec![self.me(), text(plugin), text(version)];
                self.execute(sql, params).await?;
            }
        }
        Ok(used)
    }

    /// The gateways that use a version of a plugin and are not gone.
    pub(super) async fn seen(
        &self,
        plugin: &str,
        timeout: Duration,
    ) -> Result<Vec<Seen>, StoreError> {
        let silent = self.silent();
        let sql = format!(
            "SELECT gateway, version, {silent} FROM gateway_gateways WHERE plugin = ? \
             AND {silent} <= ? ORDER BY version, gateway"
        );
        let params = vec![text(plugin), millis(timeout)];
        let columns = [Kind::Uuid, Kind::Text, Kind::Integer];
        let rows = self.query(&sql, params, &columns).await?;
        let seen = |row: Vec<Value>| match <[Value; 3]>::try_from(row) {
            Ok(
                [
                    Value::Uuid((high, low)),
                    Value::Text(version),
                    Value::Integer(silent),
                ],
            ) => Ok(Seen {
                gateway: Uuid::from_u64_pair(high, low).to_string(),
                version,
                silent_millis: u64::try_from(silent).unwrap_or(0),
            }),
            _ => Err(StoreError::Database(sql::Error::Other)),
        };
        rows.into_iter().map(seen).collect()
    }

    /// Forgets the gateways that are gone.
    async fn sweep(&self, timeout: Duration) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM gateway_gateways WHERE {} > ?", self.silent());
        self.execute(&sql, vec![millis(timeout)]).await
    }

    /// Says that this gateway uses nothing any more.
    ///
    /// # Errors
    /// The database failed; then it counts as gone after `deploy.gateway_timeout`.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        let sql = "DELETE FROM gateway_gateways WHERE gateway = ?";
        self.execute(sql, vec![self.me()]).await
    }

    async fn put(&self, plugin: &str, version: &str) -> Result<(), StoreError> {
        let clock = self.clock();
        let key = || vec![self.me(), text(plugin), text(version)];
        let sql = format!(
            "UPDATE gateway_gateways SET seen_at = {clock} \
             WHERE gateway = ? AND plugin = ? AND version = ?"
        );
        let database = self.store.database();
        if database.execute_own(&sql, key(), &LIMITS).await? > 0 {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO gateway_gateways (gateway, plugin, version, seen_at) \
             VALUES (?, ?, ?, {clock})"
        );
        match database.execute_own(&sql, key(), &LIMITS).await {
            Ok(_) | Err(sql::Error::UniqueViolation(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn query(
        &self,
        sql: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let rows = self
            .store
            .database()
            .query_own(sql, params, columns, &LIMITS);
        Ok(rows.await?)
    }

    async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<(), StoreError> {
        let done = self.store.database().execute_own(sql, params, &LIMITS);
        Ok(done.await.map(drop)?)
    }

    fn me(&self) -> Value {
        Value::Uuid(self.gateway.as_u64_pair())
    }

    /// The database's clock: those of the gateways may differ.
    fn clock(&self) -> &'static str {
        match self.store.database().dialect() {
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Dialect::Postgres => "clock_timestamp()",
            Dialect::Mysql => "UTC_TIMESTAMP(6)",
        }
    }

    /// How long a row was not renewed, in milliseconds.
    fn silent(&self) -> &'static str {
        match self.store.database().dialect() {
            Dialect::Sqlite => {
                "((CAST(unixepoch('subsec') * 1000000 AS INTEGER) - seen_at) / 1000)"
            }
            Dialect::Postgres => {
                "CAST(EXTRACT(EPOCH FROM (clock_timestamp() - seen_at)) * 1000 AS BIGINT)"
            }
            Dialect::Mysql => "(TIMESTAMPDIFF(MICROSECOND, seen_at, UTC_TIMESTAMP(6)) DIV 1000)",
        }
    }
}

fn millis(time: Duration) -> Value {
    Value::Integer(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// Says what this gateway uses, at each change and three times within the time after which
/// it would count as gone; and forgets those that are. Never ends by itself: while requests
/// finish, it uses what it used.
pub async fn beat(services: Vec<Arc<Service>>, roster: Arc<Roster>, rules: Arc<ArcSwap<Rules>>) {
    let mut told: Vec<Option<(BTreeSet<String>, Instant)>> = vec![None; services.len()];
    loop {
        let (timeout, follow) = {
            let rules = rules.load();
            (rules.deploy.gateway_timeout, rules.deploy.follow_interval)
        };
        let often = timeout / 3;
        let mut swept = true;
        for (service, told) in services.iter().zip(&mut told) {
            let is_news = told
                .as_ref()
                .is_none_or(|(used, at)| at.elapsed() >= often || *used != service.used());
            if !is_news {
                continue;
            }
            match roster.tell(service.name(), || service.used()).await {
                Ok(used) => *told = Some((used, Instant::now())),
                Err(error) => {
                    tracing::warn!(?error, "can't tell the other gateways what this one uses");
                    swept = false;
                }
            }
            if swept && let Err(error) = roster.sweep(timeout).await {
                tracing::warn!(?error, "can't forget the gateways that are gone");
            }
        }
        tokio::time::sleep(follow.min(often)).await;
    }
}
