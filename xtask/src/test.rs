//! Everything that must hold before a change goes in.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cargo::{Workspace, list, text};
use crate::process::{self, Running};
use crate::progress::{duration, heading};
use crate::services::Services;
use crate::toolchain::{Choice, Toolchain};
use crate::{gateway, plugin, rules};

/// The components that the tests load.
const GUESTS: [&str; 2] = ["chat", "misfit"];

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
    }
    let built = steps.run("guests", || {
        let toolchain = Toolchain::find(workspace, toolchain)?;
        GUESTS
            .iter()
            .try_for_each(|guest| plugin::build(workspace, &toolchain, guest))
    }) & steps.run("build", || gateway::build_with_tests(workspace));
    if only.is_none() {
        steps.run("clippy", || process::run(&mut clippy(workspace)));
        steps.run("documentation", || process::run(&mut rustdoc(workspace)));
    }
    let mut results = Vec::new();
    if built {
        steps.run("tests", || tests(workspace, only, &mut results));
    } else {
        steps.run("tests", || {
            bail!("not run: what they test could not be built")
        });
    }
    steps.finish(&results)
}

fn clippy(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args([
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    cargo
}

fn rustdoc(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args([
        "doc",
        "--release",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    cargo
}

/// Runs the suites against both databases; `results` gets what each ended with.
fn tests(workspace: &Workspace, only: Option<&str>, results: &mut Vec<String>) -> Result<()> {
    let services = Services::start()?;
    let mut outcome = Ok(());
    for arguments in selections(workspace, only) {
        let mut cargo = workspace.cargo();
        cargo.args(["test", "--release", "--workspace", "--no-fail-fast"]);
        cargo.args(arguments).envs(services.urls());
        outcome = outcome.and(cargo_test(&mut cargo, results));
    }
    if only.is_some()
        && results
            .iter()
            .all(|result| result.contains(" 0 passed; 0 failed;"))
    {
        bail!("no test has that in its name");
    }
    outcome
}

/// The arguments of each `cargo test`: one for everything, or one for the files whose
/// names fit, and one for the tests whose names fit.
fn selections(workspace: &Workspace, only: Option<&str>) -> Vec<Vec<String>> {
    let Some(only) = only else {
        return vec![Vec::new()];
    };
    let files: Vec<_> = workspace
        .members()
        .flat_map(|package| list(package, "targets"))
        .filter(|target| list(target, "kind").iter().any(|kind| kind == "test"))
        .map(|target| text(target, "name").to_owned())
        .filter(|name| name.contains(only))
        .flat_map(|name| ["--test".to_owned(), name])
        .collect();
    let mut selections = vec![vec!["--".to_owned(), only.to_owned()]];
    if !files.is_empty() {
        selections.insert(0, files);
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
