//! Child processes, and the promise that none outlives this program.
//!
//! Each runs in a process group of its own, so that one signal reaches what it started
//! in turn: test programs below cargo, workers below a database.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How often a child that was told to stop is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long a child may take to stop before it is killed: longer than the gateway waits
/// for its requests.
const PATIENCE: Duration = Duration::from_secs(35);

/// What must happen when a signal ends this program.
#[derive(Default)]
struct AtExit {
    groups: Vec<(Pid, Signal)>,
    paths: Vec<PathBuf>,
}

static AT_EXIT: Mutex<AtExit> = Mutex::new(AtExit {
    groups: Vec::new(),
    paths: Vec::new(),
});

/// A child in its own process group, stopped when dropped.
pub(crate) struct Running {
    child: Child,
    group: Pid,
    stop: Signal,
}

impl Running {
    /// Starts `command`; `stop` is the signal that ends it in good order.
    pub(crate) fn start(command: &mut Command, stop: Signal) -> Result<Self> {
        // Held over the spawn: a signal handler that comes between would miss the child.
        let mut at_exit = at_exit();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", line(command)))?;
        let group = Pid::from_child(&child);
        at_exit.groups.push((group, stop));
        Ok(Self { child, group, stop })
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Its status, when it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its standard output, once.
    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = rustix::process::kill_process(self.group, self.stop);
            let deadline = Instant::now() + PATIENCE;
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(POLL);
            }
        }
        // Whatever the child left in its group goes with it.
        let _ = rustix::process::kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
        at_exit().groups.retain(|(group, _)| *group != self.group);
    }
}

/// Runs `command` with the terminal as its output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    // A process group in the background may not read from the terminal.
    command.stdin(Stdio::null());
    let status = Running::start(command, Signal::TERM)?.wait()?;
    if !status.success() {
        bail!("{} failed: {status}", line(command));
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to standard output. The error of a failed
/// one carries what it wrote to standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {}", line(command)))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed: {}\n{}",
            line(command),
            output.status,
            error.trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", line(command)))
}

/// Whether the program can be started at all and succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// A path as seen from the current folder, when it lies below that.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(here) {
        Ok(below) => format!("./{}", below.display()),
        Err(_) => path.display().to_string(),
    }
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Removes a file or a folder when a signal ends this program.
pub(crate) fn remove_at_exit(path: &Path) {
    at_exit().paths.push(path.to_owned());
}

/// From now on an interrupt, a hang-up or a termination stops every child before it
/// ends this program; a second one does not wait for them.
pub(crate) fn handle_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("no signal handler")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Never released: nothing may be started from here on.
                let at_exit = at_exit();
                stop_all(&at_exit, &mut signals);
                std::process::exit(128 + signal);
            }
        })
        .context("no thread for signals")?;
    Ok(())
}

fn stop_all(at_exit: &AtExit, signals: &mut Signals) {
    let deadline = Instant::now() + PATIENCE;
    let mut hurry = false;
    // The youngest first: tests before the databases that they use.
    for (group, stop) in at_exit.groups.iter().rev() {
        let _ = rustix::process::kill_process_group(*group, *stop);
        while alive(*group) && !hurry && Instant::now() < deadline {
            thread::sleep(POLL);
            hurry = signals.pending().next().is_some();
        }
        let _ = rustix::process::kill_process_group(*group, Signal::KILL);
    }
    for path in &at_exit.paths {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
    }
}

/// A child that has ended and was not waited for counts as alive for the kernel, so the
/// state in `/proc` decides where there is one.
fn alive(group: Pid) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", group.as_raw_nonzero()));
    match state {
        Ok(stat) => !stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z')),
        Err(_) => false,
    }
}

fn at_exit() -> MutexGuard<'static, AtExit> {
    AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner)
}
