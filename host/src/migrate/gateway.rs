//! The gateway's own migrations, from `migrations/gateway`.

use super::Migration;
use crate::contract::sql::Dialect;

/// The files of one folder, in order.
macro_rules! files {
    ($folder:literal) => {
        files!(
            $folder,
            "0001_audit",
            "0002_deployments",
            "0003_blobs",
            "0004_gateways",
            "0005_inspections",
            "0006_events"
        )
    };
    ($folder:literal, $($name:literal),+ $(,)?) => {
        [$((
            $name,
            include_str!(concat!("../../../migrations/gateway/", $folder, "/", $name, ".sql")),
        )),+]
    };
}

/// The gateway's own migrations for a database.
#[must_use]
pub fn migrations(dialect: Dialect) -> Vec<Migration> {
    let files = match dialect {
        Dialect::Sqlite => files!("sqlite"),
        Dialect::Postgres => files!("postgres"),
        Dialect::Mysql => files!("mysql"),
    };
    (1..)
        .zip(files)
        .map(|(version, (file, statements))| Migration {
            version,
            name: file
                .split_once('_')
                .map_or(file, |(_, name)| name)
                .to_owned(),
            statements: statements.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::capability::sql::split;
    use crate::migrate::own::Made;

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display()));
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn owners() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        names(&root).iter().map(|owner| root.join(owner)).collect()
    }

    /// Of the gateway and of every plugin in this repository.
    #[test]
    fn names_and_numbers_are_equal_in_every_dialect() {
        for owner in owners() {
            let files: BTreeMap<_, _> = ["sqlite", "postgres", "mysql"]
                .map(|dialect| (dialect, names(&owner.join(dialect))))
                .into();
            assert_eq!(files["sqlite"], files["postgres"], "{}", owner.display());
            assert_eq!(files["sqlite"], files["mysql"], "{}", owner.display());
            for (number, file) in (1..).zip(&files["sqlite"]) {
                assert!(
                    file.starts_with(&format!("{number:04}_")),
                    "{}",
                    owner.display()
                );
            }
        }
    }

    /// Of the gateway and of every plugin in this repository: nothing is dropped, emptied,
    /// renamed or changed that an earlier file of the same owner didn't make.
    #[test]
    fn no_file_takes_away_what_others_made() {
        let dialects = [
            ("sqlite", Dialect::Sqlite),
            ("postgres", Dialect::Postgres),
            ("mysql", Dialect::Mysql),
        ];
        let mut seen = 0;
        for owner in owners() {
            for (folder, dialect) in dialects {
                let mut made = Made::default();
                for file in names(&owner.join(folder)) {
                    let path = owner.join(folder).join(file);
                    let text = fs::read_to_string(&path).unwrap();
                    for statement in split(dialect, &text).unwrap() {
                        seen += 1;
                        made.check(dialect, statement)
                            .unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
                    }
                }
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn every_file_is_in_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/gateway");
        let embedded: Vec<String> = migrations(Dialect::Sqlite)
            .iter()
            .map(|it| format!("{:04}_{}.sql", it.version, it.name))
            .collect();
        assert_eq!(embedded, names(&root.join("sqlite")));
    }
}
