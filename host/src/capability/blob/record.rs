//! What downloads leave in the audit record, and what a transaction says of blobs.

use uuid::Uuid;

use super::{text, uuid};
use crate::capability::audit::{self, Ending, Entry, Place, Stamp};
use crate::capability::sql::{Database, Transaction};
use crate::config;
use crate::contract::sql::{Error, Value};

/// The entry on the beginning of a download, as far as its end needs it.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) stamp: Stamp,
    action: String,
    place: Place,
}

impl Opened {
    /// From the columns `id`, `place`, `action` and `stamp`.
    pub(super) fn read(row: Vec<Value>) -> Option<(Uuid, Self)> {
        let [
            Value::Uuid((high, low)),
            Value::Text(place),
            Value::Text(action),
            Value::Text(stamp),
        ] = <[Value; 4]>::try_from(row).ok()?
        else {
            return None;
        };
        let opened = Self {
            stamp: serde_json::from_str(&stamp).ok()?,
            action,
            place: place.parse().ok()?,
        };
        Some((Uuid::from_u64_pair(high, low), opened))
    }
}

/// A download that is about to begin.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    pub(super) id: Uuid,
    pub(super) gateway: Uuid,
    pub(super) stamp: &'a Stamp,
    pub(super) entry: Entry,
    pub(super) tags: &'a [String],
}

/// Writes down that a download begins.
pub(super) async fn open(
    database: &Database,
    beginning: Beginning<'_>,
    limits: &config::SqlLimits,
) -> Result<Opened, Error> {
    let Beginning {
        id,
        gateway,
        stamp,
        entry,
        tags,
    } = beginning;
    let mut transaction = database.begin(limits).await?;
    let action = entry.action.clone();
    let row = |place: Place| -> Result<Vec<Value>, Error> {
        let stamp_text = serde_json::to_string(stamp).map_err(|_| Error::Other)?;
        Ok(vec![
            uuid(id),
            text(&stamp.plugin),
            uuid(gateway),
            super::now(),
            Value::Boolean(false),
            Value::Text(place.to_string()),
            text(&action),
            Value::Text(stamp_text),
        ])
    };
    // The head of the chain is locked from here to the commit, so it comes last, but for
    // the row that needs to know where the entry is.
    for tag in tags {
        let sql = "INSERT INTO gateway_download_tags (download, tag) VALUES (?, ?)";
        transaction
            .execute_own(sql, vec![uuid(id), text(tag)])
            .await?;
    }
    let place = audit::write(&mut transaction, stamp, entry).await?;
    let sql = "INSERT INTO gateway_downloads \
               (id, plugin, gateway, seen_at, is_ended, place, action, stamp) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    transaction.execute_own(sql, row(place)?).await?;
    transaction.commit().await?;
    Ok(Opened {
        stamp: stamp.clone(),
        action,
        place,
    })
}

/// Writes down how a download ended; nothing when somebody else has done so.
pub(super) async fn close(
    database: &Database,
    id: Uuid,
    opened: &Opened,
    ending: Ending,
    limits: &config::SqlLimits,
) -> Result<(), Error> {
    let mut transaction = database.begin(limits).await?;
    let sql = "DELETE FROM gateway_downloads WHERE id = ?";
    if transaction.execute_own(sql, vec![uuid(id)]).await? == 0 {
        return Ok(());
    }
    let sql = "DELETE FROM gateway_download_tags WHERE download = ?";
    transaction.execute_own(sql, vec![uuid(id)]).await?;
    let entry = ending.entry(opened.place, &opened.action);
    audit::write(&mut transaction, &opened.stamp, entry).await?;
    transaction.commit().await
}

/// Counts one more that needs a blob; false when there is none.
pub(crate) async fn link(
    transaction: &mut Transaction,
    plugin: &str,
    blob: &str,
) -> Result<bool, Error> {
    let Ok(id) = Uuid::try_parse(blob) else {
        return Ok(false);
    };
    let sql = "UPDATE gateway_blobs SET links = links + 1 \
               WHERE id = ? AND plugin = ? AND state = 'ready'";
    let params = vec![uuid(id), text(plugin)];
    Ok(transaction.execute_own(sql, params).await? > 0)
}

/// Counts one less. The grace time of one that nobody needs any more begins now.
pub(crate) async fn unlink(
    transaction: &mut Transaction,
    plugin: &str,
    blob: &str,
) -> Result<(), Error> {
    let Ok(id) = Uuid::try_parse(blob) else {
        return Ok(());
    };
    let sql = "UPDATE gateway_blobs SET links = links - 1, touched_at = ? \
               WHERE id = ? AND plugin = ? AND links > 0";
    let params = vec![super::now(), uuid(id), text(plugin)];
    transaction.execute_own(sql, params).await.map(drop)
}

/// The statement that ends the downloads which carry a tag, and its parameters: for a
/// transaction, and once more behind it. A download that began meanwhile was not seen by
/// the first, and did not see yet what the transaction did.
pub(crate) fn end_downloads(plugin: &str, tag: &str) -> (&'static str, Vec<Value>) {
    let sql = "UPDATE gateway_downloads SET is_ended = ? WHERE plugin = ? AND id IN \
               (SELECT download FROM gateway_download_tags WHERE tag = ?)";
    (sql, vec![Value::Boolean(true), text(plugin), text(tag)])
}
