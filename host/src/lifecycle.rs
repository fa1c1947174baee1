//! How the process ends: softly, letting requests finish, then hard.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told to every part that has something to finish.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Spawns a task that the end of the process waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Resolves when nothing new should be begun.
    pub async fn soft(&self) {
        self.soft.cancelled().await;
    }

    /// Whether nothing new should be begun.
    #[must_use]
    pub fn is_soft(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves when what is not finished must be dropped.
    pub async fn hard(&self) {
        self.hard.cancelled().await;
    }

    /// Ends everything: softly for `drain`, then hard. True when nothing was cut.
    pub async fn run(&self, drain: Duration) -> bool {
        self.soft.cancel();
        self.tasks.close();
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_ok() {
            return true;
        }
        tracing::warn!(
            left = self.tasks.len(),
            ?drain,
            "cutting what did not finish in time"
        );
        self.hard.cancel();
        self.tasks.wait().await;
        false
    }
}
