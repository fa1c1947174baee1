//! Which log a plugin has, and where in it a topic is.

use sha2::{Digest, Sha256};

use super::OWN;
use crate::capability::sql::Database;
use crate::contract::sql::{Error, Kind, Value};

/// A log: its number, and how many partitions it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Log {
    /// Random, and never negative.
    pub(super) id: i64,
    pub(super) partitions: usize,
}

/// How often to look for a log that another gateway is about to make.
const TRIES: u32 = 3;

impl Log {
    /// The log of a plugin, which is made with so many partitions when it is missing. Of
    /// gateways that start at once one makes it.
    pub(super) async fn open(
        plugin: &str,
        database: &Database,
        partitions: usize,
    ) -> Result<Self, Error> {
        let mut outcome = Err(Error::Conflict);
        for _ in 0..TRIES {
            if let Some(log) = Self::find(plugin, database).await? {
                if log.partitions != partitions {
                    tracing::warn!(
                        plugin,
                        partitions = log.partitions,
                        "the event log keeps the number of partitions that it was made with"
                    );
                }
                return Ok(log);
            }
            outcome = Self::make(plugin, database, partitions).await;
            if !matches!(outcome, Err(Error::UniqueViolation(_) | Error::Conflict)) {
                break;
            }
        }
        outcome
    }

    async fn find(plugin: &str, database: &Database) -> Result<Option<Self>, Error> {
        let sql = "SELECT log_id, partitions FROM gateway_logs WHERE plugin = ?";
        let params = vec![Value::Text(plugin.to_owned())];
        let columns = [Kind::Integer, Kind::Integer];
        let rows = database.query_own(sql, params, &columns, &OWN).await?;
        match rows.first().map(Vec::as_slice) {
            Some([Value::Integer(id), Value::Integer(partitions)]) => Ok(Some(Self {
                id: *id,
                partitions: usize::try_from(*partitions).map_err(|_| Error::Other)?,
            })),
            _ => Ok(None),
        }
    }

    async fn make(plugin: &str, database: &Database, partitions: usize) -> Result<Self, Error> {
        let id = rand::random_range(1..i64::MAX);
        let mut transaction = database.begin(&OWN).await?;
        let sql = "INSERT INTO gateway_logs (plugin, log_id, partitions) VALUES (?, ?, ?)";
        let params = vec![
            Value::Text(plugin.to_owned()),
            Value::Integer(id),
            number(partitions),
        ];
        transaction.execute_own(sql, params).await?;
        let sql = format!(
            "INSERT INTO gateway_partitions (log_id, part, last_position, floor_position) \
             VALUES {}",
            vec!["(?, ?, 0, 0)"; partitions].join(", ")
        );
        let params = (0..partitions).flat_map(|part| [Value::Integer(id), number(part)]);
        transaction.execute_own(&sql, params.collect()).await?;
        transaction.commit().await?;
        Ok(Self { id, partitions })
    }

    /// The partition of a topic.
    pub(super) fn part(&self, key: i64) -> usize {
        // A number that is below that of the partitions.
        usize::try_from(key.unsigned_abs() % (self.partitions.max(1) as u64)).unwrap_or_default()
    }
}

/// What a topic is looked up by: the beginning of its SHA-256.
pub(super) fn topic_key(topic: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(topic).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// For a parameter.
pub(super) fn number(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_a_partition_and_keeps_it() {
        let log = Log {
            id: 1,
            partitions: 16,
        };
        let mut seen = [0_u32; 16];
        for number in 0..16_000 {
            seen[log.part(topic_key(&format!("topic/{number}")))] += 1;
        }
        assert!(seen.iter().all(|count| *count > 800), "{seen:?}");
        // Part of what is stored: a change would lose events.
        assert_eq!(topic_key("a"), -3_848_465_438_864_589_366);
        assert_eq!(log.part(i64::MIN), 0);
    }
}
