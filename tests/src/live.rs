//! Clients of live connections, which read what they are sent as strictly as they can.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait for what may not come.
const SOON: Duration = Duration::from_secs(5);

/// One of the Server-Sent Events.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its `event`.
    pub kind: String,
    /// Its `id`, which is the cursor.
    pub id: Option<String>,
    /// Its `data`.
    pub data: Value,
}

impl Event {
    /// What the plugin published.
    pub fn payload(&self) -> &Value {
        self.data.get("data").expect("an event of the log")
    }
}

/// A client of Server-Sent Events.
pub struct Listener {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    buffer: String,
    /// The last `id` that came, with data or without.
    pub cursor: Option<String>,
    /// The last position that came of each topic: they only go up.
    positions: HashMap<String, u64>,
}

impl Listener {
    /// Connects, as a browser does that has seen `cursor`, and waits for the head.
    pub async fn open(base: &str, target: &str, cursor: Option<&str>) -> Self {
        let request = client().get(format!("{base}{target}"));
        Self::of(request, cursor).await
    }

    /// The same with a request that is to be sent.
    pub async fn of(mut request: RequestBuilder, cursor: Option<&str>) -> Self {
        request = request.header("accept", "text/event-stream");
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        if status != 200 {
            panic!("{status}: {}", response.text().await.unwrap());
        }
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        Self {
            chunks: Box::pin(response.bytes_stream()),
            buffer: String::new(),
            cursor: cursor.map(str::to_owned),
            positions: HashMap::new(),
        }
    }

    /// The same of a gateway that may be gone, or go; none then.
    pub async fn try_open(base: &str, target: &str, cursor: Option<&str>) -> Option<Self> {
        let mut request = client().get(format!("{base}{target}"));
        request = request.header("accept", "text/event-stream");
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor);
        }
        let response = request.send().await.ok()?;
        (response.status() == 200).then(|| Self {
            chunks: Box::pin(response.bytes_stream()),
            buffer: String::new(),
            cursor: cursor.map(str::to_owned),
            positions: HashMap::new(),
        })
    }

    /// What comes soon; none at the end, or when nothing does.
    pub async fn try_next(&mut self) -> Option<Event> {
        tokio::time::timeout(SOON, self.next()).await.ok().flatten()
    }

    /// What comes next; none at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.chunks.next())
                .await
                .expect("nothing comes");
            match chunk {
                Some(Ok(chunk)) => self.buffer.push_str(std::str::from_utf8(&chunk).unwrap()),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next, which must be there.
    pub async fn event(&mut self) -> Event {
        self.next().await.expect("another event")
    }

    /// The next, which must be of that kind.
    pub async fn expect(&mut self, kind: &str) -> Event {
        let event = self.event().await;
        assert_eq!(event.kind, kind, "{event:?}");
        event
    }

    /// The payloads of as many events.
    pub async fn payloads(&mut self, count: usize) -> Vec<Value> {
        let mut payloads = Vec::with_capacity(count);
        for _ in 0..count {
            payloads.push(self.event().await.payload().clone());
        }
        payloads
    }

    /// Waits for a heartbeat, before which nothing else may come.
    pub async fn heartbeat(&mut self) {
        let before = self.cursor.take();
        while self.cursor.is_none() {
            let chunk = tokio::time::timeout(PATIENCE, self.chunks.next()).await;
            let chunk = chunk.expect("nothing comes").unwrap().unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                let event = self.read(&block);
                assert_eq!(event, None, "after {before:?}");
            }
        }
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let (mut kind, mut id, mut data) = (None, None, None);
        for line in block.lines() {
            let (name, value) = line.split_once(": ").expect("a field");
            match name {
                "event" => kind = Some(value.to_owned()),
                "id" => id = Some(value.to_owned()),
                "data" => data = Some(serde_json::from_str(value).expect("JSON")),
                "retry" => {
                    value.parse::<u64>().expect("milliseconds");
                }
                _ => panic!("{line}"),
            }
        }
        if id.is_some() {
            self.cursor.clone_from(&id);
        }
        let data: Value = data?;
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        if let (Some(topic), Some(id)) = (text("topic"), text("id")) {
            let position = id.split_once('-').expect("a place").1;
            let position = position.parse().expect("a position");
            let before = self.positions.insert(topic.to_owned(), position);
            assert!(before < Some(position), "{before:?} before {data}");
        }
        Some(Event {
            kind: kind?,
            id,
            data,
        })
    }
}

/// A client without a limit on the time of an answer.
pub fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A client of a WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The subprotocol that was agreed on.
    pub protocol: Option<String>,
}

/// What ended a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    /// The code.
    pub code: u16,
    /// The reason.
    pub reason: String,
}

impl Socket {
    /// Connects to `target` on `http://ADDR`, with further headers.
    pub async fn open(base: &str, target: &str, headers: &[(&str, &str)]) -> Self {
        let connected = Self::try_open(base, target, headers).await;
        connected.expect("a WebSocket")
    }

    /// The same of one that may be refused; the status then.
    pub async fn try_open(base: &str, target: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let address = base.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{address}{target}")
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|name| name.to_str().unwrap().to_owned());
                Ok(Self { stream, protocol })
            }
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream
            .send(Message::binary(bytes.to_vec()))
            .await
            .unwrap();
    }

    /// The next object, or how it ended.
    pub async fn next(&mut self) -> Result<Value, End> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("nothing comes");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(End {
                        code: frame.code.into(),
                        reason: frame.reason.to_string(),
                    });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => {
                    return Err(End {
                        code: 0,
                        reason: format!("{other:?}"),
                    });
                }
            }
        }
    }

    /// Waits for a ping, before which nothing else may come.
    pub async fn ping(&mut self) {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        let message = message.expect("nothing comes").unwrap().unwrap();
        assert!(message.is_ping(), "{message:?}");
        // The answer is sent with what is asked next.
        self.stream.flush().await.unwrap();
    }

    /// Ends it as a client does that has done.
    pub async fn close(mut self) {
        self.stream.close(None).await.unwrap();
    }
}
