//! `multipart/form-data`, part by part, in constant memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use multer::{Field, Multipart};
use tokio::sync::Mutex;

use super::IncomingBody;
use crate::contract::body::BodyError;

/// The most that may come before the content of a part: what is left of a frame, the
/// boundary, and the part's own head.
const MAX_HEAD: u64 = 128 * 1024;

/// Parts of one form; further ones are a fault of the client's.
const MAX_PARTS: u32 = 100;

/// A form whose parts are read one after the other.
#[derive(Debug)]
pub struct Form {
    parts: Multipart<'static>,
    /// The part that is being read: its body has the other handle.
    current: Option<Shared>,
    /// Bytes that may still be taken from the client.
    budget: Arc<AtomicU64>,
    count: u32,
    limit: u64,
    pause: Duration,
}

type Shared = Arc<Mutex<Option<Field<'static>>>>;

/// A part, as its head describes it.
#[derive(Debug)]
pub(super) struct Part {
    /// The name of the form's field; empty when it has none.
    pub(super) name: String,
    /// What the file is called.
    pub(super) file_name: Option<String>,
    /// What it is said to be.
    pub(super) content_type: Option<String>,
    /// Its content.
    pub(super) body: IncomingBody,
}

impl Form {
    pub(super) fn new(mut body: IncomingBody, content_type: &str) -> Result<Self, BodyError> {
        let boundary = multer::parse_boundary(content_type)
            .map_err(|error| BodyError::Malformed(error.to_string()))?;
        let budget = Arc::new(AtomicU64::new(MAX_HEAD));
        let (limit, pause) = (body.limit, body.pause);
        // Each part has the limit, and one that is stored has the store's: all of them
        // together may be longer than what a plugin reads.
        body.set_limit(u64::MAX);
        let pieces = stream::try_unfold(body, async |mut body| {
            let piece = body.piece().await.map_err(Fault)?;
            Ok::<_, Fault>(piece.map(|piece| (piece, body)))
        });
        let paced = Paced {
            pieces: Box::pin(pieces),
            budget: Arc::clone(&budget),
            took: false,
        };
        Ok(Self {
            parts: Multipart::new(paced, boundary),
            current: None,
            budget,
            count: 0,
            limit,
            pause,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Part>, BodyError> {
        if let Some(before) = self.current.take() {
            let mut field = before.lock().await.take();
            let mut skipped = 0;
            while let Some(open) = &mut field {
                match open.chunk().await.map_err(error)? {
                    None => field = None,
                    Some(piece) => skipped += piece.len() as u64,
                }
                if skipped > self.limit {
                    return Err(BodyError::TooLarge(self.limit));
                }
            }
        }
        self.count += 1;
        if self.count > MAX_PARTS {
            return Err(BodyError::Malformed(format!(
                "a form has at most {MAX_PARTS} parts"
            )));
        }
        self.budget.store(MAX_HEAD, Ordering::Relaxed);
        let field = self.parts.next_field().await.map_err(error)?;
        self.budget.store(u64::MAX, Ordering::Relaxed);
        let Some(field) = field else { return Ok(None) };
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (name, file_name) = (text(field.name()), text(field.file_name()));
        let content_type = field.content_type().map(ToString::to_string);
        let shared = Arc::new(Mutex::new(Some(field)));
        self.current = Some(Arc::clone(&shared));
        let content = stream::try_unfold(shared, async |shared| {
            let piece = match &mut *shared.lock().await {
                Some(field) => field.chunk().await.map_err(error)?,
                None => None,
            };
            Ok::<_, BodyError>(piece.map(|piece| (piece, shared)))
        });
        Ok(Some(Part {
            name: name.unwrap_or_default(),
            file_name,
            content_type,
            body: IncomingBody::of(Some(Box::pin(content)), None, self.limit, self.pause),
        }))
    }
}

/// What befell the body below the form.
#[derive(Debug, thiserror::Error)]
#[error("the body: {0:?}")]
struct Fault(BodyError);

fn error(error: multer::Error) -> BodyError {
    if let multer::Error::StreamReadFailed(source) = error {
        return match source.downcast::<Fault>() {
            Ok(fault) => fault.0,
            Err(_) => BodyError::Disconnected,
        };
    }
    BodyError::Malformed(error.to_string())
}

/// Hands over one piece each time it is polled: the parser would otherwise take all that
/// the client has sent, however slowly the content is stored. And no more than the budget.
struct Paced<S> {
    pieces: Pin<Box<S>>,
    budget: Arc<AtomicU64>,
    took: bool,
}

impl<S: Stream<Item = Result<Bytes, Fault>>> Stream for Paced<S> {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.took) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.budget.load(Ordering::Relaxed) == 0 {
            let text = format!("the head of a part is longer than {MAX_HEAD} bytes");
            return Poll::Ready(Some(Err(Fault(BodyError::Malformed(text)))));
        }
        let polled = self.pieces.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            self.took = true;
            let left = self.budget.load(Ordering::Relaxed);
            let left = left.saturating_sub(piece.len() as u64);
            self.budget.store(left, Ordering::Relaxed);
        }
        polled
    }
}
