//! Channels, and what their members may do there.

use serde_json::{Value, json};

use super::time;

/// The longest name of a channel, in characters.
pub(crate) const MAX_NAME: usize = 200;
/// The longest topic, in characters.
pub(crate) const MAX_TOPIC: usize = 1_000;
/// The longest reason for a ban or a report, in characters.
pub(crate) const MAX_REASON: usize = 500;

/// What sort of channel one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two users. Nobody else comes in, and nobody leaves.
    Direct,
    /// Members come in by invitation.
    Group,
    /// Everybody of the tenant finds it, and may join.
    Public,
}

impl Kind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Public => "public",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Direct, Self::Group, Self::Public]
            .into_iter()
            .find(|it| it.word() == word)
    }
}

/// What a member is in a channel. The later ones may do what the earlier may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Member,
    Moderator,
    Owner,
}

impl Role {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Moderator, Self::Owner]
            .into_iter()
            .find(|it| it.word() == word)
    }
}

/// A channel as a statement reads it, with what the one who asks is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// What the original's clients call its type.
    pub(crate) channel_type: String,
    pub(crate) name: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) created_by: String,
    /// Times are microseconds since 1970.
    pub(crate) created_on: i64,
    pub(crate) active_on: i64,
    pub(crate) archived_on: Option<i64>,
    pub(crate) last_seq: i64,
    pub(crate) slow_seconds: i64,
    pub(crate) retention_seconds: Option<i64>,
    pub(crate) member: Option<Membership>,
}

impl Channel {
    /// What all members are told of it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "kind": self.kind.word(),
            "channelType": self.channel_type,
            "name": self.name,
            "topic": self.topic,
            "createdBy": self.created_by,
            "createdOn": time::text(self.created_on),
            "activeOn": time::text(self.active_on),
            "archivedOn": self.archived_on.map(time::text),
            "lastSeq": self.last_seq,
            "slowSeconds": self.slow_seconds,
            "retentionSeconds": self.retention_seconds,
        })
    }
}

/// What a user has not read of a channel: exact to 999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread(pub(crate) i64);

impl Unread {
    /// As far as it is counted, and one more, so that it shows whether there is more.
    pub(crate) const MOST: i64 = 1_000;

    /// The number, and whether there are more than that.
    pub(crate) fn shown(self) -> (i64, bool) {
        (self.0.min(Self::MOST - 1), self.0 >= Self::MOST)
    }
}

/// What somebody is in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) role: Role,
    pub(crate) joined_on: i64,
    pub(crate) read_seq: i64,
    pub(crate) delivered_seq: i64,
    /// None: not muted.
    pub(crate) muted_until: Option<i64>,
}

impl Membership {
    /// As the one whose it is sees it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "role": self.role.word(),
            "joinedOn": time::text(self.joined_on),
            "readSeq": self.read_seq,
            "deliveredSeq": self.delivered_seq,
            "mutedUntil": self.muted_until.map(time::text),
        })
    }

    /// As the other members see it.
    pub(crate) fn shown_of(&self, channel: &str, user: &str) -> Value {
        json!({
            "channelId": channel,
            "userId": user,
            "role": self.role.word(),
            "joinedOn": time::text(self.joined_on),
            "readSeq": self.read_seq,
            "deliveredSeq": self.delivered_seq,
        })
    }
}

/// What is to be different about a channel; the inner None removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) name: Option<Option<String>>,
    pub(crate) topic: Option<Option<String>>,
    pub(crate) kind: Option<Kind>,
    pub(crate) slow_seconds: Option<i64>,
    pub(crate) retention_seconds: Option<Option<i64>>,
}

impl Edit {
    /// Whether it takes more than a moderator.
    pub(crate) fn is_for_owners(&self) -> bool {
        self.kind.is_some() || self.retention_seconds.is_some()
    }
}

/// The two of a direct conversation, whoever asks first. No id holds a NUL.
pub(crate) fn distinct(one: &str, other: &str) -> String {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    format!("{first}\0{second}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_the_same_for_both() {
        assert_eq!(distinct("a", "b"), distinct("b", "a"));
        assert_ne!(distinct("a", "bc"), distinct("ab", "c"));
    }

    #[test]
    fn roles_ascend() {
        assert!(Role::Member < Role::Moderator && Role::Moderator < Role::Owner);
        assert_eq!(Role::from_word("owner"), Some(Role::Owner));
        assert_eq!(Role::from_word("admin"), None);
    }
}
