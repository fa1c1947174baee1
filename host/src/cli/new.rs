//! `gateway plugin new`.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failed};
use super::print;
use crate::config::is_plugin_name;
use crate::plugin::contract;

/// Write a new plugin that works: a crate to build and to change.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin new notes
  gateway plugin build notes
  gateway serve --plugin notes=notes/target/plugins/notes.wasm")]
#[command(
    long_about = "Write a new plugin that works: a crate to build and to change.\n\n\
    It has one table, a route to add to it and a route to list it, an audit entry, and a copy \
    of the contract that this gateway keeps. Nothing that is there is replaced."
)]
pub(super) struct New {
    /// The plugin's name: lower-case letters, digits and `-`, a letter first.
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder to write to [default: one of that name, here].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What the example is called in the template's files.
const EXAMPLE: &str = "notes";
/// Where the template finds the contract, and where a plugin does.
const CONTRACT: (&str, &str) = ("\"../../wit\"", "\"wit\"");

/// The files of a plugin but for the contract, by their paths.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../../template/standalone.toml")),
    ("README.md", include_str!("../../template/README.md")),
    (".gitignore", include_str!("../../template/gitignore")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs")),
    (
        "migrations/sqlite/0001_entries.sql",
        include_str!("../../template/migrations/sqlite/0001_entries.sql"),
    ),
    (
        "migrations/postgres/0001_entries.sql",
        include_str!("../../template/migrations/postgres/0001_entries.sql"),
    ),
    (
        "migrations/mysql/0001_entries.sql",
        include_str!("../../template/migrations/mysql/0001_entries.sql"),
    ),
];

impl New {
    pub(super) fn run(self) -> Result<(), Failed> {
        // Cargo and Rust take it as well: a name ends in no dash, and has no two in a row.
        let words = self.name.split('-').all(|word| !word.is_empty());
        if !is_plugin_name(&self.name) || !words {
            return Err(Failed {
                exit: Exit::Usage,
                message: format!(
                    "{:?} is no name for a plugin: at most 64 lower-case letters, digits and \
                     single -, a letter first",
                    self.name
                ),
            });
        }
        let folder = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        let shown = folder.display();
        let failed = |error: std::io::Error| Failed {
            exit: Exit::Failed,
            message: format!("cannot write to {shown}: {error}"),
        };
        if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Failed {
                exit: Exit::Failed,
                message: format!("{shown} is not empty; nothing was written"),
            });
        }
        for (path, text) in files(&self.name) {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            let mut file = fs::File::create_new(path).map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
        }
        print(&format!(
            "{shown} is written. Next:\n  \
             rustup target add wasm32-unknown-unknown\n  \
             gateway plugin build {shown}\n  \
             gateway serve --plugin {name}={shown}/target/plugins/{name}.wasm\n",
            name = self.name
        ))
    }
}

/// All files of a plugin of this name, by their paths.
fn files(name: &str) -> Vec<(String, String)> {
    let own = FILES.iter().map(|(path, text)| {
        // In Rust and SQL a name has `_` where cargo and the gateway take `-`.
        let name = match path.ends_with(".rs") || path.ends_with(".sql") {
            true => name.replace('-', "_"),
            false => name.to_owned(),
        };
        let text = text.replace(EXAMPLE, &name);
        ((*path).to_owned(), text.replace(CONTRACT.0, CONTRACT.1))
    });
    let contract = contract().map(|(path, text)| (format!("wit/{path}"), text.to_owned()));
    own.chain(contract).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_plugin_has_its_own_name_and_the_contract() {
        let files: Vec<_> = files("my-list");
        let text = |path: &str| &files.iter().find(|(other, _)| other == path).unwrap().1;
        assert!(text("Cargo.toml").contains("name = \"my-list\""));
        assert!(text("src/lib.rs").contains("FROM my_list_entries"));
        assert!(text("src/lib.rs").contains("path: \"wit\""));
        assert!(text("migrations/mysql/0001_entries.sql").contains("CREATE TABLE my_list_entries"));
        assert!(files.iter().all(|(_, text)| !text.contains(EXAMPLE)));
    }

    #[test]
    fn every_file_of_the_contract_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let in_folder = |folder: &str| {
            let entries = fs::read_dir(root.join(folder)).unwrap();
            let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let wit = files.filter(|file| file.ends_with(".wit"));
            wit.map(|file| format!("{folder}{file}"))
                .collect::<Vec<_>>()
        };
        let there: BTreeSet<_> = [in_folder(""), in_folder("deps/")]
            .concat()
            .into_iter()
            .collect();
        let written: BTreeSet<_> = contract().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(written, there);
    }
}
