//! A client's place at the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::frame::Frame;
use super::outlet::{Close, Item, Outlet};
use super::{Counted, Events};
use crate::config;

/// What one client listens to. Dropped, it is over.
#[derive(Debug)]
pub struct Subscription {
    events: Events,
    outlet: Arc<Outlet>,
    /// What comes before what is live.
    backlog: VecDeque<Arc<Frame>>,
    /// Where a client is that has seen what was taken out.
    cursor: Arc<str>,
    expires: Option<SystemTime>,
    _counted: Counted,
}

impl Subscription {
    pub(super) fn new(
        events: Events,
        outlet: Arc<Outlet>,
        cursor: Arc<str>,
        expires: Option<u64>,
        counted: Counted,
    ) -> Self {
        events.0.measured.connections.inc();
        let expires = expires.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        Self {
            events,
            outlet,
            backlog: VecDeque::new(),
            cursor,
            expires,
            _counted: counted,
        }
    }

    /// Sends these first.
    pub(super) fn begin_with(&mut self, frames: impl IntoIterator<Item = Arc<Frame>>) {
        self.backlog.extend(frames);
    }

    /// What holds for all connections.
    #[must_use]
    pub fn settings(&self) -> &config::Events {
        self.events.settings()
    }

    /// Who listens.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.outlet.subject
    }

    /// How long it may still go on; none when that has no end.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let left = self.expires?.duration_since(SystemTime::now());
        Some(left.unwrap_or_default())
    }

    /// What is to be sent next.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Item> {
        let item = match self.backlog.pop_front() {
            Some(frame) => Poll::Ready(Item::Frame(frame)),
            None => {
                if self.backlog.capacity() > 0 {
                    self.backlog = VecDeque::new();
                }
                self.outlet.poll_next(context)
            }
        };
        match &item {
            Poll::Ready(Item::Frame(frame)) => {
                if let Some(cursor) = frame.cursor() {
                    self.cursor = Arc::clone(cursor);
                }
            }
            Poll::Ready(Item::Close(why)) => self.events.0.measured.closed(why.reason()),
            Poll::Pending => {}
        }
        item
    }

    /// Where a client is that has seen everything that was taken out. As far as nothing
    /// waits, that is where the log is.
    pub fn cursor(&mut self) -> Arc<str> {
        // In this order: what was dispatched before is in the queue by now.
        let here = self.events.0.hub.cursor();
        if self.backlog.is_empty() && self.outlet.is_empty() {
            self.cursor = here;
        }
        Arc::clone(&self.cursor)
    }

    /// Ends it, once what waits was sent.
    pub fn close(&self, why: Close) {
        self.outlet.close(why);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let inner = &self.events.0;
        inner.measured.connections.dec();
        if inner.hub.leave(&self.outlet) {
            // At best: nobody waits for it.
            let _full = inner.gone.try_send(Arc::clone(&self.outlet.subject));
        }
    }
}
