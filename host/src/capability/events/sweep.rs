//! Removing what is not kept any more.

use std::time::Duration;

use tokio::time::sleep;

use super::log::number;
use super::{Events, OWN, now, table};
use crate::contract::sql::{Error, Kind, Value};
use crate::lifecycle::Shutdown;

/// Rows that are removed at once.
const BATCH: usize = 1000;

impl Events {
    /// Removes from time to time what is older than the retention, or more than is kept.
    /// Gateways that do so at the same time only do the same.
    pub async fn sweep(self, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.soft() => {}
            () = self.sweep_forever() => {}
        }
    }

    async fn sweep_forever(&self) {
        let interval = self.settings().sweep_interval;
        loop {
            // Not all gateways at the same time.
            let share = rand::random_range(0.5..1.0_f64);
            sleep(interval.mul_f64(share).max(Duration::from_millis(1))).await;
            let plugin = &self.0.plugin;
            match self.forget().await {
                Ok(0) => {}
                Ok(count) => {
                    self.0.measured.removed(count);
                    tracing::info!(plugin, count, "old events were removed");
                }
                Err(error) => tracing::warn!(plugin, ?error, "old events could not be removed"),
            }
        }
    }

    /// Removes it now; tells how many rows that were.
    pub(super) async fn forget(&self) -> Result<u64, Error> {
        let inner = &self.0;
        let (database, log) = (&inner.database, &inner.log);
        let kept = i64::try_from(self.settings().retention.as_micros()).unwrap_or(i64::MAX);
        let oldest = now().saturating_sub(kept);
        let heads = table::heads(database, log).await?;
        let floors = table::floors(database, log).await?;
        let mut removed = 0;
        for part in 0..log.partitions {
            let surplus = heads
                .at(part)
                .saturating_sub(self.settings().retention_count);
            let mut floor = floors.at(part);
            // What a sweep that was cut has left.
            removed += self.remove(part, floor).await?;
            while floor < heads.at(part) {
                let (end, is_last) = self.old(part, floor, (oldest, surplus)).await?;
                if end <= floor {
                    break;
                }
                // First the floor, which those who come back look at, and then the rows: the
                // partition is locked for as short as can be.
                self.raise(part, end).await?;
                removed += self.remove(part, end).await?;
                floor = end;
                if is_last {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// The end of what is too old, or too much, of the next rows; and whether it is in them.
    async fn old(
        &self,
        part: usize,
        floor: u64,
        (oldest, surplus): (i64, u64),
    ) -> Result<(u64, bool), Error> {
        let sql = "SELECT position, at FROM gateway_events \
                   WHERE log_id = ? AND part = ? AND position > ? ORDER BY position LIMIT ?";
        let params = vec![
            Value::Integer(self.0.log.id),
            number(part),
            table::position(floor),
            number(BATCH),
        ];
        let columns = [Kind::Integer, Kind::Timestamp];
        let rows = self
            .0
            .database
            .query_own(sql, params, &columns, &OWN)
            .await?;
        let mut end = floor;
        for row in &rows {
            let [Value::Integer(position), Value::Timestamp(at)] = row.as_slice() else {
                return Err(Error::Other);
            };
            let position = u64::try_from(*position).map_err(|_| Error::Other)?;
            if *at >= oldest && position > surplus {
                return Ok((end, true));
            }
            end = position;
        }
        Ok((end, rows.len() < BATCH))
    }

    async fn raise(&self, part: usize, floor: u64) -> Result<(), Error> {
        let sql = "UPDATE gateway_partitions SET floor_position = ? \
                   WHERE log_id = ? AND part = ? AND floor_position < ?";
        let params = vec![
            table::position(floor),
            Value::Integer(self.0.log.id),
            number(part),
            table::position(floor),
        ];
        let raised = self.0.database.execute_own(sql, params, &OWN);
        raised.await.map(drop)
    }

    async fn remove(&self, part: usize, floor: u64) -> Result<u64, Error> {
        if floor == 0 {
            return Ok(0);
        }
        let sql = "DELETE FROM gateway_events WHERE log_id = ? AND part = ? AND position <= ?";
        let params = vec![
            Value::Integer(self.0.log.id),
            number(part),
            table::position(floor),
        ];
        self.0.database.execute_own(sql, params, &OWN).await
    }
}
