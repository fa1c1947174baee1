//! Content, as an inspector reads it.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::capability::blob::Content;
use crate::plugin::{Source, Unreadable};

impl Source for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Bytes, Unreadable>> {
        Box::pin(async move {
            let read = Content::read(self, offset..offset + length).await;
            read.map_err(|error| Unreadable(error.to_string()))
        })
    }
}
