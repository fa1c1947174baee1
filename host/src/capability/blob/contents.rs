//! The rows of what is in the store.

use sha2::Sha256;
use sha2::digest::common::hazmat::SerializableState;
use uuid::Uuid;

use super::store::{Key, Segment};
use super::{Blobs, MAX_ROWS, OWN, now, number, text, uuid};
use crate::contract::blob::{Error, Stored, Storing};
use crate::contract::sql::{Kind, Value};

/// Content that is still arriving.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: Uuid,
    pub(super) scope: String,
    pub(super) size: u64,
    /// The longest that it may be.
    pub(super) most: u64,
    pub(super) wanted: Option<Vec<u8>>,
    pub(super) hasher: Sha256,
}

impl Blobs {
    /// Adds a row for content that is to arrive.
    pub(super) async fn add_open(&self, how: &Storing) -> Result<Uuid, Error> {
        if how.scope.is_empty() || how.scope.len() > 128 || how.scope.contains('\0') {
            return Err(Error::Invalid(
                "scope must have 1 to 128 bytes, none of them NUL".to_owned(),
            ));
        }
        if how.sha256.as_ref().is_some_and(|digest| digest.len() != 32) {
            return Err(Error::Invalid("sha256 must have 32 bytes".to_owned()));
        }
        let id = Uuid::now_v7();
        let wanted = how.sha256.clone().map_or(Value::Null, Value::Bytes);
        let params = vec![
            uuid(id),
            text(&self.0.plugin),
            text(&how.scope),
            number(how.limit.min(self.0.limits.bytes)),
            wanted,
            Value::Bytes(state(&Sha256::default())),
            now(),
        ];
        let sql = "INSERT INTO gateway_blobs (id, plugin, scope, state, size, most, wanted, \
                   sha256, hasher, links, touched_at) \
                   VALUES (?, ?, ?, 'open', 0, ?, ?, NULL, ?, 0, ?)";
        self.execute(sql, params).await?;
        Ok(id)
    }

    /// Content that is still arriving.
    pub(super) async fn open_blob(&self, id: Uuid) -> Result<Open, Error> {
        let sql = "SELECT scope, size, most, wanted, hasher FROM gateway_blobs \
                   WHERE id = ? AND plugin = ? AND state = 'open'";
        let columns = [
            Kind::Text,
            Kind::Integer,
            Kind::Integer,
            Kind::Bytes,
            Kind::Bytes,
        ];
        let params = vec![uuid(id), text(&self.0.plugin)];
        let mut rows = self.query(sql, params, &columns).await?;
        let row = rows.pop().ok_or(Error::NoSuchBlob)?;
        let Ok(
            [
                Value::Text(scope),
                Value::Integer(size),
                Value::Integer(most),
                wanted,
                Value::Bytes(hasher),
            ],
        ) = <[Value; 5]>::try_from(row)
        else {
            return Err(Error::Other);
        };
        Ok(Open {
            id,
            scope,
            size: size.unsigned_abs(),
            most: most.unsigned_abs(),
            wanted: match wanted {
                Value::Bytes(digest) => Some(digest),
                _ => None,
            },
            hasher: from_state(&hasher).ok_or(Error::Other)?,
        })
    }

    /// Notes the object that is about to be written, so that it is known whatever happens.
    pub(super) async fn add_part(&self, blob: Uuid, object: &Key) -> Result<u64, Error> {
        let sql = "SELECT COALESCE(MAX(part), 0) + 1 FROM gateway_blob_parts WHERE blob_id = ?";
        let rows = self.query(sql, vec![uuid(blob)], &[Kind::Integer]).await?;
        let Some([Value::Integer(part)]) = rows.first().map(Vec::as_slice) else {
            return Err(Error::Other);
        };
        let part = part.unsigned_abs();
        if part > MAX_ROWS as u64 {
            return Err(Error::Invalid(format!(
                "an upload has at most {MAX_ROWS} parts"
            )));
        }
        let sql = "INSERT INTO gateway_blob_parts (blob_id, part, object, size) \
                   VALUES (?, ?, ?, NULL)";
        let params = vec![uuid(blob), number(part), text(object.as_str())];
        let inserted = self.0.database.execute_own(sql, params, &OWN);
        match inserted.await {
            Ok(_) => Ok(part),
            // Another request adds to the same upload.
            Err(crate::contract::sql::Error::UniqueViolation(_)) => Err(Error::Busy),
            Err(error) => Err(super::failed(&error)),
        }
    }

    /// Makes a part that was written count. False when another one was faster.
    pub(super) async fn grow(
        &self,
        open: &Open,
        part: u64,
        length: u64,
        hasher: &Sha256,
    ) -> Result<bool, Error> {
        let grown = async {
            let mut transaction = self.0.database.begin(&OWN).await?;
            let sql = "UPDATE gateway_blobs SET size = ?, hasher = ?, touched_at = ? \
                       WHERE id = ? AND plugin = ? AND state = 'open' AND size = ?";
            let params = vec![
                number(open.size + length),
                Value::Bytes(state(hasher)),
                now(),
                uuid(open.id),
                text(&self.0.plugin),
                number(open.size),
            ];
            if transaction.execute_own(sql, params).await? == 0 {
                return Ok(false);
            }
            let sql = "UPDATE gateway_blob_parts SET size = ? WHERE blob_id = ? AND part = ?";
            let params = vec![number(length), uuid(open.id), number(part)];
            transaction.execute_own(sql, params).await?;
            transaction.commit().await?;
            Ok(true)
        };
        grown
            .await
            .map_err(|error: crate::contract::sql::Error| super::failed(&error))
    }

    /// Makes content of what has arrived; or tells which content is the same.
    pub(super) async fn settle_content(
        &self,
        open: &Open,
        digest: [u8; 32],
    ) -> Result<Stored, Error> {
        // The one that is the same may be removed at this moment, as nobody needs it.
        for _ in 0..3 {
            let sql = "UPDATE gateway_blobs SET state = 'ready', sha256 = ?, hasher = NULL, \
                       touched_at = ? WHERE id = ? AND plugin = ? AND state = 'open' \
                       AND size = ?";
            let params = vec![
                Value::Bytes(digest.to_vec()),
                now(),
                uuid(open.id),
                text(&self.0.plugin),
                number(open.size),
            ];
            let settled = self.0.database.execute_own(sql, params, &OWN);
            match settled.await {
                Ok(0) => return Err(Error::NoSuchBlob),
                Ok(_) => return Ok(stored(open.id, open.size, digest)),
                Err(crate::contract::sql::Error::UniqueViolation(_)) => {}
                Err(error) => return Err(super::failed(&error)),
            }
            if let Some(same) = self.touch_same(&open.scope, digest).await? {
                self.discard(open.id).await;
                return Ok(stored(same, open.size, digest));
            }
        }
        Err(Error::Unavailable)
    }

    /// The content with a digest, kept for another grace time.
    async fn touch_same(&self, scope: &str, digest: [u8; 32]) -> Result<Option<Uuid>, Error> {
        let sql = "SELECT id FROM gateway_blobs WHERE plugin = ? AND scope = ? AND sha256 = ?";
        let digest = Value::Bytes(digest.to_vec());
        let params = vec![text(&self.0.plugin), text(scope), digest];
        let rows = self.query(sql, params, &[Kind::Uuid]).await?;
        let Some([Value::Uuid((high, low))]) = rows.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let id = Uuid::from_u64_pair(*high, *low);
        let sql = "UPDATE gateway_blobs SET touched_at = ? WHERE id = ? AND state = 'ready'";
        let touched = self.execute(sql, vec![now(), uuid(id)]).await?;
        Ok((touched > 0).then_some(id))
    }

    /// The size and the objects of content that is complete.
    pub(super) async fn content(&self, id: Uuid) -> Result<(u64, Vec<Segment>), Error> {
        let sql = "SELECT size FROM gateway_blobs WHERE id = ? AND plugin = ? AND state = 'ready'";
        let params = vec![uuid(id), text(&self.0.plugin)];
        let rows = self.query(sql, params, &[Kind::Integer]).await?;
        let Some([Value::Integer(size)]) = rows.first().map(Vec::as_slice) else {
            return Err(Error::NoSuchBlob);
        };
        Ok((size.unsigned_abs(), self.segments(id).await?))
    }

    async fn segments(&self, id: Uuid) -> Result<Vec<Segment>, Error> {
        let sql = "SELECT object, size FROM gateway_blob_parts \
                   WHERE blob_id = ? AND size IS NOT NULL ORDER BY part";
        let columns = [Kind::Text, Kind::Integer];
        let rows = self.query(sql, vec![uuid(id)], &columns).await?;
        rows.into_iter()
            .map(|row| match row.as_slice() {
                [Value::Text(object), Value::Integer(size)] => Ok(Segment {
                    key: object.parse().map_err(|_| Error::Other)?,
                    size: size.unsigned_abs(),
                }),
                _ => Err(Error::Other),
            })
            .collect()
    }
}

fn stored(id: Uuid, size: u64, digest: [u8; 32]) -> Stored {
    Stored {
        id: id.to_string(),
        size,
        sha256: digest.to_vec(),
    }
}

/// The state of a hash that goes on in another request.
fn state(hasher: &Sha256) -> Vec<u8> {
    hasher.serialize().to_vec()
}

fn from_state(bytes: &[u8]) -> Option<Sha256> {
    Sha256::deserialize(bytes.try_into().ok()?).ok()
}
