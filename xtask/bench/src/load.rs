//! The load: keep-alive connections that send one request after another.
//!
//! It reads no more of HTTP than it needs (status and `content-length`), so that one
//! core can keep a server busy on another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one run saw.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Answers, over all connections.
    pub(crate) answers: usize,
    /// Answers a second, over all connections.
    pub(crate) per_second: f64,
    /// The median latency.
    pub(crate) p50: Duration,
    /// The latency that one in a hundred exceeds.
    pub(crate) p99: Duration,
}

/// How long any single answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// Sends `requests` in turn on each of `connections` for `time`; each must be answered
/// with 200.
pub(crate) async fn run(
    target: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    time: Duration,
) -> Result<Outcome> {
    let start = Instant::now();
    let end = start + time;
    let all: Arc<[Vec<u8>]> = requests.into();
    let mut tasks = Vec::new();
    for index in 0..connections {
        // Apart from each other, so that not all ask for the same at once.
        let first = index * all.len() / connections;
        let requests = Arc::clone(&all);
        tasks.push(tokio::spawn(connection(target, requests, first, end)));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list that fits memory"
        )]
        let index = (latencies.len() as f64 * share) as usize;
        latencies
            .get(index.min(latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 answers")]
    let per_second = latencies.len() as f64 / elapsed.as_secs_f64();
    Ok(Outcome {
        answers: latencies.len(),
        per_second,
        p50: at(0.5),
        p99: at(0.99),
    })
}

/// Sends one request on a connection of its own, and returns the body of a 200.
pub(crate) async fn once(target: SocketAddr, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(target).await?;
    stream.write_all(request).await?;
    let mut buffer = Vec::new();
    let status = answer(&mut stream, &mut buffer).await?;
    let text = String::from_utf8(buffer)?;
    let (_, body) = text.split_once("\r\n\r\n").context("no body")?;
    anyhow::ensure!(status == 200, "status {status}: {body}");
    Ok(body.to_owned())
}

/// Sends a request `times`, spread over `connections`; each must be answered with 200.
pub(crate) async fn count(
    target: SocketAddr,
    request: &[u8],
    times: usize,
    connections: usize,
) -> Result<()> {
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let request = request.to_vec();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(target).await?;
                let mut buffer = Vec::new();
                for _ in 0..times / connections {
                    stream.write_all(&request).await?;
                    let status = answer(&mut stream, &mut buffer).await?;
                    anyhow::ensure!(status == 200, "status {status}");
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn connection(
    target: SocketAddr,
    requests: Arc<[Vec<u8>]>,
    first: usize,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut latencies = Vec::new();
    for request in requests.iter().cycle().skip(first) {
        let begun = Instant::now();
        if begun >= end {
            break;
        }
        stream.write_all(request).await?;
        let status = tokio::time::timeout(ANSWER, answer(&mut stream, &mut buffer))
            .await
            .context("no answer in time")??;
        if status != 200 {
            bail!("{}", String::from_utf8_lossy(&buffer));
        }
        latencies.push(begun.elapsed());
    }
    Ok(latencies)
}

/// Reads one whole answer into `buffer`, and returns its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    complete(stream, buffer).await
}

/// Reads what is missing of the answer in `buffer`, and returns its status.
pub(crate) async fn complete(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    let head = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    };
    let (status, length) = self::head(buffer.get(..head).unwrap_or_default())?;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    }
    Ok(status)
}

/// The status and the length that the head of an answer tells.
pub(crate) fn head(bytes: &[u8]) -> Result<(u16, usize)> {
    let text = std::str::from_utf8(bytes)?;
    let status = text.get(9..12).context("no status line")?.parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse())?;
    Ok((status, length))
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The bytes of a GET.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token
        .map(|t| format!("authorization: Bearer {t}\r\n"))
        .unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

/// The head of a PUT of `length` bytes.
pub(crate) fn put(path: &str, token: &str, length: usize) -> Vec<u8> {
    format!(
        "PUT {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

/// The bytes of a POST of a JSON text.
pub(crate) fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
