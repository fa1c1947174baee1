//! Removes what nobody needs.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{Blobs, OWN, before_now, uuid};
use crate::capability::sql::Database;
use crate::contract::blob::Error;
use crate::contract::sql::{self, Kind, Value};

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

/// What nobody has needed for `grace`, in all of a database: only looked at.
///
/// # Errors
/// When the database can't be read.
pub async fn collect(database: &Database, grace: Duration) -> Result<Collected, sql::Error> {
    let sql = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM gateway_blobs \
               WHERE links = 0 AND touched_at < ?";
    let params = vec![before_now(grace)];
    let columns = [Kind::Integer, Kind::Integer];
    let rows = database.query_own(sql, params, &columns, &OWN).await?;
    match rows.first().map(Vec::as_slice) {
        Some([Value::Integer(blobs), Value::Integer(bytes)]) => Ok(Collected {
            blobs: blobs.unsigned_abs(),
            bytes: bytes.unsigned_abs(),
        }),
        _ => Err(sql::Error::Other),
    }
}

impl Blobs {
    /// Removes what nobody has needed for the grace time, of every plugin in the database.
    ///
    /// # Errors
    /// When the database or the store can't be used; what was removed by then is.
    pub async fn collect_own(&self) -> Result<Collected, Error> {
        let grace = self.0.settings.grace;
        let mut collected = Collected::default();
        let mut after = Uuid::nil();
        loop {
            let sql = "SELECT id, size FROM gateway_blobs \
                       WHERE links = 0 AND touched_at < ? AND id > ? ORDER BY id LIMIT ?";
            let params = vec![before_now(grace), uuid(after), Value::Integer(PAGE as i64)];
            let rows = self
                .query(sql, params, &[Kind::Uuid, Kind::Integer])
                .await?;
            let count = rows.len();
            for row in rows {
                let [Value::Uuid((high, low)), Value::Integer(size)] = row.as_slice() else {
                    return Err(Error::Other);
                };
                after = Uuid::from_u64_pair(*high, *low);
                if self.doom(after, grace).await? {
                    self.remove(after).await?;
                    collected += Collected {
                        blobs: 1,
                        bytes: size.unsigned_abs(),
                    };
                }
            }
            if count < PAGE {
                break;
            }
        }
        if collected.blobs > 0 {
            let Collected { blobs, bytes } = collected;
            tracing::info!(blobs, bytes, "blobs that nobody needed were removed");
        }
        Ok(collected)
    }

    /// From here on nobody can need it any more. False when somebody does by now.
    async fn doom(&self, id: Uuid, grace: Duration) -> Result<bool, Error> {
        let sql = "UPDATE gateway_blobs SET state = 'doomed', sha256 = NULL \
                   WHERE id = ? AND links = 0 AND touched_at < ?";
        let doomed = self.execute(sql, vec![uuid(id), before_now(grace)]);
        Ok(doomed.await? > 0)
    }
}
