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
    pub(crate) info: Value,
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
            info,
        }
    }

    pub(crate) fn required(property: &str) -> Self {
        let message = format!("must have required property '{property}'");
        Self::new(
            "",
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

    pub(crate) fn out_of_range(
        path: impl Into<String>,
        code: &'static str,
        comparison: &'static str,
        limit: i64,
    ) -> Self {
        let message = format!("must be {comparison} {limit}");
        let info = json!({ "comparison": comparison, "limit": limit });
        Self::new(path, code, message, info)
    }
}

/// A client's word, short enough to be handed back.
pub(crate) fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}
