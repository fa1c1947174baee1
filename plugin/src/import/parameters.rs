//! What the operator said.

use std::collections::BTreeMap;

use crate::domain::id::is_external;

/// The longest name of a schema that PostgreSQL keeps, in bytes.
const SCHEMA_BYTES: usize = 63;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) tenant: String,
    /// None when the operator named none.
    pub(super) schema: Option<String>,
    pub(super) unknown_user: String,
    pub(super) restart: bool,
}

impl Parameters {
    /// Reads a JSON object of texts.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        let mut said: BTreeMap<String, String> = serde_json::from_str(json)
            .map_err(|error| format!("the parameters are no object of texts: {error}"))?;
        let tenant = said.remove("tenant").ok_or("the tenant is missing")?;
        if !tenant.is_empty() && !is_external(&tenant) {
            return Err(format!("tenant {tenant:?}: {EXTERNAL}"));
        }
        let unknown_user = said
            .remove("unknown_user")
            .unwrap_or_else(|| "unknown".to_owned());
        if !is_external(&unknown_user) {
            return Err(format!("unknown_user {unknown_user:?}: {EXTERNAL}"));
        }
        let schema = said.remove("schema");
        if let Some(schema) = &schema
            && !is_plain_name(schema)
        {
            return Err(format!(
                "schema {schema:?}: a name has letters, digits and _, no digit first, and at \
                 most {SCHEMA_BYTES} of them"
            ));
        }
        let restart = match said.remove("restart").as_deref() {
            None | Some("no") => false,
            Some("yes") => true,
            Some(other) => return Err(format!("restart {other:?}: say yes or no")),
        };
        match said.keys().next() {
            Some(unknown) => Err(format!("there is no parameter {unknown:?}")),
            None => Ok(Self {
                tenant,
                schema,
                unknown_user,
                restart,
            }),
        }
    }
}

const EXTERNAL: &str = "an id has 1 to 128 characters, no control characters, and no white \
                        space at its ends";

/// Whether a name can stand in a statement between quotes.
fn is_plain_name(name: &str) -> bool {
    name.len() <= SCHEMA_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_that_the_task_tells() {
        let parsed = Parameters::parse(r#"{"tenant":"t"}"#).unwrap();
        assert_eq!(parsed.unknown_user, "unknown");
        assert_eq!((parsed.schema, parsed.restart), (None, false));
        assert_eq!(Parameters::parse(r#"{"tenant":""}"#).unwrap().tenant, "");
    }

    #[test]
    fn what_could_lead_astray_is_refused() {
        for bad in [
            "{}",
            "[]",
            r#"{"tenant":" t"}"#,
            r#"{"tenant":"t","schema":"a\".b"}"#,
            r#"{"tenant":"t","schema":""}"#,
            r#"{"tenant":"t","schema":"1a"}"#,
            r#"{"tenant":"t","unknown_user":""}"#,
            r#"{"tenant":"t","restart":"maybe"}"#,
            r#"{"tenant":"t","tenent":"u"}"#,
        ] {
            assert!(Parameters::parse(bad).is_err(), "{bad}");
        }
    }
}
