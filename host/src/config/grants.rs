//! What a plugin may use.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What can be granted: an interface of the contract by its name, a part of WASI by that
/// of its package.
pub const GRANTS: &[&str] = &[
    "audit", "blob", "clocks", "events", "identity", "log", "random", "settings", "source", "sql",
];

/// What every plugin needs to be asked anything. It leads to nothing but the request:
/// a download is made by `blob` only, and a subscription by `events`.
const ALWAYS: &[&str] = &["body", "download", "http", "io", "live"];

/// The capabilities that one plugin may import; all of them unless the operator says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Grants(Option<BTreeSet<String>>);

impl Grants {
    /// Whether the capability may be used.
    #[must_use]
    pub fn allow(&self, capability: &str) -> bool {
        match &self.0 {
            None => true,
            Some(granted) => ALWAYS.contains(&capability) || granted.contains(capability),
        }
    }

    /// Those of the imports, by their full names (`gateway:plugin/sql@0.1.0`), that are not
    /// granted.
    #[must_use]
    pub fn missing(&self, imports: &[String]) -> Vec<String> {
        let denied = |import: &&String| !self.allow(capability(import));
        imports.iter().filter(denied).cloned().collect()
    }
}

/// The name of what an import belongs to, as it is granted.
fn capability(import: &str) -> &str {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    match name.split_once('/') {
        Some(("gateway:plugin", interface)) => interface,
        Some((package, _)) => package.strip_prefix("wasi:").unwrap_or(package),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_granted_is_named() {
        let imports = [
            "gateway:plugin/http@0.1.0",
            "gateway:plugin/sql@0.1.0",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:io/poll@0.2.12",
            "evil:plugin/log@0.1.0",
        ]
        .map(str::to_owned);
        assert!(Grants::default().missing(&imports).is_empty());
        let granted = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Grants(Some(names)).missing(&imports)
        };
        assert_eq!(
            granted(&["sql", "clocks", "log"]),
            ["evil:plugin/log@0.1.0"]
        );
        assert_eq!(
            granted(&[]),
            [
                "gateway:plugin/sql@0.1.0",
                "wasi:clocks/wall-clock@0.2.12",
                "evil:plugin/log@0.1.0"
            ]
        );
    }
}
