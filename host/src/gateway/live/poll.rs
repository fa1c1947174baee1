//! Long polls: the answer waits until there is something to tell.

use std::io;
use std::pin::Pin;
use std::task::{self, Context, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::capability::events::{Close, Item, Subscription};

/// How long to wait when the client does not say.
const USUAL: Duration = Duration::from_secs(25);

/// The body of an answer that comes when something has happened.
pub(super) struct Poll {
    subscription: Option<Subscription>,
    timer: Pin<Box<Sleep>>,
    events: Vec<Bytes>,
    reset: Option<Bytes>,
    close: Option<Close>,
}

impl Poll {
    pub(super) fn new(subscription: Subscription, wait: Option<Duration>) -> Self {
        let wait = wait.unwrap_or(USUAL).min(subscription.settings().wait);
        let wait = subscription.left().map_or(wait, |left| left.min(wait));
        Self {
            timer: Box::pin(sleep_until(Instant::now() + wait)),
            subscription: Some(subscription),
            events: Vec::new(),
            reset: None,
            close: None,
        }
    }

    /// Resolves when there is something to tell, or the time is over.
    fn gather(&mut self, context: &mut Context<'_>) -> task::Poll<Option<Bytes>> {
        let Some(subscription) = &mut self.subscription else {
            return task::Poll::Ready(None);
        };
        while let task::Poll::Ready(item) = subscription.poll_next(context) {
            match item {
                Item::Frame(frame) if frame.is_reset() => self.reset = Some(frame.json()),
                Item::Frame(frame) if frame.is_event() => self.events.push(frame.json()),
                // What a poll starts with is told by its cursor.
                Item::Frame(_) => {}
                Item::Close(why) => {
                    self.close = Some(why);
                    break;
                }
            }
        }
        let is_something = !self.events.is_empty() || self.reset.is_some() || self.close.is_some();
        if !is_something {
            ready!(self.timer.as_mut().poll(context));
        }
        let cursor = subscription.cursor();
        let mut json = format!("{{\"cursor\":\"{cursor}\",\"events\":[").into_bytes();
        for (index, event) in self.events.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            json.extend_from_slice(event);
        }
        json.push(b']');
        if let Some(reset) = &self.reset {
            json.extend_from_slice(b",\"reset\":");
            json.extend_from_slice(reset);
        }
        if let Some(why) = self.close {
            let (code, reason) = (why.code(), why.reason());
            let text = format!(",\"close\":{{\"code\":{code},\"reason\":\"{reason}\"}}");
            json.extend_from_slice(text.as_bytes());
        }
        json.push(b'}');
        self.subscription = None;
        task::Poll::Ready(Some(json.into()))
    }
}

impl Body for Poll {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> task::Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let bytes = ready!(self.get_mut().gather(context));
        task::Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
