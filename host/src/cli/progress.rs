//! How far long work is, on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::contract::task::Count;

/// How often a run that nobody watches tells how far it is.
const TELL: Duration = Duration::from_secs(10);

/// How far a run is, for whoever watches.
pub(super) struct Progress {
    terminal: bool,
    told: Instant,
    open: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            told: Instant::now(),
            open: false,
        }
    }

    pub(super) fn show(&mut self, counts: &[Count], done: bool) {
        if counts.is_empty() || !(self.terminal || done || self.told.elapsed() >= TELL) {
            return;
        }
        self.told = Instant::now();
        let counts: Vec<_> = counts
            .iter()
            .map(|it| format!("{} {}", it.value, it.name.escape_debug()))
            .collect();
        let line = counts.join(", ");
        let mut err = io::stderr();
        // Whoever closed standard error does not want to know.
        let _ = match self.terminal && !done {
            true => write!(err, "\r\x1b[K{line}"),
            false if self.open => writeln!(err, "\r\x1b[K{line}"),
            false => writeln!(err, "{line}"),
        };
        self.open = self.terminal && !done;
    }

    /// Ends a line that would be written over.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = writeln!(io::stderr());
        }
    }
}
