//! Messages and replies.

use serde_json::json;

use super::{Asks, CREATE, DELETE, Expected, MESSAGE_RELATIONS, UPDATE, VIEW, including};
use crate::matrix::rules::{MESSAGE, Message, State, Tenant};
use crate::support::encoded;

impl Asks<'_> {
    pub(super) fn messages(&mut self) {
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
        let may = facts.may_delete(message);
        let changed = self.gate(sees, may, Expected::Changed(MESSAGE));
        self.add(("DELETE", one, ""), DELETE, (MESSAGE, None), changed);
    }

    pub(super) fn replies(&mut self) {
        const PATH: &str = "/messages/{id}/messages";
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let below = |may: &dyn Fn(&Message) -> bool| {
            let replies = facts.messages.iter();
            let replies = replies.filter(|it| it.parent == Some(MESSAGE) && may(it));
            self.below(replies.map(|it| it.id).collect())
        };
        let visible = Expected::List(below(&|it| facts.sees(it)));
        let changeable = below(&|it| facts.may_change(it));
        let deletable = Expected::ChangedAll(below(&|it| facts.may_delete(it)));
        self.add(("GET", PATH, ""), VIEW, (MESSAGE, None), visible.clone());
        let query = including(MESSAGE_RELATIONS);
        self.add(("GET", PATH, &query), VIEW, (MESSAGE, None), visible);
        let body = json!({"body": "new", "channelId": "c", "channelType": "group"});
        let sent = Expected::Created(vec!["chat_messages"]);
        let sent = self.gate(facts.sees(message) && facts.is_member(), true, sent);
        self.add(("POST", PATH, ""), CREATE, (MESSAGE, Some(body)), sent);
        let changed = Expected::ChangedAll(changeable);
        let change = Some(json!({"status": 9}));
        self.add(("PATCH", PATH, ""), UPDATE, (MESSAGE, change), changed);
        self.add(("DELETE", PATH, ""), DELETE, (MESSAGE, None), deletable);
    }
}
