//! `gateway migrate export`: the migrations as files.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Exit, Failed, Plugins, Scope, What, block_on, print};
use crate::contract::sql::Dialect;

/// Write the migrations as SQL files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway migrate export sql --dialect postgres
  gateway migrate export sql --plugin notes=notes.wasm --force")]
#[command(
    long_about = "Write the migrations as SQL files: DIR/OWNER/DIALECT/NNNN_name.sql.\n\n\
    For review, or for a database administrator who applies them by hand. No database is \
    looked at. A file that is there already with another content is an error, and then \
    nothing is written, unless --force is given."
)]
pub(super) struct Export {
    /// The folder; made when it is missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    what: What,
    /// Only for this database; can be given for several [default: all, or mysql with
    /// MYSQL_MIGRATION=true].
    #[arg(long = "dialect", value_name = "DIALECT")]
    dialects: Vec<Choice>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    Sqlite,
    Postgres,
    Mysql,
}

impl From<Choice> for Dialect {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Sqlite => Self::Sqlite,
            Choice::Postgres => Self::Postgres,
            Choice::Mysql => Self::Mysql,
        }
    }
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failed> {
        let draft = self.what.draft()?;
        let config = draft.config();
        let dialects: Vec<Dialect> = match self.dialects.as_slice() {
            [] if config.installer.mysql => vec![Dialect::Mysql],
            [] => vec![Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql],
            some => some.iter().map(|choice| (*choice).into()).collect(),
        };
        let files = block_on(async {
            let plugins = Plugins::load(config).await?;
            let mut files = Vec::new();
            for dialect in dialects {
                files.extend(named(dialect, &plugins.scopes(dialect).await?));
            }
            Ok(files)
        })?;
        let count = write(&self.folder, &files, self.force)?;
        print(&format!(
            "{count} files written to {}\n",
            super::shown(&self.folder)
        ))
    }
}

/// Writes the files of one dialect, and leaves those alone that are there already.
pub(super) fn copy(folder: &Path, dialect: Dialect, scopes: &[Scope]) -> Result<usize, Failed> {
    write(folder, &named(dialect, scopes), false)
}

/// The path of each migration below the folder, and its text.
fn named(dialect: Dialect, scopes: &[Scope]) -> Vec<(PathBuf, String)> {
    let folder = match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::Mysql => "mysql",
    };
    let of = |scope: &Scope| {
        let path = Path::new(&scope.owner).join(folder);
        let file = move |it: &crate::migrate::Migration| {
            // A plugin's name for it must not lead out of the folder.
            let name: String = it
                .name
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            (
                path.join(format!("{:04}_{name}.sql", it.version)),
                it.statements.clone(),
            )
        };
        scope.migrations.iter().map(file).collect::<Vec<_>>()
    };
    scopes.iter().flat_map(of).collect()
}

/// Writes what isn't there yet; the number of files written.
fn write(folder: &Path, files: &[(PathBuf, String)], force: bool) -> Result<usize, Failed> {
    let mut missing = Vec::new();
    for (path, text) in files {
        let path = folder.join(path);
        match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => {}
            Ok(_) if !force => {
                return Err(Failed {
                    exit: Exit::Failed,
                    message: format!(
                        "{} is there with another content; nothing was written; --force replaces it",
                        path.display()
                    ),
                });
            }
            Ok(_) => missing.push((path, text)),
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push((path, text)),
            Err(error) => return Err(unwritten(&path, &error)),
        }
    }
    for (path, text) in &missing {
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent),
            None => Ok(()),
        }
        .and_then(|()| fs::File::create(path))
        .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| unwritten(path, &error))?;
    }
    Ok(missing.len())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failed {
    Failed {
        exit: Exit::Failed,
        message: format!("cannot write {}: {error}", path.display()),
    }
}
