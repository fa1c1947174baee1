//! Everything that must hold before a change goes in.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::{Workspace, list, text};
use crate::plugin::Profile;
use crate::process::{self, Running};
use crate::progress::{duration, heading};
use crate::services::Services;
use crate::toolchain::{Choice, Toolchain};
use crate::{chromium, client, gateway, plugin, python, rules, schemathesis};

/// The components that the tests load.
const GUESTS: [&str; 5] = ["chat", "misfit", "notes", "pictures", "scanner"];

/// Runs every check, or with `only` just the tests whose file or name contains it.
///
/// # Errors
/// When a step failed or could not run.
pub(crate) fn run(workspace: &Workspace, toolchain: Choice, only: Option<&str>) -> Result<()> {
    let mut steps = Steps::default();
    if only.is_none() {
        steps.run("format", || {
            process::run(workspace.cargo().args(["fmt", "--all", "--", "--check"]))
        });
        steps.run("rules", || rules::check(workspace));
        steps.run("client", || client::check(workspace));
    }
    let built = steps.run("guests", || {
        let toolchain = Toolchain::find(workspace, toolchain)?;
        GUESTS
            .iter()
            .try_for_each(|guest| plugin::build(workspace, &toolchain, Profile::Fast, guest))
    }) & steps.run("build", || gateway::build_with_tests(workspace));
    if only.is_none() {
        steps.run("clippy", || both(workspace, clippy));
        steps.run("documentation", || both(workspace, rustdoc));
    }
    let mut results = Vec::new();
    steps.run("tests", || {
        if !built {
            bail!("not run: what they test could not be built");
        }
        tests(workspace, only, &mut results)
    });
    if only.is_none() {
        steps.run("schemathesis", || {
            if !built {
                bail!("not run: what it tests could not be built");
            }
            schemathesis::run(workspace)
        });
    }
    steps.finish(&results)
}

/// Runs one command for everything and once more for this program.
fn both(workspace: &Workspace, command: fn(Command, &[&str]) -> Command) -> Result<()> {
    process::run(&mut command(workspace.cargo(), &gateway::EVERYTHING))?;
    process::run(&mut command(workspace.cargo(), &["--package", "xtask"]))
}

fn clippy(mut cargo: Command, packages: &[&str]) -> Command {
    cargo.args(["clippy", "--release", "--all-targets"]);
    cargo.args(packages).args(["--", "-D", "warnings"]);
    cargo
}

fn rustdoc(mut cargo: Command, packages: &[&str]) -> Command {
    cargo.args(["doc", "--release", "--no-deps", "--document-private-items"]);
    cargo.args(packages).env("RUSTDOCFLAGS", "-D warnings");
    cargo
}

/// Runs the suites against both databases and S3; `results` gets what each ended with.
fn tests(workspace: &Workspace, only: Option<&str>, results: &mut Vec<String>) -> Result<()> {
    let services = Services::start(workspace)?;
    let browser = chromium::find()?;
    let tus = python::tus(workspace)?;
    let mut outcome = Ok(());
    for arguments in selections(workspace, only) {
        let mut cargo = workspace.cargo();
        cargo.args(["test", "--release", "--no-fail-fast"]);
        cargo.args(arguments).envs(services.urls());
        cargo.env(chromium::CHROMIUM, &browser);
        cargo.env(python::TUS, &tus);
        outcome = outcome.and(cargo_test(&mut cargo, results));
    }
    if only.is_some() && !results.iter().any(|result| ran_any(result)) {
        bail!("no test has that in its name");
    }
    outcome
}

/// Has the history of several gateways go on for longer than in the suites.
pub(crate) fn soak_events(workspace: &Workspace, ends: u32) -> Result<()> {
    gateway::build_with_tests(workspace)?;
    let services = Services::start(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--release"]).args(gateway::EVERYTHING);
    cargo.args(["--test", "events", "--", "history::", "--nocapture"]);
    cargo.env("SOAK_EVENTS_ENDS", ends.to_string());
    cargo.envs(services.urls());
    process::run(&mut cargo)
}

/// Whether a suite that closed with this line ran a test at all.
fn ran_any(result: &str) -> bool {
    !result.contains(" 0 passed; 0 failed;")
}

/// The arguments of each `cargo test`: this program's own tests and everything else, or
/// the tests whose names fit in both and the files whose names fit.
fn selections(workspace: &Workspace, only: Option<&str>) -> Vec<Vec<String>> {
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let own = owned(&["--package", "xtask"]);
    let rest = owned(&gateway::EVERYTHING);
    let Some(only) = only else {
        return vec![own, rest];
    };
    let files: Vec<_> = workspace
        .members()
        .flat_map(|package| list(package, "targets"))
        .filter(|target| list(target, "kind").iter().any(|kind| kind == "test"))
        .map(|target| text(target, "name"))
        .filter(|name| name.contains(only))
        .flat_map(|name| ["--test", name])
        .collect();
    let named = owned(&["--", only]);
    let mut selections = vec![
        [own, named.clone()].concat(),
        [rest.clone(), named].concat(),
    ];
    if !files.is_empty() {
        selections.push([rest, owned(&files)].concat());
    }
    selections
}

/// Shows what cargo prints, and keeps the closing line of each suite.
fn cargo_test(cargo: &mut Command, results: &mut Vec<String>) -> Result<()> {
    heading(&process::line(cargo));
    let mut running = Running::start(
        cargo.stdin(Stdio::null()).stdout(Stdio::piped()),
        Signal::TERM,
    )?;
    let output = running.stdout().context("cargo has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if line.starts_with("test result: ") {
            results.push(line);
        }
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("{} failed: {status}", process::line(cargo));
    }
    Ok(())
}

/// The steps so far; one that fails does not keep the others from being looked at.
#[derive(Default)]
struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one step and says whether it went well.
    fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> bool {
        heading(name);
        let started = Instant::now();
        let failure = work().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            eprintln!("error: {failure}");
        }
        let ok = failure.is_none();
        self.done.push(Step {
            name,
            took: started.elapsed(),
            failure,
        });
        ok
    }

    /// Prints the table, and below it once more how each suite ended: those lines are
    /// looked for at the end of the output.
    fn finish(self, results: &[String]) -> Result<()> {
        heading("summary");
        for step in &self.done {
            let outcome = step.failure.as_ref().map_or("ok", |_| "FAILED");
            println!("{:<16}{:<8}{:>14}", step.name, outcome, duration(step.took));
        }
        println!();
        for result in results {
            println!("{result}");
        }
        let failed: Vec<_> = self
            .done
            .iter()
            .filter(|step| step.failure.is_some())
            .map(|step| step.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}
