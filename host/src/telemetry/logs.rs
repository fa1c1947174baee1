//! Log lines on standard error; standard output is left to what scripts read.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use crate::config::{Log, LogFormat};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read; the configuration refuses such a one before.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in this process took the log.
    #[error("the log is already set up: {0}")]
    Taken(#[from] tracing_subscriber::util::TryInitError),
}

/// Exchanges the filter of the process's log.
type Exchange = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// The log is the process's, and so is its filter.
static EXCHANGE: OnceLock<Exchange> = OnceLock::new();

/// Sends the process's log lines to standard error from now on.
///
/// # Errors
/// When the filter cannot be read, or when this is done for a second time.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(log)?)
        // A line that can't be written would be told of on standard error, which panics
        // when that is what is full.
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match log.format {
        LogFormat::Human => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            lines.finish().try_init()?;
            keep(handle);
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.finish().try_init()?;
            keep(handle);
        }
    }
    Ok(())
}

fn keep<S: 'static>(handle: reload::Handle<EnvFilter, S>) {
    let exchange = move |filter| {
        if let Err(error) = handle.reload(filter) {
            tracing::error!(%error, "the log's filter stays as it was");
        }
    };
    // Only the first log is the process's.
    drop(EXCHANGE.set(Box::new(exchange)));
}

/// What the settings let through.
pub(crate) fn filter(log: &Log) -> Result<EnvFilter, TelemetryError> {
    Ok(EnvFilter::builder().parse(&log.filter)?)
}

/// Lets other lines through from now on; nothing where the log is not ours.
pub(crate) fn set_filter(filter: EnvFilter) {
    if let Some(exchange) = EXCHANGE.get() {
        exchange(filter);
    }
}
