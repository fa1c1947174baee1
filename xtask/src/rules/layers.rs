//! Which part of the plugin may use which.

use super::source::Source;

/// A part, and what it may use beside itself. A part that is not listed may not exist.
const LAYERS: [(&str, &[&str]); 6] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("store", &["domain", "ports"]),
    ("api", &["domain", "ports", "store"]),
    ("import", &["domain", "ports"]),
    ("component", &["api", "domain", "import", "ports", "store"]),
];

/// Where the parts lie.
const ROOT: &str = "plugin/src/";

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let Some(path) = source.path.strip_prefix(ROOT) else {
            continue;
        };
        let part = path
            .split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs");
        if part == "lib" {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == part) else {
            violations.push(format!(
                "{}: `{part}` is no part of the plugin's design",
                source.path
            ));
            continue;
        };
        for used in uses(&source.code()) {
            let is_layer = LAYERS.iter().any(|(name, _)| *name == used);
            if is_layer && used != part && !allowed.contains(&used.as_str()) {
                violations.push(format!("{}: `{part}` may not use `{used}`", source.path));
            }
        }
    }
    violations
}

/// The names that follow `crate::` or `super::`, alone or in braces.
fn uses(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = code.get(at + root.len()..).unwrap_or_default();
            match rest.strip_prefix('{') {
                Some(group) => names.extend(first_names(group)),
                None => names.push(identifier(rest)),
            }
        }
    }
    names
}

/// The first name of each path in a group such as `a::{b, c}, d::e}`.
fn first_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    let mut at_start = true;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ if at_start && !letter.is_whitespace() => {
                names.push(identifier(group.get(at..).unwrap_or_default()));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{check, uses};
    use crate::rules::source::Source;

    #[test]
    fn every_form_of_use_is_seen() {
        let code = "use crate::api::X;\nuse crate::{domain::{a, api}, ports,\n store::b};\nsuper::component::c()";
        assert_eq!(uses(code), ["api", "domain", "ports", "store", "component"]);
    }

    #[test]
    fn a_lower_layer_may_not_use_a_higher_one() {
        let of = |path, text| check(&[Source::new(path, text)]);
        assert!(
            of(
                "plugin/src/api/messages.rs",
                "use crate::{store::S, domain};"
            )
            .is_empty()
        );
        assert!(
            of(
                "plugin/src/domain/filter.rs",
                "// crate::api\nuse super::tokens;"
            )
            .is_empty()
        );
        assert_eq!(
            of("plugin/src/domain.rs", "use crate::ports::Clock;"),
            ["plugin/src/domain.rs: `domain` may not use `ports`"]
        );
        assert_eq!(of("plugin/src/store/rows.rs", "crate::api::f()").len(), 1);
        assert_eq!(
            of("plugin/src/api/mod.rs", "use super::component;").len(),
            1
        );
        assert_eq!(of("plugin/src/utils.rs", "").len(), 1);
    }
}
