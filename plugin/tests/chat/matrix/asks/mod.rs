//! Every operation, asked in every way that a right may depend on, and what comes of it.

mod attachments;
mod files;
mod messages;
mod recipients;

use serde_json::{Value as Json, json};

use super::rules::{Facts, MALFORMED, State, UNKNOWN};
use crate::support::encoded;

/// What has to come of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// 200, and a new row in each of these tables.
    Created(Vec<&'static str>),
    /// 204, and this is different.
    Changed(&'static str),
    /// The thing itself, with what was included.
    Found(&'static str),
    List(Vec<&'static str>),
    Count(usize),
    /// A count of what is different.
    ChangedAll(Vec<&'static str>),
    Forbidden,
    /// Not there, or not there for the caller: nobody can tell which.
    Missing,
    /// 201, and a new row in each of these tables.
    Made(Vec<&'static str>),
    /// 200, and what else there is to it is asked elsewhere.
    Answered,
    /// As `Missing`, and it is on record.
    Unseen,
    /// The channel is another one's.
    NotMember,
    Duplicate,
    /// What is no id is no value of a body.
    Invalid,
}

pub(super) struct Ask {
    pub(super) method: &'static str,
    /// As the route table has it.
    pub(super) route: &'static str,
    /// The permission and its number, from the original's documentation.
    pub(super) permission: (&'static str, Option<&'static str>),
    pub(super) path: String,
    pub(super) body: Option<Json>,
    /// What the request names; empty if nothing.
    pub(super) target: &'static str,
    pub(super) expected: Expected,
}

const VIEW: (&str, Option<&str>) = ("ViewMessage", Some("1"));
const CREATE: (&str, Option<&str>) = ("CreateMessage", Some("2"));
const UPDATE: (&str, Option<&str>) = ("UpdateMessage", Some("3"));
const DELETE: (&str, Option<&str>) = ("DeleteMessage", Some("4"));
const CREATE_RECIPIENT: (&str, Option<&str>) = ("CreateMessageRecipient", Some("5"));
const VIEW_RECIPIENT: (&str, Option<&str>) = ("ViewMessageRecipient", Some("6"));
const UPDATE_RECIPIENT: (&str, Option<&str>) = ("UpdateMessageRecipient", Some("7"));
const DELETE_RECIPIENT: (&str, Option<&str>) = ("DeleteMessageRecipient", Some("8"));
const CREATE_FILE: (&str, Option<&str>) = ("CreateAttachmentFile", None);
const VIEW_FILE: (&str, Option<&str>) = ("ViewAttachmentFile", None);
const UPDATE_FILE: (&str, Option<&str>) = ("UpdateAttachmentFile", None);
const DELETE_FILE: (&str, Option<&str>) = ("DeleteAttachmentFile", None);

/// The requests of a case.
pub(super) fn asks(facts: &Facts) -> Vec<Ask> {
    let mut asks = Asks {
        facts,
        asks: Vec::new(),
    };
    asks.messages();
    asks.replies();
    asks.recipients_below();
    asks.recipients();
    asks.files();
    asks.attachments();
    asks.asks
}

struct Asks<'a> {
    facts: &'a Facts,
    asks: Vec<Ask>,
}

impl Asks<'_> {
    /// Adds a request; `{id}` in the route is the target.
    fn add(
        &mut self,
        (method, route, query): (&'static str, &'static str, &str),
        permission: (&'static str, Option<&'static str>),
        (target, body): (&'static str, Option<Json>),
        expected: Expected,
    ) {
        self.asks.push(Ask {
            method,
            route,
            permission,
            path: route.replace("{id}", self.named(target)) + query,
            body,
            target,
            expected,
        });
    }

    /// How the request calls a target.
    fn named(&self, target: &'static str) -> &'static str {
        match self.facts.case.state {
            State::Unknown => UNKNOWN,
            State::Malformed => MALFORMED,
            _ => target,
        }
    }

    fn is_named(&self) -> bool {
        !matches!(self.facts.case.state, State::Unknown | State::Malformed)
    }

    /// What the caller doesn't see is missing, and what it may not do is forbidden.
    fn gate(&self, sees: bool, may: bool, done: Expected) -> Expected {
        match (self.is_named() && sees, may) {
            (false, _) => Expected::Missing,
            (true, false) => Expected::Forbidden,
            (true, true) => done,
        }
    }

    /// The same where the id stands in the body.
    fn gate_in_body(&self, sees: bool, may: bool, done: Expected) -> Expected {
        match self.facts.case.state {
            State::Malformed => Expected::Invalid,
            _ => self.gate(sees, may, done),
        }
    }

    fn visible_messages(&self) -> Vec<&'static str> {
        let messages = self.facts.messages.iter();
        messages
            .filter(|it| self.facts.sees(it))
            .map(|it| it.id)
            .collect()
    }

    fn visible_recipients(&self) -> Vec<&'static str> {
        let rows = self.facts.recipients.iter();
        rows.filter(|it| self.facts.sees_recipient(it))
            .map(|it| it.id)
            .collect()
    }

    fn markable_recipients(&self) -> Vec<&'static str> {
        let rows = self.facts.recipients.iter();
        rows.filter(|it| self.facts.may_mark(it))
            .map(|it| it.id)
            .collect()
    }

    fn visible_files(&self) -> Vec<&'static str> {
        let files = self.facts.files.iter();
        files
            .filter(|it| self.facts.sees_file(it))
            .map(|it| it.id)
            .collect()
    }

    fn below(&self, ids: Vec<&'static str>) -> Vec<&'static str> {
        match self.is_named() {
            true => ids,
            false => Vec::new(),
        }
    }
}

/// The relations of a model, each with those of its target that are read along.
type Relations = &'static [(&'static str, &'static [&'static str])];

const MESSAGE_RELATIONS: Relations = &[
    ("messageRecipients", &["message"]),
    ("attachmentFiles", &["message"]),
    ("parentMessage", &["messages"]),
    ("messages", &["parentMessage", "messageRecipients"]),
];
const RECIPIENT_RELATIONS: Relations = &[(
    "message",
    &[
        "parentMessage",
        "messages",
        "messageRecipients",
        "attachmentFiles",
    ],
)];
const FILE_RELATIONS: Relations = RECIPIENT_RELATIONS;

fn including(relations: Relations) -> String {
    let include: Vec<_> = relations
        .iter()
        .map(|(relation, nested)| json!({"relation": relation, "scope": {"include": nested}}))
        .collect();
    format!("?filter={}", encoded(&json!({"include": include})))
}
