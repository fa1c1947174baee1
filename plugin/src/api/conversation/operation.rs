//! What can be done with channels and what is said there: the table that requests are
//! routed by and that the OpenAPI document is made of.

use super::Action;
use crate::domain::caller::Permission;

/// A method of a path.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Operation {
    pub(in crate::api) method: &'static str,
    pub(in crate::api) path: &'static str,
    pub(in crate::api) action: Action,
    pub(in crate::api) permission: Permission,
    /// Its name, and what it is for.
    pub(in crate::api) words: (&'static str, &'static str),
    /// The schema of the body.
    pub(in crate::api) body: Sent,
    /// The good answers, each with its schema; a list of it where it ends in `[]`.
    pub(in crate::api) good: &'static [(u16, Option<&'static str>)],
    /// The refusals beside those of every operation.
    pub(in crate::api) refusals: &'static [u16],
    pub(in crate::api) query: &'static [&'static str],
}

/// What a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Sent {
    Nothing,
    Body(&'static str),
    /// No body says as much as an empty object.
    Optional(&'static str),
}

const fn on(
    method: &'static str,
    path: &'static str,
    action: Action,
    permission: Permission,
    words: (&'static str, &'static str),
) -> Operation {
    Operation {
        method,
        path,
        action,
        permission,
        words,
        body: Sent::Nothing,
        good: &[(204, None)],
        refusals: &[404],
        query: &[],
    }
}

impl Operation {
    const fn body(mut self, body: &'static str) -> Self {
        self.body = Sent::Body(body);
        self
    }

    const fn optional(mut self, body: &'static str) -> Self {
        self.body = Sent::Optional(body);
        self
    }

    const fn good(mut self, good: &'static [(u16, Option<&'static str>)]) -> Self {
        self.good = good;
        self
    }

    const fn refusals(mut self, refusals: &'static [u16]) -> Self {
        self.refusals = refusals;
        self
    }

    const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }
}

const CHANNELS: &str = "/channels";
const CHANNEL: &str = "/channels/{id}";
const ARCHIVE: &str = "/channels/{id}/archive";
const MEMBERS: &str = "/channels/{id}/members";
const MEMBER: &str = "/channels/{id}/members/{userId}";
const BANS: &str = "/channels/{id}/bans";
const BAN: &str = "/channels/{id}/bans/{userId}";
const MUTE: &str = "/channels/{id}/mute";
const MESSAGES: &str = "/channels/{id}/messages";

/// Pages of lists.
const PAGE: &[&str] = &["limit", "cursor"];

use Permission::{
    CreateMessage as CREATE, DeleteMessage as DELETE, UpdateMessage as UPDATE, ViewMessage as VIEW,
};

pub(super) static CHANNEL_OPERATIONS: [Operation; 20] = [
    on(
        "POST",
        CHANNELS,
        Action::CreateChannel,
        CREATE,
        (
            "create",
            "Make a channel, or get the direct conversation with a user",
        ),
    )
    .body("NewChannel")
    .good(&[(200, Some("ChannelEntry")), (201, Some("ChannelEntry"))])
    .refusals(&[422]),
    on(
        "GET",
        CHANNELS,
        Action::ListChannels,
        VIEW,
        (
            "find",
            "The caller's channels, those with the newest message first",
        ),
    )
    .good(&[(200, Some("ChannelEntry[]"))])
    .refusals(&[304])
    .query(&["limit", "cursor", "archived", "public"]),
    on(
        "GET",
        CHANNEL,
        Action::ReadChannel,
        VIEW,
        ("findById", "One channel"),
    )
    .good(&[(200, Some("ChannelEntry"))])
    .refusals(&[304, 404]),
    on(
        "PATCH",
        CHANNEL,
        Action::EditChannel,
        UPDATE,
        (
            "updateById",
            "Rename a channel, and change what holds in it",
        ),
    )
    .body("ChannelEdit")
    .good(&[(200, Some("Channel"))])
    .refusals(&[404, 409, 422]),
    on(
        "PUT",
        ARCHIVE,
        Action::Archive,
        UPDATE,
        ("archive", "Close a channel for new messages and members"),
    )
    .good(&[(200, Some("Channel"))])
    .refusals(&[404, 409]),
    on(
        "DELETE",
        ARCHIVE,
        Action::Unarchive,
        UPDATE,
        ("unarchive", "Open an archived channel again"),
    )
    .good(&[(200, Some("Channel"))])
    .refusals(&[404, 409]),
    on(
        "POST",
        "/channels/{id}/join",
        Action::Join,
        CREATE,
        ("join", "Join a public channel"),
    )
    .good(&[(200, Some("ChannelEntry"))])
    .refusals(&[404, 409]),
    on(
        "POST",
        "/channels/{id}/leave",
        Action::Leave,
        VIEW,
        ("leave", "Leave a channel"),
    )
    .refusals(&[404, 409]),
    on(
        "GET",
        MEMBERS,
        Action::ListMembers,
        VIEW,
        (
            "members",
            "The members of a channel, with how far they have read",
        ),
    )
    .good(&[(200, Some("ChannelMember[]"))])
    .refusals(&[304, 404])
    .query(PAGE),
    on(
        "PUT",
        MEMBER,
        Action::AddMember,
        CREATE,
        ("addMember", "Bring a user into a channel"),
    )
    .optional("MemberRole")
    .refusals(&[404, 409, 422]),
    on(
        "PATCH",
        MEMBER,
        Action::SetRole,
        UPDATE,
        ("setRole", "Make a member an owner, a moderator or a member"),
    )
    .body("MemberRole")
    .refusals(&[404, 409, 422]),
    on(
        "DELETE",
        MEMBER,
        Action::RemoveMember,
        DELETE,
        ("removeMember", "Take a member out of a channel"),
    )
    .refusals(&[404, 409]),
    on(
        "GET",
        BANS,
        Action::ListBans,
        VIEW,
        ("bans", "Who may not come into a channel"),
    )
    .good(&[(200, Some("ChannelBan[]"))])
    .refusals(&[304, 404])
    .query(PAGE),
    on(
        "PUT",
        BAN,
        Action::Ban,
        DELETE,
        ("ban", "Keep a user out of a channel, and take a member out"),
    )
    .optional("Reason")
    .refusals(&[404, 409, 422]),
    on(
        "DELETE",
        BAN,
        Action::Unban,
        DELETE,
        ("unban", "Let a user into a channel again"),
    )
    .refusals(&[404, 409]),
    on(
        "PUT",
        MUTE,
        Action::Mute,
        VIEW,
        ("mute", "Keep a channel quiet for the caller"),
    )
    .optional("Mute")
    .good(&[(200, Some("Channel"))])
    .refusals(&[404, 422]),
    on(
        "DELETE",
        MUTE,
        Action::Unmute,
        VIEW,
        ("unmute", "Let a channel be heard again"),
    )
    .good(&[(200, Some("Channel"))]),
    on(
        "PUT",
        "/channels/{id}/read",
        Action::MarkRead,
        VIEW,
        ("read", "Everything up to a number is read: it only goes up"),
    )
    .body("Place")
    .good(&[(200, Some("ReadState"))])
    .refusals(&[404, 422]),
    on(
        "PUT",
        "/channels/{id}/unread",
        Action::MarkUnread,
        VIEW,
        ("unread", "A number and everything behind it are not read"),
    )
    .body("Place")
    .good(&[(200, Some("ReadState"))])
    .refusals(&[404, 422]),
    on(
        "PUT",
        "/channels/{id}/delivered",
        Action::MarkDelivered,
        VIEW,
        (
            "delivered",
            "Everything up to a number has reached a device",
        ),
    )
    .body("Place")
    .good(&[(200, Some("ReadState"))])
    .refusals(&[404, 422]),
];

pub(super) static MESSAGE_OPERATIONS: [Operation; 2] = [
    on(
        "GET",
        MESSAGES,
        Action::History,
        VIEW,
        (
            "history",
            "The messages of a channel, in the order of their numbers",
        ),
    )
    .good(&[(200, Some("History"))])
    .refusals(&[304, 404])
    .query(&["before", "after", "around", "limit"]),
    on(
        "POST",
        MESSAGES,
        Action::Send,
        CREATE,
        ("send", "Send a message to a channel"),
    )
    .body("ChannelMessage")
    .good(&[(200, Some("ChatMessage")), (201, Some("ChatMessage"))])
    .refusals(&[404, 409, 422, 429]),
];

pub(super) static LIVE_OPERATIONS: [Operation; 6] = [
    on(
        "GET",
        super::live::EVENTS,
        Action::Events,
        VIEW,
        (
            "events",
            "What happens, live: a WebSocket, Server-Sent Events or a long poll",
        ),
    )
    .good(&[(200, Some("Events"))])
    .refusals(&[429])
    .query(&["place", "ticket", "wait"]),
    on(
        "POST",
        "/events/tickets",
        Action::MakeTicket,
        VIEW,
        (
            "ticket",
            "A ticket that opens one stream within a minute, without a token",
        ),
    )
    .good(&[(201, Some("Ticket"))])
    .refusals(&[429]),
    on(
        "GET",
        "/sync",
        Action::Sync,
        VIEW,
        (
            "sync",
            "The state of the caller's channels, and the place of the events behind it",
        ),
    )
    .good(&[(200, Some("State"))])
    .refusals(&[304])
    .query(&["cursor"]),
    on(
        "POST",
        "/channels/{id}/typing",
        Action::Typing,
        VIEW,
        ("typing", "Say that the caller is typing"),
    )
    .optional("Typing")
    .refusals(&[404, 422]),
    on(
        "PUT",
        "/presence",
        Action::Be,
        VIEW,
        ("setPresence", "Say that the caller is there"),
    )
    .body("NewPresence")
    .refusals(&[422]),
    on(
        "GET",
        "/presence",
        Action::Presence,
        VIEW,
        ("presence", "Who of some users is there, and was there when"),
    )
    .good(&[(200, Some("Presence[]"))])
    .refusals(&[304])
    .query(&["ids"]),
];

pub(super) static NOTE_OPERATIONS: [Operation; 24] = {
    const REACTION: &str = "/messages/{id}/reactions/{emoji}";
    const PIN: &str = "/messages/{id}/pin";
    const FAVORITE: &str = "/messages/{id}/favorite";
    const HIDDEN: &str = "/messages/{id}/hidden";
    const BLOCK: &str = "/blocks/{userId}";
    const LIST: &[(u16, Option<&str>)] = &[(200, Some("ChatMessage[]"))];
    [
        on(
            "PUT",
            REACTION,
            Action::React,
            VIEW,
            ("react", "Put an emoji under a message"),
        )
        .refusals(&[404, 409]),
        on(
            "DELETE",
            REACTION,
            Action::Unreact,
            VIEW,
            ("unreact", "Take an emoji away again"),
        ),
        on(
            "GET",
            "/messages/{id}/reactions",
            Action::Reactions,
            VIEW,
            ("reactions", "Who has put which emoji under a message"),
        )
        .good(&[(200, Some("Reacted[]"))])
        .refusals(&[304, 404])
        .query(PAGE),
        on(
            "PUT",
            PIN,
            Action::Pin,
            UPDATE,
            ("pin", "Keep a message in view, for all members"),
        )
        .refusals(&[404, 409]),
        on(
            "DELETE",
            PIN,
            Action::Unpin,
            UPDATE,
            ("unpin", "Keep it in view no longer"),
        ),
        on(
            "GET",
            "/channels/{id}/pins",
            Action::Pins,
            VIEW,
            ("pins", "The messages that a channel keeps in view"),
        )
        .good(LIST)
        .refusals(&[304, 404])
        .query(PAGE),
        on(
            "PUT",
            FAVORITE,
            Action::Favor,
            VIEW,
            ("favor", "Like a message"),
        ),
        on(
            "DELETE",
            FAVORITE,
            Action::Unfavor,
            VIEW,
            ("unfavor", "Like it no more"),
        ),
        on(
            "GET",
            "/favorites",
            Action::Favorites,
            VIEW,
            ("favorites", "The messages that the caller likes"),
        )
        .good(LIST)
        .refusals(&[304])
        .query(PAGE),
        on(
            "PUT",
            HIDDEN,
            Action::Hide,
            VIEW,
            ("hide", "Delete a message for the caller alone"),
        ),
        on(
            "DELETE",
            HIDDEN,
            Action::Unhide,
            VIEW,
            ("unhide", "Bring it back into sight"),
        ),
        on(
            "GET",
            "/messages/{id}/versions",
            Action::Versions,
            VIEW,
            ("versions", "What a message said before it was edited"),
        )
        .good(&[(200, Some("MessageVersion[]"))])
        .refusals(&[304, 404])
        .query(PAGE),
        on(
            "GET",
            "/messages/{id}/thread",
            Action::Thread,
            VIEW,
            (
                "thread",
                "The replies to a message, in the order of their numbers",
            ),
        )
        .good(LIST)
        .refusals(&[304, 404])
        .query(PAGE),
        on(
            "POST",
            "/messages/{id}/forward",
            Action::Forward,
            CREATE,
            ("forward", "Send what a message says to another channel"),
        )
        .body("Forward")
        .good(&[(200, Some("ChatMessage"))])
        .refusals(&[404, 409, 422, 429]),
        on(
            "GET",
            "/mentions",
            Action::Mentions,
            VIEW,
            ("mentions", "The messages that mention the caller"),
        )
        .good(LIST)
        .refusals(&[304])
        .query(PAGE),
        on(
            "GET",
            "/search",
            Action::Search,
            VIEW,
            (
                "search",
                "The messages that hold words, of those that the caller may see",
            ),
        )
        .good(LIST)
        .refusals(&[304])
        .query(&["q", "channelId", "limit", "cursor"]),
        on(
            "GET",
            "/blocks",
            Action::Blocks,
            VIEW,
            ("blocks", "Whom the caller has blocked"),
        )
        .good(&[(200, Some("Block[]"))])
        .refusals(&[304])
        .query(PAGE),
        on(
            "PUT",
            BLOCK,
            Action::Block,
            VIEW,
            ("block", "Have no direct messages with a user"),
        )
        .refusals(&[404, 409]),
        on(
            "DELETE",
            BLOCK,
            Action::Unblock,
            VIEW,
            ("unblock", "Have them again"),
        ),
        on(
            "POST",
            "/messages/{id}/reports",
            Action::Report,
            VIEW,
            (
                "report",
                "Tell the moderators that something is wrong with a message",
            ),
        )
        .optional("Reason")
        .good(&[(200, Some("Report"))])
        .refusals(&[404, 422]),
        on(
            "GET",
            "/channels/{id}/reports",
            Action::Reports,
            VIEW,
            (
                "reports",
                "What was reported in a channel, for its moderators",
            ),
        )
        .good(&[(200, Some("Report[]"))])
        .refusals(&[304, 404])
        .query(&["state", "limit", "cursor"]),
        on(
            "PATCH",
            "/reports/{id}",
            Action::CloseReport,
            UPDATE,
            ("closeReport", "Close a report, or open it again"),
        )
        .body("ReportState")
        .refusals(&[404, 422]),
        on(
            "GET",
            "/export",
            Action::Export,
            VIEW,
            ("export", "Everything of the caller's, to take along"),
        )
        .good(&[(200, Some("OwnData"))])
        .refusals(&[304])
        .query(PAGE),
        on(
            "POST",
            "/users/{userId}/erasure",
            Action::Erase,
            DELETE,
            (
                "erase",
                "Remove everything of a user, in steps, until it is done",
            ),
        )
        .good(&[(200, Some("Erasure"))]),
    ]
};
