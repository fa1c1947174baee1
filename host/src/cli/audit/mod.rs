//! `gateway audit`.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};

use super::exit::{Exit, Failed};
use crate::contract::sql;

mod export;
mod prune;
mod verify;

/// Look at the audit record, hand it out, and remove what is too old.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Verify),
    Export(export::Export),
    Prune(prune::Prune),
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Verify(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Prune(command) => command.run(),
        }
    }
}

/// A time, or how long ago it was; in microseconds since 1970.
fn moment(text: &str) -> Result<i64, String> {
    let since = match humantime::parse_duration(text) {
        Ok(ago) => SystemTime::now().checked_sub(ago),
        Err(_) => {
            let day = format!("{text}T00:00:00Z");
            humantime::parse_rfc3339_weak(text)
                .or_else(|_| humantime::parse_rfc3339(&day))
                .ok()
        }
    };
    let since = since.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let micros = since.as_ref().map(Duration::as_micros);
    micros
        .and_then(|micros| i64::try_from(micros).ok())
        .ok_or_else(|| {
            "write a time such as 2026-11-01 or 2026-11-01T12:00:00Z, or how long ago it was, \
             such as 30d"
                .into()
        })
}

/// Millions of rows take minutes; a person should see that it goes on.
pub(super) fn show_progress(rows: u64) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r{rows} rows\r");
    }
}

pub(super) fn unreadable(error: sql::Error) -> Failed {
    let exit = match error {
        sql::Error::Unavailable | sql::Error::Timeout => Exit::Unavailable,
        _ => Exit::Failed,
    };
    let message = format!(
        "the audit record cannot be read ({error}); a gateway makes its tables when it first \
         serves from a database"
    );
    Failed { exit, message }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_time_is_said_in_several_ways() {
        let midnight = Ok(1_793_491_200_000_000);
        assert_eq!(moment("2026-11-01"), midnight);
        assert_eq!(moment("2026-11-01T00:00:00Z"), midnight);
        assert_eq!(moment("2026-11-01 00:00:00"), midnight);
        let (hour, now) = (moment("1h").unwrap_or(0), moment("0s").unwrap_or(0));
        assert!((3_600_000_000..3_700_000_000).contains(&(now - hour)));
        for wrong in ["", "yesterday", "2026-13-01", "1960-01-01"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
