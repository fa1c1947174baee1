//! A message as members of its channel see it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::time;

/// What a statement reads of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) channel: String,
    pub(crate) channel_type: String,
    /// Its number in the channel; none until it is numbered.
    pub(crate) seq: Option<i64>,
    pub(crate) body: String,
    pub(crate) subject: Option<String>,
    pub(crate) status: i64,
    pub(crate) addressee: Option<String>,
    pub(crate) parent: Option<Uuid>,
    pub(crate) sender: String,
    /// Times are microseconds since 1970.
    pub(crate) created_on: i64,
    pub(crate) modified_on: i64,
    pub(crate) edited_on: Option<i64>,
    pub(crate) version: i64,
    pub(crate) client_id: Option<String>,
    pub(crate) mentions: Vec<String>,
    pub(crate) forwarded_from: Option<Uuid>,
}

impl Message {
    /// What every member is told of it. What changes by itself (reactions, replies, pins,
    /// attachments) is beside it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "channelId": self.channel,
            "channelType": self.channel_type,
            "seq": self.seq,
            "body": self.body,
            "subject": self.subject,
            "status": self.status,
            "toUserId": self.addressee,
            "parentMessageId": self.parent.map(|id| id.to_string()),
            "createdBy": self.sender,
            "createdOn": time::text(self.created_on),
            "modifiedOn": time::text(self.modified_on),
            "editedOn": self.edited_on.map(time::text),
            "version": self.version,
            "clientMessageId": self.client_id,
            "mentions": self.mentions,
            "forwardedFrom": self.forwarded_from.map(|id| id.to_string()),
        })
    }
}

/// How often an emoji stands under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) emoji: String,
    pub(crate) count: i64,
    /// Whether the one who asks is among them.
    pub(crate) mine: bool,
}

/// What is around a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    pub(crate) replies: i64,
    pub(crate) last_reply_on: Option<i64>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) pinned: Option<(String, i64)>,
    pub(crate) favorite: bool,
    /// Id, name, size, type and state.
    pub(crate) attachments: Vec<Value>,
}

impl Around {
    /// The message with all that is around it.
    pub(crate) fn shown(&self, message: &Message) -> Value {
        let mut shown = message.shown();
        let reaction =
            |it: &Reaction| json!({ "emoji": it.emoji, "count": it.count, "mine": it.mine });
        let reactions: Vec<_> = self.reactions.iter().map(reaction).collect();
        let pinned = self.pinned.as_ref();
        let more = [
            ("attachments", self.attachments.clone().into()),
            ("replyCount", self.replies.into()),
            ("lastReplyOn", self.last_reply_on.map(time::text).into()),
            ("reactions", reactions.into()),
            ("pinnedBy", pinned.map(|(user, _)| user.clone()).into()),
            ("pinnedOn", pinned.map(|(_, on)| time::text(*on)).into()),
            ("isFavorite", self.favorite.into()),
        ];
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
        shown
    }
}

/// Why an emoji is none: empty, longer than 64 bytes, or with white space or control
/// characters in it. Names such as `:tada:` are fine.
pub(crate) fn is_emoji(text: &str) -> bool {
    let is_visible = |char: char| !char.is_whitespace() && !char.is_control();
    !text.is_empty() && text.len() <= 64 && text.chars().all(is_visible)
}
