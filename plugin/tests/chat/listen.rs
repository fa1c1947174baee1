//! What the host would deliver: the log, and who hears what of it.

use chat::ports::{Event, Subscribe};
use serde_json::Value as Json;

use crate::support::Service;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Event(Event),
    Admit(String, String),
    Revoke(String, Option<String>),
}

impl Heard {
    /// The limits of `wit/events.wit`.
    pub(crate) fn check(&self) {
        let name = |text: &str| {
            assert!((1..=512).contains(&text.len()), "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
        };
        match self {
            Self::Event(event) => {
                name(&event.topic);
                assert!((1..=64).contains(&event.kind.len()), "{event:?}");
                assert!(!event.kind.starts_with("sync."), "{event:?}");
                assert!(event.payload.len() <= 16 * 1024, "{event:?}");
                serde_json::from_str::<Json>(&event.payload).unwrap();
            }
            Self::Admit(topic, subject) => {
                [topic, subject].map(|it| name(it)).into_iter().collect()
            }
            Self::Revoke(topic, subject) => {
                name(topic);
                subject.iter().for_each(|it| name(it));
            }
        }
    }
}

/// What a subject hears that may hear some topics at a place of the log, from there on.
pub(crate) fn heard(service: &Service, options: &Subscribe, from: usize) -> Vec<(String, Json)> {
    let mut topics = options.topics.clone();
    let mut heard = Vec::new();
    for entry in service.0.events.borrow().iter().skip(from) {
        match entry {
            Heard::Event(event) if topics.contains(&event.topic) => {
                let data = serde_json::from_str(&event.payload).unwrap();
                heard.push((event.kind.clone(), data));
            }
            Heard::Event(_) => {}
            Heard::Admit(topic, subject) => {
                if *subject == options.subject && !topics.contains(topic) {
                    topics.push(topic.clone());
                }
            }
            Heard::Revoke(topic, subject) => {
                if subject.as_ref().is_none_or(|it| *it == options.subject) {
                    topics.retain(|it| it != topic);
                }
            }
        }
    }
    heard
}
