//! The downloads of this gateway, and what is told of them to the others.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Blobs, OWN, before_now, now, record, text, uuid};
use crate::capability::audit::{Ending, How};
use crate::contract::blob::Error;
use crate::contract::sql::{Kind, Value};
use crate::lifecycle::Shutdown;

/// How often the others are asked what they have ended.
const LOOK: Duration = Duration::from_secs(1);

/// How often the others are told that the downloads still run.
const BEAT: Duration = Duration::from_secs(10);

/// Lost downloads that are closed at once.
const MAX_LOST: usize = 100;

/// The downloads that run here.
#[derive(Debug)]
pub(super) struct Running {
    /// Names this gateway, for as long as it runs.
    pub(super) gateway: Uuid,
    ends: Mutex<HashMap<Uuid, CancellationToken>>,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            gateway: Uuid::now_v7(),
            ends: Mutex::default(),
        }
    }
}

impl Running {
    pub(super) fn add(&self, download: Uuid) -> CancellationToken {
        let end = CancellationToken::new();
        self.ends.lock().insert(download, end.clone());
        end
    }

    pub(super) fn remove(&self, download: Uuid) {
        self.ends.lock().remove(&download);
    }

    fn end(&self, download: Uuid) {
        if let Some(end) = self.ends.lock().get(&download) {
            end.cancel();
        }
    }

    fn is_empty(&self) -> bool {
        self.ends.lock().is_empty()
    }
}

impl Blobs {
    /// Ends downloads that another gateway, or a plugin, has ended; says that the others
    /// still run; closes what a dead gateway left; collects what nobody needs. Until
    /// nothing new should be begun: downloads may take as long as the drain does, so that
    /// is the end of another shutdown than theirs.
    pub async fn watch(self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.soft() => {}
            () = self.look_after() => {}
        }
    }

    async fn look_after(&self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut beat, mut collection) = (Instant::now(), Instant::now());
        loop {
            look.tick().await;
            // What fails here is tried again, and was logged.
            if !self.0.running.is_empty() {
                let _failed = self.see_ends().await;
            }
            if beat.elapsed() >= BEAT.min(self.0.settings.lost_after / 3) {
                beat = Instant::now();
                let _failed = self.beat().await;
                let _failed = self.close_lost().await;
            }
            if collection.elapsed() >= self.0.settings.gc_interval {
                collection = Instant::now();
                let _failed = self.collect().await;
            }
        }
    }

    async fn see_ends(&self) -> Result<(), Error> {
        let sql = "SELECT id FROM gateway_downloads WHERE gateway = ? AND is_ended = ?";
        let params = vec![uuid(self.0.running.gateway), Value::Boolean(true)];
        for row in self.query(sql, params, &[Kind::Uuid]).await? {
            if let [Value::Uuid((high, low))] = row.as_slice() {
                self.0.running.end(Uuid::from_u64_pair(*high, *low));
            }
        }
        Ok(())
    }

    async fn beat(&self) -> Result<(), Error> {
        let sql = "UPDATE gateway_downloads SET seen_at = ? WHERE gateway = ?";
        let params = vec![now(), uuid(self.0.running.gateway)];
        self.execute(sql, params).await.map(drop)
    }

    /// Closes the downloads of gateways that were not seen for too long.
    async fn close_lost(&self) -> Result<(), Error> {
        let sql = "SELECT id, place, action, stamp FROM gateway_downloads \
                   WHERE plugin = ? AND seen_at < ? LIMIT ?";
        let params = vec![
            text(&self.0.plugin),
            before_now(self.0.settings.lost_after),
            Value::Integer(MAX_LOST as i64),
        ];
        let columns = [Kind::Uuid, Kind::Text, Kind::Text, Kind::Text];
        for row in self.query(sql, params, &columns).await? {
            let Some((id, opened)) = record::Opened::read(row) else {
                return Err(Error::Other);
            };
            let lost = Ending {
                sent: 0,
                how: How::Lost,
            };
            let closed = record::close(&self.0.database, id, &opened, lost, &OWN);
            closed.await.map_err(|error| super::failed(&error))?;
            tracing::warn!(
                request = opened.stamp.request,
                "a download was lost with its gateway"
            );
        }
        Ok(())
    }
}
