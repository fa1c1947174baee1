//! From a row of the original to one of ours, or a reason why not.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sql::Record;
use crate::domain::id::is_external;
use crate::domain::model::BODY_BYTES;
use crate::domain::time::whole_millis;
use crate::ports::Value;

/// The longest channel type and subject, in characters.
const SHORT_CHARS: usize = 200;
/// The longest key of a file, in characters.
const FILE_KEY_CHARS: usize = 1_024;
/// What is shown of an id that is none, in characters.
const SHOWN_CHARS: usize = 64;

/// A row that can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rejected {
    /// As the source has it; cut when it is long.
    pub(super) id: String,
    pub(super) reason: String,
}

impl Rejected {
    pub(super) fn new(id: impl ToString, reason: impl Into<String>) -> Self {
        let id = id.to_string();
        let shown: String = id.escape_debug().take(SHOWN_CHARS).collect();
        Self {
            id: shown,
            reason: reason.into(),
        }
    }
}

/// Who did what and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Audit {
    pub(super) created_by: String,
    pub(super) created_on: i64,
    pub(super) modified_by: String,
    pub(super) modified_on: i64,
    pub(super) deleted: bool,
    pub(super) deleted_by: Option<String>,
    pub(super) deleted_on: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: Uuid,
    pub(super) channel_id: String,
    pub(super) channel_type: String,
    pub(super) body: String,
    pub(super) status: i32,
    pub(super) subject: Option<String>,
    pub(super) to_user_id: Option<String>,
    pub(super) parent: Option<Uuid>,
    /// It named a parent that is not there, or in another channel.
    pub(super) parent_cut: bool,
    pub(super) audit: Audit,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) id: Uuid,
    pub(super) message_id: Uuid,
    /// What the row says itself, and what its message says if the source has it.
    pub(super) channel_id: Option<String>,
    pub(super) message_channel: Option<String>,
    pub(super) recipient_id: String,
    pub(super) forwarded_by: Option<String>,
    pub(super) is_favorite: bool,
    pub(super) is_forwarded: bool,
    pub(super) is_read: bool,
    pub(super) audit: Audit,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) id: Uuid,
    pub(super) message_id: Option<Uuid>,
    pub(super) channel_id: Option<String>,
    pub(super) message_channel: Option<String>,
    pub(super) file_key: Option<String>,
    /// A JSON object.
    pub(super) meta_data: Option<String>,
    pub(super) audit: Audit,
}

/// The columns of `source::MESSAGE`.
pub(super) fn message(row: Record, unknown: &str) -> Result<Message, Rejected> {
    let mut row = Fields::new(row);
    let id = row.id()?;
    let channel_id = row.external("channel_id")?;
    let channel_id = channel_id.ok_or_else(|| row.reject("it has no channel_id"))?;
    let channel_type = row.short("channel_type")?;
    let channel_type = channel_type.ok_or_else(|| row.reject("it has no channel_type"))?;
    let body = row.long("body", BODY_BYTES)?;
    let body = body.ok_or_else(|| row.reject("it has no body"))?;
    let status = row.integer().unwrap_or_default();
    let status = i32::try_from(status).map_err(|_| row.reject("its status has over 32 bits"))?;
    let subject = row.short("subject")?;
    let to_user_id = row.external("to_user_id")?;
    let (said, of_channel) = (row.uuid("parent_message_id")?, row.text());
    let parent = said.filter(|_| of_channel.as_deref() == Some(channel_id.as_str()));
    Ok(Message {
        id,
        channel_type,
        body,
        status,
        subject,
        to_user_id,
        parent_cut: said.is_some() && parent.is_none(),
        parent,
        audit: row.audit(unknown)?,
        channel_id,
    })
}

/// The columns of `source::RECIPIENT`.
pub(super) fn recipient(row: Record, unknown: &str) -> Result<Recipient, Rejected> {
    let mut row = Fields::new(row);
    let id = row.id()?;
    let message_id = row.uuid("message_id")?;
    let message_id = message_id.ok_or_else(|| row.reject("it has no message_id"))?;
    let (channel_id, message_channel) = (row.text(), row.text());
    let recipient_id = row.external("recipient_id")?;
    let recipient_id = recipient_id.ok_or_else(|| row.reject("it has no recipient_id"))?;
    Ok(Recipient {
        id,
        message_id,
        channel_id,
        message_channel,
        recipient_id,
        forwarded_by: row.external("forwarded_by")?,
        is_favorite: row.flag(),
        is_forwarded: row.flag(),
        is_read: row.flag(),
        audit: row.audit(unknown)?,
    })
}

/// The columns of `source::FILE`.
pub(super) fn file(row: Record, unknown: &str) -> Result<File, Rejected> {
    let mut row = Fields::new(row);
    let id = row.id()?;
    let message_id = row.uuid("message_id")?;
    let channel_id = row.external("channel_id")?;
    let message_channel = row.text();
    let file_key = row.long("file_key", FILE_KEY_CHARS * 4)?;
    if file_key
        .as_ref()
        .is_some_and(|key| key.chars().count() > FILE_KEY_CHARS)
    {
        return Err(row.reject(format!("its file_key has over {FILE_KEY_CHARS} characters")));
    }
    let meta_data = row
        .long("meta_data", BODY_BYTES)?
        .filter(|text| text != "null");
    let is_object = |text: &String| {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
    };
    if !meta_data.as_ref().is_none_or(is_object) {
        return Err(row.reject("its meta_data is no JSON object"));
    }
    Ok(File {
        id,
        message_id,
        channel_id,
        message_channel,
        file_key,
        meta_data,
        audit: row.audit(unknown)?,
    })
}

/// The fields of a row, one after another.
struct Fields {
    values: std::vec::IntoIter<Value>,
    /// For rejections.
    id: String,
}

impl Fields {
    fn new(row: Record) -> Self {
        Self {
            values: row.into_iter(),
            id: String::new(),
        }
    }

    fn reject(&self, reason: impl Into<String>) -> Rejected {
        Rejected::new(&self.id, reason)
    }

    fn id(&mut self) -> Result<Uuid, Rejected> {
        self.id = self.text().unwrap_or_default();
        Uuid::parse_str(&self.id).map_err(|_| self.reject("its id is no UUID"))
    }

    fn text(&mut self) -> Option<String> {
        match self.values.next() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn integer(&mut self) -> Option<i64> {
        match self.values.next() {
            Some(Value::Integer(number)) => Some(number),
            _ => None,
        }
    }

    fn flag(&mut self) -> bool {
        matches!(self.values.next(), Some(Value::Boolean(true)))
    }

    fn time(&mut self) -> Option<i64> {
        match self.values.next() {
            Some(Value::Timestamp(micros)) => Some(whole_millis(micros)),
            _ => None,
        }
    }

    fn uuid(&mut self, name: &str) -> Result<Option<Uuid>, Rejected> {
        match self.text() {
            Some(text) => Uuid::parse_str(&text)
                .map(Some)
                .map_err(|_| self.reject(format!("its {name} is no UUID"))),
            None => Ok(None),
        }
    }

    /// The id of a user or a channel; an empty one counts as none.
    fn external(&mut self, name: &str) -> Result<Option<String>, Rejected> {
        match self.text() {
            None => Ok(None),
            Some(text) if text.is_empty() => Ok(None),
            Some(text) if is_external(&text) => Ok(Some(text)),
            Some(_) => Err(self.reject(format!(
                "its {name} is no id: over 128 characters, control characters, or white space \
                 at its ends"
            ))),
        }
    }

    fn short(&mut self, name: &str) -> Result<Option<String>, Rejected> {
        let text = self.text();
        match &text {
            Some(text) if text.chars().count() > SHORT_CHARS => {
                Err(self.reject(format!("its {name} has over {SHORT_CHARS} characters")))
            }
            Some(text) if text.contains('\0') => Err(self.reject(format!("NUL in its {name}"))),
            _ => Ok(text),
        }
    }

    /// A text that was read only if it is not too long, and its length.
    fn long(&mut self, name: &str, most: usize) -> Result<Option<String>, Rejected> {
        let (text, bytes) = (self.text(), self.integer().unwrap_or_default());
        if usize::try_from(bytes).is_ok_and(|bytes| bytes > most) {
            return Err(self.reject(format!("its {name} has {bytes} bytes, over {most}")));
        }
        match &text {
            Some(text) if text.contains('\0') => Err(self.reject(format!("NUL in its {name}"))),
            _ => Ok(text),
        }
    }

    /// The last columns of every table. The original writes a time of deletion to rows
    /// that were never deleted.
    fn audit(&mut self, unknown: &str) -> Result<Audit, Rejected> {
        let created_by = self.external("created_by")?;
        let created_on = self.time();
        let modified_by = self.external("modified_by")?;
        let modified_on = self.time();
        let deleted = self.flag();
        let deleted_by = self.external("deleted_by")?;
        let deleted_on = self.time();
        let created_on = created_on
            .or(modified_on)
            .ok_or_else(|| self.reject("it has no created_on"))?;
        let created_by = created_by.unwrap_or_else(|| unknown.to_owned());
        let modified_on = modified_on.unwrap_or(created_on);
        Ok(Audit {
            modified_by: modified_by.unwrap_or_else(|| created_by.clone()),
            created_by,
            created_on,
            modified_on,
            deleted,
            deleted_by: deleted_by.filter(|_| deleted),
            deleted_on: deleted.then(|| deleted_on.unwrap_or(modified_on)),
        })
    }
}

impl Audit {
    /// In the order of the columns that every table ends with: `created_by, created_on,
    /// modified_by, modified_on, deleted, deleted_by, deleted_on`.
    pub(super) fn values(&self) -> [Value; 7] {
        let text = |text: &String| Value::Text(text.clone());
        [
            text(&self.created_by),
            Value::Timestamp(self.created_on),
            text(&self.modified_by),
            Value::Timestamp(self.modified_on),
            Value::Boolean(self.deleted),
            self.deleted_by.as_ref().map_or(Value::Null, text),
            self.deleted_on.map_or(Value::Null, Value::Timestamp),
        ]
    }
}
