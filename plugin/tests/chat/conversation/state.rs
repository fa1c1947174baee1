//! A client: a state that was read once, and the events since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::support::User;

/// What a client knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    me: String,
    blocked: BTreeSet<String>,
    /// As the list shows them.
    channels: BTreeMap<String, Json>,
    /// The messages and members of those that were opened, by channel and id.
    messages: BTreeMap<String, BTreeMap<String, Json>>,
    members: BTreeMap<String, BTreeMap<String, Json>>,
}

fn text(json: &Json) -> String {
    json.as_str()
        .unwrap_or_else(|| panic!("no text: {json}"))
        .to_owned()
}

fn object(json: &mut Json) -> &mut Map<String, Json> {
    json.as_object_mut().unwrap()
}

/// What all members are told of a message.
const CORE: [&str; 17] = [
    "id",
    "channelId",
    "channelType",
    "seq",
    "body",
    "subject",
    "status",
    "toUserId",
    "parentMessageId",
    "createdBy",
    "createdOn",
    "modifiedOn",
    "editedOn",
    "version",
    "clientMessageId",
    "mentions",
    "forwardedFrom",
];

fn core(message: &Json) -> Json {
    CORE.iter()
        .map(|name| ((*name).to_owned(), message[*name].clone()))
        .collect::<Map<_, _>>()
        .into()
}

impl State {
    /// Reads everything anew.
    pub(super) fn read(user: &User) -> Self {
        let sync = user.read("/sync");
        let list = |json: &Json| json.as_array().unwrap().clone();
        let mut state = Self {
            me: text(&sync["userId"]),
            blocked: list(&sync["blocked"]).iter().map(text).collect(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        for channel in list(&sync["channels"]) {
            let id = text(&channel["id"]);
            state.open(user, &id);
            state.channels.insert(id, channel);
        }
        state
    }

    fn open(&mut self, user: &User, id: &str) {
        let history = user.read(&format!("/channels/{id}/messages?limit=100"));
        let members = user.read(&format!("/channels/{id}/members?limit=100"));
        let by = |rows: &Json, name: &str| {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| (text(&row[name]), row.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        self.messages
            .insert(id.to_owned(), by(&history["messages"], "id"));
        self.members.insert(id.to_owned(), by(&members, "userId"));
    }

    /// What two states have in common that were opened: a channel that was joined since is
    /// compared by its entry.
    pub(super) fn like(mut self, other: &Self) -> Self {
        self.messages
            .retain(|id, _| other.messages.contains_key(id));
        self.members.retain(|id, _| other.members.contains_key(id));
        self
    }

    /// Reads the entry of a channel again, as a client does where an event says too little.
    fn reread(&mut self, user: &User, channel: &str) {
        if !self.channels.contains_key(channel) {
            return;
        }
        let answer = user.get(&format!("/channels/{channel}"));
        if answer.status == 200 {
            self.channels.insert(channel.to_owned(), answer.json);
        }
    }

    fn message(&mut self, channel: &str, id: &str) -> Option<&mut Json> {
        self.messages.get_mut(channel)?.get_mut(id)
    }

    pub(super) fn apply(&mut self, user: &User, kind: &str, data: &Json) {
        assert!(data.get("omitted").is_none(), "{data}");
        let channel = || text(&data["channelId"]);
        match kind {
            "channel.joined" => {
                self.channels.insert(text(&data["id"]), data.clone());
            }
            "channel.left" => {
                self.channels.remove(&channel());
                self.messages.remove(&channel());
                self.members.remove(&channel());
            }
            "channel.updated" => {
                if let Some(known) = self.channels.get_mut(&text(&data["id"])) {
                    object(known).extend(data.as_object().unwrap().clone());
                }
            }
            "member.joined" | "member.updated" => self.member(data),
            "receipt.updated" => self.member(data),
            "member.left" => {
                if let Some(members) = self.members.get_mut(&channel()) {
                    members.remove(&text(&data["userId"]));
                }
            }
            "message.created" => self.created(data),
            "message.updated" => {
                let id = text(&data["id"]);
                if let Some(known) = self.message(&channel(), &id) {
                    object(known).extend(data.as_object().unwrap().clone());
                }
                if let Some(entry) = self.channels.get_mut(&channel())
                    && entry["lastMessage"]["id"] == data["id"]
                {
                    entry["lastMessage"] = core(data);
                }
            }
            "message.deleted" | "message.hidden" => {
                if let Some(messages) = self.messages.get_mut(&channel()) {
                    messages.remove(&text(&data["id"]));
                }
                // The one before it, and how many there are left, is to be read.
                self.reread(user, &channel());
            }
            "message.shown" | "messages.changed" => {
                self.reread(user, &channel());
                self.open(user, &channel());
            }
            "thread.updated" => {
                if let Some(known) = self.message(&channel(), &text(&data["messageId"])) {
                    known["replyCount"] = data["replyCount"].clone();
                    known["lastReplyOn"] = data["lastReplyOn"].clone();
                }
            }
            "pin.added" | "pin.removed" => {
                if let Some(known) = self.message(&channel(), &text(&data["messageId"])) {
                    known["pinnedBy"] = data["pinnedBy"].clone();
                    known["pinnedOn"] = data["pinnedOn"].clone();
                }
            }
            "reaction.added" | "reaction.removed" => self.reacted(kind, data),
            "recipient.created" | "recipient.updated" | "recipient.deleted" => {
                if data["recipientId"] == self.me.as_str() {
                    let liked = kind != "recipient.deleted" && data["isFavorite"] == true;
                    if let Some(known) = self.message(&channel(), &text(&data["messageId"])) {
                        known["isFavorite"] = json!(liked);
                    }
                }
            }
            "read.updated" => {
                if let Some(entry) = self.channels.get_mut(&channel()) {
                    assert_eq!(entry["lastSeq"], data["lastSeq"]);
                    for name in ["readSeq", "deliveredSeq"] {
                        entry["membership"][name] = data[name].clone();
                    }
                    for name in ["unread", "hasMoreUnread"] {
                        entry[name] = data[name].clone();
                    }
                }
            }
            "membership.updated" => {
                if let Some(entry) = self.channels.get_mut(&channel()) {
                    entry["membership"] = data["membership"].clone();
                }
            }
            "block.added" => {
                self.blocked.insert(text(&data["userId"]));
            }
            "block.removed" => {
                self.blocked.remove(&text(&data["userId"]));
            }
            // Of what the state doesn't hold.
            "channel.created" | "member.banned" | "member.unbanned" | "mention.created"
            | "attachment.updated" | "report.created" | "report.updated" => {}
            other => panic!("an event that no client knows: {other} {data}"),
        }
    }

    fn member(&mut self, data: &Json) {
        let (channel, user) = (text(&data["channelId"]), text(&data["userId"]));
        if user == self.me
            && let Some(entry) = self.channels.get_mut(&channel)
        {
            entry["membership"]["role"] = data["role"].clone();
        }
        if let Some(members) = self.members.get_mut(&channel) {
            members.insert(user, data.clone());
        }
    }

    /// What is not behind the last number was counted with the entry.
    fn created(&mut self, data: &Json) {
        let channel = text(&data["channelId"]);
        let Some(entry) = self.channels.get_mut(&channel) else {
            return;
        };
        let seq = data["seq"].as_i64().unwrap();
        if seq > entry["lastSeq"].as_i64().unwrap() {
            entry["lastSeq"] = json!(seq);
            entry["activeOn"] = data["createdOn"].clone();
            entry["lastMessage"] = core(data);
            let is_read = seq <= entry["membership"]["readSeq"].as_i64().unwrap();
            if data["createdBy"] != self.me.as_str() && !is_read {
                entry["unread"] = json!(entry["unread"].as_i64().unwrap() + 1);
            }
        }
        if let Some(messages) = self.messages.get_mut(&channel) {
            messages.insert(text(&data["id"]), data.clone());
        }
    }

    fn reacted(&mut self, kind: &str, data: &Json) {
        let mine = data["userId"] == self.me.as_str();
        let (channel, id) = (text(&data["channelId"]), text(&data["messageId"]));
        let Some(known) = self.message(&channel, &id) else {
            return;
        };
        let reactions = known["reactions"].as_array_mut().unwrap();
        let place = reactions.iter().position(|it| it["emoji"] == data["emoji"]);
        let was_mine = place.is_some_and(|place| reactions[place]["mine"] == true);
        if let Some(place) = place {
            reactions.remove(place);
        }
        if data["count"] != 0 {
            let mine = if mine {
                kind == "reaction.added"
            } else {
                was_mine
            };
            reactions.push(json!({"emoji": data["emoji"], "count": data["count"], "mine": mine}));
            reactions.sort_by_key(|it| text(&it["emoji"]));
        }
    }
}
