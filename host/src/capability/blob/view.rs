//! What a plugin sees of the blobs: the contract's traits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};

use super::{Blobs, Download, parse, store_failed};
use crate::capability::audit;
use crate::capability::body::IncomingBody;
use crate::contract::blob::{Error, Host, Range, Stored, Storing};
use crate::contract::download::{self, HostDownload};

/// The most that one read hands over, whatever the plugin asks for.
const MAX_READ: u64 = 1024 * 1024;

/// Names [`View`] to wasmtime.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

/// What the calls of one request need.
#[derive(Debug)]
pub struct View<'a> {
    /// The plugin's blobs; none while a task runs.
    pub blobs: Option<&'a Blobs>,
    /// Where the guest's handles point to.
    pub table: &'a mut ResourceTable,
    /// Who is recorded as the cause.
    pub stamp: &'a audit::Stamp,
    /// What of the request's time is the client's.
    pub excuse: &'a Excuse,
}

/// The time of a request that its client takes to send a body, which is none of the
/// plugin's. It has a limit of its own.
#[derive(Debug, Clone, Default)]
pub struct Excuse(Arc<Mutex<Excused>>);

#[derive(Debug, Default)]
struct Excused {
    total: Duration,
    since: Option<Instant>,
}

impl Excuse {
    /// How long the client has taken so far.
    #[must_use]
    pub fn total(&self) -> Duration {
        let excused = self.0.lock();
        let running = excused.since.map(|since| since.elapsed());
        excused.total + running.unwrap_or_default()
    }

    /// Counts anew.
    pub fn reset(&self) {
        *self.0.lock() = Excused::default();
    }

    fn begin(&self) -> Waiting<'_> {
        self.0.lock().since = Some(Instant::now());
        Waiting(self)
    }
}

/// Counts until it is dropped.
struct Waiting<'a>(&'a Excuse);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut excused = self.0.0.lock();
        if let Some(since) = excused.since.take() {
            excused.total += since.elapsed();
        }
    }
}

impl View<'_> {
    fn take(&mut self, body: Resource<IncomingBody>) -> Result<IncomingBody> {
        Ok(self.table.delete(body)?)
    }
}

type Outcome<T> = std::result::Result<T, Error>;

/// A task has no blobs.
fn there(blobs: Option<&Blobs>) -> Outcome<&Blobs> {
    blobs.ok_or(Error::Unavailable)
}

impl Host for View<'_> {
    async fn put(&mut self, body: Resource<IncomingBody>, how: Storing) -> Result<Outcome<Stored>> {
        let (body, blobs) = (self.take(body)?, self.blobs);
        let _waiting = self.excuse.begin();
        let stored = async { there(blobs)?.put(body, how).await };
        Ok(stored.await)
    }

    async fn begin(&mut self, how: Storing) -> Result<Outcome<String>> {
        let blobs = self.blobs;
        let begun = async { there(blobs)?.begin(how).await };
        Ok(begun.await)
    }

    async fn offset(&mut self, upload: String) -> Result<Outcome<u64>> {
        let blobs = self.blobs;
        let offset = async { Ok(there(blobs)?.open_blob(parse(&upload)?).await?.size) };
        Ok(offset.await)
    }

    async fn append(
        &mut self,
        upload: String,
        offset: u64,
        body: Resource<IncomingBody>,
    ) -> Result<Outcome<u64>> {
        let (body, blobs) = (self.take(body)?, self.blobs);
        let _waiting = self.excuse.begin();
        let appended = async { there(blobs)?.append(parse(&upload)?, offset, body).await };
        Ok(appended.await)
    }

    async fn finish(&mut self, upload: String) -> Result<Outcome<Stored>> {
        let blobs = self.blobs;
        let finished = async { there(blobs)?.finish(parse(&upload)?).await };
        Ok(finished.await)
    }

    async fn cancel(&mut self, upload: String) -> Result<Outcome<()>> {
        let blobs = self.blobs;
        let cancelled = async { there(blobs)?.cancel(parse(&upload)?).await };
        Ok(cancelled.await)
    }

    async fn read(&mut self, id: String, offset: u64, length: u32) -> Result<Outcome<Vec<u8>>> {
        let blobs = self.blobs;
        let read = async {
            let blobs = there(blobs)?;
            let content = blobs.look_up(parse(&id)?).await?;
            let begin = offset.min(content.size);
            let length = u64::from(length).min(MAX_READ);
            let end = content.size.min(begin.saturating_add(length));
            let bytes = content.read(begin..end).await;
            Ok(bytes.map_err(|error| store_failed(&error))?.into())
        };
        Ok(read.await)
    }

    async fn open(
        &mut self,
        id: String,
        part: Option<Range>,
        entry: audit::Entry,
        tags: Vec<String>,
    ) -> Result<Outcome<Resource<Download>>> {
        let (blobs, stamp) = (self.blobs, self.stamp);
        let opened = async {
            let blobs = there(blobs)?;
            blobs.open(&id, part, stamp, entry, &tags).await
        };
        match opened.await {
            Ok(download) => Ok(Ok(self.table.push(download)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl download::Host for View<'_> {}

impl HostDownload for View<'_> {
    async fn size(&mut self, this: Resource<Download>) -> Result<u64> {
        Ok(self.table.get(&this)?.size)
    }

    async fn redirect(&mut self, this: Resource<Download>) -> Result<Option<String>> {
        Ok(self.table.get_mut(&this)?.redirect().await)
    }

    async fn drop(&mut self, this: Resource<Download>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
