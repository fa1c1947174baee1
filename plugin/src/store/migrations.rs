//! The schema, which travels inside of the component.

use crate::ports::Dialect;

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Counts from 1, without gaps.
    pub version: u32,
    /// Lower-case words joined by `_`; equal in every dialect.
    pub name: &'static str,
    /// Statements, each ended by `;`.
    pub statements: &'static str,
}

macro_rules! migrations {
    ($dialect:literal: $($version:literal $name:literal),+) => {
        &[$(Migration {
            version: $version,
            name: $name,
            statements: include_str!(concat!(
                "../../../migrations/chat/", $dialect, "/000", $version, "_", $name, ".sql"
            )),
        }),+]
    };
}

/// Everything that the service needs, oldest first.
#[must_use]
pub fn migrations(dialect: Dialect) -> &'static [Migration] {
    match dialect {
        Dialect::Sqlite => {
            migrations!("sqlite": 1 "messages", 2 "related", 3 "idempotency", 4 "imports", 5 "attachments", 6 "inspections", 7 "channels", 8 "conversations", 9 "search")
        }
        Dialect::Postgres => {
            migrations!("postgres": 1 "messages", 2 "related", 3 "idempotency", 4 "imports", 5 "attachments", 6 "inspections", 7 "channels", 8 "conversations", 9 "search")
        }
        Dialect::Mysql => {
            migrations!("mysql": 1 "messages", 2 "related", 3 "idempotency", 4 "imports", 5 "attachments", 6 "inspections", 7 "channels", 8 "conversations", 9 "search")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A file that nobody embeds would never run, and one that exists for one dialect
    /// only would leave the others behind.
    #[test]
    fn every_file_is_embedded_and_dialects_agree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/chat");
        for (folder, dialect) in [
            ("sqlite", Dialect::Sqlite),
            ("postgres", Dialect::Postgres),
            ("mysql", Dialect::Mysql),
        ] {
            let embedded = migrations(dialect).iter().enumerate().map(|(index, it)| {
                assert_eq!(it.version as usize, index + 1);
                format!("{:04}_{}.sql", it.version, it.name)
            });
            let embedded: Vec<_> = embedded.collect();
            let mut files: Vec<_> = fs::read_dir(root.join(folder))
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            assert_eq!(embedded, files, "{folder}");
        }
    }
}
