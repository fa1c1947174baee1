//! What a message consists of: one table that validation, the filter language, the SQL
//! text and the answers all read.

/// What a property holds, which decides the values that it can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Integer,
    Text,
    /// An id that we mint.
    Uuid,
    Time,
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
}

impl Property {
    /// The bare column name, which clients may order by.
    pub(crate) fn column_name(&self) -> &'static str {
        self.column.strip_prefix("m.").unwrap_or(self.column)
    }
}

/// A kind of thing that the service keeps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// In the order of the wire.
    pub(crate) properties: &'static [Property],
    /// The names that `include` will know.
    pub(crate) relations: &'static [&'static str],
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
}

const fn required(name: &'static str, column: &'static str, kind: Type) -> Property {
    Property {
        name,
        column,
        kind,
        nullable: false,
    }
}

const fn optional(name: &'static str, column: &'static str, kind: Type) -> Property {
    Property {
        name,
        column,
        kind,
        nullable: true,
    }
}

pub(crate) const DELETED: Property = required("deleted", "m.deleted", Type::Boolean);
pub(crate) const DELETED_ON: Property = optional("deletedOn", "m.deleted_on", Type::Time);
pub(crate) const DELETED_BY: Property = optional("deletedBy", "m.deleted_by", Type::Text);
pub(crate) const CREATED_ON: Property = required("createdOn", "m.created_on", Type::Time);
pub(crate) const MODIFIED_ON: Property = required("modifiedOn", "m.modified_on", Type::Time);
pub(crate) const CREATED_BY: Property = required("createdBy", "m.created_by", Type::Text);
pub(crate) const MODIFIED_BY: Property = required("modifiedBy", "m.modified_by", Type::Text);
pub(crate) const ID: Property = required("id", "m.id", Type::Uuid);
pub(crate) const BODY: Property = required("body", "m.body", Type::Text);
pub(crate) const CHANNEL_ID: Property = required("channelId", "m.channel_id", Type::Text);
pub(crate) const CHANNEL_TYPE: Property = required("channelType", "m.channel_type", Type::Text);
pub(crate) const STATUS: Property = required("status", "m.status", Type::Integer);
pub(crate) const SUBJECT: Property = optional("subject", "m.subject", Type::Text);
pub(crate) const TO_USER_ID: Property = optional("toUserId", "m.to_user_id", Type::Text);
pub(crate) const PARENT_MESSAGE_ID: Property =
    optional("parentMessageId", "m.parent_message_id", Type::Uuid);

/// A message.
pub(crate) static MESSAGE: Model = Model {
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
        "messageRecipients",
        "attachmentFiles",
        "parentMessage",
        "messages",
    ],
};
