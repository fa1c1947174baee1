//! The near end of a connection: what waits to be sent on it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::frame::Frame;

/// Why the host ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The token holds no longer.
    Expired,
    /// Nothing is left that the client may see.
    Revoked,
    /// The client takes less than comes.
    Slow,
    /// The gateway stops.
    Stopping,
    /// The client sent what it may not, or too often.
    Refused,
    /// The client sent too much at once.
    TooBig,
}

impl Close {
    /// The code, as WebSockets have it.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Expired => 4401,
            Self::Revoked => 4403,
            Self::Slow => 4408,
            Self::Stopping => 1012,
            Self::Refused => 1008,
            Self::TooBig => 1009,
        }
    }

    /// The code in a word.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Slow => "slow",
            Self::Stopping => "restart",
            Self::Refused => "refused",
            Self::TooBig => "too-big",
        }
    }
}

/// What comes out of it.
#[derive(Debug)]
pub enum Item {
    /// Something to send.
    Frame(Arc<Frame>),
    /// Nothing more.
    Close(Close),
}

/// What the hub puts in, and the connection takes out.
#[derive(Debug)]
pub(super) struct Outlet {
    /// Unique on this gateway, and larger than those before.
    pub(super) id: u64,
    pub(super) subject: Arc<str>,
    /// What it receives; changed by the hub alone, under its lock.
    pub(super) topics: Mutex<Vec<Arc<str>>>,
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Arc<Frame>>,
    close: Option<Close>,
}

impl Outlet {
    pub(super) fn new(id: u64, subject: Arc<str>, limit: usize) -> Self {
        Self {
            id,
            subject,
            topics: Mutex::default(),
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            limit,
        }
    }

    /// Puts a frame in. Into a full queue it does not go, and nothing after it does: the
    /// client gets what is before it, and where to go on. False then.
    pub(super) fn push(&self, frame: &Arc<Frame>) -> bool {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return true;
        }
        let has_room = queue.frames.len() < self.limit;
        if has_room {
            queue.frames.push_back(Arc::clone(frame));
        } else {
            queue.close = Some(Close::Slow);
        }
        drop(queue);
        self.waker.wake();
        has_room
    }

    /// Puts nothing in any more. What was put in before is still sent.
    pub(super) fn close(&self, why: Close) {
        self.queue.lock().close.get_or_insert(why);
        self.waker.wake();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        let queue = self.queue.lock();
        queue.frames.is_empty() && queue.close.is_none()
    }

    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Item> {
        if let Some(item) = self.take() {
            return Poll::Ready(item);
        }
        self.waker.register(context.waker());
        // What came before the waker was there woke nobody.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<Item> {
        let mut queue = self.queue.lock();
        if let Some(frame) = queue.frames.pop_front() {
            if queue.frames.is_empty() {
                // An idle connection is to hold as little as can be.
                queue.frames = VecDeque::new();
            }
            return Some(Item::Frame(frame));
        }
        queue.close.map(Item::Close)
    }
}
