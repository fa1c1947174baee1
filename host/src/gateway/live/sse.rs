//! Server-Sent Events.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::capability::events::{Close, Item, Subscription};

/// The body of an answer that goes on.
pub(super) struct Stream {
    subscription: Subscription,
    /// At the next heartbeat, or when the token expires.
    timer: Pin<Box<Sleep>>,
    expires: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Open,
    Over,
}

impl Stream {
    pub(super) fn new(subscription: Subscription) -> Self {
        let now = Instant::now();
        let expires = subscription.left().and_then(|left| now.checked_add(left));
        let heartbeat = now + subscription.settings().heartbeat;
        let first = expires.map_or(heartbeat, |expires| expires.min(heartbeat));
        Self {
            subscription,
            timer: Box::pin(sleep_until(first)),
            expires,
            state: State::Fresh,
        }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            State::Fresh => {
                self.state = State::Open;
                let retry = self.subscription.settings().retry.as_millis();
                return Poll::Ready(Some(format!("retry: {retry}\n\n").into()));
            }
            State::Over => return Poll::Ready(None),
            State::Open => {}
        }
        loop {
            match self.subscription.poll_next(context) {
                Poll::Ready(Item::Frame(frame)) => return Poll::Ready(Some(frame.sse())),
                Poll::Ready(Item::Close(why)) => {
                    self.state = State::Over;
                    return Poll::Ready(Some(self.farewell(why)));
                }
                Poll::Pending => {}
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.expires.is_some_and(|expires| expires <= now) {
                // What waits is sent before.
                self.subscription.close(Close::Expired);
                continue;
            }
            let next = now + self.subscription.settings().heartbeat;
            let next = self.expires.map_or(next, |expires| expires.min(next));
            self.timer.as_mut().reset(next);
            // An id without data is no event, but the client comes back with it: what it
            // missed meanwhile of other topics need not be looked through.
            return Poll::Ready(Some(
                format!("id: {}\n\n", self.subscription.cursor()).into(),
            ));
        }
    }

    /// Says why it ends, and where to go on.
    fn farewell(&mut self, why: Close) -> Bytes {
        let cursor = self.subscription.cursor();
        let (code, reason) = (why.code(), why.reason());
        let retry = match why {
            // Not all at the same time, to whoever is there then.
            Close::Stopping => {
                let retry = self.subscription.settings().retry.as_millis();
                let most = u64::try_from(retry).unwrap_or(u64::MAX).saturating_mul(5);
                format!("retry: {}\n", rand::random_range(0..=most))
            }
            _ => String::new(),
        };
        format!(
            "{retry}id: {cursor}\nevent: close\n\
             data: {{\"type\":\"close\",\"code\":{code},\"reason\":\"{reason}\",\"cursor\":\"{cursor}\"}}\n\n"
        )
        .into()
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.get_mut()
            .next(context)
            .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
