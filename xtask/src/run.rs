//! The gateway with the chat service, for a person to try.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::process::{self, Running};
use crate::progress::heading;

/// What the gateway prints, followed by its address, once it accepts connections.
pub(crate) const READY: &str = "listening on ";

/// Serves until it is interrupted; `extra` are further arguments of `gateway serve`, and
/// win over the usual ones.
/// `ready` is called once it accepts connections.
pub(crate) fn serve(workspace: &Workspace, extra: &[String], ready: impl FnOnce()) -> Result<()> {
    let data = workspace.data().display().to_string();
    let plugin = format!("chat={}", workspace.plugin("chat").display());
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
        if line.starts_with("admin on ")
            && let Some(ready) = ready.take()
        {
            ready();
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
    let set = |word: &String| {
        word.strip_prefix(flag)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    extra.iter().any(set)
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
    use super::gives;

    #[test]
    fn a_flag_is_recognised_in_both_forms_and_as_a_whole() {
        let given = |word: &str| gives(&[word.to_owned()], "--listen");
        assert!(given("--listen"));
        assert!(given("--listen=[::1]:80"));
        assert!(!given("--listener"));
        assert!(!given("--admin-listen"));
    }
}
