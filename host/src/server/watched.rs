//! A stream that tells when it writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Activity;
use super::takeover::Handover;

/// Writes below this are HTTP/2's own frames, which keep no connection alive.
const PAYLOAD: usize = 1024;

/// Counts a client that takes its answer, however slowly, as active: the request is out
/// of the handler's hands by then, and its connection would look idle.
pub(super) struct Watched<S> {
    /// There until this is dropped.
    stream: Option<S>,
    activity: Arc<Activity>,
    /// Who may want it then.
    handover: Arc<Handover<S>>,
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.handover.give(stream);
        }
    }
}

impl<S: Unpin> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>, handover: Arc<Handover<S>>) -> Self {
        Self {
            stream: Some(stream),
            activity,
            handover,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut S>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Pin::new(stream))
    }

    fn wrote(&self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        if result.as_ref().is_ok_and(|length| *length >= PAYLOAD) {
            self.activity.touch();
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.stream()?.poll_write(context, bytes));
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.stream()?.poll_write_vectored(context, slices));
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
