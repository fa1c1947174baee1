//! What is heard live, and what members do with messages.

use super::super::{Action, live};
use super::{Operation, PAGE, on};
use crate::domain::caller::Permission::{
    CreateMessage as CREATE, DeleteMessage as DELETE, UpdateMessage as UPDATE, ViewMessage as VIEW,
};

pub(in crate::api::conversation) static LIVE_OPERATIONS: [Operation; 6] = [
    on(
        "GET",
        live::EVENTS,
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

pub(in crate::api::conversation) static NOTE_OPERATIONS: [Operation; 24] = {
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
