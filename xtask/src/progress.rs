//! What is being done, and how long it takes.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a silent step says that it is still at work.
const PULSE: Duration = Duration::from_secs(10);

/// Prints the heading of a step that prints its own progress.
pub(crate) fn heading(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\x1b[1m==> {text}\x1b[0m");
    } else {
        eprintln!("==> {text}");
    }
}

/// Prints one line that belongs to the step at work.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Runs `work`, which prints nothing itself: says what it is, shows every ten seconds
/// that it goes on, and how long it took.
pub(crate) fn silently<T>(text: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    eprint!("    {text} … ");
    let _ = std::io::stderr().flush();
    let (done, waiting) = channel::<()>();
    let result = thread::scope(|scope| {
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(PULSE) {
                eprint!("{} … ", elapsed(started));
                let _ = std::io::stderr().flush();
            }
        });
        let result = work();
        drop(done);
        result
    });
    eprintln!("{}", elapsed(started));
    result
}

/// The time since `started`, for people.
pub(crate) fn elapsed(started: Instant) -> String {
    duration(started.elapsed())
}

/// A duration, for people.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}
