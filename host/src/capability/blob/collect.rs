//! Removes what nobody needs.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::store::{Key, Store};
use super::{Blobs, OWN, before_now, failed, store_failed, uuid};
use crate::capability::sql::Database;
use crate::contract::blob::Error;
use crate::contract::sql::{Kind, Value};

/// Blobs that are looked at in one statement.
const PAGE: usize = 100;

/// What a collection removed, or would remove.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Blobs, uploads that were never finished included.
    pub blobs: u64,
    /// Their bytes, as far as they are known.
    pub bytes: u64,
}

impl std::ops::AddAssign for Collected {
    fn add_assign(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
    }
}

/// Removes what nobody has needed for a time, whichever plugin of the database put it there.
#[derive(Debug, Clone, Copy)]
pub struct Collector<'a> {
    /// Where the rows are.
    pub database: &'a Database,
    /// Where the bytes are.
    pub store: &'a Store,
    /// For how long nobody must have needed it.
    pub grace: Duration,
}

impl Collector<'_> {
    /// What it would remove.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn look(self) -> Result<Collected, Error> {
        let sql = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM gateway_blobs \
                   WHERE links = 0 AND touched_at < ?";
        let params = vec![before_now(self.grace)];
        let rows = self
            .query(sql, params, &[Kind::Integer, Kind::Integer])
            .await?;
        match rows.first().map(Vec::as_slice) {
            Some([Value::Integer(blobs), Value::Integer(bytes)]) => Ok(Collected {
                blobs: blobs.unsigned_abs(),
                bytes: bytes.unsigned_abs(),
            }),
            _ => Err(Error::Other),
        }
    }

    /// Removes it, and tells what it was. `seen` is told how much it is so far.
    ///
    /// # Errors
    /// When the database or the store can't be used; what was removed by then is.
    pub async fn collect(self, mut seen: impl FnMut(Collected)) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let mut after = Uuid::nil();
        loop {
            let sql = "SELECT id, size FROM gateway_blobs \
                       WHERE links = 0 AND touched_at < ? AND id > ? ORDER BY id LIMIT ?";
            let params = vec![
                before_now(self.grace),
                uuid(after),
                Value::Integer(PAGE as i64),
            ];
            let rows = self
                .query(sql, params, &[Kind::Uuid, Kind::Integer])
                .await?;
            let count = rows.len();
            for row in rows {
                let [Value::Uuid((high, low)), Value::Integer(size)] = row.as_slice() else {
                    return Err(Error::Other);
                };
                after = Uuid::from_u64_pair(*high, *low);
                if self.doom(after).await? {
                    self.remove(after).await?;
                    collected += Collected {
                        blobs: 1,
                        bytes: size.unsigned_abs(),
                    };
                    seen(collected);
                }
            }
            if count < PAGE {
                return Ok(collected);
            }
        }
    }

    /// From here on nobody can need it any more. False when somebody does by now.
    async fn doom(self, id: Uuid) -> Result<bool, Error> {
        let sql = "UPDATE gateway_blobs SET state = 'doomed', sha256 = NULL \
                   WHERE id = ? AND links = 0 AND touched_at < ?";
        let doomed = self.execute(sql, vec![uuid(id), before_now(self.grace)]);
        Ok(doomed.await? > 0)
    }

    /// Removes doomed content: first its objects, then its rows.
    async fn remove(self, id: Uuid) -> Result<(), Error> {
        let sql = "SELECT object FROM gateway_blob_parts WHERE blob_id = ?";
        for row in self.query(sql, vec![uuid(id)], &[Kind::Text]).await? {
            let [Value::Text(object)] = row.as_slice() else {
                return Err(Error::Other);
            };
            let key: Key = object.parse().map_err(|_| Error::Other)?;
            let deleted = self.store.delete(&key).await;
            deleted.map_err(|error| store_failed(&error))?;
        }
        let sql = "DELETE FROM gateway_blob_parts WHERE blob_id = ?";
        self.execute(sql, vec![uuid(id)]).await?;
        let sql = "DELETE FROM gateway_blobs WHERE id = ? AND state = 'doomed'";
        self.execute(sql, vec![uuid(id)]).await?;
        Ok(())
    }

    async fn query(
        self,
        sql: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self.database.query_own(sql, params, columns, &OWN);
        rows.await.map_err(|error| failed(&error))
    }

    async fn execute(self, sql: &str, params: Vec<Value>) -> Result<u64, Error> {
        let matched = self.database.execute_own(sql, params, &OWN);
        matched.await.map_err(|error| failed(&error))
    }
}

impl Blobs {
    fn collector(&self) -> Collector<'_> {
        Collector {
            database: &self.0.database,
            store: &self.0.store,
            grace: self.0.settings.grace,
        }
    }

    /// Removes what nobody has needed for the grace time.
    pub(super) async fn collect(&self) -> Result<(), Error> {
        let Collected { blobs, bytes } = self.collector().collect(|_| ()).await?;
        self.0.traffic.collected(blobs, bytes);
        if blobs > 0 {
            tracing::info!(blobs, bytes, "blobs that nobody needed were removed");
        }
        Ok(())
    }

    /// Removes content that nobody has been told of. What can't be removed now is left to
    /// the collection.
    pub(super) async fn discard(&self, id: Uuid) {
        let sql = "UPDATE gateway_blobs SET state = 'doomed', sha256 = NULL \
                   WHERE id = ? AND state = 'open'";
        let removed = async {
            match self.execute(sql, vec![uuid(id)]).await? {
                0 => Ok(()),
                _ => self.collector().remove(id).await,
            }
        };
        if let Err(error) = removed.await {
            tracing::warn!(%id, ?error, "an upload could not be thrown away, and is left to the collection");
        }
    }
}
