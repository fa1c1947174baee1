//! Writing an object: at once when it is small, else part by part.

use std::sync::Arc;

use bytes::BytesMut;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt, PutPayload};
use tokio_util::task::AbortOnDropHandle;

use super::super::PIECE;
use super::super::error::Error;
use super::{Bucket, Key};

/// An object that is being written: one part is collected while the one before it is sent.
#[derive(Debug)]
pub(in super::super) struct Writer {
    bucket: Arc<Bucket>,
    path: Path,
    size: u64,
    part: Part,
    upload: Option<Upload>,
}

/// What is collected, in blocks: a small object takes no more than it needs.
#[derive(Debug, Default)]
struct Part {
    blocks: Vec<BytesMut>,
    size: usize,
}

/// An object that comes in parts.
#[derive(Debug)]
struct Upload {
    id: MultipartId,
    sent: Vec<PartId>,
    /// Ends with the upload: nothing comes in behind its back.
    sending: Option<AbortOnDropHandle<Result<PartId, Error>>>,
}

impl Bucket {
    pub(in super::super) fn writer(self: Arc<Self>, key: &Key) -> Writer {
        Writer {
            path: self.path(key),
            bucket: self,
            size: 0,
            part: Part::default(),
            upload: None,
        }
    }
}

impl Writer {
    pub(in super::super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            // Sent when more follows, so that the last part is never empty.
            if self.part.size == self.bucket.part_bytes {
                self.send().await?;
            }
            let room = self.bucket.part_bytes - self.part.size;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.part.add(now);
            self.size += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    pub(in super::super) async fn finish(mut self) -> Result<(), Error> {
        if self.upload.is_none() {
            let content = self.part.take();
            let put = self.bucket.requests.put(&self.path, content);
            return self.bucket.asked("writing an object", put).await.map(drop);
        }
        self.send().await?;
        self.sent().await?;
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        let parts = std::mem::take(&mut upload.sent);
        let requests = &self.bucket.requests;
        let completed = requests.complete_multipart(&self.path, &upload.id, parts);
        let completed = self.bucket.asked("completing an upload", completed).await;
        match completed {
            Err(error) if !self.is_there().await => Err(error),
            _ => {
                self.upload = None;
                Ok(())
            }
        }
    }

    /// Whether the object is complete although its completion failed: the first answer
    /// may have been lost, and the next one says that there is no such upload any more.
    async fn is_there(&self) -> bool {
        let head = self.bucket.requests.head(&self.path);
        let head = self.bucket.asked("looking at an object", head).await;
        head.is_ok_and(|object| object.size == self.size)
    }

    pub(in super::super) async fn abort(mut self) {
        if let Some(upload) = self.upload.take() {
            upload.abandon(&self.bucket, &self.path).await;
        }
    }

    /// Begins to send what was collected, once the part before it has arrived.
    async fn send(&mut self) -> Result<(), Error> {
        self.sent().await?;
        let requests = &self.bucket.requests;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let begun = requests.create_multipart(&self.path);
                none.insert(Upload {
                    id: self.bucket.asked("beginning an upload", begun).await?,
                    sent: Vec::new(),
                    sending: None,
                })
            }
        };
        let content = self.part.take();
        let (bucket, path, id) = (
            Arc::clone(&self.bucket),
            self.path.clone(),
            upload.id.clone(),
        );
        let index = upload.sent.len();
        upload.sending = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let sent = bucket.requests.put_part(&path, &id, index, content);
            bucket.asked("writing a part", sent).await
        })));
        Ok(())
    }

    /// Waits for the part that is on its way.
    async fn sent(&mut self) -> Result<(), Error> {
        if let Some(upload) = &mut self.upload
            && let Some(sending) = upload.sending.take()
        {
            let part = sending
                .await
                .map_err(|error| Error::Other(error.to_string()))?;
            upload.sent.push(part?);
        }
        Ok(())
    }
}

impl Upload {
    async fn abandon(self, bucket: &Bucket, path: &Path) {
        if let Some(sending) = self.sending {
            sending.abort();
            let _ended = sending.await;
        }
        // What is left is logged and kept in mind there.
        let _left = bucket.abandon(path, self.id).await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (bucket, path) = (Arc::clone(&self.bucket), self.path.clone());
            drop(runtime.spawn(async move { upload.abandon(&bucket, &path).await }));
        }
    }
}

impl Part {
    fn add(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len();
        while !bytes.is_empty() {
            let block = match self.blocks.last_mut() {
                Some(block) if block.len() < PIECE => block,
                _ => self.blocks.push_mut(BytesMut::with_capacity(PIECE)),
            };
            let room = PIECE - block.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            block.extend_from_slice(now);
            bytes = later;
        }
    }

    fn take(&mut self) -> PutPayload {
        self.size = 0;
        let blocks = std::mem::take(&mut self.blocks);
        blocks.into_iter().map(BytesMut::freeze).collect()
    }
}
