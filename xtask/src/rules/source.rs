//! The Rust files of the workspace.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Folders that hold no sources of ours.
const FOREIGN: [&str; 3] = ["target", "data", "node_modules"];

/// One Rust file.
pub(super) struct Source {
    /// Its path below the root, with `/`.
    pub(super) path: String,
    /// Its lines, each without its comment.
    pub(super) lines: Vec<Line>,
}

/// One line of a file.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// All of it.
    pub(super) text: String,
    /// What stands before a comment.
    pub(super) code: String,
}

impl Source {
    /// Every `.rs` file below `root`, in the order of their paths.
    pub(super) fn all(root: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_dir() {
                    if !FOREIGN.contains(&name.as_str()) && !name.starts_with('.') {
                        folders.push(path);
                    }
                } else if name.ends_with(".rs") {
                    let text = fs::read_to_string(&path)?;
                    let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
                    found.push(Self::new(&path, &text));
                }
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// A file of that text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let line = |(number, text): (usize, &str)| Line {
            number: number + 1,
            text: text.to_owned(),
            code: before_comment(text).to_owned(),
        };
        Self {
            path: path.to_owned(),
            lines: text.lines().enumerate().map(line).collect(),
        }
    }

    /// The code of all lines, without comments.
    pub(super) fn code(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(|line| line.code.as_str()).collect();
        lines.join("\n")
    }
}

/// `//` inside a string, as in a URL, is no comment.
fn before_comment(line: &str) -> &str {
    let mut in_string = false;
    let mut escaped = false;
    let mut previous = ' ';
    for (at, letter) in line.char_indices() {
        match letter {
            '"' if !escaped => in_string = !in_string,
            '/' if previous == '/' && !in_string => return line.get(..at - 1).unwrap_or(line),
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        previous = letter;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::before_comment;

    #[test]
    fn comments_are_cut_and_urls_are_not() {
        assert_eq!(before_comment("let a = 1; // one"), "let a = 1; ");
        assert_eq!(before_comment("/// doc"), "");
        assert_eq!(
            before_comment(r#"f("http://x\"//", 1) // y"#),
            r#"f("http://x\"//", 1) "#
        );
    }
}
