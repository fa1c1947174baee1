//! Where the bytes are: a local folder.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use url::Url;

/// Why the store can't do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("no such object: {0}")]
    NotFound(String),
    /// It can't be reached, or can't serve now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// There is no room left.
    #[error("full: {0}")]
    Full(String),
    /// It took too long.
    #[error("timeout: {0}")]
    Timeout(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(error.to_string()),
            io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge => {
                Self::Full(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Names an object; random, and tells nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// As it is written: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => Ok(Self(text.to_owned())),
            false => Err("not a key"),
        }
    }
}

/// One object of several that make up a content.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Which one.
    pub key: Key,
    /// In bytes.
    pub size: u64,
}

/// Objects by their keys. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<PathBuf>);

impl Store {
    /// Objects are files of a folder, which is made when it is needed.
    #[must_use]
    pub fn local(folder: &Path) -> Self {
        Self(Arc::new(folder.to_owned()))
    }
    fn path(&self, key: &Key) -> PathBuf {
        self.0.join(&key.0)
    }
    /// Begins an object. It is not there before the writer has finished.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn writer(&self, key: &Key) -> Result<Writer, Error> {
        fs::create_dir_all(&*self.0).await?;
        let path = self.path(key);
        let part = path.with_extension("part");
        Ok(Writer {
            file: File::create(&part).await?,
            part,
            path,
        })
    }
    /// The bytes in a range of what the segments make up together.
    pub fn read(
        &self,
        segments: Vec<Segment>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let this = self.clone();
        let mut at = 0;
        let mut wanted = Vec::new();
        for segment in segments {
            let begin = range.start.max(at);
            let end = range.end.min(at + segment.size);
            if begin < end {
                wanted.push((segment.key, begin - at, end - begin));
            }
            at += segment.size;
        }
        stream::iter(wanted)
            .flat_map(move |(key, offset, length)| {
                let path = this.path(&key);
                stream::try_unfold((None::<File>, length), move |(file, left)| {
                    let path = path.clone();
                    async move {
                        if left == 0 {
                            return Ok(None);
                        }
                        let mut file = match file {
                            Some(file) => file,
                            None => {
                                let mut file = File::open(&path).await?;
                                file.seek(io::SeekFrom::Start(offset)).await?;
                                file
                            }
                        };
                        let mut buffer =
                            vec![0; usize::try_from(left.min(256 * 1024)).unwrap_or(1)];
                        let n = file.read(&mut buffer).await?;
                        if n == 0 {
                            return Err(Error::Other("short".into()));
                        }
                        buffer.truncate(n);
                        Ok(Some((Bytes::from(buffer), (Some(file), left - n as u64))))
                    }
                })
            })
            .boxed()
    }
    /// Removes an object, if it is there.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
    /// An address from which a client can fetch the object for some time, when the store
    /// speaks HTTP.
    ///
    /// # Errors
    /// When it could not be signed.
    pub async fn presign(&self, _key: &Key, _lifetime: Duration) -> Result<Option<Url>, Error> {
        Ok(None)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object that is being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    part: PathBuf,
    path: PathBuf,
}
impl Writer {
    /// Adds bytes at its end.
    ///
    /// # Errors
    /// When the store can't be used.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        Ok(self.file.write_all(&bytes).await?)
    }
    /// Makes it an object: from here on it is there, also after a crash.
    ///
    /// # Errors
    /// When the store can't be used; there is no object then.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(fs::rename(&self.part, &self.path).await?)
    }
    /// Throws it away.
    pub async fn abort(self) {
        let _ = fs::remove_file(&self.part).await;
    }
}
