//! A keep-alive connection that can also be slow.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::load;

/// Bytes that the kernel keeps for a client that reads slowly: few, so that what it has
/// not read is the server's to keep.
const SMALL_BUFFER: u32 = 64 * 1024;

/// Pieces in which slow bodies come and go.
const PIECES: usize = 8;

/// A connection, and the answer that came last.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, whole.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// A header's value; the name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head)
            .ok()?
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(its, _)| its.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body, for people.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body)
            .chars()
            .take(300)
            .collect()
    }
}

impl Wire {
    /// Connects.
    pub(crate) async fn open(to: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends a request, and reads the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.answer().await
    }

    /// Sends a head at once and a body in pieces that take `time`, and reads the answer.
    pub(crate) async fn ask_slowly(
        &mut self,
        head: &[u8],
        body: &[u8],
        time: Duration,
    ) -> Result<Answer<'_>> {
        self.stream.write_all(head).await?;
        for piece in body.chunks(body.len().div_ceil(PIECES).max(1)) {
            tokio::time::sleep(pause(time)).await;
            self.stream.write_all(piece).await?;
        }
        self.answer().await
    }

    /// Sends a request, and takes `time` to read an answer of `length` bytes.
    pub(crate) async fn read_slowly(
        &mut self,
        request: &[u8],
        length: usize,
        time: Duration,
    ) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        for piece in 1..PIECES {
            let reading = async {
                while self.buffer.len() < length / PIECES * piece {
                    let read = self.stream.read_buf(&mut self.buffer).await?;
                    anyhow::ensure!(read > 0, "the server closed the connection");
                }
                anyhow::Ok(())
            };
            in_time(reading).await?;
            tokio::time::sleep(pause(time)).await;
        }
        self.rest().await
    }

    async fn answer(&mut self) -> Result<Answer<'_>> {
        self.buffer.clear();
        self.rest().await
    }

    async fn rest(&mut self) -> Result<Answer<'_>> {
        let status = in_time(load::complete(&mut self.stream, &mut self.buffer)).await?;
        let end = load::find(&self.buffer, b"\r\n\r\n").context("no head")? + 4;
        let (head, body) = self.buffer.split_at(end);
        Ok(Answer { status, head, body })
    }
}

fn pause(time: Duration) -> Duration {
    time / u32::try_from(PIECES).unwrap_or(1)
}

async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(load::ANSWER, work)
        .await
        .context("no answer in time")?
}
