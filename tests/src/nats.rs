//! A NATS server of a test's own, which it may kill.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A server; killed when dropped.
#[derive(Debug)]
pub struct Nats {
    child: Child,
    port: u16,
}

impl Nats {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::on(port).await
    }

    /// Starts one where another one was.
    pub async fn on(port: u16) -> Self {
        let child = Command::new(program())
            .args(["--addr", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = async {
            loop {
                let mut head = [0; 5];
                if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await
                    && stream.read_exact(&mut head).await.is_ok()
                    && &head == b"INFO "
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), answers).await;
        waited.expect("NATS does not answer");
        Self { child, port }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `kill -9`; tells where it was.
    pub async fn kill(mut self) -> u16 {
        self.child.kill().await.unwrap();
        self.port
    }
}

/// The server, which `cargo xtask test` installs.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut files = folders.map(|folder| folder.join("nats-server"));
    files
        .find(|file| file.is_file())
        .expect("nats-server is installed")
}
