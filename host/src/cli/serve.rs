//! `gateway serve`.

use clap::Args;

use super::exit::{Exit, Failed};
use super::signals::{Signals, Wish};
use super::{Source, block_on, plugin_file, print};
use crate::{Running, telemetry};

/// Serve until SIGTERM or SIGINT.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
#[command(long_about = "Serve until SIGTERM or SIGINT.\n\n\
    Without any configuration: SQLite and a generated signing secret in ./data, on \
    127.0.0.1:3000, no plugin. When ready, the first line on standard output is \
    `listening on http://ADDR`, the second `admin on http://ADDR`. A signal lets the \
    requests in flight finish; a second one does not wait for them. SIGHUP reads the \
    configuration again and takes what can change without a restart; a wrong one changes \
    nothing.")]
pub(super) struct Serve {
    #[command(flatten)]
    source: Source,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:3000].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where the operator's endpoints listen [default: 127.0.0.1:3001].
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// A plugin's name and its component; can be given for several.
    #[arg(long = "plugin", value_name = "NAME=FILE", value_parser = plugin_file)]
    plugins: Vec<(String, String)>,
}

const AFTER: &str = "\
Examples:
  gateway serve --plugin notes=notes.wasm
  gateway serve --config /etc/gateway.toml --listen 0.0.0.0:8080
  DATABASE_URL=postgres://gateway@db/gateway JWT_SECRET_FILE=/run/secrets/jwt gateway serve

Everything that can be configured: `gateway config defaults`.";

impl Serve {
    pub(super) fn run(self) -> Result<(), Failed> {
        let mut flags = self.source.flags();
        flags.listen = self.listen;
        flags.admin_listen = self.admin_listen;
        flags.plugins = self.plugins;
        let config = self.source.load(&flags)?;
        telemetry::init(&config.log).map_err(|error| Failed {
            exit: Exit::Internal,
            message: error.to_string(),
        })?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        if config.plugins.is_empty() {
            tracing::warn!("no plugin is configured, so every path answers 404");
        }
        block_on(async {
            // Before the start, so that a signal during it is not lost.
            let mut signals = Signals::with_hangup()?;
            let running = tokio::select! {
                running = crate::start(config) => running?,
                () = signals.next() => return Ok(()),
            };
            print(&format!(
                "listening on {}\nadmin on {}\n",
                running.base(),
                running.admin_base()
            ))?;
            until_ended(&running, &mut signals).await;
            stop(running, signals).await
        })
    }
}

/// Reads the configuration again whenever that is asked for. What comes of it is logged.
async fn until_ended(running: &Running, signals: &mut Signals) {
    while let Wish::Reload = signals.wish().await {
        drop(running.reload().await);
    }
}

async fn stop(running: Running, mut signals: Signals) -> Result<(), Failed> {
    tracing::info!("stopping; requests in flight may finish");
    tokio::select! {
        clean = running.stop() => {
            tracing::info!(clean, "stopped");
            Ok(())
        }
        () = signals.next() => Err(Failed {
            exit: Exit::Failed,
            message: "stopped at once by a second signal".into(),
        }),
    }
}
