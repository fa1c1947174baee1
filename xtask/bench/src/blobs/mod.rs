//! A large attachment, up and down: with token, authorization, SHA-256 and record, beside
//! nginx with the same file; and what memory that takes beside a small one.

mod content;
mod nginx;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::content::Content;
use self::nginx::Nginx;
use crate::outside::Bench;
use crate::process::Server;
use crate::report::{Report, mebibytes, median};
use crate::wire::Wire;
use crate::{load, sign};

/// What `cargo xtask bench -- blobs` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Blobs {
    /// MiB of the large attachment.
    #[arg(long, default_value_t = 5 << 10)]
    mib: u64,
    /// Downloads from each server, in turn; the median counts.
    #[arg(long, default_value_t = 5)]
    downloads: usize,
    /// Where the content is kept meanwhile; as much has to be free there.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

/// MiB of the small attachment.
const SMALL: u64 = 5;

/// How long one transfer may take.
const TRANSFER: Duration = Duration::from_secs(300);

/// Bytes that are read or written at once.
const PIECE: usize = 256 << 10;

const CHANNEL: &str = "bench";

/// Measures on a gateway with the chat, SQLite and the folder.
pub(crate) fn measure(bench: &Bench<'_>, blobs: &Blobs, report: &mut Report) -> Result<()> {
    std::fs::create_dir_all(&blobs.folder)?;
    let data = tempfile::tempdir_in(std::fs::canonicalize(&blobs.folder)?)?;
    let server = bench.hosted(&data, "chat", None)?;
    bench.runtime.block_on(async {
        let token = sign::token()?;
        let gateway = Source {
            addr: server.addr,
            token: Some(&token),
        };
        let small = gateway.upload(Content::new(SMALL)).await?;
        gateway.download(&small.path).await?;
        let memory = server.peak()?;
        report.figure(
            &format!("peak memory after {SMALL} MiB, up and down"),
            mebibytes(memory),
            "MiB",
            "",
        );
        let large = gateway.upload(Content::new(blobs.mib)).await?;
        let what = format!("{} MiB", blobs.mib);
        report.figure(&format!("upload of {what}"), large.rate(), "MB/s", "");
        let file = largest(data.path())?.context("no file of it in the store")?;
        downloads(&gateway, &large, &file, blobs, report).await?;
        peak(&server, memory, &what, report)
    })
}

/// The gateway and nginx in turn, so that what the machine does besides hits both.
async fn downloads(
    gateway: &Source<'_>,
    large: &Stored,
    file: &Path,
    blobs: &Blobs,
    report: &mut Report,
) -> Result<()> {
    let digest = gateway.digest(&large.path).await?;
    ensure!(digest == large.digest, "what came is not what was sent");
    let nginx = Nginx::start(file).await?;
    let [mut ours, mut with, mut without] = [const { Vec::new() }; 3];
    for _ in 0..blobs.downloads {
        ours.push(gateway.download(&large.path).await?);
        with.push(nginx.with_sendfile().download(&nginx.path).await?);
        without.push(nginx.without_sendfile().download(&nginx.path).await?);
    }
    let [ours, with, without] = [ours, with, without].map(median);
    let what = format!("download of {} MiB / nginx", blobs.mib);
    report.beside(&format!("{what}, sendfile on"), [ours, with], "MB/s");
    report.beside(&format!("{what}, sendfile off"), [ours, without], "MB/s");
    Ok(())
}

fn peak(server: &Server, before: u64, what: &str, report: &mut Report) -> Result<()> {
    let after = server.peak()?;
    report.figure(
        &format!("peak memory after {what}, up and down"),
        mebibytes(after),
        "MiB",
        "as after the small one",
    );
    let more = mebibytes(after.saturating_sub(before));
    ensure!(more < 16.0, "a large attachment took {more:.1} MiB more");
    Ok(())
}

/// A server with content.
#[derive(Clone, Copy)]
struct Source<'a> {
    addr: SocketAddr,
    token: Option<&'a str>,
}

/// An attachment that is there.
struct Stored {
    path: String,
    digest: String,
    length: u64,
    time: Duration,
}

impl Stored {
    /// In 10^6 bytes a second.
    fn rate(&self) -> f64 {
        rate(self.length, self.time)
    }
}

impl Source<'_> {
    /// Announces an attachment, and sends its content as fast as it is taken.
    async fn upload(&self, content: Content) -> Result<Stored> {
        let token = self.token.context("no token")?;
        let body = json!({
            "channelId": CHANNEL,
            "name": "bench.bin",
            "size": content.length(),
        });
        let mut wire = Wire::open(self.addr).await?;
        let request = load::post("/attachments", token, &body.to_string());
        let answer = wire.ask(&request).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, answer.text());
        let announced: Value = serde_json::from_slice(answer.body)?;
        let id = announced.get("id").and_then(Value::as_str);
        let path = format!("/attachments/{}/content", id.context("no id")?);
        // Before the clock starts: the sender has one core for it.
        let digest = content.digest();

        let mut stream = TcpStream::connect(self.addr).await?;
        let (mut piece, mut buffer) = (vec![0; PIECE], Vec::new());
        let begun = Instant::now();
        let sending = async {
            let length = usize::try_from(content.length())?;
            stream.write_all(&load::put(&path, token, length)).await?;
            for number in 0..content.pieces() {
                content.fill(number, &mut piece);
                stream.write_all(&piece).await?;
            }
            load::complete(&mut stream, &mut buffer).await
        };
        let status = tokio::time::timeout(TRANSFER, sending).await??;
        let time = begun.elapsed();
        let text = String::from_utf8_lossy(&buffer);
        ensure!(status == 200, "{status}: {text}");
        ensure!(
            text.contains(&digest),
            "it was stored as something else: {text}"
        );
        Ok(Stored {
            path,
            digest,
            length: content.length(),
            time,
        })
    }

    /// Reads all of it, as fast as it comes; in 10^6 bytes a second.
    async fn download(&self, path: &str) -> Result<f64> {
        let begun = Instant::now();
        let length = self.read(path, |_| ()).await?;
        Ok(rate(length, begun.elapsed()))
    }

    /// Reads all of it, and takes its SHA-256.
    async fn digest(&self, path: &str) -> Result<String> {
        let mut hasher = content::Hasher::default();
        self.read(path, |bytes| hasher.add(bytes)).await?;
        Ok(hasher.finish())
    }

    async fn read(&self, path: &str, mut each: impl FnMut(&[u8])) -> Result<u64> {
        let reading = async {
            let mut stream = TcpStream::connect(self.addr).await?;
            stream.write_all(&load::get(path, self.token)).await?;
            let mut buffer = Vec::with_capacity(PIECE);
            let head = loop {
                ensure!(stream.read_buf(&mut buffer).await? > 0, "no answer");
                if let Some(end) = load::find(&buffer, b"\r\n\r\n") {
                    break end + 4;
                }
            };
            let (status, length) = load::head(buffer.get(..head).unwrap_or_default())?;
            let begin = buffer.get(head..).unwrap_or_default();
            ensure!(
                status == 200,
                "{status}: {}",
                String::from_utf8_lossy(begin)
            );
            each(begin);
            let length = u64::try_from(length)?;
            let mut left = length.saturating_sub(u64::try_from(begin.len())?);
            while left > 0 {
                buffer.clear();
                let read = stream.read_buf(&mut buffer).await?;
                ensure!(read > 0, "cut {left} bytes before the end");
                each(&buffer);
                left = left.saturating_sub(u64::try_from(read)?);
            }
            Ok(length)
        };
        tokio::time::timeout(TRANSFER, reading).await?
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 bytes")]
fn rate(length: u64, time: Duration) -> f64 {
    length as f64 / 1e6 / time.as_secs_f64()
}

/// The largest file below a folder.
fn largest(folder: &Path) -> Result<Option<PathBuf>> {
    let mut found: Option<(u64, PathBuf)> = None;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let length = File::open(&path)?.metadata()?.len();
            if found.as_ref().is_none_or(|(largest, _)| length > *largest) {
                found = Some((length, path));
            }
        }
    }
    Ok(found.map(|(_, path)| path))
}
