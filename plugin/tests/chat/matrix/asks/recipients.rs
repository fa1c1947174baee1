//! Recipients, below their message and on their own.

use serde_json::{Value as Json, json};

use super::{
    Asks, CREATE_RECIPIENT, DELETE_RECIPIENT, Expected, RECIPIENT_RELATIONS, UPDATE_RECIPIENT,
    VIEW, VIEW_RECIPIENT, including,
};
use crate::matrix::rules::{MESSAGE, RECIPIENT, SELF, State};

impl Asks<'_> {
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

    pub(super) fn recipients_below(&mut self) {
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

    pub(super) fn recipients(&mut self) {
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
}
