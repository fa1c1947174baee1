//! Reading on where a read was cut.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::time::Instant;

use super::super::PIECE;
use super::super::error::{Error, within};
use super::failure::told;
use super::{Bucket, FIRST_PAUSE, Key, LONGEST_PAUSE};

/// A part of an object that is being read.
struct Reading {
    bucket: Arc<Bucket>,
    path: Path,
    /// What is still to come.
    left: Range<u64>,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    failures: u32,
    /// Bytes since the last failure.
    progress: usize,
    /// Since when there was no progress to speak of.
    since: Instant,
}

impl Bucket {
    pub(in super::super) fn read(
        self: Arc<Self>,
        key: Key,
        part: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        let reading = Reading {
            path: self.path(&key),
            bucket: self,
            left: part,
            body: None,
            failures: 0,
            progress: 0,
            since: Instant::now(),
        };
        try_unfold(reading, |mut reading| async move {
            let piece = reading.piece().await?;
            Ok(piece.map(|piece| (piece, reading)))
        })
    }
}

impl Reading {
    /// The next bytes; none at the end. A request that fails or is cut is followed by
    /// another for what is missing, as long as there is some progress.
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left.is_empty() {
            return Ok(None);
        }
        // Whoever reads may have let us wait.
        self.since = Instant::now();
        loop {
            let silence = self.bucket.silence;
            match within(silence, "reading an object", self.step()).await {
                Ok(bytes) => {
                    self.left.start += bytes.len() as u64;
                    self.progress += bytes.len();
                    if self.progress >= PIECE {
                        self.failures = 0;
                    }
                    return Ok(Some(bytes));
                }
                Err(error) => self.fail(error).await?,
            }
        }
    }

    /// Bytes of the answer that is being read, or of another one.
    async fn step(&mut self) -> Result<Bytes, Error> {
        let body = match &mut self.body {
            Some(body) => body,
            none => none.insert(open(&self.bucket, &self.path, self.left.clone()).await?),
        };
        match body.next().await {
            Some(Ok(mut bytes)) => {
                let left = self.left.end.saturating_sub(self.left.start);
                bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                Ok(bytes)
            }
            Some(Err(error)) => Err(told(&error)),
            None => Err(Error::Unavailable("an answer ended early".to_owned())),
        }
    }

    /// Waits for the next try, or returns the error if there is none.
    async fn fail(&mut self, error: Error) -> Result<(), Error> {
        self.body = None;
        self.failures += 1;
        self.progress = 0;
        let pause = pause(self.failures);
        let is_late = self.since.elapsed() + pause > self.bucket.limit;
        if !error.may_pass() || self.failures > self.bucket.retries || is_late {
            return Err(error);
        }
        tracing::warn!(path = %self.path, at = self.left.start, %error, "a read is tried again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

async fn open(
    bucket: &Bucket,
    path: &Path,
    part: Range<u64>,
) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Error> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(part)),
        ..GetOptions::default()
    };
    let answer = bucket.reads.get_opts(path, options).await;
    Ok(answer.map_err(|error| told(&error))?.into_stream())
}

/// The pause behind that many failures.
fn pause(failures: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}
