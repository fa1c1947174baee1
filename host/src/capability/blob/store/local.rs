//! A local folder: 256 folders by the first two digits of the key, and a file an object.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::error::{Error, within};
use super::{Key, PIECE};

/// What a file is called that is not complete.
const PART: &str = "part";

/// A folder with objects.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// How long one piece may take.
    limit: Duration,
}

impl Folder {
    pub(super) fn new(path: &Path, limit: Duration) -> Self {
        Self {
            path: path.to_owned(),
            limit,
        }
    }

    /// The folder of an object.
    fn shard(&self, key: &Key) -> PathBuf {
        self.path.join(key.as_str().get(..2).unwrap_or_default())
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.shard(key).join(key.as_str())
    }

    fn part(&self, key: &Key) -> PathBuf {
        self.file(key).with_extension(PART)
    }

    pub(super) async fn writer(&self, key: &Key) -> Result<Writer, Error> {
        let (file, part) = (self.file(key), self.part(key));
        let shard = self.shard(key);
        let opened = async {
            let open = async || {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                options.open(&part).await
            };
            match open().await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make(shard).await?;
                    open().await
                }
                opened => opened,
            }
        };
        let opened = within(self.limit, "making a file", opened).await?;
        Ok(Writer {
            // From here on it is removed when nobody finishes it.
            bytes: BufWriter::with_capacity(PIECE, opened),
            unfinished: Unfinished(Some(part)),
            file,
            limit: self.limit,
        })
    }

    pub(super) fn read(
        self: Arc<Self>,
        key: Key,
        part: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        let begin = (None::<File>, part.end - part.start);
        try_unfold(begin, move |(file, left)| {
            let (path, limit, start) = (self.file(&key), self.limit, part.start);
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let read = async {
                    let mut file = match file {
                        Some(file) => file,
                        None => {
                            let mut file = File::open(&path).await?;
                            file.seek(SeekFrom::Start(start)).await?;
                            file
                        }
                    };
                    let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                    let mut bytes = BytesMut::with_capacity(room);
                    (&mut file).take(left).read_buf(&mut bytes).await?;
                    Ok::<_, io::Error>((file, bytes.freeze()))
                };
                let (file, bytes) = within(limit, "reading a file", read).await?;
                if bytes.is_empty() {
                    let text = format!("{} ends {left} bytes early", path.display());
                    return Err(Error::Other(text));
                }
                let left = left.saturating_sub(bytes.len() as u64);
                Ok(Some((bytes, (Some(file), left))))
            }
        })
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), Error> {
        // The one that is not complete first: it may become complete in between.
        for path in [self.part(key), self.file(key)] {
            within(self.limit, "removing a file", remove(&path)).await?;
        }
        Ok(())
    }

    /// Removes incomplete files that nobody has written to for `age`.
    pub(super) async fn sweep(&self, age: Duration) -> Result<u64, Error> {
        let (path, limit) = (self.path.clone(), self.limit);
        let before = SystemTime::now().checked_sub(age);
        let swept = tokio::task::spawn_blocking(move || match before {
            Some(before) => sweep(&path, before),
            None => Ok(0),
        });
        // As long as it takes, for each of the folders.
        let limit = limit.saturating_mul(256);
        within(limit, "looking for incomplete files", async {
            swept.await.map_err(io::Error::other)?
        })
        .await
    }
}

/// Makes a folder whose entry lasts.
async fn make(folder: PathBuf) -> io::Result<()> {
    let made = tokio::task::spawn_blocking(move || {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        match folder.parent() {
            Some(parent) => std::fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    });
    made.await.map_err(io::Error::other)?
}

async fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sweep(folder: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    let shards = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        shards => shards?,
    };
    for shard in shards {
        let shard = shard?;
        // Whatever else lies there is none of ours.
        if shard.file_name().len() != 2 || !shard.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(shard.path())? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != PART) {
                continue;
            }
            // It may be finished, and so called otherwise, at this moment.
            let is_old = std::fs::metadata(&path)
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified < before);
            if is_old && std::fs::remove_file(&path).is_ok() {
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: BufWriter<File>,
    unfinished: Unfinished,
    file: PathBuf,
    limit: Duration,
}

impl Writer {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        within(self.limit, "writing to a file", self.bytes.write_all(bytes)).await
    }

    pub(super) async fn finish(mut self) -> Result<(), Error> {
        let finished = async {
            self.bytes.flush().await?;
            self.bytes.get_ref().sync_all().await?;
            if let Some(part) = &self.unfinished.0 {
                fs::rename(part, &self.file).await?;
            }
            // From here on there is nothing to throw away.
            self.unfinished.0 = None;
            match self.file.parent() {
                Some(shard) => File::open(shard).await?.sync_all().await,
                None => Ok(()),
            }
        };
        within(self.limit, "finishing a file", finished).await
    }

    pub(super) async fn abort(mut self) {
        let Some(part) = self.unfinished.0.take() else {
            return;
        };
        let removed = within(self.limit, "removing a file", remove(&part));
        if let Err(error) = removed.await {
            left_behind(&part, &error);
        }
    }
}

/// A file that is removed unless it is finished.
#[derive(Debug)]
struct Unfinished(Option<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(part) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // The disk may be slow, and whoever drops can't wait.
        drop(runtime.spawn_blocking(move || {
            if let Err(error) = std::fs::remove_file(&part) {
                left_behind(&part, &error.into());
            }
        }));
    }
}

/// The collection removes it with the row that names it, and the next start without one.
fn left_behind(part: &Path, error: &Error) {
    tracing::warn!(file = %part.display(), %error, "an incomplete file could not be removed");
}
