//! The signals that end the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Exit, Failed};

/// The signals that end the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failed> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failed {
                exit: Exit::Internal,
                message: format!("cannot listen for signals: {error}"),
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
