//! Several gateways on one PostgreSQL, one NATS and one S3 server, on this machine and
//! without Docker: what `docs/deploy/compose.cluster.yaml` is with it.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::process::{self, Running};
use crate::progress::heading;
use crate::run::READY;
use crate::services::{self, Services};
use crate::{gateway, plugin::Profile};

/// The port of the first gateway; each further one is ten above, and its operator's
/// listener one above its own.
const FIRST: u16 = 3000;
const APART: u16 = 10;

/// How often it is looked whether all are still there.
const LOOK: Duration = Duration::from_millis(500);

/// What `cargo xtask cluster` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Cluster {
    /// How many gateways.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    gateways: u16,
}

/// Serves until it is interrupted, or one of them ends.
pub(crate) fn serve(workspace: &Workspace, cluster: &Cluster) -> Result<()> {
    let services = Services::of_a_cluster(workspace)?;
    let shared = shared(workspace, &services)?;
    heading("starting the gateways (Ctrl-C stops everything)");
    let mut gateways = Vec::new();
    // One after another: the first makes the tables.
    for number in 0..cluster.gateways {
        gateways.push(start(workspace, number, &shared)?);
    }
    println!("{}", first_conversation(cluster.gateways));
    loop {
        for (number, gateway) in gateways.iter_mut().enumerate() {
            if let Some(status) = gateway.ended()? {
                bail!("gateway {number} ended: {status}");
            }
        }
        thread::sleep(LOOK);
    }
}

/// What all of them are told.
fn shared(workspace: &Workspace, services: &Services) -> Result<Vec<(&'static str, String)>> {
    // It makes the secret when there is none, so that `cargo xtask token` signs with it.
    let mut token = gateway::command(workspace, &["token", "--subject", "nobody", "--data"])?;
    process::output(token.arg(workspace.data()))?;
    let secret = workspace.data().join("jwt.secret").display().to_string();
    let s3 = services.url(services::S3_URL)?;
    let (key, secret_key, endpoint, bucket) = bucket(s3).context("no address of a bucket")?;
    Ok(vec![
        ("GATEWAY_AUTH_SECRET_FILE", secret),
        (
            "GATEWAY_DATABASE_URL",
            services.url(services::POSTGRES_URL)?.to_owned(),
        ),
        (
            "GATEWAY_EVENTS_NATS_URL",
            services.url(services::NATS_URL)?.to_owned(),
        ),
        ("GATEWAY_BLOB_STORE", format!("s3://{bucket}")),
        ("GATEWAY_BLOB_S3_ENDPOINT", endpoint),
        ("GATEWAY_BLOB_S3_ALLOW_HTTP", "true".to_owned()),
        ("GATEWAY_BLOB_S3_ACCESS_KEY", key.to_owned()),
        ("GATEWAY_BLOB_S3_SECRET_KEY", secret_key.to_owned()),
    ])
}

/// Key, secret, address and bucket of `http://KEY:SECRET@HOST:PORT/BUCKET`.
fn bucket(url: &str) -> Option<(&str, &str, String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (user, rest) = rest.split_once('@')?;
    let (key, secret) = user.split_once(':')?;
    let (host, bucket) = rest.split_once('/')?;
    Some((key, secret, format!("{scheme}://{host}"), bucket))
}

/// Starts one, and returns once it accepts connections.
fn start(workspace: &Workspace, number: u16, shared: &[(&str, String)]) -> Result<Running> {
    let port = FIRST + number * APART;
    let data = workspace.data().join("cluster").join(number.to_string());
    let mut command = gateway::command(workspace, &["serve"])?;
    command
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--admin-listen", &format!("127.0.0.1:{}", port + 1)])
        .arg("--data")
        .arg(data)
        .arg("--plugin")
        .arg(format!(
            "chat={}",
            workspace.plugin(Profile::Fast, "chat").display()
        ))
        .envs(shared.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut gateway = Running::start(&mut command, Signal::TERM)?;
    let lines = gateway.stdout().context("the gateway has no output")?;
    let rest = ready(lines, number).with_context(|| process::line(&redacted(&command)))?;
    thread::spawn(move || {
        for line in rest.lines().map_while(Result::ok) {
            println!("{number}: {line}");
        }
    });
    Ok(gateway)
}

/// Waits until it says that it is ready.
fn ready(lines: ChildStdout, number: u16) -> Result<BufReader<ChildStdout>> {
    let mut lines = BufReader::new(lines);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            bail!("gateway {number} ended before it listened");
        }
        print!("{number}: {line}");
        if line.starts_with(READY) {
            return Ok(lines);
        }
    }
}

/// The program and its arguments: the secrets are in its variables.
fn redacted(command: &Command) -> Command {
    let mut shown = Command::new(command.get_program());
    shown.args(command.get_args());
    shown
}

/// What to type first, in another terminal.
fn first_conversation(gateways: u16) -> String {
    let last = FIRST + (gateways - 1) * APART;
    format!(
        r#"
{gateways} gateways on one PostgreSQL, NATS and S3 server, whose data is gone with this
program. To paste into another terminal in this folder: listen at one, write at another.

  TOKEN=$(cargo xtask token alice)

  curl -sSN http://127.0.0.1:{FIRST}/events -H "Authorization: Bearer $TOKEN" \
    -H 'Accept: text/event-stream' &

  curl -sS http://127.0.0.1:{last}/messages -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' \
    -d '{{"channelId": "kitchen", "channelType": "group", "body": "Is there coffee?"}}'
"#
    )
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn the_address_of_a_bucket_has_four_parts() {
        let parts = bucket("http://key:secret@127.0.0.1:9000/blobs");
        let endpoint = "http://127.0.0.1:9000".to_owned();
        assert_eq!(parts, Some(("key", "secret", endpoint, "blobs")));
        assert_eq!(bucket("http://127.0.0.1:9000/blobs"), None);
    }
}
