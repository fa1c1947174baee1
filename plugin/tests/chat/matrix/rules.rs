//! Who may do what, as the documentation says it: written from the rules, on plain data,
//! and never from the statements that are to follow them.

/// What ties somebody to the target, besides the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    Nothing,
    Sender,
    Addressee,
    Recipient,
    /// Made the recipient row for another one.
    Forwarder,
    /// Made the files.
    Uploader,
}

impl Tie {
    pub(super) const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Sender,
        Self::Addressee,
        Self::Recipient,
        Self::Forwarder,
        Self::Uploader,
    ];
}

/// What somebody is in the channel of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    Never,
    /// Joins after the request.
    NotYet,
    /// Joined after everything was written.
    Newcomer,
    Member,
    Moderator,
    Owner,
    /// Was a member.
    Left,
}

impl Membership {
    pub(super) const ALL: [Self; 7] = [
        Self::Never,
        Self::NotYet,
        Self::Newcomer,
        Self::Member,
        Self::Moderator,
        Self::Owner,
        Self::Left,
    ];

    /// The role, for as long as somebody is a member.
    pub(super) fn role(self) -> Option<&'static str> {
        match self {
            Self::Never | Self::NotYet | Self::Left => None,
            Self::Newcomer | Self::Member => Some("member"),
            Self::Moderator => Some("moderator"),
            Self::Owner => Some("owner"),
        }
    }
}

/// Which tenant a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    Same,
    /// One that has a channel of the same name.
    Other,
    None,
}

/// What has become of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Live,
    MessageDeleted,
    RecipientDeleted,
    FilesDeleted,
    ParentDeleted,
    /// The request names an id that nothing has.
    Unknown,
    /// The request names what is no id.
    Malformed,
}

impl State {
    pub(super) const ALL: [Self; 7] = [
        Self::Live,
        Self::MessageDeleted,
        Self::RecipientDeleted,
        Self::FilesDeleted,
        Self::ParentDeleted,
        Self::Unknown,
        Self::Malformed,
    ];
}

/// Who asks about what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) tie: Tie,
    pub(super) membership: Membership,
    pub(super) tenant: Tenant,
    /// Whether the token has `ModerateMessage`.
    pub(super) moderates: bool,
    pub(super) state: State,
}

/// The user of all cases.
pub(super) const SELF: &str = "self";

pub(super) struct Message {
    pub(super) id: &'static str,
    pub(super) parent: Option<&'static str>,
    pub(super) sender: &'static str,
    pub(super) addressee: Option<&'static str>,
    pub(super) deleted: bool,
}

pub(super) struct Recipient {
    pub(super) id: &'static str,
    pub(super) message: &'static str,
    pub(super) user: &'static str,
    pub(super) creator: &'static str,
    pub(super) forwarded: bool,
    pub(super) deleted: bool,
}

pub(super) struct File {
    pub(super) id: &'static str,
    pub(super) message: Option<&'static str>,
    pub(super) creator: &'static str,
    pub(super) deleted: bool,
}

/// Whom the targets belong to, and what is around them.
pub(super) struct Facts {
    pub(super) case: Case,
    pub(super) messages: Vec<Message>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) files: Vec<File>,
}

pub(super) const PARENT: &str = "00000000-0000-7000-8000-00000000000a";
pub(super) const MESSAGE: &str = "00000000-0000-7000-8000-00000000000b";
pub(super) const REPLY: &str = "00000000-0000-7000-8000-00000000000c";
pub(super) const RECIPIENT: &str = "00000000-0000-7000-8000-00000000001a";
pub(super) const OTHER_RECIPIENT: &str = "00000000-0000-7000-8000-00000000001b";
pub(super) const FILE: &str = "00000000-0000-7000-8000-00000000002a";
/// A file that belongs to no message.
pub(super) const LOOSE_FILE: &str = "00000000-0000-7000-8000-00000000002b";
pub(super) const UNKNOWN: &str = "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69";
pub(super) const MALFORMED: &str = "no-uuid";

impl Facts {
    pub(super) fn new(case: Case) -> Self {
        let self_if = |tie, other| if case.tie == tie { SELF } else { other };
        let in_state = |state| case.state == state;
        let message = |id, parent, sender, addressee, deleted| Message {
            id,
            parent,
            sender,
            addressee,
            deleted,
        };
        let forwarded = case.tie == Tie::Forwarder;
        Self {
            case,
            messages: vec![
                message(PARENT, None, "author", None, in_state(State::ParentDeleted)),
                message(
                    MESSAGE,
                    Some(PARENT),
                    self_if(Tie::Sender, "author"),
                    Some(self_if(Tie::Addressee, "addressee")),
                    in_state(State::MessageDeleted),
                ),
                message(REPLY, Some(MESSAGE), "author", None, false),
            ],
            recipients: vec![
                Recipient {
                    id: RECIPIENT,
                    message: MESSAGE,
                    user: self_if(Tie::Recipient, "reader"),
                    creator: self_if(Tie::Forwarder, "author"),
                    forwarded,
                    deleted: in_state(State::RecipientDeleted),
                },
                Recipient {
                    id: OTHER_RECIPIENT,
                    message: MESSAGE,
                    user: "listener",
                    creator: "author",
                    forwarded: false,
                    deleted: false,
                },
            ],
            files: [(FILE, Some(MESSAGE)), (LOOSE_FILE, None)]
                .map(|(id, message)| File {
                    id,
                    message,
                    creator: self_if(Tie::Uploader, "author"),
                    deleted: in_state(State::FilesDeleted),
                })
                .into(),
        }
    }

    pub(super) fn message(&self, id: &str) -> Option<&Message> {
        self.messages.iter().find(|it| it.id == id)
    }

    pub(super) fn is_member(&self) -> bool {
        self.case.tenant == Tenant::Same && self.case.membership.role().is_some()
    }

    pub(super) fn is_owner(&self) -> bool {
        self.is_member() && self.case.membership == Membership::Owner
    }

    /// Members of the channel, the sender, the addressee and the recipients.
    pub(super) fn sees(&self, message: &Message) -> bool {
        let holds_a_row = || {
            let mut rows = self.recipients.iter();
            rows.any(|row| row.message == message.id && row.user == SELF && !row.deleted)
        };
        self.case.tenant == Tenant::Same
            && !message.deleted
            && (self.is_member()
                || message.sender == SELF
                || message.addressee == Some(SELF)
                || holds_a_row())
    }

    /// The sender, the owner of the channel, and moderators who see it.
    pub(super) fn may_change(&self, message: &Message) -> bool {
        self.sees(message) && (message.sender == SELF || self.is_owner() || self.case.moderates)
    }

    /// And whoever moderates the channel.
    pub(super) fn may_delete(&self, message: &Message) -> bool {
        let moderates = self.is_member() && self.case.membership == Membership::Moderator;
        self.may_change(message) || (self.sees(message) && moderates)
    }

    /// The recipient, who made the row, the sender, the owner and moderators.
    pub(super) fn sees_recipient(&self, row: &Recipient) -> bool {
        let message = self.message(row.message).unwrap();
        !row.deleted
            && self.sees(message)
            && (row.user == SELF
                || row.creator == SELF
                || message.sender == SELF
                || self.is_owner()
                || self.case.moderates)
    }

    /// What somebody has read is for nobody else to say.
    pub(super) fn may_mark(&self, row: &Recipient) -> bool {
        self.sees_recipient(row) && row.user == SELF
    }

    /// A loose file is its creator's; another is seen like its message.
    pub(super) fn sees_file(&self, file: &File) -> bool {
        !file.deleted
            && match file.message {
                None => self.case.tenant == Tenant::Same && file.creator == SELF,
                Some(id) => self.sees(self.message(id).unwrap()),
            }
    }

    pub(super) fn may_change_file(&self, file: &File) -> bool {
        self.sees_file(file)
            && (file.creator == SELF
                || file
                    .message
                    .is_some_and(|id| self.may_change(self.message(id).unwrap())))
    }
}
