//! Request bodies that a plugin reads piece by piece.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::runtime::Handle;
use wasmtime::component::{HasData, Resource, ResourceTable};

use crate::contract::body::{BodyError, Host, HostIncomingBody};

/// The most that one read hands over, whatever the plugin asks for.
const MAX_READ: usize = 64 * 1024;

/// How long, and how much, is read of a body that nobody wants.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

type BoxBody = Pin<Box<dyn Body<Data = Bytes, Error = hyper::Error> + Send + Sync>>;

/// The body of the request being handled: what came in so far, and where the rest comes
/// from.
pub struct IncomingBody {
    source: Option<BoxBody>,
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
        Self {
            declared: body.size_hint().exact(),
            source: Some(Box::pin(body)),
            buffered: BytesMut::new(),
            received: 0,
            limit,
            pause,
        }
    }

    /// Reads until the end or until more than `most` bytes are buffered; true at the end.
    ///
    /// # Errors
    /// As for every read: too long, too slow, or cut.
    pub async fn fill(&mut self, most: usize) -> Result<bool, BodyError> {
        if self.declared.is_some_and(|length| length > self.limit) {
            return Err(BodyError::TooLarge(self.limit));
        }
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

    async fn receive(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(source) = &mut self.source else {
            return Ok(None);
        };
        loop {
            let frame = match tokio::time::timeout(self.pause, source.frame()).await {
                Err(_) => return Err(BodyError::Timeout),
                Ok(Some(Err(_))) => return Err(BodyError::Disconnected),
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => {
                    self.source = None;
                    return Ok(None);
                }
            };
            // Trailers are nobody's business yet.
            let Ok(data) = frame.into_data() else {
                continue;
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

async fn discard(mut source: BoxBody) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = source.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
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

    async fn drop(&mut self, this: Resource<IncomingBody>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
