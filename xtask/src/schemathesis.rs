//! A stranger's client: schemathesis reads the chat's OpenAPI document, makes requests
//! that fit it and requests that don't, and compares each answer with the document.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::Workspace;
use crate::gateway;
use crate::plugin::Profile;
use crate::process::{self, Running};
use crate::progress::heading;
use crate::python::Package;
use crate::run::READY;

/// Another version makes other requests: findings are to come from changes of ours.
const VERSION: &str = "4.32.5";

/// What it is told of types that it does not know: uploads by tus are bytes.
const HOOKS: &str = r#"import schemathesis
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
"#;

/// What an answer is held against. The status must be documented, and so must the type
/// and the shape of its body.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

/// Requests that are made up for each operation, and for each way to make them up.
const EXAMPLES: &str = "25";

/// With the same seed a run makes the same requests.
const SEED: &str = "1";

/// How long one run may take; they take a minute or two.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long the gateway may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(100);

/// All that the document asks for.
const PERMISSIONS: &str = r#"permissions=["1","2","3","4","5","6","7","8",
    "CreateAttachmentFile","ViewAttachmentFile","UpdateAttachmentFile","DeleteAttachmentFile"]"#;

/// The two ways to make requests up. What covers each rule of a schema one by one is for
/// bodies alone: the filter language has so many that it would take an hour.
const RUNS: [&[&str]; 2] = [
    &["--phases", "examples,fuzzing"],
    &[
        "--phases",
        "coverage",
        "--include-method",
        "POST",
        "--include-method",
        "PUT",
    ],
];

/// Runs it against the finished gateway with the finished component.
///
/// # Errors
/// When an answer is not what the document says, or the run could not be made.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let program = install(workspace)?;
    let home = tempfile::Builder::new().prefix("gateway-test-").tempdir()?;
    process::remove_at_exit(home.path());
    let (_gateway, address) = serve(workspace, home.path())?;
    let token = token(workspace, home.path())?;
    let hooks = home.path().join("hooks.py");
    fs::write(&hooks, HOOKS)?;
    for run in RUNS {
        let mut command = Command::new(&program);
        command
            .args(["run", &format!("{address}/openapi.json"), "--url", &address])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--checks", CHECKS, "--max-examples", EXAMPLES])
            // A stream of events ends when its reader has had enough.
            .args(["--exclude-path", "/events"])
            .args(["--seed", SEED, "--generation-database", "none"])
            .args(["--warnings", "off", "--request-timeout", "30"])
            .args(["--continue-on-failure", "--no-color"])
            .args(run)
            .env("SCHEMATHESIS_HOOKS", &hooks)
            .current_dir(home.path())
            .stdin(Stdio::null());
        heading(&format!("schemathesis {VERSION} {}", run.join(" ")));
        within(&mut command)?;
    }
    Ok(())
}

/// Waits for a run no longer than it may take. The command itself stays unprinted: it
/// holds a token.
fn within(command: &mut Command) -> Result<()> {
    let mut running = Running::start(command, Signal::INT)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = running.ended()? {
            if !status.success() {
                bail!("schemathesis found answers that the document does not have: {status}");
            }
            return Ok(());
        }
        thread::sleep(POLL);
    }
    bail!("schemathesis took longer than {} s", PATIENCE.as_secs())
}

/// The gateway on a free port with nothing in its database, and its address.
fn serve(workspace: &Workspace, home: &Path) -> Result<(Running, String)> {
    let log = home.join("log");
    let mut command = gateway::command(workspace, &["serve", "--listen", "127.0.0.1:0"])?;
    command
        .arg("--data")
        .arg(home)
        .arg("--plugin")
        .arg(format!(
            "chat={}",
            workspace.plugin(Profile::Fast, "chat").display()
        ))
        .env("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?);
    let mut gateway = Running::start(&mut command, Signal::TERM)?;
    let output = gateway.stdout().context("the gateway has no output")?;
    let (sender, lines) = mpsc::channel();
    // Reads on after the first line, so that the gateway never waits for a reader.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(address) = line.strip_prefix(READY) {
                    return Ok((gateway, address.to_owned()));
                }
            }
            Err(RecvTimeoutError::Timeout) => bail!("the gateway did not start in time"),
            Err(RecvTimeoutError::Disconnected) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                bail!("the gateway did not start:\n{}", log.trim_end());
            }
        }
    }
}

/// A token that this gateway takes, signed with the secret that it made for itself.
fn token(workspace: &Workspace, home: &Path) -> Result<String> {
    let mut command = gateway::command(workspace, &["token", "--subject", "schemathesis"])?;
    command.arg("--data").arg(home);
    command.args(["--claim", r#"tenantId="test""#, "--claim", PERMISSIONS]);
    Ok(process::output(&mut command)?.trim().to_owned())
}

/// The program, from PyPI into a folder of its own below `target`.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let package = Package {
        name: "schemathesis",
        version: VERSION,
        proof: &["bin/schemathesis", "--version"],
    };
    Ok(package.install(workspace)?.join("bin/schemathesis"))
}
