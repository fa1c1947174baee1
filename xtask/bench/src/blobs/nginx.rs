//! nginx with one worker on core 0, and one file.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::Source;

/// How often it is asked whether it listens.
const LOOK: Duration = Duration::from_millis(50);

/// How many times.
const LOOKS: usize = 200;

/// Listens twice: with `sendfile` and without.
pub(super) struct Nginx {
    child: Child,
    ports: [SocketAddr; 2],
    /// Of the file.
    pub(super) path: String,
    _folder: TempDir,
}

impl Nginx {
    /// Serves `file`.
    pub(super) async fn start(file: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.context("a file without a name")?;
        let ports = [free()?, free()?];
        let config = folder.path().join("nginx.conf");
        let root = file.parent().context("a file without a folder")?;
        fs::write(&config, text(folder.path(), root, ports))?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let child = Command::new("taskset")
            .args(["-c", "0", "nginx", "-e", "stderr", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()
            .context("taskset (Debian: util-linux)")?;
        let mut nginx = Self {
            child,
            ports,
            path: format!("/{name}"),
            _folder: folder,
        };
        for _ in 0..LOOKS {
            if TcpStream::connect(ports[1]).await.is_ok() {
                return Ok(nginx);
            }
            if let Some(status) = nginx.child.try_wait()? {
                bail!("nginx ended: {status}; is it installed? (Debian: nginx-light)");
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("nginx does not listen")
    }

    pub(super) fn with_sendfile(&self) -> Source<'_> {
        source(self.ports[0])
    }

    pub(super) fn without_sendfile(&self) -> Source<'_> {
        source(self.ports[1])
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker when it is asked to, and not when it is killed.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            // A process that has ended already needs no killing.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn source(addr: SocketAddr) -> Source<'static> {
    Source { addr, token: None }
}

/// A port that nobody uses.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The worker is the same user: the store's files are for that one alone.
fn text(folder: &Path, root: &Path, [with, without]: [SocketAddr; 2]) -> String {
    let (folder, root) = (folder.display(), root.display());
    let user = match fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it)) {
        Ok(0) => "user root;\n",
        _ => "",
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("  {what}_temp_path {folder};\n"))
        .concat();
    format!(
        "{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nevents {{}}\nhttp {{\n\
         {temporary}  access_log off;\n  root {root};\n\
         \x20 server {{ listen {with}; sendfile on; }}\n\
         \x20 server {{ listen {without}; sendfile off; }}\n}}\n"
    )
}
