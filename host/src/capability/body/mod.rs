//! Request bodies that a plugin reads piece by piece, or hands on.

mod form;

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::BodyDataStream;
use hyper::body::Body;
use tokio::runtime::Handle;
use wasmtime::component::{HasData, Resource, ResourceTable};

pub use self::form::Form;
use crate::contract::body::{BodyError, Host, HostForm, HostIncomingBody, Part};

/// The most that one read hands over, whatever the plugin asks for.
const MAX_READ: usize = 64 * 1024;

/// How long, and how much, is read of a body that nobody wants.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// What is yet to come.
type Source = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send + Sync>>;

/// The body of the request being handled, or a part of it: what came in so far, and where
/// the rest comes from.
pub struct IncomingBody {
    source: Option<Source>,
    buffered: BytesMut,
    received: u64,
    declared: Option<u64>,
    limit: u64,
    pause: Duration,
}

impl std::fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingBody")
            .field("received", &self.received)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}

impl IncomingBody {
    /// A body that may have `limit` bytes, and in which no pause is longer than `pause`.
    pub fn new<B>(body: B, limit: u64, pause: Duration) -> Self
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Send + Sync + 'static,
    {
        let declared = body.size_hint().exact();
        // Trailers are nobody's business yet.
        let source = BodyDataStream::new(body).map_err(|_| BodyError::Disconnected);
        Self::of(Some(Box::pin(source)), declared, limit, pause)
    }

    /// A body that is all there.
    pub(crate) fn whole(bytes: &[u8]) -> Self {
        let length = Some(bytes.len() as u64);
        let mut body = Self::of(None, length, u64::MAX, Duration::MAX);
        body.buffered = bytes.into();
        body
    }

    fn of(source: Option<Source>, declared: Option<u64>, limit: u64, pause: Duration) -> Self {
        Self {
            source,
            buffered: BytesMut::new(),
            received: 0,
            declared,
            limit,
            pause,
        }
    }

    /// The length that the client declared, in bytes.
    #[must_use]
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Lets the body have another number of bytes, from its first one on: what is stored
    /// may be longer than what a plugin reads.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Reads until the end or until more than `most` bytes are buffered; true at the end.
    ///
    /// # Errors
    /// As for every read: too long, too slow, or cut.
    pub async fn fill(&mut self, most: usize) -> Result<bool, BodyError> {
        while self.buffered.len() <= most {
            match self.receive().await? {
                Some(data) => self.buffered.extend_from_slice(&data),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Everything that is buffered.
    pub fn take_buffered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffered).into()
    }

    /// The next piece, as it came; none at the end.
    ///
    /// # Errors
    /// As for every read: too long, too slow, or cut.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.buffered.is_empty() {
            return self.receive().await;
        }
        // It was read under the limit of that time.
        if self.received > self.limit {
            return Err(BodyError::TooLarge(self.limit));
        }
        Ok(Some(self.buffered.split().freeze()))
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(source) = &mut self.source else {
            return Ok(None);
        };
        loop {
            let data = match tokio::time::timeout(self.pause, source.next()).await {
                Err(_) => return Err(BodyError::Timeout),
                Ok(Some(data)) => data?,
                Ok(None) => {
                    self.source = None;
                    return Ok(None);
                }
            };
            self.received += data.len() as u64;
            if self.received > self.limit {
                return Err(BodyError::TooLarge(self.limit));
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    async fn read(&mut self, max: usize) -> Result<Vec<u8>, BodyError> {
        if self.buffered.is_empty() {
            match self.receive().await? {
                Some(data) => self.buffered.extend_from_slice(&data),
                None => return Ok(Vec::new()),
            }
        }
        let length = self.buffered.len().min(max.clamp(1, MAX_READ));
        let piece = self.buffered.copy_to_bytes(length);
        Ok(piece.into())
    }

    async fn peek(&mut self, max: usize) -> Result<Vec<u8>, BodyError> {
        let wanted = max.min(MAX_READ);
        if wanted > 0 {
            self.fill(wanted - 1).await?;
        }
        Ok(self.buffered.iter().take(wanted).copied().collect())
    }
}

/// A client that is still sending when its request has been refused would lose the answer
/// to the reset that closing the connection causes. So what it sends is read on and
/// thrown away for a while.
impl Drop for IncomingBody {
    fn drop(&mut self) {
        let source = self.source.take();
        if let (Some(source), Ok(runtime)) = (source, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, discard(source)));
        }
    }
}

async fn discard(mut source: Source) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(data)) = source.next().await {
        left = left.saturating_sub(data.len());
        if left == 0 {
            return;
        }
    }
}

/// Marks [`View`] for the linker.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

/// What the calls of this capability may touch.
#[derive(Debug)]
pub struct View<'a> {
    /// The instance's resources.
    pub table: &'a mut ResourceTable,
}

impl Host for View<'_> {}

impl HostIncomingBody for View<'_> {
    async fn of(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Resource<IncomingBody>> {
        Ok(self.table.push(IncomingBody::whole(&bytes))?)
    }

    async fn content_length(
        &mut self,
        this: Resource<IncomingBody>,
    ) -> wasmtime::Result<Option<u64>> {
        Ok(self.table.get(&this)?.declared)
    }

    async fn read(
        &mut self,
        this: Resource<IncomingBody>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, BodyError>> {
        let body = self.table.get_mut(&this)?;
        Ok(body.read(usize::try_from(max).unwrap_or(MAX_READ)).await)
    }

    async fn peek(
        &mut self,
        this: Resource<IncomingBody>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, BodyError>> {
        let body = self.table.get_mut(&this)?;
        Ok(body.peek(usize::try_from(max).unwrap_or(MAX_READ)).await)
    }

    async fn form(
        &mut self,
        this: Resource<IncomingBody>,
        content_type: String,
    ) -> wasmtime::Result<Result<Resource<Form>, BodyError>> {
        let body = self.table.delete(this)?;
        match Form::new(body, &content_type) {
            Ok(form) => Ok(Ok(self.table.push(form)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn drop(&mut self, this: Resource<IncomingBody>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostForm for View<'_> {
    async fn next(
        &mut self,
        this: Resource<Form>,
    ) -> wasmtime::Result<Result<Option<Part>, BodyError>> {
        let part = match self.table.get_mut(&this)?.next().await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(Some(Part {
            name: part.name,
            file_name: part.file_name,
            content_type: part.content_type,
            body: self.table.push(part.body)?,
        })))
    }

    async fn drop(&mut self, this: Resource<Form>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
