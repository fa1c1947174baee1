//! For those who write the chat: a saved source file serves as soon as it is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::plugin::{self, Profile};
use crate::process::{Running, line};
use crate::progress::{elapsed, heading};
use crate::toolchain::Toolchain;
use crate::{gateway, run};

/// How often the sources are looked at.
const LOOK: Duration = Duration::from_millis(150);

/// Whoever waits for each build wants it compiled soon.
const SOONER: [(&str, &str); 1] = [("GATEWAY_ENGINE_OPTIMIZE", "none")];

/// What the chat is made of.
const SOURCES: &[&str] = &["plugin/src", "plugin/Cargo.toml", "migrations/chat", "wit"];

/// Serves, builds with each change of the sources, and has the gateway take over what was
/// built. What does not compile or is refused is told, and what served goes on.
pub(crate) fn serve(workspace: Workspace, toolchain: Toolchain, extra: &[String]) -> Result<()> {
    // From the first build on: what is saved while the gateway starts is not lost.
    let seen = newest(&workspace);
    plugin::build(&workspace, &toolchain, Profile::Soon, "chat")?;
    gateway::build(&workspace, &["gateway"])?;
    let (background, words) = (workspace.clone(), extra.to_vec());
    run::serve(&workspace, Profile::Soon, extra, &SOONER, move |admin| {
        let admin = admin.to_owned();
        thread::spawn(move || {
            let deployer = deploy(&background, &words, &admin);
            if let Err(error) = deployer.and_then(|it| follow(&background, &toolchain, it, seen)) {
                eprintln!("error: {error:#}");
            }
        });
    })
}

fn follow(
    workspace: &Workspace,
    toolchain: &Toolchain,
    mut deploy: Command,
    mut seen: Option<SystemTime>,
) -> Result<()> {
    let mut deployer = Running::start(&mut deploy, Signal::TERM)?;
    heading("watching plugin/, migrations/chat/ and wit/");
    loop {
        if let Some(status) = deployer.ended()? {
            bail!(
                "nothing is taken over any more: {} ended: {status}",
                line(&deploy)
            );
        }
        thread::sleep(LOOK);
        let now = newest(workspace);
        if now == seen {
            continue;
        }
        // Whoever saves several files has saved them all by then.
        thread::sleep(LOOK);
        seen = newest(workspace);
        let begun = Instant::now();
        match plugin::build(workspace, toolchain, Profile::Soon, "chat") {
            Ok(()) => eprintln!("compiled in {}", elapsed(begun)),
            Err(error) => eprintln!("what served goes on: {error:#}"),
        }
    }
}

/// The command that deploys the component with each change of it, to the gateway that
/// serves with the words of `extra` and has its operator's listener at `admin`.
fn deploy(workspace: &Workspace, extra: &[String], admin: &str) -> Result<Command> {
    let mut command = gateway::command(workspace, &["plugin", "deploy"])?;
    command
        .arg(workspace.plugin(Profile::Soon, "chat"))
        .args(["--watch", "--plugin", "chat", "--admin", admin, "--data"]);
    match run::given(extra, "--data") {
        Some(data) => command.arg(data),
        None => command.arg(workspace.data()),
    };
    if let Some(config) = run::given(extra, "--config") {
        command.args(["--config", config]);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

/// When something of the sources was written last.
fn newest(workspace: &Workspace) -> Option<SystemTime> {
    SOURCES
        .iter()
        .filter_map(|source| newest_below(&workspace.root.join(source)))
        .max()
}

fn newest_below(path: &Path) -> Option<SystemTime> {
    let own = fs::metadata(path).ok()?.modified().ok();
    let below: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Tools of the client's, of thousands of files.
        .filter(|path| !path.ends_with("node_modules"))
        .collect();
    below
        .iter()
        .filter_map(|path| newest_below(path))
        .chain(own)
        .max()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::newest_below;

    #[test]
    fn a_change_deep_below_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let file = deep.join("file.rs");
        std::fs::write(&file, "one").unwrap();
        let before = newest_below(folder.path()).unwrap();
        let later = SystemTime::now() + Duration::from_secs(5);
        let handle = std::fs::File::options().write(true).open(&file).unwrap();
        handle.set_modified(later).unwrap();
        assert!(newest_below(folder.path()).unwrap() > before);
        assert_eq!(newest_below(&folder.path().join("none")), None);
    }
}
