//! What the service keeps: one table for each kind of thing, which validation, the filter
//! language, the SQL text, the answers and the OpenAPI document all read.

/// The kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Message,
    Recipient,
    File,
}

/// What a property holds, which decides the values that it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Integer,
    Text,
    /// An id that we mint.
    Uuid,
    Time,
    /// A JSON text; nothing can be compared with it.
    Json,
}

/// What a client may say about a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing that counts: it comes from the token and the clock. Accepted, because
    /// clients send back what they have read.
    Audit,
    /// The id, which is checked against the path.
    Id,
    /// Text of at most so many characters.
    Text(usize),
    /// Text of at most so many bytes.
    LongText(usize),
    /// The id of a user or a channel.
    External,
    /// A whole number of 32 bits.
    Integer,
    Flag,
    /// The id of a message.
    Uuid,
    /// An object of at most so many bytes of JSON.
    Object(usize),
}

/// What may become of a property after its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Free,
    /// Once it is set, it stays.
    Once,
    /// It names another message, which has to be there for the caller.
    Link,
    /// As `Link` and `Once`.
    LinkOnce,
    /// The caller's own id, or what it is already.
    Own,
}

/// One property of a model. The column is written into statements as it stands here,
/// and nowhere else do column names come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    /// Behind `m.`, the alias that every statement gives to the model's table.
    pub(crate) column: &'static str,
    pub(crate) kind: Type,
    pub(crate) nullable: bool,
    pub(crate) input: Input,
    /// Whether it must be given to create the thing.
    pub(crate) required: bool,
    pub(crate) change: Change,
}

impl Property {
    /// The bare column name, which clients may order by.
    pub(crate) fn column_name(&self) -> &'static str {
        self.column.strip_prefix("m.").unwrap_or(self.column)
    }
}

/// How the things of two models belong together.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) name: &'static str,
    pub(crate) target: &'static Model,
    pub(crate) kind: Cardinality,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Cardinality {
    /// The targets whose property holds the id of the one.
    Many(&'static Property),
    /// The target whose id the property of the one holds.
    One(&'static Property),
}

/// A kind of thing that the service keeps.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) entity: Entity,
    /// As the original's schemas call it.
    pub(crate) name: &'static str,
    /// As the original's error texts call it.
    pub(crate) plural: &'static str,
    /// As the audit record calls it.
    pub(crate) noun: &'static str,
    pub(crate) table: &'static str,
    /// In the order of the wire.
    pub(crate) properties: &'static [Property],
    pub(crate) relations: &'static [Relation],
}

impl Model {
    pub(crate) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }

    pub(crate) fn property_or_column(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name || property.column_name() == name)
    }

    pub(crate) fn relation(&self, name: &str) -> Option<&'static Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }
}

/// The longest body, in bytes: what a TEXT of MySQL holds.
pub(crate) const BODY_BYTES: usize = 65_535;
/// The longest subject and channel type, in characters.
const SHORT_CHARS: usize = 200;
/// The longest key of a file, in characters.
const KEY_CHARS: usize = 1_024;
/// The longest `metaData`, in bytes.
const META_BYTES: usize = 65_535;

const fn audit(name: &'static str, column: &'static str, kind: Type, nullable: bool) -> Property {
    Property {
        name,
        column,
        kind,
        nullable,
        input: Input::Audit,
        required: false,
        change: Change::Free,
    }
}

const fn property(name: &'static str, column: &'static str, kind: Type, input: Input) -> Property {
    Property {
        name,
        column,
        kind,
        nullable: false,
        input,
        required: false,
        change: Change::Free,
    }
}

impl Property {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    const fn changes(mut self, change: Change) -> Self {
        self.change = change;
        self
    }
}

pub(crate) const DELETED: Property = audit("deleted", "m.deleted", Type::Boolean, false);
pub(crate) const DELETED_ON: Property = audit("deletedOn", "m.deleted_on", Type::Time, true);
pub(crate) const DELETED_BY: Property = audit("deletedBy", "m.deleted_by", Type::Text, true);
pub(crate) const CREATED_ON: Property = audit("createdOn", "m.created_on", Type::Time, false);
pub(crate) const MODIFIED_ON: Property = audit("modifiedOn", "m.modified_on", Type::Time, false);
pub(crate) const CREATED_BY: Property = audit("createdBy", "m.created_by", Type::Text, false);
pub(crate) const MODIFIED_BY: Property = audit("modifiedBy", "m.modified_by", Type::Text, false);
pub(crate) const ID: Property = property("id", "m.id", Type::Uuid, Input::Id);

pub(crate) const BODY: Property =
    property("body", "m.body", Type::Text, Input::LongText(BODY_BYTES)).required();
pub(crate) const CHANNEL_ID: Property =
    property("channelId", "m.channel_id", Type::Text, Input::External)
        .required()
        .changes(Change::Once);
pub(crate) const CHANNEL_TYPE: Property = property(
    "channelType",
    "m.channel_type",
    Type::Text,
    Input::Text(SHORT_CHARS),
)
.required();
pub(crate) const STATUS: Property = property("status", "m.status", Type::Integer, Input::Integer);
pub(crate) const SUBJECT: Property =
    property("subject", "m.subject", Type::Text, Input::Text(SHORT_CHARS)).nullable();
pub(crate) const TO_USER_ID: Property =
    property("toUserId", "m.to_user_id", Type::Text, Input::External).nullable();
pub(crate) const PARENT_MESSAGE_ID: Property = property(
    "parentMessageId",
    "m.parent_message_id",
    Type::Uuid,
    Input::Uuid,
)
.nullable()
.changes(Change::Link);

pub(crate) const FORWARDED_BY: Property =
    property("forwardedBy", "m.forwarded_by", Type::Text, Input::External)
        .nullable()
        .changes(Change::Own);
pub(crate) const IS_FAVORITE: Property =
    property("isFavorite", "m.is_favorite", Type::Boolean, Input::Flag);
pub(crate) const IS_FORWARDED: Property =
    property("isForwarded", "m.is_forwarded", Type::Boolean, Input::Flag);
pub(crate) const IS_READ: Property = property("isRead", "m.is_read", Type::Boolean, Input::Flag);
pub(crate) const RECIPIENT_ID: Property =
    property("recipientId", "m.recipient_id", Type::Text, Input::External)
        .required()
        .changes(Change::Once);
pub(crate) const MESSAGE_ID: Property =
    property("messageId", "m.message_id", Type::Uuid, Input::Uuid)
        .required()
        .changes(Change::Once);

pub(crate) const FILE_CHANNEL_ID: Property =
    property("channelId", "m.channel_id", Type::Text, Input::External)
        .nullable()
        .changes(Change::Once);
pub(crate) const FILE_KEY: Property =
    property("fileKey", "m.file_key", Type::Text, Input::Text(KEY_CHARS)).nullable();
pub(crate) const FILE_MESSAGE_ID: Property =
    property("messageId", "m.message_id", Type::Uuid, Input::Uuid)
        .nullable()
        .changes(Change::LinkOnce);
pub(crate) const META_DATA: Property = property(
    "metaData",
    "m.meta_data",
    Type::Json,
    Input::Object(META_BYTES),
)
.nullable();

/// A message.
pub(crate) static MESSAGE: Model = Model {
    entity: Entity::Message,
    name: "Message",
    plural: "messages",
    noun: "message",
    table: "chat_messages",
    properties: &[
        DELETED,
        DELETED_ON,
        DELETED_BY,
        CREATED_ON,
        MODIFIED_ON,
        CREATED_BY,
        MODIFIED_BY,
        ID,
        BODY,
        CHANNEL_ID,
        CHANNEL_TYPE,
        STATUS,
        SUBJECT,
        TO_USER_ID,
        PARENT_MESSAGE_ID,
    ],
    relations: &[
        Relation {
            name: "messageRecipients",
            target: &RECIPIENT,
            kind: Cardinality::Many(&MESSAGE_ID),
        },
        Relation {
            name: "attachmentFiles",
            target: &FILE,
            kind: Cardinality::Many(&FILE_MESSAGE_ID),
        },
        Relation {
            name: "parentMessage",
            target: &MESSAGE,
            kind: Cardinality::One(&PARENT_MESSAGE_ID),
        },
        Relation {
            name: "messages",
            target: &MESSAGE,
            kind: Cardinality::Many(&PARENT_MESSAGE_ID),
        },
    ],
};

/// Somebody whom a message is for, and what that one made of it.
pub(crate) static RECIPIENT: Model = Model {
    entity: Entity::Recipient,
    name: "MessageRecipient",
    plural: "message_recipients",
    noun: "recipient",
    table: "chat_recipients",
    properties: &[
        DELETED,
        DELETED_ON,
        DELETED_BY,
        CREATED_ON,
        MODIFIED_ON,
        CREATED_BY,
        MODIFIED_BY,
        ID,
        CHANNEL_ID,
        FORWARDED_BY,
        IS_FAVORITE,
        IS_FORWARDED,
        IS_READ,
        RECIPIENT_ID,
        MESSAGE_ID,
    ],
    relations: &[Relation {
        name: "message",
        target: &MESSAGE,
        kind: Cardinality::One(&MESSAGE_ID),
    }],
};

/// What is known about a file.
pub(crate) static FILE: Model = Model {
    entity: Entity::File,
    name: "AttachmentFile",
    plural: "message_files",
    noun: "attachment",
    table: "chat_files",
    properties: &[
        DELETED,
        DELETED_ON,
        DELETED_BY,
        CREATED_ON,
        MODIFIED_ON,
        CREATED_BY,
        MODIFIED_BY,
        ID,
        FILE_CHANNEL_ID,
        FILE_KEY,
        FILE_MESSAGE_ID,
        META_DATA,
    ],
    relations: &[Relation {
        name: "message",
        target: &MESSAGE,
        kind: Cardinality::One(&FILE_MESSAGE_ID),
    }],
};
