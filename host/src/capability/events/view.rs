//! What a plugin sees of the events: the contract's traits.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};

use super::bus::Out;
use super::frame::Frame;
use super::pending::{check_name, checked};
use super::replay::Missed;
use super::{Events, Subscription, failed, now};
use crate::contract::events::{Error, Event, Host, SubscribeOptions};
use crate::contract::live::{self, HostSubscription};

/// Names [`View`] to wasmtime.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View<'a>;
}

/// What the calls of one request need.
#[derive(Debug)]
pub struct View<'a> {
    /// The plugin's log.
    pub events: Option<&'a Events>,
    /// Where the guest's handles point to.
    pub table: &'a mut ResourceTable,
    /// When the request came to the plugin: before it read anything.
    pub begun: Instant,
    /// When the request's token expires, in seconds since 1970.
    pub expires: Option<u64>,
    /// Whether there is a client: a task has none, and neither has a report.
    pub has_client: bool,
}

type Outcome<T> = std::result::Result<T, Error>;

impl Host for View<'_> {
    async fn signal(&mut self, event: Event) -> Result<Outcome<()>> {
        let signalled = || {
            let events = self.events.ok_or(Error::Unavailable)?;
            let event = checked(event, events.settings()).map_err(Error::Invalid)?;
            events.signal(&event);
            Ok(())
        };
        Ok(signalled())
    }

    async fn head(&mut self) -> Result<Outcome<String>> {
        let head = async { self.events.ok_or(Error::Unavailable)?.head().await };
        Ok(head.await)
    }

    async fn subscribe(
        &mut self,
        options: SubscribeOptions,
    ) -> Result<Outcome<Resource<Subscription>>> {
        let (begun, expires) = (self.begun, self.expires);
        let events = self.events.filter(|_| self.has_client);
        let subscribed = async {
            let events = events.ok_or(Error::Unavailable)?;
            events.subscribe(options, begun, expires).await
        };
        match subscribed.await {
            Ok(subscription) => Ok(Ok(self.table.push(subscription)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl live::Host for View<'_> {}

impl HostSubscription for View<'_> {
    async fn drop(&mut self, this: Resource<Subscription>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Events {
    fn signal(&self, event: &Event) {
        let frame = Frame::of_signal(event, now());
        self.0.hub.signal(&event.topic, frame);
        self.0.line.tell(|| Out::Signal(event.clone()));
    }

    async fn head(&self) -> Outcome<String> {
        Ok(self.caught_up().await?.encode(&self.0.log))
    }

    async fn subscribe(
        &self,
        options: SubscribeOptions,
        begun: Instant,
        token_expires: Option<u64>,
    ) -> Outcome<Subscription> {
        let SubscribeOptions {
            subject,
            mut topics,
            after,
            expires,
        } = options;
        let settings = self.settings();
        let most = settings.topics;
        if topics.len() > most {
            return Err(Error::Limit(format!("more than {most} topics")));
        }
        let is_fine = |what, name: &str| check_name(what, name, settings.topic_bytes);
        is_fine("subject", &subject).map_err(Error::Invalid)?;
        for topic in &topics {
            is_fine("topic", topic).map_err(Error::Invalid)?;
        }
        topics.sort_unstable();
        topics.dedup();
        let most = settings.connections;
        let counted = self.0.connections.count(most);
        let counted =
            counted.ok_or_else(|| Error::Limit(format!("more than {most} connections")))?;
        // What the plugin has read is dispatched now: none of it comes a second time as if
        // it were new.
        self.caught_up().await?;
        let (outlet, here) = self.0.hub.join(&subject, topics, begun)?;
        let cursor: Arc<str> = here.encode(&self.0.log).into();
        let expires = [token_expires, expires].into_iter().flatten().min();
        // From here on it leaves when it is dropped.
        let mut subscription = Subscription::new(
            self.clone(),
            Arc::clone(&outlet),
            Arc::clone(&cursor),
            expires,
            counted,
        );
        let missed = match &after {
            None => Missed::Frames(Vec::new()),
            Some(after) => {
                let topics = outlet.topics.lock().clone();
                let missed = self.0.missed(after, &here, &topics, &subject).await;
                missed.map_err(|error| failed(&error))?
            }
        };
        match missed {
            Missed::Frames(frames) => {
                if after.is_some() {
                    self.0.measured.replayed("complete");
                }
                subscription.begin_with(frames);
                subscription.begin_with([Arc::new(Frame::ready(cursor))]);
            }
            Missed::Lost(reason) => {
                self.0.measured.replayed(reason);
                subscription.begin_with([Arc::new(Frame::reset(reason, cursor))]);
            }
        }
        Ok(subscription)
    }
}
