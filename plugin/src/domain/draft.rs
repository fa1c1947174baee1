//! What a client may say about a thing, and what it may not.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::filter::Literal;
use super::id::{EXTERNAL_CHARS, is_external};
use super::model::{CHANNEL_ID, CHANNEL_TYPE, Change, Entity, Input, Model, Property, Type};
use super::time;
use super::violation::{Violation, pointer};

/// Complaints in one answer.
const MAX_VIOLATIONS: usize = 20;
/// Recipients that are given with a message.
pub(crate) const MAX_RECIPIENTS: usize = 100;
/// What a message may be given besides its properties: ids of users.
pub(crate) const RECIPIENTS: &str = "recipients";
/// Attachments that are sent with a message, at most.
pub(crate) const MAX_ATTACHMENTS: usize = 100;
/// What else a message may be given: ids of attachments.
pub(crate) const ATTACHMENTS: &str = "attachmentIds";
/// Users that a message mentions, at most.
pub(crate) const MAX_MENTIONS: usize = 50;
/// Whom a message mentions: ids of users.
pub(crate) const MENTIONS: &str = "mentions";
/// What the sender calls the message, so that it may be sent again.
pub(crate) const CLIENT_ID: &str = "clientMessageId";

/// Which of the schemas of a model a body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// To create: everything that is required, and no id.
    New,
    /// To create below another thing, whose id the property holds: as `New`, but the
    /// property may be missing.
    Below(&'static Property),
    /// To replace: everything that is required.
    Full,
    /// To change: nothing is required.
    Partial,
}

/// What a body says. The audit properties (`createdBy`, `deleted`, …) are allowed in
/// it and have no place here: they come from the token and the clock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) id: Option<String>,
    values: Vec<(&'static Property, Literal)>,
    pub(crate) recipients: Vec<String>,
    pub(crate) attachments: Vec<Uuid>,
    pub(crate) mentions: Vec<String>,
    pub(crate) client_id: Option<String>,
    /// The message that this one repeats; nothing that a client may say.
    pub(crate) forwarded_from: Option<Uuid>,
}

/// What is to be different about a thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// None is NULL.
    pub(crate) set: Vec<(&'static Property, Option<Literal>)>,
    /// What may be set if it isn't, and has to be so already if it is.
    pub(crate) once: Vec<(&'static Property, Literal)>,
    /// The message that is to be named.
    pub(crate) link: Option<Uuid>,
}

/// Why a body is refused.
#[derive(Clone, Debug)]
pub(crate) enum Invalid {
    /// It breaks the schema.
    Schema(Vec<Violation>),
    /// Properties that are there, but empty.
    Blank(&'static Model, Vec<&'static str>),
}

impl Draft {
    /// Checks a JSON value against a schema. `path` is where it stands in the body.
    pub(crate) fn parse(
        model: &'static Model,
        value: Value,
        shape: Shape,
        path: &str,
    ) -> Result<Self, Invalid> {
        let Value::Object(mut object) = value else {
            return Err(Invalid::Schema(vec![Violation::wrong_type(path, "object")]));
        };
        let mut reader = Reader::new(model, path);
        let is_new = matches!(shape, Shape::New | Shape::Below(_));
        let mut draft = Self {
            id: None,
            values: Vec::with_capacity(model.properties.len()),
            recipients: Vec::new(),
            attachments: Vec::new(),
            mentions: Vec::new(),
            client_id: None,
            forwarded_from: None,
        };
        for property in model.properties {
            if property.input == Input::Id {
                if !is_new {
                    draft.id = reader.text(&mut object, property, usize::MAX);
                }
                continue;
            }
            let missing = !object.contains_key(property.name);
            if let Some(value) = reader.value(&mut object, property) {
                draft.values.push((property, value));
            } else if missing
                && property.required
                && shape != Shape::Partial
                && shape != Shape::Below(property)
            {
                reader
                    .missing
                    .push(Violation::required(path, property.name));
            }
        }
        if is_new && model.entity == Entity::Message {
            draft.recipients = reader.users(&mut object, RECIPIENTS, MAX_RECIPIENTS);
            draft.attachments = reader.attachments(&mut object);
            draft.mentions = reader.users(&mut object, MENTIONS, MAX_MENTIONS);
            draft.client_id = reader.client_id(&mut object);
        }
        reader.rest(&object);
        reader.finish(draft)
    }

    pub(crate) fn get(&self, wanted: &Property) -> Option<&Literal> {
        let mut values = self.values.iter();
        values
            .find(|(property, _)| *property == wanted)
            .map(|(_, value)| value)
    }

    pub(crate) fn text(&self, wanted: &Property) -> Option<&str> {
        match self.get(wanted)? {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn uuid(&self, wanted: &Property) -> Option<Uuid> {
        match self.get(wanted)? {
            Literal::Uuid(id) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, wanted: &Property) -> bool {
        self.get(wanted) == Some(&Literal::Boolean(true))
    }

    /// A hash of all that it says, but for what the sender calls it.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mut values: Vec<_> = self
            .values
            .iter()
            .map(|(it, value)| (it.name, value))
            .collect();
        values.sort_unstable_by_key(|(name, _)| *name);
        let said = (
            values,
            &self.recipients,
            &self.attachments,
            &self.mentions,
            self.forwarded_from,
        );
        Sha256::digest(format!("{said:?}")).to_vec()
    }

    /// Puts a message into a channel.
    pub(crate) fn place(&mut self, channel: &str, channel_type: &str) {
        self.set(&CHANNEL_ID, Literal::Text(channel.to_owned()));
        self.set(&CHANNEL_TYPE, Literal::Text(channel_type.to_owned()));
    }

    /// Sets what the path says.
    pub(crate) fn set(&mut self, wanted: &'static Property, value: Literal) {
        self.values.retain(|(property, _)| *property != wanted);
        self.values.push((wanted, value));
    }

    /// What the draft says of a property, or else what a new thing has there.
    pub(crate) fn or_default(&self, property: &Property) -> Option<Literal> {
        let default = || match (property.nullable, property.kind) {
            (false, Type::Boolean) => Some(Literal::Boolean(false)),
            (false, Type::Integer) => Some(Literal::Integer(0)),
            _ => None,
        };
        self.get(property).cloned().or_else(default)
    }

    /// Only what the draft names is to change.
    pub(crate) fn into_changes(self, actor: &str) -> Changes {
        let mut changes = Changes::default();
        for (property, value) in self.values {
            changes.add(property, Some(value), actor);
        }
        changes
    }

    /// What the draft doesn't name gets its default, unless it is set once for all.
    pub(crate) fn into_full_changes(self, model: &'static Model, actor: &str) -> Changes {
        let mut changes = Changes::default();
        for property in model.properties {
            let stays = matches!(property.change, Change::Once | Change::LinkOnce)
                && self.get(property).is_none();
            if !stays && !matches!(property.input, Input::Audit | Input::Id) {
                changes.add(property, self.or_default(property), actor);
            }
        }
        changes
    }
}

impl Changes {
    fn add(&mut self, property: &'static Property, value: Option<Literal>, actor: &str) {
        match (property.change, value) {
            (Change::Once, Some(value)) => self.once.push((property, value)),
            (Change::LinkOnce, Some(Literal::Uuid(id))) => {
                self.link = Some(id);
                self.once.push((property, Literal::Uuid(id)));
            }
            (Change::Link, Some(Literal::Uuid(id))) => {
                self.link = Some(id);
                self.set.push((property, Some(Literal::Uuid(id))));
            }
            (Change::Own, Some(value)) if value != Literal::Text(actor.to_owned()) => {
                self.once.push((property, value));
            }
            (_, value) => self.set.push((property, value)),
        }
    }

    /// The names of what changes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.set.iter().map(|(property, _)| property.name)
    }
}

/// Takes properties out of an object, and collects the complaints.
struct Reader<'a> {
    model: &'static Model,
    path: &'a str,
    violations: Vec<Violation>,
    missing: Vec<Violation>,
    blank: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn new(model: &'static Model, path: &'a str) -> Self {
        Self {
            model,
            path,
            violations: Vec::new(),
            missing: Vec::new(),
            blank: Vec::new(),
        }
    }

    fn pointer(&self, name: &str) -> String {
        pointer(self.path, name)
    }

    fn value(
        &mut self,
        object: &mut Map<String, Value>,
        property: &'static Property,
    ) -> Option<Literal> {
        match property.input {
            Input::Audit => {
                self.audit(object, property);
                None
            }
            Input::Id => None,
            Input::Text(limit) => self.text(object, property, limit).map(Literal::Text),
            Input::LongText(limit) => self.long_text(object, property, limit).map(Literal::Text),
            Input::External => self.external(object, property).map(Literal::Text),
            Input::Integer => self.integer(object, property),
            Input::Flag => self.flag(object, property),
            Input::Uuid => self.uuid(object, property),
            Input::Object(limit) => self.object(object, property, limit),
        }
    }

    fn string(&mut self, object: &mut Map<String, Value>, property: &Property) -> Option<String> {
        let violation = match object.remove(property.name)? {
            Value::String(text) if !text.contains('\0') => return Some(text),
            Value::String(_) => {
                let message = "must NOT contain the character NUL";
                Violation::new(self.pointer(property.name), "pattern", message, json!({}))
            }
            _ => Violation::wrong_type(self.pointer(property.name), "string"),
        };
        self.violations.push(violation);
        None
    }

    fn text(
        &mut self,
        object: &mut Map<String, Value>,
        property: &'static Property,
        limit: usize,
    ) -> Option<String> {
        let text = self.string(object, property)?;
        if text.chars().count() > limit {
            let path = self.pointer(property.name);
            self.violations
                .push(Violation::too_long(path, limit, "characters"));
            return None;
        }
        self.present(property, text)
    }

    fn long_text(
        &mut self,
        object: &mut Map<String, Value>,
        property: &'static Property,
        limit: usize,
    ) -> Option<String> {
        let text = self.string(object, property)?;
        if text.len() > limit {
            let path = self.pointer(property.name);
            self.violations
                .push(Violation::too_long(path, limit, "bytes"));
            return None;
        }
        self.present(property, text)
    }

    /// Required texts must say something.
    fn present(&mut self, property: &'static Property, text: String) -> Option<String> {
        if text.is_empty() && property.required {
            self.blank.push(property.name);
            return None;
        }
        Some(text)
    }

    fn external(
        &mut self,
        object: &mut Map<String, Value>,
        property: &'static Property,
    ) -> Option<String> {
        let text = self.string(object, property)?;
        let text = self.present(property, text)?;
        match not_external(&text, || self.pointer(property.name)) {
            None => Some(text),
            Some(violation) => {
                self.violations.push(violation);
                None
            }
        }
    }

    fn integer(&mut self, object: &mut Map<String, Value>, property: &Property) -> Option<Literal> {
        let value = object.remove(property.name)?;
        let path = self.pointer(property.name);
        let violation = match value.as_f64() {
            None => Violation::wrong_type(path, "number"),
            // `1.0` is an integer to JSON.
            Some(number) if number.fract() != 0.0 => Violation::wrong_type(path, "integer"),
            Some(number) if number > i32::MAX.into() || number < i32::MIN.into() => {
                Violation::outside_i32(path, number > 0.0)
            }
            Some(number) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "whole, and within the bounds"
                )]
                return Some(Literal::Integer(number as i64));
            }
        };
        self.violations.push(violation);
        None
    }

    fn flag(&mut self, object: &mut Map<String, Value>, property: &Property) -> Option<Literal> {
        match object.remove(property.name)? {
            Value::Bool(flag) => Some(Literal::Boolean(flag)),
            _ => {
                let path = self.pointer(property.name);
                self.violations.push(Violation::wrong_type(path, "boolean"));
                None
            }
        }
    }

    fn uuid(&mut self, object: &mut Map<String, Value>, property: &Property) -> Option<Literal> {
        let text = self.string(object, property)?;
        let id = Uuid::try_parse(&text).ok();
        if id.is_none() {
            let path = self.pointer(property.name);
            self.violations.push(Violation::wrong_format(path, "uuid"));
        }
        id.map(Literal::Uuid)
    }

    fn object(
        &mut self,
        object: &mut Map<String, Value>,
        property: &Property,
        limit: usize,
    ) -> Option<Literal> {
        let value = object.remove(property.name)?;
        let path = self.pointer(property.name);
        let violation = match value.is_object() {
            false => Violation::wrong_type(path, "object"),
            true => match value.to_string() {
                text if text.len() > limit => Violation::too_long(path, limit, "bytes of JSON"),
                text => return Some(Literal::Json(text)),
            },
        };
        self.violations.push(violation);
        None
    }

    /// Checked as the original does, then dropped.
    fn audit(&mut self, object: &mut Map<String, Value>, property: &Property) {
        let Some(value) = object.remove(property.name) else {
            return;
        };
        let path = self.pointer(property.name);
        self.violations.push(match (property.kind, &value) {
            (_, Value::Null) if property.nullable => return,
            (Type::Boolean, Value::Bool(_)) => return,
            (Type::Boolean, _) => Violation::wrong_type(path, "boolean"),
            (Type::Time, Value::String(text)) if time::parse(text).is_some() => return,
            (Type::Time, Value::String(_)) => Violation::wrong_format(path, "date-time"),
            (_, Value::String(_)) => return,
            _ => Violation::wrong_type(path, "string"),
        });
    }

    /// The elements of a list that may be missing; none when it is no list, or too long.
    fn items(&mut self, object: &mut Map<String, Value>, name: &str, most: usize) -> Vec<Value> {
        let path = self.pointer(name);
        let violation = match object.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= most => return items,
            Some(Value::Array(_)) => Violation::too_many(path, most),
            Some(_) => Violation::wrong_type(path, "array"),
        };
        self.violations.push(violation);
        Vec::new()
    }

    fn client_id(&mut self, object: &mut Map<String, Value>) -> Option<String> {
        let path = self.pointer(CLIENT_ID);
        let violation = match object.remove(CLIENT_ID)? {
            Value::String(text) => match not_external(&text, || path) {
                None => return Some(text),
                Some(violation) => violation,
            },
            _ => Violation::wrong_type(path, "string"),
        };
        self.violations.push(violation);
        None
    }

    fn users(&mut self, object: &mut Map<String, Value>, name: &str, most: usize) -> Vec<String> {
        let path = self.pointer(name);
        let items = self.items(object, name, most);
        let mut users: Vec<String> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = || format!("{path}/{index}");
            let violation = match item {
                Value::String(user) if users.contains(&user) => Violation::duplicate(path()),
                Value::String(user) => match not_external(&user, path) {
                    Some(violation) => violation,
                    None => {
                        users.push(user);
                        continue;
                    }
                },
                _ => Violation::wrong_type(path(), "string"),
            };
            self.violations.push(violation);
        }
        users
    }

    fn attachments(&mut self, object: &mut Map<String, Value>) -> Vec<Uuid> {
        let path = self.pointer(ATTACHMENTS);
        let items = self.items(object, ATTACHMENTS, MAX_ATTACHMENTS);
        let mut ids: Vec<Uuid> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}/{index}");
            let violation = match item.as_str().map(Uuid::try_parse) {
                None => Violation::wrong_type(path, "string"),
                Some(Err(_)) => Violation::wrong_format(path, "uuid"),
                Some(Ok(id)) if ids.contains(&id) => Violation::duplicate(path),
                Some(Ok(id)) => {
                    ids.push(id);
                    continue;
                }
            };
            self.violations.push(violation);
        }
        ids
    }

    fn rest(&mut self, object: &Map<String, Value>) {
        let unknown = object.keys().take(MAX_VIOLATIONS);
        self.violations
            .extend(unknown.map(|name| Violation::unknown_property(self.path, name)));
    }

    fn finish(mut self, draft: Draft) -> Result<Draft, Invalid> {
        self.violations.append(&mut self.missing);
        self.violations.truncate(MAX_VIOLATIONS);
        match (self.violations.is_empty(), self.blank.is_empty()) {
            (true, true) => Ok(draft),
            (true, false) => Err(Invalid::Blank(self.model, self.blank)),
            (false, _) => Err(Invalid::Schema(self.violations)),
        }
    }
}

pub(crate) fn not_external(text: &str, path: impl FnOnce() -> String) -> Option<Violation> {
    if is_external(text) {
        return None;
    }
    Some(match text.chars().count() > EXTERNAL_CHARS {
        true => Violation::too_long(path(), EXTERNAL_CHARS, "characters"),
        false => Violation::new(
            path(),
            "pattern",
            "must NOT be empty, hold control characters, or start or end with white space",
            json!({}),
        ),
    })
}
