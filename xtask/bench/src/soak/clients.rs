//! The load: clients that send one request after another until they are told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use super::attachments;
use super::log::{Failure, Log};
use crate::load;
use crate::routes::escape;
use crate::wire::{Answer, Wire};

/// Clients of each kind, all the time.
const CLIENTS: [(Kind, usize); 9] = [
    (Kind::Page, 4),
    (Kind::ById, 4),
    (Kind::Post, 4),
    (Kind::SlowPost, 2),
    (Kind::Upload, 3),
    (Kind::Download, 2),
    (Kind::Transaction, 2),
    (Kind::Attach, 2),
    (Kind::Fetch, 2),
];

/// How long a slow client takes to send or to read.
pub(super) const SLOW: Duration = Duration::from_millis(1_200);

/// How long a transaction is open.
const OPEN: Duration = Duration::from_millis(400);

/// How long a client waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Messages on a page.
pub(super) const PAGE: usize = 20;

/// Bytes of an upload: above the largest body that is handed over inline.
const UPLOAD: usize = 64 * 1024;

/// MiB of a download.
const DOWNLOAD: usize = 4;

/// Every so many messages comes with a key, and is sent twice.
const TWICE: u64 = 4;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The newest messages of a channel.
    Page,
    /// One message.
    ById,
    /// A new message; some once more, with the same key.
    Post,
    /// A new message that arrives in pieces.
    SlowPost,
    /// A body that arrives in pieces while the plugin reads it.
    Upload,
    /// An answer of some MiB that is read in pieces.
    Download,
    /// A transaction that is open while a body arrives in pieces.
    Transaction,
    /// An attachment that arrives in pieces on its way to the store.
    Attach,
    /// An attachment that is read from the store in pieces.
    Fetch,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Page => "page of 20",
            Self::ById => "by id",
            Self::Post => "POST",
            Self::SlowPost => "slow POST",
            Self::Upload => "slow upload, streamed",
            Self::Download => "long answer, read slowly",
            Self::Transaction => "open transaction",
            Self::Attach => "attachment, sent slowly",
            Self::Fetch => "attachment, read slowly",
        }
    }

    /// From an answer to the next request: the load is constant, and leaves the server
    /// room for the swaps.
    fn pause(self) -> Duration {
        Duration::from_millis(match self {
            Self::Page | Self::ById => 10,
            Self::Post => 20,
            Self::SlowPost | Self::Upload | Self::Download | Self::Attach | Self::Fetch => 0,
            Self::Transaction => 200,
        })
    }
}

/// Where the load goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) addr: SocketAddr,
    pub(super) token: String,
    /// Where messages are written and read.
    pub(super) channel: String,
    /// A message of it.
    pub(super) id: String,
    /// An attachment of it.
    pub(super) attachment: String,
}

/// Has all clients at work until `work` is done, and waits for their last answers. `run`
/// tells what they write from what other runs wrote.
pub(super) async fn beside<T>(
    target: &Arc<Target>,
    run: u64,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Log)> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    let kinds = CLIENTS
        .into_iter()
        .flat_map(|(kind, count)| std::iter::repeat_n(kind, count));
    for (number, kind) in (0..).zip(kinds) {
        let client = Client {
            kind,
            target: Arc::clone(target),
            first: (run * 1_000 + number) * 1_000_000,
            log: Log::default(),
        };
        clients.spawn(client.run(Arc::clone(&stop)));
    }
    let outcome = work.await;
    stop.store(true, Ordering::Relaxed);
    let mut log = Log::default();
    while let Some(one) = clients.join_next().await {
        log.merge(one?);
    }
    Ok((outcome?, log))
}

struct Client {
    kind: Kind,
    target: Arc<Target>,
    /// The number of its first request; no two requests have the same.
    first: u64,
    log: Log,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Log {
        let mut kept = None;
        let mut number = self.first;
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let outcome = self.request(&mut kept, number).await;
            let failed = outcome.is_err();
            self.log.note(self.kind, outcome, begun.elapsed());
            number += 1;
            if failed {
                // Whatever comes over it may belong to the request that failed.
                kept = None;
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            tokio::time::sleep(self.kind.pause()).await;
        }
        self.log
    }

    /// On the connection that is kept, or on a new one at first and after a failure.
    async fn request(&mut self, kept: &mut Option<Wire>, number: u64) -> Result<(), Failure> {
        let wire = match kept {
            Some(wire) => wire,
            None => kept.insert(Wire::open(self.target.addr).await?),
        };
        match self.kind {
            Kind::Page => self.page(wire).await,
            Kind::ById => self.by_id(wire).await,
            Kind::Post => self.post(wire, number, Duration::ZERO).await,
            Kind::SlowPost => self.post(wire, number, SLOW).await,
            Kind::Upload => upload(wire, number).await,
            Kind::Download => download(wire).await,
            Kind::Transaction => self.transaction(wire, number).await,
            Kind::Attach => {
                let id = attachments::send(wire, &self.target, number, SLOW).await?;
                self.log.books.attachments.insert(id, number);
                Ok(())
            }
            Kind::Fetch => attachments::read(wire, &self.target).await,
        }
    }

    async fn page(&self, wire: &mut Wire) -> Result<(), Failure> {
        let filter = format!(
            r#"{{"where":{{"channelId":"{}"}},"order":"createdOn DESC","limit":{PAGE}}}"#,
            self.target.channel
        );
        let path = format!("/messages?filter={}", escape(&filter));
        let request = load::get(&path, Some(&self.target.token));
        let answer = good(wire.ask(&request).await?)?;
        let rows: Vec<Value> = serde_json::from_slice(answer.body)?;
        match rows.len() {
            PAGE => Ok(()),
            other => Err(Failure::Wrong(format!("{other} rows"))),
        }
    }

    async fn by_id(&self, wire: &mut Wire) -> Result<(), Failure> {
        let wanted = &self.target.id;
        let request = load::get(&format!("/messages/{wanted}"), Some(&self.target.token));
        match id(&good(wire.ask(&request).await?)?)? == *wanted {
            true => Ok(()),
            false => Err(Failure::Wrong("another message".to_owned())),
        }
    }

    async fn post(&mut self, wire: &mut Wire, number: u64, time: Duration) -> Result<(), Failure> {
        let text = format!("message {number}");
        let key = match number % TWICE {
            0 => format!("idempotency-key: {number}\r\n"),
            _ => String::new(),
        };
        let body = format!(
            r#"{{"body":"{text}","channelId":"{}","channelType":"group"}}"#,
            self.target.channel
        );
        let head = format!(
            "POST /messages HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\n{key}content-length: {}\r\n\r\n",
            self.target.token,
            body.len()
        );
        self.log.books.messages.insert(text.clone(), None);
        let (head, body) = (head.as_bytes(), body.as_bytes());
        let answer = match time {
            Duration::ZERO => wire.ask(&[head, body].concat()).await?,
            time => wire.ask_slowly(head, body, time).await?,
        };
        let first = id(&good(answer)?)?;
        self.log.books.messages.insert(text, Some(first.clone()));
        if key.is_empty() {
            return Ok(());
        }
        let again = id(&good(wire.ask(&[head, body].concat()).await?)?)?;
        match again == first {
            true => Ok(()),
            false => Err(Failure::Wrong(format!("written twice: {first}, {again}"))),
        }
    }

    async fn transaction(&mut self, wire: &mut Wire, number: u64) -> Result<(), Failure> {
        self.log.books.rows.insert(number, false);
        let path = format!("/misfit/transaction-upload/{number}");
        let body = vec![b'x'; UPLOAD];
        let answer = wire.ask_slowly(&head(&path, &body), &body, OPEN).await?;
        let wanted = format!("committed behind {UPLOAD}");
        same(&good(answer)?, &wanted)?;
        self.log.books.rows.insert(number, true);
        Ok(())
    }
}

async fn upload(wire: &mut Wire, number: u64) -> Result<(), Failure> {
    let body: Vec<u8> = number
        .to_be_bytes()
        .into_iter()
        .cycle()
        .take(UPLOAD)
        .collect();
    let checksum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let head = head("/misfit/echo", &body);
    let answer = wire.ask_slowly(&head, &body, SLOW).await?;
    let wanted = format!("stream of {UPLOAD}, declared Some({UPLOAD}), fnv1a {checksum:016x}");
    same(&good(answer)?, &wanted)
}

async fn download(wire: &mut Wire) -> Result<(), Failure> {
    let length = DOWNLOAD << 20;
    let request = load::get(&format!("/misfit/large-response/{DOWNLOAD}"), None);
    let answer = good(wire.read_slowly(&request, length, SLOW).await?)?;
    match answer.body.len() == length && answer.body.iter().all(|byte| *byte == b'x') {
        true => Ok(()),
        false => Err(Failure::Wrong("other bytes".to_owned())),
    }
}

fn head(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: soak\r\ncontent-length: {length}\r\n\r\n").into_bytes()
}

fn good(answer: Answer<'_>) -> Result<Answer<'_>, Failure> {
    expect(answer, 200)
}

pub(super) fn expect(answer: Answer<'_>, status: u16) -> Result<Answer<'_>, Failure> {
    match answer.status == status {
        true => Ok(answer),
        false => Err(Failure::Wrong(format!(
            "{}: {}",
            answer.status,
            answer.text()
        ))),
    }
}

fn same(answer: &Answer<'_>, wanted: &str) -> Result<(), Failure> {
    match answer.body == wanted.as_bytes() {
        true => Ok(()),
        false => Err(Failure::Wrong(format!("{} for {wanted}", answer.text()))),
    }
}

/// The id of a message or an attachment.
pub(super) fn id(answer: &Answer<'_>) -> Result<String, Failure> {
    let message: Value = serde_json::from_slice(answer.body)?;
    let id = message.get("id").and_then(Value::as_str);
    id.map(str::to_owned)
        .ok_or_else(|| Failure::Wrong(format!("no id: {message}")))
}
