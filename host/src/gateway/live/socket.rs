//! WebSockets.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Sink, SinkExt, Stream};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::Talk;
use crate::capability::events::{Close, Frame, Item, Subscription};
use crate::server::{self, whole};

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");

/// The subprotocol of those who can't set a header: its name, and the token as a second one.
const BEARER: &str = "bearer";

/// How long it may take a client to answer a farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// What waits to be read, and to be written, of one connection: little, since most are idle.
const BUFFER: usize = 1024;

/// A client's request to speak WebSocket.
#[derive(Debug)]
pub(in crate::gateway) struct Handshake {
    upgrade: OnUpgrade,
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
    /// What the connection is counted by, for as long as it is there.
    place: Option<server::Place>,
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    has_word(request.headers(), &UPGRADE, "websocket")
        && has_word(request.headers(), &CONNECTION, "upgrade")
}

fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .any(|one| one.trim().eq_ignore_ascii_case(word))
    })
}

/// The token of a client that can't set a header, as pages in browsers can't; taken out, so
/// that nobody behind the gateway sees it.
pub(in crate::gateway) fn take_token(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let text = headers.get(PROTOCOL)?.to_str().ok()?;
    let (name, token) = text.split_once(',')?;
    if name.trim() != BEARER {
        return None;
    }
    let token = HeaderValue::try_from(format!("Bearer {}", token.trim())).ok()?;
    headers.insert(PROTOCOL, HeaderValue::from_static(BEARER));
    Some(token)
}

impl Handshake {
    /// Reads it off a request that asks for it; none when it is not one that can be agreed to.
    pub(super) fn of<B>(request: &mut Request<B>) -> Option<Self> {
        let headers = request.headers();
        let is_version = headers.get(VERSION).is_some_and(|version| version == "13");
        let key = headers.get(KEY)?.as_bytes();
        // Sixteen bytes in base64.
        let is_key = key.len() == 24 && key.ends_with(b"==");
        if *request.method() != Method::GET || !is_version || !is_key {
            return None;
        }
        let accept = HeaderValue::try_from(derive_accept_key(key)).ok()?;
        let protocol = headers
            .get(PROTOCOL)
            .filter(|name| *name == BEARER)
            .cloned();
        let place = request.extensions_mut().remove();
        Some(Self {
            upgrade: hyper::upgrade::on(request),
            accept,
            protocol,
            place,
        })
    }

    /// The answer that agrees, and what is to be done once the client has it.
    pub(super) fn accept(
        self,
        subscription: Subscription,
        talk: Talk,
    ) -> (
        Response<server::Body>,
        impl Future<Output = ()> + Send + 'static,
    ) {
        let mut response = Response::new(whole(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(ACCEPT, self.accept);
        if let Some(protocol) = self.protocol {
            headers.insert(PROTOCOL, protocol);
        }
        let (upgrade, place) = (self.upgrade, self.place);
        let served = async move {
            match upgrade.await {
                Ok(upgraded) => Socket::serve(upgraded, subscription, talk).await,
                Err(error) => tracing::debug!(%error, "no upgrade came of it"),
            }
            drop(place);
        };
        // The future is large, and lives as long as the connection.
        (response, Box::pin(served))
    }
}

/// What a client may say to the host.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Order {
    /// It has taken care of everything up to there.
    Ack {
        /// The cursor.
        cursor: String,
    },
}

type Stack = WebSocketStream<TokioIo<Upgraded>>;

/// One connection that is open.
struct Socket {
    stack: Stack,
    subscription: Subscription,
    talk: Talk,
    timer: Pin<Box<Sleep>>,
    expires: Option<Instant>,
    /// Whether anything came since the last ping.
    is_heard: bool,
    rate: Box<DefaultDirectRateLimiter>,
    /// What the plugin is asked.
    asked: Option<BoxFuture<'static, Option<String>>>,
    acked: Option<Arc<str>>,
}

/// What happens next.
enum Event {
    Item(Item),
    Message(Result<Message, Error>),
    Answer(Option<String>),
    Timer,
    Gone,
}

impl Socket {
    async fn serve(upgraded: Upgraded, subscription: Subscription, talk: Talk) {
        let settings = subscription.settings();
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(settings.payload_bytes.saturating_mul(8) + 64 * 1024)
            .max_message_size(Some(settings.frame_bytes))
            .max_frame_size(Some(settings.frame_bytes));
        let now = Instant::now();
        let expires = subscription.left().and_then(|left| now.checked_add(left));
        let first = now + settings.heartbeat;
        let quota = Quota::per_second(settings.frame_rate).allow_burst(settings.frame_burst);
        let stack =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config));
        let mut socket = Self {
            stack: stack.await,
            timer: Box::pin(sleep_until(expires.map_or(first, |at| at.min(first)))),
            expires,
            is_heard: true,
            rate: Box::new(RateLimiter::direct(quota)),
            asked: None,
            acked: None,
            subscription,
            talk,
        };
        if let Err(error) = socket.run().await {
            tracing::debug!(%error, "a WebSocket ended");
        }
    }

    async fn run(&mut self) -> Result<(), Error> {
        let heartbeat = self.subscription.settings().heartbeat;
        let hello = format!(
            "{{\"type\":\"hello\",\"cursor\":\"{}\",\"heartbeat\":{}}}",
            self.subscription.cursor(),
            heartbeat.as_secs_f64()
        );
        self.send(hello.into()).await?;
        loop {
            match poll_fn(|context| self.next(context)).await {
                Event::Item(Item::Frame(frame)) => self.send(text(&frame)).await?,
                Event::Item(Item::Close(why)) => return self.close(why).await,
                Event::Message(Ok(message)) => {
                    self.is_heard = true;
                    if let Some(why) = self.hear(message) {
                        return self.close(why).await;
                    }
                }
                Event::Message(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    return self.close(Close::TooBig).await;
                }
                Event::Message(Err(Error::Utf8(_))) => return self.close(Close::Refused).await,
                Event::Message(Err(error)) => return Err(error),
                Event::Answer(Some(answer)) => {
                    self.send(text(&Frame::answer(answer))).await?;
                }
                Event::Answer(None) => {}
                Event::Timer => {
                    let now = Instant::now();
                    if self.expires.is_some_and(|expires| expires <= now) {
                        self.subscription.close(Close::Expired);
                        continue;
                    }
                    // Half a round trip may take as long as a heartbeat, but not a whole one.
                    if !std::mem::take(&mut self.is_heard) {
                        return Ok(());
                    }
                    let next = now + heartbeat;
                    let next = self.expires.map_or(next, |expires| expires.min(next));
                    self.timer.as_mut().reset(next);
                    self.send(Message::Ping(Bytes::new())).await?;
                }
                Event::Gone => return Ok(()),
            }
        }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Some(asked) = &mut self.asked
            && let Poll::Ready(answer) = asked.as_mut().poll(context)
        {
            self.asked = None;
            return Poll::Ready(Event::Answer(answer));
        }
        if let Poll::Ready(item) = self.subscription.poll_next(context) {
            return Poll::Ready(Event::Item(item));
        }
        if self.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Event::Timer);
        }
        // One frame at a time: who sends faster than it is answered waits.
        if self.asked.is_none() {
            return match Pin::new(&mut self.stack).poll_next(context) {
                Poll::Ready(Some(message)) => Poll::Ready(Event::Message(message)),
                Poll::Ready(None) => Poll::Ready(Event::Gone),
                Poll::Pending => Poll::Pending,
            };
        }
        Poll::Pending
    }

    /// Takes what a client sent; or tells why it has to go.
    fn hear(&mut self, message: Message) -> Option<Close> {
        let payload = match message {
            Message::Text(payload) => payload,
            // The other end's turn of it, and the answer to a ping, are the stack's business.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return None,
            Message::Binary(_) | Message::Frame(_) => return Some(Close::Refused),
        };
        if self.rate.check().is_err() {
            return Some(Close::Refused);
        }
        if let Ok(Order::Ack { cursor }) = serde_json::from_str(&payload) {
            if cursor.len() <= self.subscription.settings().frame_bytes {
                self.acked = Some(cursor.into());
            }
            return None;
        }
        let subject = self.subscription.subject().to_owned();
        self.asked = Some(self.talk.ask(subject, payload.as_str().to_owned()));
        None
    }

    async fn send(&mut self, message: Message) -> Result<(), Error> {
        // What was written before may still be on its way; whoever takes nothing for too long
        // is cut by the socket.
        poll_fn(|context| Pin::new(&mut self.stack).poll_ready(context)).await?;
        self.stack.send(message).await
    }

    /// Says why it ends, and where to go on: behind what the client says it has, if it does.
    async fn close(&mut self, why: Close) -> Result<(), Error> {
        let cursor = self.subscription.cursor();
        let cursor = self.acked.take().unwrap_or(cursor);
        let frame = CloseFrame {
            code: CloseCode::from(why.code()),
            reason: reason(why, &cursor).into(),
        };
        let farewell = async {
            self.stack.close(Some(frame)).await?;
            while let Some(message) =
                poll_fn(|context| Pin::new(&mut self.stack).poll_next(context)).await
            {
                message?;
            }
            Ok(())
        };
        timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
    }
}

/// The longest reason that the protocol has room for, in bytes.
const MAX_REASON: usize = 123;

/// A cursor that is too long to stand there is the last that the client has seen anyway.
fn reason(why: Close, cursor: &str) -> String {
    match cursor.len() <= MAX_REASON {
        true => cursor.to_owned(),
        false => why.reason().to_owned(),
    }
}

fn text(frame: &Frame) -> Message {
    // Made of texts.
    match Utf8Bytes::try_from(frame.json()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Text(Utf8Bytes::default()),
    }
}
