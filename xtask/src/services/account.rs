//! Whom a server runs as. PostgreSQL refuses root, and MariaDB should not be it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The user below which servers run.
pub(super) struct Account {
    /// User and group, when they are not this program's own.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// This program's own user, whoever that is.
    pub(super) fn own_of_this_program() -> Self {
        Self { ids: None }
    }

    /// This program's own user; for root the first of `names` that exists.
    pub(super) fn choose(names: &[&str]) -> Result<Self> {
        if !process::is_root() {
            return Ok(Self { ids: None });
        }
        if !has_setpriv() {
            bail!("setpriv (util-linux) is needed to start a database as another user than root");
        }
        let users = fs::read_to_string("/etc/passwd").context("no /etc/passwd")?;
        let ids = names.iter().find_map(|name| ids(&users, name));
        let ids = ids.with_context(|| format!("no user named {}", names.join(" or ")))?;
        Ok(Self { ids: Some(ids) })
    }

    /// Gives a file or a folder to the user.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group))?;
        }
        Ok(())
    }

    /// `program` run as the user. The kernel sends it `signal`, such as `INT`, when this
    /// program dies without a chance to stop it; where there is no setpriv (macOS) such
    /// a server goes on until somebody stops it.
    pub(super) fn command(&self, program: &Path, signal: &str) -> Command {
        let mut command = if has_setpriv() {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", signal]);
            if let Some((user, group)) = self.ids {
                command
                    .arg(format!("--reuid={user}"))
                    .arg(format!("--regid={group}"));
                command.arg("--clear-groups");
            }
            command.arg("--").arg(program);
            command
        } else {
            Command::new(program)
        };
        // The working folder may be one that the user may not enter.
        command.current_dir("/").env("LC_ALL", "C");
        command
    }
}

fn has_setpriv() -> bool {
    process::succeeds(Command::new("setpriv").args(["--pdeathsig", "keep", "true"]))
}

/// User and group number of `name` in the text of `/etc/passwd`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        found.then_some((user, group))
    })
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\nmysql2:x:7:8::/:\nmysql:x:101:102::/:\n";
        assert_eq!(ids(users, "mysql"), Some((101, 102)));
        assert_eq!(ids(users, "sql"), None);
    }
}
