//! The gateway as a process of its own, for tests that end it without mercy.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::server::{OPERATOR, component};
use crate::token;

/// A gateway process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `http://ADDR` of the public listener.
    pub base: String,
    /// `http://ADDR` of the operator's listener.
    pub admin: String,
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
        Self::serve("chat", database, data).await
    }

    /// Starts a service on a database, with its data in `data`.
    pub async fn serve(plugin: &str, database: &str, data: &Path) -> Self {
        Self::serve_with(plugin, database, data, &[]).await
    }

    /// As [`serve`](Self::serve), with more settings.
    pub async fn serve_with(
        plugin: &str,
        database: &str,
        data: &Path,
        env: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(binary());
        command.env_clear().envs(env.iter().copied());
        Self::start(command, plugin, database, data).await
    }

    /// As [`serve`](Self::serve), but a write beyond the size that a file may have is an
    /// error, as on a full disk, and does not end the process. See [`fill`](Self::fill).
    pub async fn on_a_small_disk(plugin: &str, database: &str, data: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(binary());
        Self::start(shell, plugin, database, data).await
    }

    /// Starts the gateway with everything that its arguments do not say of it.
    async fn start(mut command: Command, plugin: &str, database: &str, data: &Path) -> Self {
        let mut child = command
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
            .arg(format!("{plugin}={}", component(plugin).display()))
            .env("GATEWAY_DATABASE_URL", database)
            .env("JWT_SECRET", token::SECRET)
            .env("GATEWAY_ADMIN_TOKEN", OPERATOR)
            .env("GATEWAY_LOG_FILTER", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (base, admin) = addresses(&mut child).await;
        Self { child, base, admin }
    }

    /// A request of the operator's API.
    pub fn operate(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client
            .request(method, format!("{}{path}", self.admin))
            .bearer_auth(OPERATOR)
    }

    /// Lets no file of the process grow any more, or lets them grow again. Files that have
    /// room in them already may be written to up to that many bytes.
    pub async fn fill(&self, limit: Option<u64>) {
        let limit = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        let ran = Command::new("prlimit")
            .arg(format!("--pid={}", self.id()))
            // Of the two limits only the soft one.
            .arg(format!("--fsize={limit}:"))
            .output()
            .await
            .expect("prlimit of util-linux");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
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

/// Waits for both listeners.
///
/// # Panics
/// They do not come.
pub async fn addresses(child: &mut Child) -> (String, String) {
    let output = child.stdout.take().unwrap();
    let listening = async {
        let mut lines = BufReader::new(output).lines();
        let mut base = None;
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(address) = line.strip_prefix("listening on ") {
                base = Some(address.to_owned());
            }
            if let (Some(base), Some(admin)) = (&base, line.strip_prefix("admin on ")) {
                return (base.clone(), admin.to_owned());
            }
        }
        panic!("the gateway ended before it listened");
    };
    tokio::time::timeout(START, listening)
        .await
        .expect("it never listened")
}
