//! From the store to the client's connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::record::{Beginning, Opened};
use super::store::{self, Segment};
use super::{Blobs, OWN, parse, record, store_failed};
use crate::capability::audit::{self, Ending, How};
use crate::contract::blob::{Error, Range};

/// How long to wait between two tries to write down how a download ended.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);

/// Tags of one download, and bytes of one tag.
const MAX_TAGS: usize = 8;
const MAX_TAG: usize = 300;

/// The pieces of what is downloaded.
type Content = BoxStream<'static, Result<Bytes, store::Error>>;

/// Content that is on record as being downloaded, and will be on record with how that
/// ended, whatever happens to it.
pub struct Download {
    pub(super) blobs: Blobs,
    /// Of the whole content.
    pub(super) size: u64,
    part: Range,
    segments: Vec<Segment>,
    /// What comes first, and what follows, once the store was asked.
    content: Option<Content>,
    closing: Closing,
    ended: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("size", &self.size)
            .field("part", &self.part)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

/// Writes down the end when it is dropped, in a task of its own.
#[derive(Debug)]
struct Closing {
    blobs: Blobs,
    id: Uuid,
    opened: Opened,
    how: How,
    sent: Arc<AtomicU64>,
}

impl Blobs {
    /// Opens content for a client: on record from here on.
    pub(super) async fn open(
        &self,
        id: &str,
        part: Option<Range>,
        stamp: &audit::Stamp,
        entry: audit::Entry,
        tags: &[String],
    ) -> Result<Download, Error> {
        let id = parse(id)?;
        audit::permitted(&entry).map_err(Error::Invalid)?;
        let is_fine = |tag: &String| !tag.is_empty() && tag.len() <= MAX_TAG;
        if tags.len() > MAX_TAGS || !tags.iter().all(is_fine) {
            return Err(Error::Invalid(format!(
                "at most {MAX_TAGS} tags of 1 to {MAX_TAG} bytes"
            )));
        }
        let place = Arc::clone(&self.0.downloads);
        let place = place.try_acquire_owned().map_err(|_| Error::Busy)?;
        let (size, segments) = self.content(id).await?;
        let part = part.unwrap_or(Range {
            offset: 0,
            length: size,
        });
        let end = part.offset.checked_add(part.length);
        if end.is_none_or(|end| end > size) {
            return Err(Error::Invalid(format!("the content has {size} bytes")));
        }
        let download = Uuid::now_v7();
        // Before the row is there: nobody may end it without being heard.
        let ended = self.0.running.add(download);
        let beginning = Beginning {
            id: download,
            gateway: self.0.running.gateway,
            stamp,
            entry,
            tags,
        };
        let opened = record::open(&self.0.database, beginning, &OWN).await;
        let opened = opened.map_err(|error| {
            self.0.running.remove(download);
            match error {
                crate::contract::sql::Error::InvalidStatement(text) => Error::Invalid(text),
                error => {
                    tracing::error!(?error, "a download could not be written down");
                    Error::Unavailable
                }
            }
        })?;
        self.0.traffic.downloading.inc();
        Ok(Download {
            size,
            part,
            segments,
            content: None,
            closing: Closing {
                blobs: self.clone(),
                id: download,
                opened,
                how: How::Unsent,
                sent: Arc::default(),
            },
            blobs: self.clone(),
            ended,
            _place: place,
        })
    }
}

impl Download {
    /// The number of bytes that are to be sent.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.part.length
    }

    /// An address of the store, if clients may go there.
    pub(super) async fn redirect(&mut self) -> Option<String> {
        let lifetime = self.blobs.0.settings.redirect?;
        let [only] = self.segments.as_slice() else {
            return None;
        };
        let url = self.blobs.0.store.presign(&only.key, lifetime).await;
        match url {
            Ok(url) => {
                let url = url?;
                self.closing.how = How::Redirected;
                Some(url.into())
            }
            Err(error) => {
                tracing::warn!(%error, "no address of the store could be signed");
                None
            }
        }
    }

    /// Has the store give the first piece, so that one which can't is told to the client by
    /// the status of the answer, and not by a connection that breaks.
    ///
    /// # Errors
    /// When the store can't; the record says so then.
    pub async fn prepare(&mut self) -> Result<(), store::Error> {
        let mut content = self.stream();
        let first = content.next().await.transpose();
        let first = first.inspect_err(|error| {
            store_failed(error);
            self.closing.how = How::Failed;
        })?;
        self.content = Some(stream::iter(first.map(Ok)).chain(content).boxed());
        Ok(())
    }

    fn stream(&mut self) -> Content {
        let Range { offset, length } = self.part;
        let segments = std::mem::take(&mut self.segments);
        let store = &self.blobs.0.store;
        store.read(segments, offset..offset + length)
    }

    /// Writes down that it was answered without its bytes, as a `HEAD` is.
    pub fn finish_bare(mut self) {
        self.closing.how = How::Complete;
    }

    /// The body of the answer. `held` is kept as long as it takes; `cut` ends it.
    #[must_use]
    pub fn into_body(
        self,
        cut: impl Future<Output = ()> + Send + 'static,
        held: impl Send + 'static,
    ) -> Body {
        let (sender, pieces) = mpsc::channel(1);
        let (taken, is_taken) = oneshot::channel();
        let sent = Arc::clone(&self.closing.sent);
        let length = self.part.length;
        let tasks = self.blobs.0.tasks.clone();
        tasks.spawn(async move {
            let mut download = self;
            download.closing.how = download.pump(&sender, is_taken, cut).await;
            // The rest of the body finds that nothing follows.
            drop((sender, held));
        });
        Body {
            pieces,
            sent,
            length,
            _taken: taken,
        }
    }

    /// Hands the content over piece by piece, and tells how that ended.
    async fn pump(
        &mut self,
        sender: &mpsc::Sender<Bytes>,
        is_taken: oneshot::Receiver<()>,
        cut: impl Future<Output = ()>,
    ) -> How {
        let stall = self.blobs.0.settings.stall_timeout;
        let (ended, length) = (self.ended.clone(), self.part.length);
        let content = self.content.take();
        let mut content = content.unwrap_or_else(|| self.stream());
        let handed_over = async {
            while let Some(piece) = content.next().await {
                let piece = match piece {
                    Ok(piece) => piece,
                    Err(error) => {
                        store_failed(&error);
                        return Some(How::Failed);
                    }
                };
                match tokio::time::timeout(stall, sender.send(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Some(How::Cut),
                    Err(_) => return Some(How::Stalled),
                }
            }
            None
        };
        let outcome = tokio::select! {
            biased;
            () = ended.cancelled() => Some(How::Ended),
            () = cut => Some(How::Ended),
            outcome = handed_over => outcome,
        };
        if let Some(how) = outcome {
            return how;
        }
        // The last piece may still be on its way to the connection.
        let waited = tokio::select! {
            () = ended.cancelled() => return How::Ended,
            waited = tokio::time::timeout(stall, is_taken) => waited,
        };
        match waited {
            _ if self.closing.sent.load(Ordering::Acquire) == length => How::Complete,
            Ok(_) => How::Cut,
            Err(_) => How::Stalled,
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let ending = Ending {
            sent: self.sent.load(Ordering::Acquire),
            how: self.how,
        };
        let traffic = &self.blobs.0.traffic;
        traffic.downloading.dec();
        traffic.downloaded(ending.how.name(), ending.sent);
        let (blobs, id, opened) = (self.blobs.clone(), self.id, self.opened.clone());
        if tokio::runtime::Handle::try_current().is_ok() {
            let tasks = self.blobs.0.tasks.clone();
            tasks.spawn(async move { blobs.close(id, &opened, ending).await });
        }
    }
}

impl Blobs {
    /// Writes down how a download ended, however long the database is away: while one can't
    /// be closed, none can be opened.
    async fn close(&self, id: Uuid, opened: &Opened, ending: Ending) {
        let mut pause = RETRY;
        loop {
            let closed = record::close(&self.0.database, id, opened, ending, &OWN);
            match closed.await {
                Ok(()) => break,
                Err(error) => {
                    let request = &opened.stamp.request;
                    tracing::error!(
                        request,
                        ?error,
                        "the end of a download could not be written"
                    );
                }
            }
            tokio::time::sleep(pause).await;
            pause = MAX_RETRY.min(pause * 2);
        }
        self.0.running.remove(id);
    }
}

/// The body of an answer that comes out of the store.
#[derive(Debug)]
pub struct Body {
    pieces: mpsc::Receiver<Bytes>,
    /// Bytes that were handed to the connection.
    sent: Arc<AtomicU64>,
    length: u64,
    /// Dropped with the body.
    _taken: oneshot::Sender<()>,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.pieces.poll_recv(context)) {
            Some(piece) => {
                let length = piece.len() as u64;
                self.sent.fetch_add(length, Ordering::Release);
                Ok(Frame::data(piece))
            }
            // What the client has is no answer: the connection must not look as if it
            // were.
            None => Err(io::Error::other("the download ended early")),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.sent.load(Ordering::Acquire) >= self.length
    }

    fn size_hint(&self) -> SizeHint {
        let sent = self.sent.load(Ordering::Acquire);
        SizeHint::with_exact(self.length.saturating_sub(sent))
    }
}
