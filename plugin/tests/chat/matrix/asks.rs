//! Every operation, asked in every way that a right may depend on, and what comes of it.

use serde_json::{Value as Json, json};

use super::rules::{
    FILE, Facts, LOOSE_FILE, MALFORMED, MESSAGE, RECIPIENT, SELF, State, Tenant, UNKNOWN,
};
use crate::support::encoded;

/// What has to come of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// The status, and what is new, by table; `chat_recipients` twice is two rows.
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

    fn messages(&mut self) {
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let (sees, may) = (facts.sees(message), facts.may_change(message));
        let body = json!({"body": "new", "channelId": "c", "channelType": "group"});

        let sent = Expected::Created(vec!["chat_messages"]);
        let posted = match facts.case.tenant {
            Tenant::Same if facts.is_member() => sent.clone(),
            Tenant::Same | Tenant::Other => Expected::NotMember,
            // A channel of the same name, in a tenant of its own.
            Tenant::None => {
                Expected::Created(vec!["chat_channels", "chat_members", "chat_messages"])
            }
        };
        self.add(
            ("POST", "/messages", ""),
            CREATE,
            ("", Some(body.clone())),
            posted,
        );
        let mut reply = body.clone();
        reply["parentMessageId"] = json!(self.named(MESSAGE));
        let replied = self.gate_in_body(sees && facts.is_member(), true, sent);
        self.add(
            ("POST", "/messages", ""),
            CREATE,
            (MESSAGE, Some(reply)),
            replied,
        );

        let visible = self.visible_messages();
        // A condition that names the channel is answered by other statements.
        let in_channel = json!({"channelId": "c"});
        let page = encoded(&json!({"where": in_channel}));
        for query in [String::new(), format!("?filter={page}")] {
            let list = Expected::List(visible.clone());
            self.add(("GET", "/messages", &query), VIEW, ("", None), list);
        }
        for query in [String::new(), format!("?where={}", encoded(&in_channel))] {
            let count = Expected::Count(visible.len());
            self.add(("GET", "/messages/count", &query), VIEW, ("", None), count);
        }
        let query = including(MESSAGE_RELATIONS);
        let list = Expected::List(visible.clone());
        self.add(("GET", "/messages", &query), VIEW, ("", None), list);
        let only = json!({"id": self.named(MESSAGE)});
        if facts.case.state != State::Malformed {
            let count = visible
                .iter()
                .filter(|id| **id == MESSAGE && self.is_named())
                .count();
            let query = format!("?where={}", encoded(&only));
            self.add(
                ("GET", "/messages/count", &query),
                VIEW,
                (MESSAGE, None),
                Expected::Count(count),
            );
            let changed = (self.is_named() && may).then_some(MESSAGE);
            let changed = Expected::ChangedAll(changed.into_iter().collect());
            let change = Some(json!({"status": 7}));
            self.add(
                ("PATCH", "/messages", &query),
                UPDATE,
                (MESSAGE, change),
                changed,
            );
        }
        let changeable = facts.messages.iter().filter(|it| facts.may_change(it));
        let changed = Expected::ChangedAll(changeable.map(|it| it.id).collect());
        let change = Some(json!({"status": 9}));
        self.add(
            ("PATCH", "/messages", ""),
            UPDATE,
            ("", change.clone()),
            changed,
        );

        let found = self.gate(sees, true, Expected::Found(MESSAGE));
        for query in [String::new(), including(MESSAGE_RELATIONS)] {
            let found = found.clone();
            self.add(
                ("GET", "/messages/{id}", &query),
                VIEW,
                (MESSAGE, None),
                found,
            );
        }
        let changed = self.gate(sees, may, Expected::Changed(MESSAGE));
        let one = "/messages/{id}";
        self.add(
            ("PATCH", one, ""),
            UPDATE,
            (MESSAGE, change),
            changed.clone(),
        );
        self.add(
            ("PUT", one, ""),
            UPDATE,
            (MESSAGE, Some(body)),
            changed.clone(),
        );
        self.add(("DELETE", one, ""), DELETE, (MESSAGE, None), changed);
    }

    fn replies(&mut self) {
        const PATH: &str = "/messages/{id}/messages";
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let below = |may: &dyn Fn(&super::rules::Message) -> bool| {
            let replies = facts.messages.iter();
            let replies = replies.filter(|it| it.parent == Some(MESSAGE) && may(it));
            self.below(replies.map(|it| it.id).collect())
        };
        let visible = Expected::List(below(&|it| facts.sees(it)));
        let changeable = below(&|it| facts.may_change(it));
        self.add(("GET", PATH, ""), VIEW, (MESSAGE, None), visible.clone());
        let query = including(MESSAGE_RELATIONS);
        self.add(("GET", PATH, &query), VIEW, (MESSAGE, None), visible);
        let body = json!({"body": "new", "channelId": "c", "channelType": "group"});
        let sent = Expected::Created(vec!["chat_messages"]);
        let sent = self.gate(facts.sees(message) && facts.is_member(), true, sent);
        self.add(("POST", PATH, ""), CREATE, (MESSAGE, Some(body)), sent);
        let changed = Expected::ChangedAll(changeable);
        let change = Some(json!({"status": 9}));
        self.add(
            ("PATCH", PATH, ""),
            UPDATE,
            (MESSAGE, change),
            changed.clone(),
        );
        self.add(("DELETE", PATH, ""), DELETE, (MESSAGE, None), changed);
    }

    /// Adding a recipient: another one, oneself, and by forwarding.
    fn additions(&self) -> Vec<(Json, Expected)> {
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let (sees, may) = (facts.sees(message), facts.may_change(message));
        let row = Expected::Created(vec!["chat_recipients"]);
        // Whom its owner addresses belongs to the channel.
        let guest = match facts.is_owner() {
            true => Expected::Created(vec!["chat_members", "chat_recipients"]),
            false => row.clone(),
        };
        let mut rows = facts.recipients.iter();
        let own = match rows.any(|it| it.user == SELF && !it.deleted) {
            true => Expected::Duplicate,
            false => row.clone(),
        };
        let to = |user: &str| json!({"channelId": "c", "recipientId": user});
        let mut forward = to("guest");
        forward["isForwarded"] = json!(true);
        let mut signed = forward.clone();
        signed["forwardedBy"] = json!(SELF);
        vec![
            (to("guest"), self.gate(sees, may, guest)),
            (to(SELF), self.gate(sees, true, own)),
            (forward, self.gate(sees, true, row.clone())),
            (signed, self.gate(sees, true, row)),
        ]
    }

    fn recipients_below(&mut self) {
        const PATH: &str = "/messages/{id}/message-recipients";
        let visible = self.below(self.visible_recipients());
        let markable = self.below(self.markable_recipients());
        for query in [String::new(), including(RECIPIENT_RELATIONS)] {
            let list = Expected::List(visible.clone());
            self.add(("GET", PATH, &query), VIEW_RECIPIENT, (MESSAGE, None), list);
        }
        for (body, expected) in self.additions() {
            let body = (MESSAGE, Some(body));
            self.add(("POST", PATH, ""), CREATE_RECIPIENT, body, expected);
        }
        let mark = (MESSAGE, Some(json!({"isRead": true})));
        let marked = Expected::ChangedAll(markable);
        self.add(("PATCH", PATH, ""), UPDATE_RECIPIENT, mark, marked);
        let deleted = Expected::ChangedAll(visible);
        self.add(
            ("DELETE", PATH, ""),
            DELETE_RECIPIENT,
            (MESSAGE, None),
            deleted,
        );
    }

    fn recipients(&mut self) {
        const ALL: &str = "/message-recipients";
        const ONE: &str = "/message-recipients/{id}";
        let facts = self.facts;
        for (mut body, expected) in self.additions() {
            body["messageId"] = json!(self.named(MESSAGE));
            let expected = match facts.case.state {
                State::Malformed => Expected::Invalid,
                _ => expected,
            };
            self.add(
                ("POST", ALL, ""),
                CREATE_RECIPIENT,
                (MESSAGE, Some(body)),
                expected,
            );
        }
        let visible = self.visible_recipients();
        let nothing = ("", None);
        for query in [String::new(), including(RECIPIENT_RELATIONS)] {
            let list = Expected::List(visible.clone());
            self.add(("GET", ALL, &query), VIEW_RECIPIENT, nothing.clone(), list);
        }
        let count = Expected::Count(visible.len());
        let path = "/message-recipients/count";
        self.add(("GET", path, ""), VIEW_RECIPIENT, nothing, count);
        let mark = Some(json!({"isFavorite": true}));
        let marked = Expected::ChangedAll(self.markable_recipients());
        self.add(
            ("PATCH", ALL, ""),
            UPDATE_RECIPIENT,
            ("", mark.clone()),
            marked,
        );

        let row = &facts.recipients[0];
        let (sees, may) = (facts.sees_recipient(row), facts.may_mark(row));
        let found = self.gate(sees, true, Expected::Found(RECIPIENT));
        for query in [String::new(), including(RECIPIENT_RELATIONS)] {
            let found = found.clone();
            self.add(
                ("GET", ONE, &query),
                VIEW_RECIPIENT,
                (RECIPIENT, None),
                found,
            );
        }
        let marked = self.gate(sees, may, Expected::Changed(RECIPIENT));
        self.add(
            ("PATCH", ONE, ""),
            UPDATE_RECIPIENT,
            (RECIPIENT, mark),
            marked.clone(),
        );
        let whole = json!({"channelId": "c", "recipientId": row.user, "messageId": MESSAGE});
        self.add(
            ("PUT", ONE, ""),
            UPDATE_RECIPIENT,
            (RECIPIENT, Some(whole)),
            marked,
        );
        let deleted = self.gate(sees, true, Expected::Changed(RECIPIENT));
        self.add(
            ("DELETE", ONE, ""),
            DELETE_RECIPIENT,
            (RECIPIENT, None),
            deleted,
        );
        let message = self.gate(sees, true, Expected::Found(MESSAGE));
        let path = "/message-recipients/{id}/message";
        self.add(("GET", path, ""), VIEW, (RECIPIENT, None), message);
    }

    fn files(&mut self) {
        const ALL: &str = "/attach-files";
        const ONE: &str = "/attach-files/{id}";
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let (sees, may) = (facts.sees(message), facts.may_change(message));
        let loose = json!({"fileKey": "new"});
        let made = Expected::Created(vec!["chat_files"]);
        self.add(
            ("POST", ALL, ""),
            CREATE_FILE,
            ("", Some(loose.clone())),
            made.clone(),
        );
        let attached = json!({"fileKey": "new", "messageId": self.named(MESSAGE)});
        let made = self.gate_in_body(sees, may, made);
        self.add(
            ("POST", ALL, ""),
            CREATE_FILE,
            (MESSAGE, Some(attached.clone())),
            made,
        );
        let both = Expected::Created(vec!["chat_files", "chat_files"]);
        let path = "/attach-files/bulk";
        let bulk = |file: &Json| Some(json!({"attachmentFiles": [loose, file]}));
        self.add(
            ("POST", path, ""),
            CREATE_FILE,
            ("", bulk(&loose)),
            both.clone(),
        );
        let both = self.gate_in_body(sees, may, both);
        self.add(
            ("POST", path, ""),
            CREATE_FILE,
            (MESSAGE, bulk(&attached)),
            both,
        );

        let visible = self.visible_files();
        for query in [String::new(), including(FILE_RELATIONS)] {
            let list = Expected::List(visible.clone());
            self.add(("GET", ALL, &query), VIEW_FILE, ("", None), list);
        }
        let count = Expected::Count(visible.len());
        self.add(
            ("GET", "/attach-files/count", ""),
            VIEW_FILE,
            ("", None),
            count,
        );
        let changeable = facts.files.iter().filter(|it| facts.may_change_file(it));
        let changed = Expected::ChangedAll(changeable.map(|it| it.id).collect());
        let change = Some(json!({"fileKey": "other"}));
        self.add(
            ("PATCH", ALL, ""),
            UPDATE_FILE,
            ("", change.clone()),
            changed,
        );

        for (target, file) in [FILE, LOOSE_FILE].into_iter().zip(&facts.files) {
            let (sees, may) = (facts.sees_file(file), facts.may_change_file(file));
            let found = self.gate(sees, true, Expected::Found(target));
            for query in [String::new(), including(FILE_RELATIONS)] {
                let found = found.clone();
                self.add(("GET", ONE, &query), VIEW_FILE, (target, None), found);
            }
            let changed = self.gate(sees, may, Expected::Changed(target));
            self.add(
                ("PATCH", ONE, ""),
                UPDATE_FILE,
                (target, change.clone()),
                changed.clone(),
            );
            self.add(
                ("PUT", ONE, ""),
                UPDATE_FILE,
                (target, change.clone()),
                changed.clone(),
            );
            self.add(("DELETE", ONE, ""), DELETE_FILE, (target, None), changed);
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
