//! The members of a JSON object, taken out one by one; what is wrong with them is told
//! together.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::body;
use super::error::Failure;
use super::http::{Body, Request};
use crate::domain::draft::{Invalid, not_external};
use crate::domain::time;
use crate::domain::violation::{Violation, pointer};

/// Complaints in one answer.
const MOST: usize = 20;

/// What of an object is not read yet, and what is wrong so far.
pub(super) struct Fields {
    object: Map<String, Value>,
    violations: Vec<Violation>,
}

impl Fields {
    /// The body, which has to be an object.
    pub(super) fn of(request: &Request) -> Result<Self, Failure> {
        match body::value(request)? {
            Value::Object(object) => Ok(Self::new(object)),
            _ => Err(refused(vec![Violation::wrong_type("", "object")])),
        }
    }

    /// The same, where no body says as much as an empty object.
    pub(super) fn of_optional(request: &Request) -> Result<Self, Failure> {
        match &request.body {
            Body::Empty => Ok(Self::new(Map::new())),
            Body::Bytes(bytes) if bytes.is_empty() => Ok(Self::new(Map::new())),
            _ => Self::of(request),
        }
    }

    fn new(object: Map<String, Value>) -> Self {
        Self {
            object,
            violations: Vec::new(),
        }
    }

    /// Nothing may be left over, and nothing may be wrong.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let unknown = self.object.keys();
        let unknown = unknown.map(|name| Violation::unknown_property("", name));
        self.violations.extend(unknown);
        self.violations.truncate(MOST);
        match self.violations.is_empty() {
            true => Ok(()),
            false => Err(refused(self.violations)),
        }
    }

    fn wrong<T>(&mut self, violation: Violation) -> Option<T> {
        self.violations.push(violation);
        None
    }

    /// Says that something is missing, where it is.
    pub(super) fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        if value.is_none()
            && !self
                .violations
                .iter()
                .any(|it| it.path == pointer("", name))
        {
            self.violations.push(Violation::required("", name));
        }
        value
    }

    /// A text of 1 to `most` characters.
    pub(super) fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let value = self.object.remove(name)?;
        self.checked_text(name, value, most)
    }

    /// The same, or null; the outer None says that nothing is said.
    pub(super) fn text_or_null(&mut self, name: &str, most: usize) -> Option<Option<String>> {
        match self.object.remove(name)? {
            Value::Null => Some(None),
            value => self.checked_text(name, value, most).map(Some),
        }
    }

    fn checked_text(&mut self, name: &str, value: Value, most: usize) -> Option<String> {
        let path = pointer("", name);
        let Value::String(text) = value else {
            return self.wrong(Violation::wrong_type(path, "string"));
        };
        if text.contains('\0') {
            let message = "must NOT contain the character NUL";
            return self.wrong(Violation::new(path, "pattern", message, json!({})));
        }
        if text.is_empty() {
            let message = "must NOT have fewer than 1 characters";
            let info = json!({ "limit": 1 });
            return self.wrong(Violation::new(path, "minLength", message, info));
        }
        if text.chars().count() > most {
            return self.wrong(Violation::too_long(path, most, "characters"));
        }
        Some(text)
    }

    /// The id of a user or a channel.
    pub(super) fn external(&mut self, name: &str) -> Option<String> {
        let path = pointer("", name);
        match self.object.remove(name)? {
            Value::String(text) => match not_external(&text, || path) {
                None => Some(text),
                Some(violation) => self.wrong(violation),
            },
            _ => self.wrong(Violation::wrong_type(path, "string")),
        }
    }

    /// At most so many ids of users, each once; none where nothing is said.
    pub(super) fn externals(&mut self, name: &str, most: usize) -> Vec<String> {
        let path = pointer("", name);
        let items = match self.object.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= most => items,
            Some(Value::Array(_)) => {
                self.violations.push(Violation::too_many(path, most));
                return Vec::new();
            }
            Some(_) => {
                self.violations.push(Violation::wrong_type(path, "array"));
                return Vec::new();
            }
        };
        let mut users: Vec<String> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let path = || pointer(&path, &index.to_string());
            let violation = match item {
                Value::String(user) if users.contains(&user) => Violation::duplicate(path()),
                Value::String(user) => match not_external(&user, path) {
                    None => {
                        users.push(user);
                        continue;
                    }
                    Some(violation) => violation,
                },
                _ => Violation::wrong_type(path(), "string"),
            };
            self.violations.push(violation);
        }
        users
    }

    /// A whole number.
    pub(super) fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.object.remove(name)?;
        self.checked_integer(name, &value, range)
    }

    /// The same, or null.
    pub(super) fn integer_or_null(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<Option<i64>> {
        match self.object.remove(name)? {
            Value::Null => Some(None),
            value => self.checked_integer(name, &value, range).map(Some),
        }
    }

    fn checked_integer(
        &mut self,
        name: &str,
        value: &Value,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        let path = pointer("", name);
        let (low, high) = range.into_inner();
        match whole(value) {
            None => self.wrong(Violation::wrong_type(path, "integer")),
            Some(number) if number < low => self.wrong(Violation::below(path, low)),
            Some(number) if number > high => self.wrong(Violation::above(path, high)),
            number => number,
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.object.remove(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong(Violation::wrong_type(pointer("", name), "boolean")),
        }
    }

    /// One of some words.
    pub(super) fn word<T>(
        &mut self,
        name: &str,
        words: &[&'static str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.object.remove(name)?;
        let known = value.as_str().filter(|it| words.contains(it));
        match known.and_then(read) {
            Some(value) => Some(value),
            None => {
                let message = "must be equal to one of the allowed values";
                let info = json!({ "allowedValues": words });
                let path = pointer("", name);
                self.wrong(Violation::new(path, "enum", message, info))
            }
        }
    }

    /// A time, in microseconds since 1970.
    pub(super) fn time(&mut self, name: &str) -> Option<i64> {
        let path = pointer("", name);
        match self.object.remove(name)? {
            Value::String(text) => match time::parse(&text) {
                Some(time) => Some(time),
                None => self.wrong(Violation::wrong_format(path, "date-time")),
            },
            _ => self.wrong(Violation::wrong_type(path, "string")),
        }
    }
}

/// `1.0` is an integer to JSON.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|it| it.fract() == 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole; what is too large is clamped"
        )]
        Some(number as i64)
    })
}

fn refused(violations: Vec<Violation>) -> Failure {
    Failure::Body(Invalid::Schema(violations))
}
