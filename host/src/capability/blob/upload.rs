//! From the client's connection into the store.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::contents::Open;
use super::store::Key;
use super::{Blobs, store_failed};
use crate::capability::body::IncomingBody;
use crate::contract::blob::{Error, Stored, Storing};
use crate::contract::body::BodyError;
use crate::telemetry::metrics::Traffic;

/// What becomes of what has arrived when the rest does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is kept: another request goes on with it.
    Keep,
    /// It is thrown away.
    Discard,
}

impl Blobs {
    /// Stores a body, or nothing.
    pub(super) async fn put(&self, body: IncomingBody, how: Storing) -> Result<Stored, Error> {
        let _place = self.0.uploads.try_acquire().map_err(|_| Error::Busy)?;
        self.store_body(body, how).await
    }

    /// As [`put`](Self::put), but for the number of uploads at once.
    pub(super) async fn store_body(
        &self,
        body: IncomingBody,
        how: Storing,
    ) -> Result<Stored, Error> {
        let most = how.limit.min(self.0.limits.bytes);
        if body.declared().is_some_and(|length| length > most) {
            return Err(Error::TooLarge(most));
        }
        let id = self.add_open(&how).await?;
        // Thrown away when the request is cut, too.
        let unfinished = Unfinished(Some((self, id)));
        let open = self.open_blob(id).await?;
        let (size, hasher) = self.receive(&open, body, Rest::Discard).await?;
        let stored = self.conclude(Open {
            size,
            hasher,
            ..open
        });
        let stored = stored.await?;
        unfinished.keep();
        Ok(stored)
    }

    /// Begins an upload of several requests.
    pub(super) async fn begin(&self, how: Storing) -> Result<String, Error> {
        Ok(self.add_open(&how).await?.to_string())
    }

    /// Adds a body to an upload, and tells its size.
    pub(super) async fn append(
        &self,
        id: Uuid,
        offset: u64,
        body: IncomingBody,
    ) -> Result<u64, Error> {
        let place = Arc::clone(&self.0.uploads).try_acquire_owned();
        let place = place.map_err(|_| Error::Busy)?;
        let open = self.open_blob(id).await?;
        if offset != open.size {
            return Err(Error::OffsetMismatch(open.size));
        }
        let left = open.most - open.size.min(open.most);
        if body.declared().is_some_and(|length| length > left) {
            return Err(Error::TooLarge(open.most));
        }
        // In a task of its own: what had arrived is kept when the request is cut, too, and a
        // cut connection ends its request.
        let blobs = self.clone();
        let received = self.0.tasks.spawn(async move {
            let _place = place;
            blobs.receive(&open, body, Rest::Keep).await
        });
        let (size, _) = received.await.map_err(|_| Error::Other)??;
        Ok(size)
    }

    /// Makes content of an upload.
    pub(super) async fn finish(&self, id: Uuid) -> Result<Stored, Error> {
        let open = self.open_blob(id).await?;
        self.conclude(open).await
    }

    /// Throws an upload away.
    pub(super) async fn cancel(&self, id: Uuid) -> Result<(), Error> {
        let open = self.open_blob(id).await?;
        self.discard(open.id).await;
        Ok(())
    }

    async fn conclude(&self, open: Open) -> Result<Stored, Error> {
        let digest: [u8; 32] = open.hasher.clone().finalize().into();
        if open.wanted.as_ref().is_some_and(|wanted| *wanted != digest) {
            self.discard(open.id).await;
            return Err(Error::DigestMismatch);
        }
        self.settle_content(&open, digest).await
    }

    /// Writes what comes into an object of its own; the size and the hash are then those of
    /// all that has arrived.
    async fn receive(
        &self,
        open: &Open,
        mut body: IncomingBody,
        rest: Rest,
    ) -> Result<(u64, Sha256), Error> {
        let left = open.most - open.size.min(open.most);
        body.set_limit(left);
        let mut counted = Counted::new(&self.0.traffic);
        let unlimited = self.write(open, body, rest);
        let written = tokio::time::timeout(self.0.settings.upload_timeout, unlimited).await;
        let written = written.unwrap_or(Err(Error::Timeout));
        counted.outcome = match &written {
            Ok(_) => "complete",
            Err(error) => word(error),
        };
        written
    }

    async fn write(
        &self,
        open: &Open,
        mut body: IncomingBody,
        rest: Rest,
    ) -> Result<(u64, Sha256), Error> {
        let failure = |error: BodyError| match error {
            BodyError::TooLarge(_) => Error::TooLarge(open.most),
            BodyError::Timeout => Error::Timeout,
            BodyError::Disconnected => Error::Disconnected,
            BodyError::Malformed(text) => Error::Invalid(text),
        };
        let mut hasher = open.hasher.clone();
        // Nothing comes of nothing: an empty body makes no object.
        let Some(first) = body.piece().await.map_err(failure)? else {
            return Ok((open.size, hasher));
        };
        let key = Key::random();
        let part = self.add_part(open.id, &key).await?;
        let mut writer = self
            .0
            .store
            .writer(&key)
            .await
            .map_err(|error| store_failed(&error))?;
        let (mut length, mut piece): (u64, Option<Bytes>) = (0, Some(first));
        let cut = loop {
            let Some(bytes) = piece else { break None };
            hasher.update(&bytes);
            length += bytes.len() as u64;
            self.0.traffic.received(bytes.len() as u64);
            if let Err(error) = writer.write(bytes).await {
                return Err(store_failed(&error));
            }
            piece = match body.piece().await {
                Ok(piece) => piece,
                Err(error) => break Some(failure(error)),
            };
        };
        if let Some(error) = cut
            && (rest == Rest::Discard || !matches!(error, Error::Disconnected | Error::Timeout))
        {
            writer.abort().await;
            return Err(error);
        }
        writer
            .finish()
            .await
            .map_err(|error| store_failed(&error))?;
        let size = open.size + length;
        match self.grow(open, part, length, &hasher).await? {
            true => Ok((size, hasher)),
            // Two requests were at the same place; the other one's bytes are there now.
            false => Err(Error::OffsetMismatch(self.open_blob(open.id).await?.size)),
        }
    }
}

/// Counts a body when it is dropped: as cut, unless it is known better.
struct Counted<'a> {
    traffic: &'a Traffic,
    outcome: &'static str,
}

impl<'a> Counted<'a> {
    fn new(traffic: &'a Traffic) -> Self {
        traffic.uploading.inc();
        Self {
            traffic,
            outcome: "disconnected",
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.traffic.uploading.dec();
        self.traffic.uploaded(self.outcome);
    }
}

/// For the metrics.
fn word(error: &Error) -> &'static str {
    match error {
        Error::NoSuchBlob => "no_such_blob",
        Error::TooLarge(_) => "too_large",
        Error::DigestMismatch => "digest_mismatch",
        Error::OffsetMismatch(_) => "offset_mismatch",
        Error::Disconnected => "disconnected",
        Error::Timeout => "timeout",
        Error::Busy => "busy",
        Error::Full => "full",
        Error::Unavailable => "unavailable",
        Error::Invalid(_) => "invalid",
        Error::Other => "other",
    }
}

/// An upload that is thrown away unless it comes to its end.
struct Unfinished<'a>(Option<(&'a Blobs, Uuid)>);

impl Unfinished<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some((blobs, id)) = self.0
            && tokio::runtime::Handle::try_current().is_ok()
        {
            let owned = blobs.clone();
            blobs.0.tasks.spawn(async move { owned.discard(id).await });
        }
    }
}
