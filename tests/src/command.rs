//! Commands of the gateway that run and end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::process::binary;

/// How long a command may take before the test fails.
const END: Duration = Duration::from_secs(300);

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

impl Ran {
    /// The standard output of a command that went well.
    ///
    /// # Panics
    /// It did not.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }
}

/// Starts a command in `folder`, with no environment but `env`; killed when dropped.
///
/// # Panics
/// The gateway has not been built.
pub fn start(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Child {
    Command::new(binary().canonicalize().expect("the gateway"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

/// Waits for a command to end.
///
/// # Panics
/// It does not end.
pub async fn end(child: Child) -> Ran {
    let output = tokio::time::timeout(END, child.wait_with_output())
        .await
        .expect("it does not end")
        .expect("its output");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs a command to its end.
pub async fn run(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    end(start(folder, arguments, env)).await
}

/// Sends SIGTERM.
///
/// # Panics
/// There is no such process.
pub async fn terminate(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(sent.expect("kill").success());
}
