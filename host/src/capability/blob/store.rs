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
    #[error("no such object: {0}")]
    NotFound(String),
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("full: {0}")]
    Full(String),
    #[error("timeout: {0}")]
    Timeout(String),
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    pub fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

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

#[derive(Debug, Clone)]
pub struct Segment {
    pub key: Key,
    pub size: u64,
}

#[derive(Debug, Clone)]
pub struct Store(Arc<PathBuf>);

impl Store {
    pub fn local(folder: &Path) -> Self {
        Self(Arc::new(folder.to_owned()))
    }
    fn path(&self, key: &Key) -> PathBuf {
        self.0.join(&key.0)
    }
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
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        match fs::remove_file(self.path(key)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
    pub async fn presign(&self, _: &Key, _: Duration) -> Result<Option<Url>, Error> {
        Ok(None)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
pub struct Writer {
    file: File,
    part: PathBuf,
    path: PathBuf,
}
impl Writer {
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        Ok(self.file.write_all(&bytes).await?)
    }
    pub async fn finish(mut self) -> Result<(), Error> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(fs::rename(&self.part, &self.path).await?)
    }
    pub async fn abort(self) {
        let _ = fs::remove_file(&self.part).await;
    }
}
