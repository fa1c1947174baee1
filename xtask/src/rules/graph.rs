//! Which package may depend on which, through any number of others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cargo::{Workspace, list, text};

/// From, to, and the reason why there is no way between them.
const FORBIDDEN: [(&str, &str, &str); 8] = [
    (
        "gateway",
        "chat",
        "the host owns resources and knows no service",
    ),
    (
        "chat",
        "gateway",
        "a service knows the contract and no host",
    ),
    (
        "gateway-tests",
        "chat",
        "tests use the built component from outside",
    ),
    (
        "misfit",
        "gateway",
        "a guest knows the contract and no host",
    ),
    ("notes", "gateway", "a guest knows the contract and no host"),
    (
        "pictures",
        "gateway",
        "an inspector knows the contract and no host",
    ),
    (
        "scanner",
        "gateway",
        "an inspector knows the contract and no host",
    ),
    (
        "gateway",
        "pictures",
        "untrusted bytes are never decoded in the host",
    ),
];

pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let graph = Graph::read(&workspace.metadata);
    let mut violations = Vec::new();
    for (from, to, reason) in FORBIDDEN {
        match graph.reaches(from, to) {
            Some(true) => violations.push(format!("{from} depends on {to}: {reason}")),
            Some(false) => {}
            None => violations.push(format!("{from} or {to} is no package of the workspace")),
        }
    }
    violations
}

/// Dependencies of every kind, tests' and build scripts' included.
struct Graph<'a> {
    ids: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn read(metadata: &'a Value) -> Self {
        let nodes = metadata
            .get("resolve")
            .map_or(&[][..], |resolve| list(resolve, "nodes"));
        let edges = nodes.iter().map(|node| {
            let to = list(node, "dependencies").iter().filter_map(Value::as_str);
            (text(node, "id"), to.collect())
        });
        let ids = list(metadata, "packages")
            .iter()
            .filter(|package| text(package, "source").is_empty())
            .map(|package| (text(package, "name"), text(package, "id")));
        Self {
            ids: ids.collect(),
            edges: edges.collect(),
        }
    }

    /// Whether there is a way; none when one of the two is unknown.
    fn reaches(&self, from: &str, to: &str) -> Option<bool> {
        let (from, to) = (*self.ids.get(from)?, *self.ids.get(to)?);
        let mut seen = BTreeSet::from([from]);
        let mut next = vec![from];
        while let Some(id) = next.pop() {
            for dependency in self.edges.get(id)? {
                if *dependency == to {
                    return Some(true);
                }
                if seen.insert(dependency) {
                    next.push(dependency);
                }
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[test]
    fn a_dependency_through_others_counts() {
        let metadata = serde_json::json!({
            "packages": [
                {"name": "a", "id": "A", "source": null},
                {"name": "b", "id": "B", "source": null},
                {"name": "c", "id": "C", "source": null},
                {"name": "d", "id": "D", "source": "registry"},
            ],
            "resolve": {"nodes": [
                {"id": "A", "dependencies": ["D"]},
                {"id": "B", "dependencies": []},
                {"id": "C", "dependencies": []},
                {"id": "D", "dependencies": ["B"]},
            ]},
        });
        let graph = Graph::read(&metadata);
        assert_eq!(graph.reaches("a", "b"), Some(true));
        assert_eq!(graph.reaches("b", "a"), Some(false));
        assert_eq!(graph.reaches("a", "c"), Some(false));
        assert_eq!(graph.reaches("a", "d"), None);
    }
}
