//! Sockets: who may connect, and how long a connection may do nothing.

mod connection;
mod lasting;
mod takeover;
pub mod tls;
mod watched;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::tls::Tls;
use crate::config;
use crate::lifecycle::Shutdown;
use crate::telemetry::metrics::Connected;

/// The body of an answer: all of it, or what comes piece by piece and may break off.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;

/// Beside an answer: its connection is in use as long as the body is there, whether or not
/// anything is written.
#[derive(Debug, Clone, Copy)]
pub enum Lasting {
    /// And others may follow on the connection.
    Shared,
    /// And its end is that of the connection, where there is no other answer on it.
    Alone,
}

/// What a connection is counted by. Beside a request that asks to take its connection over:
/// whoever does so keeps it for as long.
#[derive(Debug, Clone)]
pub struct Place {
    _held: Arc<(OwnedSemaphorePermit, Option<Connected>)>,
}

/// A body that is all there.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(bytes.into()))
}

/// What answers the requests of a listener. An answer always comes: errors are answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request from `peer`.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Counts a connection for as long as what is returned lives.
    fn connected(&self) -> Option<Connected> {
        None
    }
}

/// How long to wait after an accept that failed: the usual cause is that the process has
/// no file descriptor left, and trying again at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the shutdown begins, and speaks TLS on them if given.
///
/// The loop never awaits a peer, and no peer can end it. A connection keeps the `limits`
/// that it began with.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    handler: Arc<H>,
    limits: Arc<ArcSwap<config::Server>>,
    shutdown: Shutdown,
) {
    let places = Arc::new(Semaphore::new(limits.load().max_connections));
    loop {
        let place = tokio::select! {
            () = shutdown.soft() => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        // The semaphore is never closed.
        let Ok(place) = place else { return };
        let (stream, peer) = tokio::select! {
            () = shutdown.soft() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        prepare(&stream);
        let (handler, limits) = (Arc::clone(&handler), limits.load_full());
        let (tls, ending) = (tls.clone(), shutdown.clone());
        let place = Place {
            _held: Arc::new((place, handler.connected())),
        };
        shutdown.spawn(async move {
            let tls = tls.as_deref();
            connection::serve(stream, peer, tls, handler, &limits, ending, place).await;
        });
    }
}

fn prepare(stream: &TcpStream) {
    // Answers are written whole; waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set_nodelay failed");
    }
}
