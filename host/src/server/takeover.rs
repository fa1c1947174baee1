//! Answers that last, without hyper: what is served for hours is one small task then, and has
//! none of the buffers that a connection needs for requests.
//!
//! Only HTTP/1.1, and only answers whose end is that of the connection.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Body as _;
use hyper::http::response::Parts;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Notify;

/// An answer that is to be sent past hyper.
pub(super) struct Answer {
    pub(super) head: Parts,
    pub(super) body: UnsyncBoxBody<Bytes, io::Error>,
}

/// Where a connection is handed over: the answer by whoever has it, the stream by hyper's
/// connection when it is dropped.
pub(super) struct Handover<S> {
    answer: Mutex<Option<Answer>>,
    stream: Mutex<Option<S>>,
    is_there: Notify,
}

impl<S> Handover<S> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(None),
            stream: Mutex::new(None),
            is_there: Notify::new(),
        })
    }

    /// Asks for the stream, for this answer.
    pub(super) fn ask(&self, answer: Answer) {
        *self.answer.lock() = Some(answer);
        self.is_there.notify_one();
    }

    /// Resolves when the stream was asked for.
    pub(super) async fn asked(&self) {
        self.is_there.notified().await;
    }

    /// Keeps the stream if it was asked for.
    pub(super) fn give(&self, stream: S) {
        if self.answer.lock().is_some() {
            *self.stream.lock() = Some(stream);
        }
    }

    /// Both, once they are there.
    pub(super) fn take(&self) -> Option<(Answer, S)> {
        let stream = self.stream.lock().take()?;
        Some((self.answer.lock().take()?, stream))
    }
}

/// Sends an answer to its end, or until the client is gone.
pub(super) async fn send<S>(answer: Answer, mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Answer { head, mut body } = answer;
    stream.write_all(&encode(&head)).await?;
    drop(head);
    loop {
        let frame = poll_fn(|context| {
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(context) {
                return Poll::Ready(Ok(frame));
            }
            // There is no request that could follow, only an end.
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            loop {
                match Pin::new(&mut stream).poll_read(context, &mut buffer) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    Poll::Ready(Ok(())) => buffer.clear(),
                }
            }
        });
        let Some(frame) = frame.await? else { break };
        let Ok(bytes) = frame?.into_data() else {
            continue;
        };
        if bytes.is_empty() {
            continue;
        }
        // One write: a segment for each of the three would cost more than the copy.
        let mut chunk = Vec::with_capacity(bytes.len() + 12);
        chunk.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        chunk.extend_from_slice(&bytes);
        chunk.extend_from_slice(b"\r\n");
        stream.write_all(&chunk).await?;
        stream.flush().await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    stream.shutdown().await
}

fn encode(head: &Parts) -> Vec<u8> {
    let mut text = String::with_capacity(512);
    let reason = head.status.canonical_reason().unwrap_or_default();
    // Writing to a text does not fail.
    let _ = write!(text, "HTTP/1.1 {} {reason}\r\n", head.status.as_str());
    let date = httpdate::fmt_http_date(SystemTime::now());
    let _ = write!(
        text,
        "date: {date}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n"
    );
    let mut bytes = text.into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
