//! The gateway as a process of its own, for tests that end it without mercy.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::server::component;
use crate::token;

/// A gateway process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `http://ADDR` of the public listener.
    pub base: String,
}

/// How long a start may take, a cold compile cache included.
const START: Duration = Duration::from_secs(60);

/// The file of the gateway.
///
/// # Panics
/// It has not been built.
pub fn binary() -> PathBuf {
    let file = crate::target().join("release/gateway");
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask build` first",
        file.display()
    );
    file
}

impl Process {
    /// Starts the chat service on a database, with its data in `data`.
    pub async fn chat(database: &str, data: &Path) -> Self {
        let mut child = Command::new(binary())
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
            ])
            .arg("--data")
            .arg(data)
            .arg("--plugin")
            .arg(format!("chat={}", component("chat").display()))
            .env_clear()
            .env("GATEWAY_DATABASE_URL", database)
            .env("JWT_SECRET", token::SECRET)
            .env("GATEWAY_LOG_FILTER", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let listening = async {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(base) = line.strip_prefix("listening on ") {
                    return base.to_owned();
                }
            }
            panic!("the gateway ended before it listened");
        };
        let base = tokio::time::timeout(START, listening)
            .await
            .expect("it never listened");
        Self { child, base }
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits for the process to end by itself, and returns its exit code.
    pub async fn exit_code(mut self) -> Option<i32> {
        tokio::time::timeout(START, self.child.wait())
            .await
            .expect("it does not end")
            .unwrap()
            .code()
    }
}
