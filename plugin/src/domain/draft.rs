//! What a client may say about a message, and what it may not.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::filter::Literal;
use super::id::{EXTERNAL_CHARS, is_external};
use super::model::{
    BODY, CHANNEL_ID, CHANNEL_TYPE, MESSAGE, PARENT_MESSAGE_ID, Property, STATUS, SUBJECT,
    TO_USER_ID, Type,
};
use super::time;
use super::violation::Violation;

/// The longest body, in bytes: what a TEXT of MySQL holds.
pub(crate) const BODY_BYTES: usize = 65_535;
/// The longest subject and channel type, in characters.
const SHORT_CHARS: usize = 200;
/// Complaints in one answer.
const MAX_VIOLATIONS: usize = 20;

/// Which of the three schemas a body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// To create: everything that is required, and no id.
    New,
    /// To replace: everything that is required.
    Full,
    /// To change: nothing is required.
    Partial,
}

/// What a body says. The audit properties (`createdBy`, `deleted`, …) are allowed in
/// it and have no place here: they come from the token and the clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Draft {
    pub(crate) id: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) channel_id: Option<String>,
    pub(crate) channel_type: Option<String>,
    pub(crate) status: Option<i32>,
    pub(crate) subject: Option<String>,
    pub(crate) to_user_id: Option<String>,
    pub(crate) parent_message_id: Option<Uuid>,
}

/// A message as its author wants it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewMessage {
    pub(crate) body: String,
    pub(crate) channel_id: String,
    pub(crate) channel_type: String,
    pub(crate) status: i32,
    pub(crate) subject: Option<String>,
    pub(crate) to_user_id: Option<String>,
    pub(crate) parent_message_id: Option<Uuid>,
}

/// What is to be different about a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// None is NULL.
    pub(crate) set: Vec<(&'static Property, Option<Literal>)>,
    /// The channel that the message has to be in already: it can't be moved.
    pub(crate) channel_id: Option<String>,
    /// A parent to be set, which has to be in the same channel.
    pub(crate) parent_message_id: Option<Uuid>,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Invalid {
    /// It breaks the schema.
    Schema(Vec<Violation>),
    /// Properties that are there, but empty.
    Blank(Vec<&'static str>),
}

impl Draft {
    /// Checks a JSON value against a schema.
    pub(crate) fn parse(value: Value, shape: Shape) -> Result<Self, Invalid> {
        let Value::Object(mut object) = value else {
            return Err(Invalid::Schema(vec![Violation::wrong_type("", "object")]));
        };
        let mut reader = Reader::default();
        let draft = Self {
            id: match shape {
                Shape::New => None,
                Shape::Full | Shape::Partial => reader.text(&mut object, "id", usize::MAX),
            },
            body: reader.body(&mut object),
            channel_id: reader.external_id(&mut object, CHANNEL_ID.name),
            channel_type: reader.text(&mut object, CHANNEL_TYPE.name, SHORT_CHARS),
            status: reader.status(&mut object),
            subject: reader.text(&mut object, SUBJECT.name, SHORT_CHARS),
            to_user_id: reader.external_id(&mut object, TO_USER_ID.name),
            parent_message_id: reader.uuid(&mut object, PARENT_MESSAGE_ID.name),
        };
        reader.audit_properties(&mut object);
        reader.rest(&object);
        if shape != Shape::Partial {
            reader.required(draft.body.is_some(), BODY.name);
            reader.required(draft.channel_id.is_some(), CHANNEL_ID.name);
            reader.required(draft.channel_type.is_some(), CHANNEL_TYPE.name);
        }
        reader.finish(draft)
    }

    /// A message to be created. None without what the schema for it requires.
    pub(crate) fn into_new(self) -> Option<NewMessage> {
        Some(NewMessage {
            body: self.body?,
            channel_id: self.channel_id?,
            channel_type: self.channel_type?,
            status: self.status.unwrap_or(0),
            subject: self.subject,
            to_user_id: self.to_user_id,
            parent_message_id: self.parent_message_id,
        })
    }

    /// Only what the draft names is to change.
    pub(crate) fn into_changes(self) -> Changes {
        let mut changes = self.into_replacement();
        changes.set.retain(|(_, value)| value.is_some());
        changes
    }

    /// What the draft doesn't name gets its default.
    pub(crate) fn into_full_changes(self) -> Changes {
        let mut changes = self.into_replacement();
        for (property, value) in &mut changes.set {
            if *property == &STATUS && value.is_none() {
                *value = Some(Literal::Integer(0));
            }
        }
        changes
    }

    fn into_replacement(self) -> Changes {
        let parent = self.parent_message_id;
        let set = vec![
            (&BODY, self.body.map(Literal::Text)),
            (&CHANNEL_TYPE, self.channel_type.map(Literal::Text)),
            (
                &STATUS,
                self.status.map(|status| Literal::Integer(status.into())),
            ),
            (&SUBJECT, self.subject.map(Literal::Text)),
            (&TO_USER_ID, self.to_user_id.map(Literal::Text)),
            (&PARENT_MESSAGE_ID, parent.map(Literal::Uuid)),
        ];
        Changes {
            set,
            channel_id: self.channel_id,
            parent_message_id: parent,
        }
    }
}

/// Takes properties out of an object, and collects the complaints.
#[derive(Default)]
struct Reader {
    violations: Vec<Violation>,
    blank: Vec<&'static str>,
    /// There, but complained about: not missing.
    refused: Vec<&'static str>,
}

impl Reader {
    fn complain(&mut self, name: &'static str, violation: Violation) {
        self.violations.push(violation);
        self.refused.push(name);
    }

    fn string(&mut self, object: &mut Map<String, Value>, name: &'static str) -> Option<String> {
        match object.remove(name)? {
            Value::String(text) if text.contains('\0') => {
                let message = "must NOT contain the character NUL";
                let violation = Violation::new(pointer(name), "pattern", message, json!({}));
                self.complain(name, violation);
                None
            }
            Value::String(text) => Some(text),
            _ => {
                self.complain(name, Violation::wrong_type(pointer(name), "string"));
                None
            }
        }
    }

    fn text(
        &mut self,
        object: &mut Map<String, Value>,
        name: &'static str,
        limit: usize,
    ) -> Option<String> {
        let text = self.string(object, name)?;
        if text.chars().count() > limit {
            let violation = Violation::too_long(pointer(name), limit, "characters");
            self.complain(name, violation);
            return None;
        }
        self.present(name, text)
    }

    fn body(&mut self, object: &mut Map<String, Value>) -> Option<String> {
        let text = self.string(object, BODY.name)?;
        if text.len() > BODY_BYTES {
            let violation = Violation::too_long(pointer(BODY.name), BODY_BYTES, "bytes");
            self.complain(BODY.name, violation);
            return None;
        }
        self.present(BODY.name, text)
    }

    /// Required texts must say something.
    fn present(&mut self, name: &'static str, text: String) -> Option<String> {
        let required = MESSAGE.property(name).is_some_and(|it| !it.nullable);
        if text.is_empty() && required {
            self.blank.push(name);
            self.refused.push(name);
            return None;
        }
        Some(text)
    }

    fn external_id(
        &mut self,
        object: &mut Map<String, Value>,
        name: &'static str,
    ) -> Option<String> {
        let text = self.string(object, name)?;
        let text = self.present(name, text)?;
        if is_external(&text) {
            return Some(text);
        }
        let violation = match text.chars().count() > EXTERNAL_CHARS {
            true => Violation::too_long(pointer(name), EXTERNAL_CHARS, "characters"),
            false => Violation::new(
                pointer(name),
                "pattern",
                "must NOT be empty, hold control characters, or start or end with white space",
                json!({}),
            ),
        };
        self.complain(name, violation);
        None
    }

    fn status(&mut self, object: &mut Map<String, Value>) -> Option<i32> {
        let name = STATUS.name;
        let value = object.remove(name)?;
        let Value::Number(number) = &value else {
            self.complain(name, Violation::wrong_type(pointer(name), "number"));
            return None;
        };
        // `1.0` is an integer to JSON; what isn't finite can't be written in it.
        let number = number.as_f64().unwrap_or(f64::MAX);
        let violation = if number.fract() != 0.0 {
            Violation::wrong_type(pointer(name), "integer")
        } else if number > i32::MAX.into() || number < i32::MIN.into() {
            Violation::outside_i32(pointer(name), number > 0.0)
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole, and within the bounds"
            )]
            return Some(number as i32);
        };
        self.complain(name, violation);
        None
    }

    fn uuid(&mut self, object: &mut Map<String, Value>, name: &'static str) -> Option<Uuid> {
        let text = self.string(object, name)?;
        let id = Uuid::try_parse(&text).ok();
        if id.is_none() {
            self.complain(name, Violation::wrong_format(pointer(name), "uuid"));
        }
        id
    }

    /// Checked as the original does, then dropped.
    fn audit_properties(&mut self, object: &mut Map<String, Value>) {
        use super::model::{
            CREATED_BY, CREATED_ON, DELETED, DELETED_BY, DELETED_ON, MODIFIED_BY, MODIFIED_ON,
        };
        for property in [
            DELETED,
            DELETED_ON,
            DELETED_BY,
            CREATED_ON,
            MODIFIED_ON,
            CREATED_BY,
            MODIFIED_BY,
        ] {
            let Some(value) = object.remove(property.name) else {
                continue;
            };
            let path = pointer(property.name);
            let violation = match (property.kind, &value) {
                (_, Value::Null) if property.nullable => continue,
                (Type::Boolean, Value::Bool(_)) => continue,
                (Type::Boolean, _) => Violation::wrong_type(path, "boolean"),
                (Type::Time, Value::String(text)) if time::parse(text).is_some() => continue,
                (Type::Time, Value::String(_)) => Violation::wrong_format(path, "date-time"),
                (_, Value::String(_)) => continue,
                _ => Violation::wrong_type(path, "string"),
            };
            self.complain(property.name, violation);
        }
    }

    fn rest(&mut self, object: &Map<String, Value>) {
        let unknown = object.keys().take(MAX_VIOLATIONS);
        self.violations
            .extend(unknown.map(|name| Violation::unknown_property("", name)));
    }

    fn required(&mut self, is_there: bool, name: &'static str) {
        if !is_there && !self.refused.contains(&name) {
            self.violations.push(Violation::required(name));
        }
    }

    fn finish(mut self, draft: Draft) -> Result<Draft, Invalid> {
        self.violations.truncate(MAX_VIOLATIONS);
        match (self.violations.is_empty(), self.blank.is_empty()) {
            (true, true) => Ok(draft),
            (true, false) => Err(Invalid::Blank(self.blank)),
            (false, _) => Err(Invalid::Schema(self.violations)),
        }
    }
}

fn pointer(name: &str) -> String {
    format!("/{name}")
}
