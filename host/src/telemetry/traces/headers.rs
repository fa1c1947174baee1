//! The headers that a collector wants, such as a key: in a file, since they are secret.

use std::collections::HashMap;
use std::path::Path;

use hyper::header::{HeaderName, HeaderValue};

use super::TraceError;

/// Reads a file with one `name: value` a line. Empty lines, and those that begin with a
/// `#`, count for nothing. No message shows a value.
pub(super) fn read(path: &Path) -> Result<HashMap<String, String>, TraceError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| TraceError::Headers(format!("cannot read {path:?}: {error}")))?;
    parse(&text)
        .map_err(|line| TraceError::Headers(format!("line {line} of {path:?} is no `name: value`")))
}

/// The headers, or the number of the line that is none.
fn parse(text: &str) -> Result<HashMap<String, String>, usize> {
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let (name, value) = line.split_once(':').ok_or(number)?;
            let (name, value) = (name.trim(), value.trim());
            let is_header =
                HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
            is_header
                .then(|| (name.to_owned(), value.to_owned()))
                .ok_or(number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_is_a_header_or_is_named() {
        let headers = parse("# key\n\nX-Key: a:b\nauthorization: Bearer x \n").unwrap();
        assert_eq!(headers["X-Key"], "a:b");
        assert_eq!(headers["authorization"], "Bearer x");
        assert_eq!(parse("a: b\nno header\n"), Err(2));
        assert_eq!(parse("a b: c"), Err(1));
    }
}
