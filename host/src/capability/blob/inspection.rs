//! Content that is to be inspected: the queue of it, and what is derived from it.
//!
//! A row is there from the commit that asks for the inspection until the plugin has taken
//! the report, and holds a link on its blob. Whoever takes a row on counts the try: the
//! number tells its own hold on the row from that of somebody who took it over.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use uuid::Uuid;

use super::store::{self, Segment, Store};
use super::{Blobs, OWN, failed, now, number, text, uuid};
use crate::capability::body::IncomingBody;
use crate::capability::sql::Transaction;
use crate::contract::blob::{Error, Stored, Storing};
use crate::contract::sql::{Error as Sql, Kind, Value};

/// What one inspection may be called, in bytes.
const MAX_TAG: usize = 300;
const MAX_MEDIA_TYPE: usize = 128;

/// Content that is to be inspected, as one try sees it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Names it.
    pub id: Uuid,
    /// The content.
    pub blob: Uuid,
    /// What the plugin says that it is.
    pub media_type: String,
    /// What the plugin calls it.
    pub tag: String,
    /// How often it was taken on; once [taken](Blobs::take), this time included.
    pub tries: u64,
}

/// Content that can be read piece by piece.
#[derive(Debug, Clone)]
pub struct Content {
    store: Store,
    segments: Vec<Segment>,
    /// In bytes.
    pub size: u64,
}

impl Content {
    /// The bytes of a part that is within it.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn read(&self, part: Range<u64>) -> Result<Bytes, store::Error> {
        let mut pieces = self.store.read(self.segments.clone(), part);
        let mut bytes = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes.freeze())
    }
}

/// Queues an inspection with the commit; false when there is no such blob.
pub(crate) async fn inspect(
    transaction: &mut Transaction,
    plugin: &str,
    blob: &str,
    media_type: &str,
    tag: &str,
) -> Result<bool, Sql> {
    if !super::link(transaction, plugin, blob).await? {
        return Ok(false);
    }
    let blob = Uuid::try_parse(blob).map_err(|_| Sql::Other)?;
    let sql = "INSERT INTO gateway_inspections \
               (id, plugin, blob_id, media_type, tag, tries, worker, due_at) \
               VALUES (?, ?, ?, ?, ?, 0, NULL, ?)";
    let params = vec![
        uuid(Uuid::now_v7()),
        text(plugin),
        uuid(blob),
        text(media_type),
        text(tag),
        now(),
    ];
    transaction.execute_own(sql, params).await?;
    Ok(true)
}

/// Whether an inspection may be called so; else what is wrong.
pub(crate) fn permitted(media_type: &str, tag: &str) -> Result<(), String> {
    for (name, text, most) in [
        ("media-type", media_type, MAX_MEDIA_TYPE),
        ("tag", tag, MAX_TAG),
    ] {
        if text.len() > most || text.contains('\0') {
            return Err(format!("{name} has at most {most} bytes, none of them NUL"));
        }
    }
    Ok(())
}

impl Blobs {
    /// Content that is complete.
    ///
    /// # Errors
    /// See the contract.
    pub async fn look_up(&self, id: Uuid) -> Result<Content, Error> {
        let (size, segments) = self.content(id).await?;
        Ok(Content {
            store: self.0.store.clone(),
            segments,
            size,
        })
    }

    /// At most `most` inspections that nobody works on, the oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn due(&self, most: usize) -> Result<Vec<Job>, Error> {
        let sql = "SELECT id, blob_id, media_type, tag, tries FROM gateway_inspections \
                   WHERE plugin = ? AND due_at <= ? ORDER BY due_at LIMIT ?";
        let columns = [
            Kind::Uuid,
            Kind::Uuid,
            Kind::Text,
            Kind::Text,
            Kind::Integer,
        ];
        let params = vec![text(&self.0.plugin), now(), number(most as u64)];
        let rows = self.query(sql, params, &columns).await?;
        rows.into_iter()
            .map(|row| job(row).ok_or(Error::Other))
            .collect()
    }

    /// Takes an inspection on, for as long as `lease`; none when somebody else did.
    ///
    /// # Errors
    /// When the database can't be used.
    pub async fn take(&self, job: Job, lease: Duration) -> Result<Option<Job>, Error> {
        let sql = "UPDATE gateway_inspections SET tries = tries + 1, worker = ?, due_at = ? \
                   WHERE id = ? AND tries = ?";
        let params = vec![
            uuid(self.0.running.gateway),
            from_now(lease),
            uuid(job.id),
            number(job.tries),
        ];
        let taken = self.execute(sql, params).await? > 0;
        Ok(taken.then(|| Job {
            tries: job.tries + 1,
            ..job
        }))
    }

    /// Keeps it for another `lease`; false when somebody took it over.
    ///
    /// # Errors
    /// When the database can't be used.
    pub async fn hold(&self, job: &Job, lease: Duration) -> Result<bool, Error> {
        let sql = "UPDATE gateway_inspections SET due_at = ? WHERE id = ? AND tries = ?";
        let params = vec![from_now(lease), uuid(job.id), number(job.tries)];
        Ok(self.execute(sql, params).await? > 0)
    }

    /// Has it tried again after a pause.
    ///
    /// # Errors
    /// When the database can't be used; it is tried again after its lease then.
    pub async fn put_off(&self, job: &Job, pause: Duration) -> Result<(), Error> {
        let sql = "UPDATE gateway_inspections SET due_at = ?, worker = NULL \
                   WHERE id = ? AND tries = ?";
        let params = vec![from_now(pause), uuid(job.id), number(job.tries)];
        self.execute(sql, params).await.map(drop)
    }

    /// Ends it. Its blob is kept by others from now on, if by anybody.
    ///
    /// # Errors
    /// When the database can't be used; it is done again after its lease then.
    pub async fn close_inspection(&self, job: &Job) -> Result<(), Error> {
        let closed = async {
            let mut transaction = self.0.database.begin(&OWN).await?;
            let sql = "DELETE FROM gateway_inspections WHERE id = ? AND tries = ?";
            let params = vec![uuid(job.id), number(job.tries)];
            if transaction.execute_own(sql, params).await? == 0 {
                return Ok(());
            }
            super::unlink(&mut transaction, &self.0.plugin, &job.blob.to_string()).await?;
            transaction.commit().await
        };
        closed.await.map_err(|error: Sql| failed(&error))
    }

    /// Lets others have at once what this gateway has taken on. It counts as no try.
    ///
    /// # Errors
    /// When the database can't be used; others have it after its lease then.
    pub async fn let_go(&self) -> Result<(), Error> {
        let sql = "UPDATE gateway_inspections SET tries = tries - 1, worker = NULL, due_at = ? \
                   WHERE plugin = ? AND worker = ?";
        let params = vec![now(), text(&self.0.plugin), uuid(self.0.running.gateway)];
        self.execute(sql, params).await.map(drop)
    }

    /// Stores what was made of content, in the same scope. As of every content, what nobody
    /// links is collected.
    ///
    /// # Errors
    /// See the contract.
    pub async fn derive(&self, of: Uuid, bytes: &[u8]) -> Result<Stored, Error> {
        let sql = "SELECT scope FROM gateway_blobs WHERE id = ? AND plugin = ?";
        let params = vec![uuid(of), text(&self.0.plugin)];
        let mut rows = self.query(sql, params, &[Kind::Text]).await?;
        let Some([Value::Text(scope)]) =
            rows.pop().and_then(|row| <[Value; 1]>::try_from(row).ok())
        else {
            return Err(Error::NoSuchBlob);
        };
        let how = Storing {
            scope,
            limit: u64::MAX,
            sha256: None,
        };
        self.store_body(IncomingBody::whole(bytes), how).await
    }

    /// Counts what an inspector came to, in one of the host's words.
    pub fn inspected(&self, inspector: &str, outcome: &'static str) {
        self.0.traffic.inspected(inspector, outcome);
    }
}

fn job(row: Vec<Value>) -> Option<Job> {
    let [
        Value::Uuid(id),
        Value::Uuid(blob),
        Value::Text(media_type),
        Value::Text(tag),
        Value::Integer(tries),
    ] = <[Value; 5]>::try_from(row).ok()?
    else {
        return None;
    };
    let uuid = |(high, low)| Uuid::from_u64_pair(high, low);
    Some(Job {
        id: uuid(id),
        blob: uuid(blob),
        media_type,
        tag,
        tries: tries.unsigned_abs(),
    })
}

/// Microseconds since 1970, `later` than now.
fn from_now(later: Duration) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let then = now.saturating_add(later).as_micros();
    Value::Timestamp(i64::try_from(then).unwrap_or(i64::MAX))
}
