//! Everything that can be done: one table that requests are routed by and that the
//! OpenAPI document is made of.

use crate::domain::caller::Permission;
use crate::domain::model::{FILE, MESSAGE, Model, RECIPIENT};

/// What an operation does with its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    /// Many at once.
    CreateAll,
    List,
    Count,
    Find,
    Change,
    Replace,
    Delete,
    ChangeAll,
    /// Those that belong to the message of the path.
    ListBelow,
    CreateBelow,
    ChangeBelow,
    DeleteBelow,
    /// The message that the one of the path belongs to.
    Message,
}

/// A method of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) model: &'static Model,
    pub(super) action: Action,
    pub(super) permission: Permission,
}

const fn on(
    method: &'static str,
    path: &'static str,
    model: &'static Model,
    action: Action,
    permission: Permission,
) -> Operation {
    Operation {
        method,
        path,
        model,
        action,
        permission,
    }
}

/// A request for a fixed path never reaches one with an `{id}` in the same place.
pub(super) static OPERATIONS: [Operation; 34] = {
    use Action::{
        Change, ChangeAll, ChangeBelow, Count, Create, CreateAll, CreateBelow, Delete, DeleteBelow,
        Find, List, ListBelow, Message, Replace,
    };
    use Permission::{
        CreateAttachmentFile, CreateMessage, CreateMessageRecipient, DeleteAttachmentFile,
        DeleteMessage, DeleteMessageRecipient, UpdateAttachmentFile, UpdateMessage,
        UpdateMessageRecipient, ViewAttachmentFile, ViewMessage, ViewMessageRecipient,
    };
    const REPLIES: &str = "/messages/{id}/messages";
    const ADDRESSEES: &str = "/messages/{id}/message-recipients";
    [
        on("POST", "/messages", &MESSAGE, Create, CreateMessage),
        on("GET", "/messages", &MESSAGE, List, ViewMessage),
        on("PATCH", "/messages", &MESSAGE, ChangeAll, UpdateMessage),
        on("GET", "/messages/count", &MESSAGE, Count, ViewMessage),
        on("GET", "/messages/{id}", &MESSAGE, Find, ViewMessage),
        on("PATCH", "/messages/{id}", &MESSAGE, Change, UpdateMessage),
        on("PUT", "/messages/{id}", &MESSAGE, Replace, UpdateMessage),
        on("DELETE", "/messages/{id}", &MESSAGE, Delete, DeleteMessage),
        on("GET", REPLIES, &MESSAGE, ListBelow, ViewMessage),
        on("POST", REPLIES, &MESSAGE, CreateBelow, CreateMessage),
        on("PATCH", REPLIES, &MESSAGE, ChangeBelow, UpdateMessage),
        on("DELETE", REPLIES, &MESSAGE, DeleteBelow, DeleteMessage),
        on(
            "GET",
            ADDRESSEES,
            &RECIPIENT,
            ListBelow,
            ViewMessageRecipient,
        ),
        on(
            "POST",
            ADDRESSEES,
            &RECIPIENT,
            CreateBelow,
            CreateMessageRecipient,
        ),
        on(
            "PATCH",
            ADDRESSEES,
            &RECIPIENT,
            ChangeBelow,
            UpdateMessageRecipient,
        ),
        on(
            "DELETE",
            ADDRESSEES,
            &RECIPIENT,
            DeleteBelow,
            DeleteMessageRecipient,
        ),
        on(
            "POST",
            "/message-recipients",
            &RECIPIENT,
            Create,
            CreateMessageRecipient,
        ),
        on(
            "GET",
            "/message-recipients",
            &RECIPIENT,
            List,
            ViewMessageRecipient,
        ),
        on(
            "PATCH",
            "/message-recipients",
            &RECIPIENT,
            ChangeAll,
            UpdateMessageRecipient,
        ),
        on(
            "GET",
            "/message-recipients/count",
            &RECIPIENT,
            Count,
            ViewMessageRecipient,
        ),
        on(
            "GET",
            "/message-recipients/{id}",
            &RECIPIENT,
            Find,
            ViewMessageRecipient,
        ),
        on(
            "PATCH",
            "/message-recipients/{id}",
            &RECIPIENT,
            Change,
            UpdateMessageRecipient,
        ),
        on(
            "PUT",
            "/message-recipients/{id}",
            &RECIPIENT,
            Replace,
            UpdateMessageRecipient,
        ),
        on(
            "DELETE",
            "/message-recipients/{id}",
            &RECIPIENT,
            Delete,
            DeleteMessageRecipient,
        ),
        on(
            "GET",
            "/message-recipients/{id}/message",
            &RECIPIENT,
            Message,
            ViewMessage,
        ),
        on("POST", "/attach-files", &FILE, Create, CreateAttachmentFile),
        on(
            "POST",
            "/attach-files/bulk",
            &FILE,
            CreateAll,
            CreateAttachmentFile,
        ),
        on("GET", "/attach-files", &FILE, List, ViewAttachmentFile),
        on(
            "PATCH",
            "/attach-files",
            &FILE,
            ChangeAll,
            UpdateAttachmentFile,
        ),
        on(
            "GET",
            "/attach-files/count",
            &FILE,
            Count,
            ViewAttachmentFile,
        ),
        on("GET", "/attach-files/{id}", &FILE, Find, ViewAttachmentFile),
        on(
            "PATCH",
            "/attach-files/{id}",
            &FILE,
            Change,
            UpdateAttachmentFile,
        ),
        on(
            "PUT",
            "/attach-files/{id}",
            &FILE,
            Replace,
            UpdateAttachmentFile,
        ),
        on(
            "DELETE",
            "/attach-files/{id}",
            &FILE,
            Delete,
            DeleteAttachmentFile,
        ),
    ]
};
