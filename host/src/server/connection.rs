//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::header::UPGRADE;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::either::Either as Stream;

use super::lasting::Held;
use super::takeover::{self, Answer, Handover};
use super::tls::Tls;
use super::watched::Watched;
use super::{Body, Handler, Lasting, Place};
use crate::config;
use crate::lifecycle::Shutdown;

/// Serves requests until the peer goes, is idle for too long, or the process ends.
pub(super) async fn serve<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<&Tls>,
    handler: Arc<H>,
    limits: &config::Server,
    shutdown: Shutdown,
    place: Place,
) {
    let mut stream = TimeoutStream::new(stream);
    // A peer that stops reading must not hold an answer for ever.
    stream.set_write_timeout(Some(limits.body_timeout));
    let stream = Box::pin(stream);
    let stream = match tls {
        None => Stream::Left(stream),
        Some(tls) => {
            let accepted = tokio::select! {
                accepted = tls.accept(stream) => accepted,
                // No request is in it that could be lost.
                () = shutdown.soft() => return,
            };
            match accepted {
                Ok(stream) => Stream::Right(stream),
                Err(error) => {
                    tracing::debug!(%peer, %error, "handshake failed");
                    return;
                }
            }
        }
    };

    let activity = Arc::new(Activity::new());
    let counted = Arc::clone(&activity);
    let handover = Handover::new();
    let stream = Watched::new(stream, Arc::clone(&activity), Arc::clone(&handover));
    let (asking, taken) = (Arc::clone(&handover), place.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        if request.headers().contains_key(UPGRADE) {
            request.extensions_mut().insert(taken.clone());
        }
        let (handler, handover) = (Arc::clone(&handler), Arc::clone(&asking));
        let busy = counted.begin();
        async move {
            let is_alone = request.version() == Version::HTTP_11;
            let response = handler.handle(request, peer).await;
            match settle(response, busy, is_alone) {
                Settled::Here(response) => Ok::<_, Infallible>(response),
                // The connection is dropped with this.
                Settled::Elsewhere(answer) => {
                    handover.ask(*answer);
                    std::future::pending().await
                }
            }
        }
    });

    let builder = builder(limits, shutdown.clone());
    // Dropped before the stream is asked for.
    {
        let mut connection =
            pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut ending = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                    return;
                }
                () = handover.asked() => break,
                // The hard end comes after the soft one.
                () = shutdown.hard(), if ending => return,
                () = shutdown.soft(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                // One timer for all that may be slow between requests: a peer that never
                // sends a byte, half a preface, half a head, an HTTP/2 connection without
                // streams. hyper's own for the head would be set anew for each request.
                () = activity.idle(limits.header_timeout) => {
                    if ending {
                        return;
                    }
                    ending = true;
                    activity.touch();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
    let Some((answer, stream)) = handover.take() else {
        return;
    };
    // A task of its own: this one has room for all that a connection may be.
    let cut = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            sent = takeover::send(answer, stream) => if let Err(error) = sent {
                tracing::debug!(%peer, %error, "connection ended");
            },
            () = cut.hard() => {}
        }
        drop(place);
    });
}

/// Where an answer is sent from.
enum Settled {
    Here(Response<Body>),
    Elsewhere(Box<Answer>),
}

/// The request is out of the handler's hands now. Of an answer that lasts, the connection is
/// still in use; one that is alone on its connection takes it.
fn settle(mut response: Response<Body>, busy: Busy, is_alone: bool) -> Settled {
    let Some(lasting) = response.extensions_mut().remove() else {
        return Settled::Here(response);
    };
    let is_alone = is_alone && matches!(lasting, Lasting::Alone);
    let (head, body) = response.into_parts();
    match body {
        Either::Right(body) if is_alone => Settled::Elsewhere(Box::new(Answer { head, body })),
        Either::Right(body) => {
            let held = Held { body, _held: busy }.boxed_unsync();
            Settled::Here(Response::from_parts(head, Either::Right(held)))
        }
        whole => Settled::Here(Response::from_parts(head, whole)),
    }
}

/// Runs the requests of HTTP/2 as tasks that the end of the process waits for.
#[derive(Clone)]
struct Tracked(Shutdown);

impl<F> Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

fn builder(limits: &config::Server, shutdown: Shutdown) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(shutdown));
    builder
        .http1()
        // Unset, hyper has one of 30 s, and needs a timer for it.
        .header_read_timeout(None)
        // Below 8 KiB hyper refuses the setting.
        .max_buf_size(limits.max_header_bytes.max(8 * 1024))
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    builder
}

/// How many requests a connection has in hand, and when it last had one.
pub(super) struct Activity {
    start: Instant,
    in_hand: AtomicUsize,
    /// Milliseconds since `start`.
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            in_hand: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        }
    }

    fn begin(self: &Arc<Self>) -> Busy {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Resolves when no request was in hand for `limit`.
    async fn idle(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed));
            let busy = self.in_hand.load(Ordering::Relaxed) > 0;
            let until = if busy {
                Instant::now() + limit
            } else {
                last + limit
            };
            if !busy && until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A request in hand.
struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}
