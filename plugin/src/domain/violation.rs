//! What is wrong with a client's data, in the words of JSON Schema validators.

use serde_json::{Value, json};

/// One complaint; it becomes an element of `error.details`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Violation {
    /// A JSON pointer into the data, empty for its root.
    pub(crate) path: String,
    /// The rule that is broken, such as `type`.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: String,
    /// The rule's own values.
    pub(crate) info: Box<Value>,
}

impl Violation {
    pub(crate) fn new(
        path: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
        info: Value,
    ) -> Self {
        Self {
            path: path.into(),
            code,
            message: message.into(),
            info: Box::new(info),
        }
    }

    pub(crate) fn required(path: impl Into<String>, property: &str) -> Self {
        let message = format!("must have required property '{property}'");
        Self::new(
            path,
            "required",
            message,
            json!({ "missingProperty": property }),
        )
    }

    pub(crate) fn unknown_property(path: impl Into<String>, property: &str) -> Self {
        let message = "must NOT have additional properties";
        let info = json!({ "additionalProperty": shortened(property) });
        Self::new(path, "additionalProperties", message, info)
    }

    pub(crate) fn wrong_type(path: impl Into<String>, wanted: &'static str) -> Self {
        let message = format!("must be {wanted}");
        Self::new(path, "type", message, json!({ "type": wanted }))
    }

    pub(crate) fn wrong_format(path: impl Into<String>, format: &'static str) -> Self {
        let message = format!("must match format \"{format}\"");
        Self::new(path, "format", message, json!({ "format": format }))
    }

    pub(crate) fn too_long(path: impl Into<String>, limit: usize, unit: &'static str) -> Self {
        let message = format!("must NOT have more than {limit} {unit}");
        Self::new(path, "maxLength", message, json!({ "limit": limit }))
    }

    pub(crate) fn too_many(path: impl Into<String>, limit: usize) -> Self {
        let message = format!("must NOT have more than {limit} items");
        Self::new(path, "maxItems", message, json!({ "limit": limit }))
    }

    pub(crate) fn too_few(path: impl Into<String>, limit: usize) -> Self {
        let message = format!("must NOT have fewer than {limit} items");
        Self::new(path, "minItems", message, json!({ "limit": limit }))
    }

    pub(crate) fn duplicate(path: impl Into<String>) -> Self {
        Self::new(
            path,
            "uniqueItems",
            "must NOT have duplicate items",
            json!({}),
        )
    }

    /// For what can't be changed any more, or has one value only.
    pub(crate) fn fixed(path: impl Into<String>) -> Self {
        Self::new(path, "const", "must be equal to constant", json!({}))
    }

    /// For ids of attachments that can't be sent with a message.
    pub(crate) fn unsendable(path: impl Into<String>) -> Self {
        let message = "must be complete uploads of your own to this channel, not sent before";
        Self::new(path, "attachment", message, json!({}))
    }

    pub(crate) fn below(path: impl Into<String>, minimum: i64) -> Self {
        let info = json!({ "comparison": ">=", "limit": minimum });
        Self::new(path, "minimum", format!("must be >= {minimum}"), info)
    }

    pub(crate) fn above(path: impl Into<String>, maximum: i64) -> Self {
        let info = json!({ "comparison": "<=", "limit": maximum });
        Self::new(path, "maximum", format!("must be <= {maximum}"), info)
    }

    /// A number that the columns don't hold.
    pub(crate) fn outside_i32(path: impl Into<String>, above: bool) -> Self {
        match above {
            true => Self::above(path, i32::MAX.into()),
            false => Self::below(path, i32::MIN.into()),
        }
    }
}

/// The JSON pointer to a member of the object at `path`.
pub(crate) fn pointer(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

/// A client's word, short enough to be handed back.
pub(crate) fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}
