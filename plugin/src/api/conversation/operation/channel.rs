//! Channels, their members, and their messages.

use super::super::Action;
use super::{Operation, PAGE, on};
use crate::domain::caller::Permission::{
    CreateMessage as CREATE, DeleteMessage as DELETE, UpdateMessage as UPDATE, ViewMessage as VIEW,
};

const CHANNELS: &str = "/channels";
const CHANNEL: &str = "/channels/{id}";
const ARCHIVE: &str = "/channels/{id}/archive";
const MEMBERS: &str = "/channels/{id}/members";
const MEMBER: &str = "/channels/{id}/members/{userId}";
const BANS: &str = "/channels/{id}/bans";
const BAN: &str = "/channels/{id}/bans/{userId}";
const MUTE: &str = "/channels/{id}/mute";
const MESSAGES: &str = "/channels/{id}/messages";

pub(in crate::api::conversation) static CHANNEL_OPERATIONS: [Operation; 20] = [
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

pub(in crate::api::conversation) static MESSAGE_OPERATIONS: [Operation; 2] = [
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
