//! Where the bytes are: a local folder, or a bucket of a server that speaks S3.
//!
//! An object is written once, whole or not at all, under a random key, and never changed.
//! Whoever writes notes the key first, so that an object that nobody needs is found.

mod error;
mod local;
mod read;
mod s3;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rand::TryRngCore;
use rand::rngs::OsRng;
use url::Url;

use self::local::Folder;
use self::s3::Bucket;
use crate::config;

pub use error::Error;

/// The longest piece that a reader is handed, as far as it is this program's to say.
const PIECE: usize = 256 * 1024;

/// Names an object: 32 random hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// One that nobody can guess, and that nothing else has.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        // Without the system's randomness nothing else works either; the generator of the
        // thread was seeded when there was some.
        if OsRng.try_fill_bytes(&mut bytes).is_err() {
            bytes = rand::random();
        }
        Self(hex::encode(bytes))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.len() == 32 && text.bytes().all(is_digit) {
            true => Ok(Self(text.to_owned())),
            false => Err("a key has 32 hexadecimal digits"),
        }
    }
}

/// An object that is a part of some content.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its name.
    pub key: Key,
    /// Its length in bytes.
    pub size: u64,
}

/// The store. Clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Store(Place);

#[derive(Debug, Clone)]
enum Place {
    Local(Arc<Folder>),
    S3(Arc<Bucket>),
}

/// Why a gateway can't start with its store.
#[derive(Debug, thiserror::Error)]
#[error("the blob store {place} can't be used: {action} failed: {source}; {advice}")]
pub struct OpenError {
    place: String,
    action: &'static str,
    source: Error,
    advice: &'static str,
}

/// Why the store of a configuration can't be used.
fn refused(config: &config::Blob, action: &'static str) -> impl FnOnce(Error) -> OpenError {
    let place = config.store.to_string();
    let advice = match &config.store {
        config::BlobStore::Folder(_) => {
            "blob.store must name a folder that the gateway may write to"
        }
        config::BlobStore::S3(_) => {
            "check blob.store, and the endpoint, the region, path_style and the keys in blob.s3"
        }
    };
    move |source| OpenError {
        place,
        action,
        source,
        advice,
    }
}

impl Store {
    /// The store that the configuration names, of which nobody has looked whether it can
    /// be used.
    ///
    /// # Errors
    /// When the settings are none that a client can be made from.
    pub fn new(config: &config::Blob) -> Result<Self, OpenError> {
        Ok(Self(match &config.store {
            config::BlobStore::Folder(path) => {
                Place::Local(Arc::new(Folder::new(path, config.timeout)))
            }
            config::BlobStore::S3(s3) => {
                let bucket = Bucket::new(s3, config.timeout);
                Place::S3(Arc::new(bucket.map_err(refused(config, "connecting"))?))
            }
        }))
    }

    /// The store that the configuration names, after an object was written, read and
    /// removed there.
    ///
    /// # Errors
    /// What failed of that, and what may help.
    pub async fn open(config: &config::Blob) -> Result<Self, OpenError> {
        let store = Self::new(config)?;
        store.probe(config).await?;
        Ok(store)
    }

    /// Writes an object, reads it and removes it.
    async fn probe(&self, config: &config::Blob) -> Result<(), OpenError> {
        let (limit, refused) = (config.timeout, |action| refused(config, action));
        let key = Key::random();
        let content = Bytes::copy_from_slice(key.as_str().as_bytes());
        let size = content.len() as u64;
        let written = async {
            let mut writer = self.writer(&key).await?;
            writer.write(content.clone()).await?;
            writer.finish().await
        };
        error::within(limit, "it", written)
            .await
            .map_err(refused("writing"))?;
        let read = async {
            let segment = Segment {
                key: key.clone(),
                size,
            };
            let mut pieces = self.read(vec![segment], 0..size);
            let mut bytes = BytesMut::new();
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece?);
            }
            match bytes == content {
                true => Ok(()),
                false => Err(Error::Other("other bytes came back".to_owned())),
            }
        };
        let read = error::within(limit, "it", read).await;
        // Removed whether it could be read or not.
        let removed = error::within(limit, "it", self.delete(&key)).await;
        read.map_err(refused("reading"))?;
        removed.map_err(refused("removing"))
    }

    /// Begins an object. Nothing is seen of it before [`finish`](Writer::finish).
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn writer(&self, key: &Key) -> Result<Writer, Error> {
        Ok(Writer(match &self.0 {
            Place::Local(folder) => Writing::Local(Box::new(folder.writer(key).await?)),
            Place::S3(bucket) => Writing::S3(Box::new(Arc::clone(bucket).writer(key))),
        }))
    }

    /// The bytes of `range`, of the objects one after the other. Each piece comes within
    /// the store's time limit or is an error, after which nothing comes.
    #[must_use]
    pub fn read(
        &self,
        segments: Vec<Segment>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        match &self.0 {
            Place::Local(folder) => {
                let folder = Arc::clone(folder);
                read::pieces(segments, range, move |key, part| {
                    Arc::clone(&folder).read(key, part)
                })
            }
            Place::S3(bucket) => {
                let bucket = Arc::clone(bucket);
                read::pieces(segments, range, move |key, part| {
                    Arc::clone(&bucket).read(key, part)
                })
            }
        }
    }

    /// Removes an object, and what was begun of it. One that is not there is no error.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        match &self.0 {
            Place::Local(folder) => folder.delete(key).await,
            Place::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// An address at which anybody may fetch an object for `lifetime`, as a file to be
    /// saved; none where the store has no addresses.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn presign(&self, key: &Key, lifetime: Duration) -> Result<Option<Url>, Error> {
        match &self.0 {
            Place::Local(_) => Ok(None),
            Place::S3(bucket) => bucket.presign(key, lifetime).await.map(Some),
        }
    }

    /// Removes what was begun `age` ago or earlier and never finished, as far as the store
    /// can tell: in a bucket that is for a rule of its lifecycle. Returns how much it was.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn sweep(&self, age: Duration) -> Result<u64, Error> {
        match &self.0 {
            Place::Local(folder) => folder.sweep(age).await,
            Place::S3(_) => Ok(0),
        }
    }
}

/// An object that is being written. Dropped, it is thrown away.
#[derive(Debug)]
pub struct Writer(Writing);

#[derive(Debug)]
enum Writing {
    Local(Box<local::Writer>),
    S3(Box<s3::Writer>),
}

impl Writer {
    /// Adds bytes. Holds at most two parts in memory, however many are written.
    ///
    /// # Errors
    /// When they can't be stored; nothing more can be written then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        match &mut self.0 {
            Writing::Local(writer) => writer.write(&bytes).await,
            Writing::S3(writer) => writer.write(&bytes).await,
        }
    }

    /// Makes the object: it is durable once this returns.
    ///
    /// # Errors
    /// When it can't be stored; it is thrown away then.
    pub async fn finish(self) -> Result<(), Error> {
        match self.0 {
            Writing::Local(writer) => writer.finish().await,
            Writing::S3(writer) => writer.finish().await,
        }
    }

    /// Throws it away.
    pub async fn abort(self) {
        match self.0 {
            Writing::Local(writer) => writer.abort().await,
            Writing::S3(writer) => writer.abort().await,
        }
    }
}
