//! The gateway with the chat service, for a person to try.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::plugin::Profile;
use crate::process::{self, Running};
use crate::progress::heading;

/// What the gateway prints, followed by its address, once it accepts connections.
pub(crate) const READY: &str = "listening on ";

/// What it prints after that, followed by the operator's address.
const ADMIN: &str = "admin on ";

/// Serves until it is interrupted; `extra` are further arguments of `gateway serve`, and
/// win over the usual ones, as the variables that are set win over those of `env`.
/// `ready` is called with the operator's address once it accepts connections.
pub(crate) fn serve(
    workspace: &Workspace,
    profile: Profile,
    extra: &[String],
    env: &[(&str, &str)],
    ready: impl FnOnce(&str),
) -> Result<()> {
    let data = workspace.data().display().to_string();
    let plugin = format!("chat={}", workspace.plugin(profile, "chat").display());
    let usual = [
        ("--listen", "127.0.0.1:3000"),
        ("--data", &data),
        ("--plugin", &plugin),
    ];
    let mut command = crate::gateway::command(workspace, &["serve"])?;
    for (flag, value) in usual {
        if !gives(extra, flag) {
            command.args([flag, value]);
        }
    }
    for (variable, value) in env {
        if std::env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    command
        .args(extra)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    heading("starting the gateway (Ctrl-C stops it)");
    let mut gateway = Running::start(&mut command, Signal::TERM)?;
    let lines = gateway.stdout().context("the gateway has no output")?;
    let mut ready = Some(ready);
    for line in BufReader::new(lines).lines() {
        let line = line?;
        println!("{line}");
        if let Some(admin) = line.strip_prefix(ADMIN)
            && let Some(ready) = ready.take()
        {
            ready(admin);
        }
        // With data elsewhere, `cargo xtask token` would sign with the wrong secret.
        if let Some(address) = line.strip_prefix(READY)
            && !gives(extra, "--data")
        {
            println!(
                "{}",
                first_conversation(address, &process::shown(&workspace.data()))
            );
        }
    }
    let status = gateway.wait()?;
    if !status.success() {
        bail!("{} ended: {status}", process::line(&command));
    }
    Ok(())
}

/// Whether `extra` has the flag, as `--flag value` or `--flag=value`.
fn gives(extra: &[String], flag: &str) -> bool {
    given(extra, flag).is_some()
}

/// What `extra` says behind the flag.
pub(crate) fn given<'a>(extra: &'a [String], flag: &str) -> Option<&'a str> {
    let mut words = extra.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix(flag) {
            Some("") => return Some(words.next().map_or("", String::as_str)),
            Some(rest) if rest.starts_with('=') => return rest.get(1..),
            _ => {}
        }
    }
    None
}

/// What to type first, in another terminal.
fn first_conversation(address: &str, data: &str) -> String {
    format!(
        r#"
The chat service answers on {address}; its data is in {data}.
A first conversation, to paste into another terminal in this folder:

  TOKEN=$(cargo xtask token alice)

  curl -sS {address}/messages -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' \
    -d '{{"channelId": "kitchen", "channelType": "group", "body": "Is there coffee?"}}'

  curl -sS -G {address}/messages -H "Authorization: Bearer $TOKEN" \
    --data-urlencode 'filter={{"where": {{"channelId": "kitchen"}}, "limit": 10}}'
"#
    )
}

#[cfg(test)]
mod tests {
    use super::{given, gives};

    #[test]
    fn a_flag_is_recognised_in_both_forms_and_as_a_whole() {
        let given = |word: &str| gives(&[word.to_owned()], "--listen");
        assert!(given("--listen"));
        assert!(given("--listen=[::1]:80"));
        assert!(!given("--listener"));
        assert!(!given("--admin-listen"));
    }
    #[test]
    fn the_value_of_a_flag_is_found_in_both_forms() {
        let extra = ["--data=a b", "--config", "c.toml", "--data"].map(str::to_owned);
        assert_eq!(given(&extra, "--data"), Some("a b"));
        assert_eq!(given(&extra, "--config"), Some("c.toml"));
        assert_eq!(given(&extra, "--listen"), None);
    }
}
