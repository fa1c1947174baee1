//! `gateway plugin deploy --watch`: a file that changes serves.

use std::path::PathBuf;
use std::time::Duration;

use gateway_tests::command::{start, terminate};
use gateway_tests::database::TestDatabase;
use gateway_tests::server::{OPERATOR, Server};
use gateway_tests::versions;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use super::{says, server};

/// How long a change may take to be told of.
const PATIENCE: Duration = Duration::from_secs(60);

/// What watches a file.
struct Watcher {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    folder: tempfile::TempDir,
}

impl Watcher {
    /// Watches a file that is there already.
    async fn start(server: &Server, component: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("misfit.wasm"), component).unwrap();
        let admin = server.admin();
        let words = [
            "plugin",
            "deploy",
            "misfit.wasm",
            "--watch",
            "--admin",
            &admin,
        ];
        let env = [("GATEWAY_ADMIN_TOKEN", OPERATOR)];
        let mut child = start(folder.path(), &words, &env);
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            folder,
        }
    }

    /// Replaces the file in one step, as a compiler should.
    fn replace(&self, component: &[u8]) {
        let new = versions::file(self.folder.path(), "new.wasm", component);
        std::fs::rename(new, self.file()).unwrap();
    }

    /// Writes into the file in two steps, as some do.
    fn overwrite(&self, component: &[u8]) {
        std::fs::write(self.file(), &component[..component.len() / 2]).unwrap();
        std::fs::write(self.file(), component).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("misfit.wasm")
    }

    /// The next line that has `text` in it.
    async fn told(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(text) {
                    return line;
                }
            }
            String::new()
        };
        let line = tokio::time::timeout(PATIENCE, found).await;
        let line = line.unwrap_or_default();
        assert!(!line.is_empty(), "it never said {text:?}");
        line
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_of_a_file_serves_and_what_is_refused_does_not() {
    let server = server(TestDatabase::sqlite().await, &[]).await;
    let two = versions::misfit("2.0.0", &[("version", "2")]);
    let mut watcher = Watcher::start(&server, &two).await;
    watcher.told("misfit 2.0.0 serves").await;
    assert_eq!(says(&server).await, "2");

    // The same version, built anew: told apart by its digest.
    watcher.replace(&versions::misfit("2.0.0", &[("version", "changed")]));
    watcher.told("misfit 2.0.0+").await;
    assert_eq!(says(&server).await, "changed");

    watcher.replace(b"no component");
    watcher.told("not taken over; what served goes on").await;
    watcher.told("not a WebAssembly component").await;
    assert_eq!(says(&server).await, "changed");

    watcher.replace(&versions::misfit("3.0.0", &[("smoke", "/trap")]));
    watcher.told("not taken over; what served goes on").await;
    watcher.told("refused: smoke request GET /trap").await;
    assert_eq!(says(&server).await, "changed");

    watcher.overwrite(&versions::misfit("4.0.0", &[("version", "4")]));
    watcher.told("misfit 4.0.0 serves").await;
    assert_eq!(says(&server).await, "4");
    terminate(&watcher.child).await;
    server.stop().await;
}
