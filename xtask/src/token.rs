//! A token for a person to try things with.

use anyhow::Result;

use crate::cargo::Workspace;
use crate::{gateway, process};

/// What the token may do and where, unless the caller says otherwise.
const CLAIMS: [(&str, &str); 2] = [
    (
        "permissions",
        r#"["ViewMessage","CreateMessage","UpdateMessage","DeleteMessage"]"#,
    ),
    ("tenantId", r#""demo""#),
];

/// Prints a token for `name` that the gateway of `cargo xtask run` takes, and nothing
/// else. `claims` are `KEY=JSON` and win over the usual ones.
pub(crate) fn print(workspace: &Workspace, name: &str, claims: &[String]) -> Result<()> {
    let mut command = gateway::command(workspace, &["token", "--subject", name])?;
    command.arg("--data").arg(workspace.data());
    for (key, value) in CLAIMS {
        if !claims.iter().any(|claim| key_of(claim) == key) {
            command.arg("--claim").arg(format!("{key}={value}"));
        }
    }
    for claim in claims {
        command.arg("--claim").arg(claim);
    }
    print!("{}", process::output(&mut command)?);
    Ok(())
}

fn key_of(claim: &str) -> &str {
    claim.split_once('=').map_or(claim, |(key, _)| key)
}
