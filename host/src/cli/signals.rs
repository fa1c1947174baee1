//! The signals that the process listens to.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Exit, Failed};

/// The signals that the process listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

/// What a signal asks for.
pub(super) enum Wish {
    /// SIGTERM, SIGINT: the end of the process.
    End,
    /// SIGHUP: that the configuration is read again.
    Reload,
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
            hangup: None,
        })
    }

    /// Those, and SIGHUP, which does not end the process from now on.
    pub(super) fn with_hangup() -> Result<Self, Failed> {
        let hangup = signal(SignalKind::hangup()).map_err(|error| Failed {
            exit: Exit::Internal,
            message: format!("cannot listen for signals: {error}"),
        })?;
        Ok(Self {
            hangup: Some(hangup),
            ..Self::new()?
        })
    }

    /// Waits for what a signal asks for.
    pub(super) async fn wish(&mut self) -> Wish {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            () = hangup => Wish::Reload,
        }
    }

    /// Waits for a signal that ends the process.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
