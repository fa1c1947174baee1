//! `gateway plugin deploy`, `list`, `activate`, `rollback`, `drain-status`, `remove`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::exit::{Exit, Failed};
use super::operator::{Operator, Target, failed};
use super::{block_on, print};

/// How often a watched file is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Add a version of a plugin to a running gateway.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin deploy notes.wasm --note \"search is faster\"
  gateway plugin deploy notes.wasm --dry-run
  gateway plugin deploy notes.wasm --activate
  gateway plugin deploy target/plugins/notes.wasm --watch")]
#[command(long_about = "Add a version of a plugin to a running gateway.\n\n\
    The component is compiled and checked: what it asks of the host, and its migrations \
    against the database. Nothing serves otherwise than before, until `gateway plugin \
    activate VERSION`, or with --activate. The version is the one in its metadata. Exit code \
    65 when it is refused; each reason is printed.")]
pub(super) struct Deploy {
    /// The component's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Call it this, such as 1.4.0, in place of what its metadata says.
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// What is new in it.
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// Refuse anything but the component with this SHA-256.
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// The file of its Ed25519 signature [default: FILE.sig, if there is one].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Let it serve at once.
    #[arg(long)]
    activate: bool,
    /// Only check; nothing is stored.
    #[arg(long, conflicts_with = "activate")]
    dry_run: bool,
    /// Deploy and activate it again whenever the file changes, until Ctrl-C. Builds of one
    /// version are told apart by their digests.
    #[arg(long, conflicts_with_all = ["dry_run", "version", "digest"])]
    watch: bool,
}

/// List the versions of a plugin, and which of them serve.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin list")]
pub(super) struct List {
    #[command(flatten)]
    target: Target,
}

/// Let a version serve: all of the traffic, or a part of it first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin activate 1.4.0
  gateway plugin activate 1.4.0 --dry-run
  gateway plugin activate 1.4.0 --percent 5 --sticky --steps 25,50,100 --every 10m")]
#[command(
    long_about = "Let a version serve: all of the traffic, or a part of it first.\n\n\
    Before, it is checked: its instances are made, its migrations that only add are applied, \
    the requests that it ships are sent to it. A failure leaves what serves as it was, and names \
    the migrations that stay in the database. Requests in flight finish on the version that they \
    began on.\n\n\
    With --percent it serves beside the other version, and is rolled back by itself when it \
    fails more often or is slower than the band allows. With --steps it gets more by itself, \
    but never without enough requests to judge by."
)]
pub(super) struct Activate {
    /// The version.
    #[arg(value_name = "VERSION")]
    version: String,
    #[command(flatten)]
    target: Target,
    /// The part of the traffic, from 0.01 to 100.
    #[arg(long, value_name = "PERCENT")]
    percent: Option<f64>,
    /// A caller always gets the same of the two versions.
    #[arg(long, requires = "percent")]
    sticky: bool,
    /// The parts that follow; 100 at the end takes over.
    #[arg(
        long,
        value_name = "PERCENT,…",
        value_delimiter = ',',
        requires = "percent"
    )]
    steps: Vec<f64>,
    /// How long each step takes at least.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    every: Duration,
    /// How much more often it may fail than the other version, in percent of the requests.
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    max_failures: f64,
    /// How many times as slow its 99th percentile may be.
    #[arg(long, value_name = "TIMES", default_value_t = 2.0)]
    max_p99: f64,
    /// Requests that both must have answered before a step is taken.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    min_requests: u64,
    /// Only check; nothing changes.
    #[arg(long)]
    dry_run: bool,
}

/// Go back: end a canary, or else let the version serve that served before.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin rollback --reason \"complaints about search\"")]
pub(super) struct Rollback {
    #[command(flatten)]
    target: Target,
    /// Why, for the record.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

/// Show the versions that finish what they began.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gateway plugin drain-status
  gateway plugin drain-status --wait 2m")]
pub(super) struct DrainStatus {
    #[command(flatten)]
    target: Target,
    /// Wait until nothing is left to finish; exit code 1 when it takes longer than this.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
}

/// Take a version away that does not serve.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  gateway plugin remove 1.2.0")]
pub(super) struct Remove {
    /// The version.
    #[arg(value_name = "VERSION")]
    version: String,
    #[command(flatten)]
    target: Target,
}

impl Deploy {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            if self.watch {
                return self.follow(&operator, &plugin).await;
            }
            let answer = self.send(&operator, &plugin, self.activate).await?;
            if self.target.json {
                return print(&format!("{answer}\n"));
            }
            print(&self.told(&answer, &plugin))
        })
    }

    async fn send(
        &self,
        operator: &Operator,
        plugin: &str,
        activate: bool,
    ) -> Result<Value, Failed> {
        let component = read(&self.file)?;
        let signature = self.signature()?;
        let mut query = format!(
            "note={}&activate={activate}&dry_run={}&free_name={}",
            escaped(&self.note),
            self.dry_run,
            self.watch
        );
        for (key, value) in [("version", &self.version), ("digest", &self.digest)] {
            if let Some(value) = value {
                let _ = write!(query, "&{key}={}", escaped(value));
            }
        }
        let path = format!("/v1/plugins/{}/versions?{query}", escaped(plugin));
        operator
            .send(Method::POST, &path, component.into(), signature.as_deref())
            .await
    }

    /// The signature as the header carries it: in base64.
    fn signature(&self) -> Result<Option<String>, Failed> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let mut beside = self.file.as_os_str().to_owned();
        beside.push(".sig");
        let beside = PathBuf::from(beside);
        let path = match &self.signature {
            Some(path) => path,
            None if beside.exists() => &beside,
            None => return Ok(None),
        };
        let bytes = read(path)?;
        Ok(Some(match bytes.len() {
            64 => STANDARD.encode(bytes),
            _ => String::from_utf8_lossy(&bytes).trim().to_owned(),
        }))
    }

    fn told(&self, answer: &Value, plugin: &str) -> String {
        let mut text = answer.get("report").map(report).unwrap_or_default();
        let version = text_of(answer.pointer("/deployment/version"));
        let digest = text_of(answer.pointer("/deployment/digest"));
        let _ = match (self.dry_run, self.activate) {
            (true, _) => writeln!(
                text,
                "{plugin} {version} would be accepted; nothing was stored"
            ),
            (false, true) => writeln!(text, "{plugin} {version} serves (sha256:{digest})"),
            (false, false) => writeln!(
                text,
                "{plugin} {version} is there (sha256:{digest})\n\
                 let it serve: gateway plugin activate {version}"
            ),
        };
        text
    }

    /// Deploys and activates with each change of the file. What is refused is told, and
    /// the next change is waited for.
    async fn follow(&self, operator: &Operator, plugin: &str) -> Result<(), Failed> {
        eprintln!("watching {}; Ctrl-C ends it", self.file.display());
        let mut seen = None;
        loop {
            let now = stamp(&self.file);
            if now.is_some() && now != seen {
                // A compiler writes in pieces: what has not changed for a look is whole.
                tokio::time::sleep(LOOK).await;
                if stamp(&self.file) != now {
                    continue;
                }
                seen = now;
                let begun = std::time::Instant::now();
                match self.send(operator, plugin, true).await {
                    Ok(answer) => eprintln!(
                        "{plugin} {} serves, {} ms after it was seen",
                        text_of(answer.pointer("/deployment/version")),
                        begun.elapsed().as_millis()
                    ),
                    Err(error) if matches!(error.exit, Exit::Unavailable) => return Err(error),
                    Err(error) => {
                        eprintln!("not taken over; what served goes on\n{}", error.message)
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What changes when a file is written: its time and its size.
fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let facts = std::fs::metadata(file).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

impl List {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let path = format!("/v1/plugins/{}", escaped(&plugin));
            let state = operator.get(&path).await?;
            let versions = operator.get(&format!("{path}/versions")).await?;
            if self.target.json {
                let both = json!({ "plugin": state, "versions": versions });
                return print(&format!("{both}\n"));
            }
            print(&listed(&state, &versions))
        })
    }
}

impl Activate {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let body = json!({
                "version": self.version,
                "percent": self.percent,
                "sticky": self.sticky,
                "steps": self.steps,
                "step_seconds": self.every.as_secs_f64(),
                "band": {
                    "failures": self.max_failures / 100.0,
                    "p99": self.max_p99,
                    "requests": self.min_requests,
                },
                "dry_run": self.dry_run,
            });
            let path = format!("/v1/plugins/{}/activate", escaped(&plugin));
            let answer = operator.post(&path, &body).await?;
            if self.target.json {
                return print(&format!("{answer}\n"));
            }
            let mut text = answer.get("report").map(report).unwrap_or_default();
            let _ = match (self.dry_run, self.percent) {
                (true, _) => writeln!(text, "{plugin} {} would be accepted", self.version),
                (false, Some(percent)) if percent < 100.0 => writeln!(
                    text,
                    "{plugin} {} serves {percent} % of the traffic",
                    self.version
                ),
                _ => writeln!(text, "{plugin} {} serves", self.version),
            };
            print(&text)
        })
    }
}

impl Rollback {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let path = format!("/v1/plugins/{}/rollback", escaped(&plugin));
            let answer = operator
                .post(&path, &json!({ "reason": self.reason }))
                .await?;
            if self.target.json {
                return print(&format!("{answer}\n"));
            }
            let version = text_of(answer.pointer("/pointer/active"));
            print(&format!("{plugin} {version} serves again\n"))
        })
    }
}

impl DrainStatus {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let path = format!("/v1/plugins/{}/drains", escaped(&plugin));
            let begun = std::time::Instant::now();
            loop {
                let answer = operator.get(&path).await?;
                let left = answer
                    .get("draining")
                    .and_then(Value::as_array)
                    .map_or(0, Vec::len);
                match self.wait {
                    Some(limit) if left > 0 && begun.elapsed() < limit => {
                        tokio::time::sleep(LOOK * 2).await;
                    }
                    _ => {
                        let text = match self.target.json {
                            true => format!("{answer}\n"),
                            false => drained(&answer),
                        };
                        print(&text)?;
                        return match self.wait {
                            Some(limit) if left > 0 => {
                                Err(failed(format!("not drained within {limit:?}")))
                            }
                            _ => Ok(()),
                        };
                    }
                }
            }
        })
    }
}

impl Remove {
    pub(super) fn run(self) -> Result<(), Failed> {
        let operator = self.target.operator()?;
        block_on(async {
            let plugin = operator.plugin().await?;
            let path = format!(
                "/v1/plugins/{}/versions/{}",
                escaped(&plugin),
                escaped(&self.version)
            );
            let none = bytes::Bytes::new();
            let answer = operator.send(Method::DELETE, &path, none, None).await?;
            match self.target.json {
                true => print(&format!("{answer}\n")),
                false => print(&format!("{plugin} {} is gone\n", self.version)),
            }
        })
    }
}

/// A report as lines for people.
pub(super) fn report(report: &Value) -> String {
    let mut text = String::new();
    let list = |key: &str| {
        report
            .pointer(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for name in list("/imports/new") {
        let _ = writeln!(text, "  asks for more: {}", text_of(Some(name)));
    }
    text.push_str(&pending(report));
    for route in list("/routes/added") {
        let _ = writeln!(text, "  new route: {}", text_of(Some(route)));
    }
    for route in list("/routes/removed") {
        let _ = writeln!(text, "  route that goes: {}", text_of(Some(route)));
    }
    let (mut sent, mut right) = (0, 0);
    for one in list("/smoke") {
        sent += 1;
        right += usize::from(one.get("right") == Some(&Value::Bool(true)));
    }
    if sent > 0 {
        let _ = writeln!(
            text,
            "  smoke requests: {right} of {sent} answered as they should"
        );
    }
    for reason in list("/skipped") {
        let _ = writeln!(text, "  not looked at: {}", text_of(Some(reason)));
    }
    for left in list("/left_behind") {
        let part = match left.get("whole") {
            Some(Value::Bool(false)) => "a part of ",
            _ => "",
        };
        let _ = writeln!(
            text,
            "  stays in the database: {part}migration {} ({})",
            number(left.get("version")),
            text_of(left.get("name"))
        );
    }
    for reason in list("/refused") {
        let _ = writeln!(text, "  refused: {}", text_of(Some(reason)));
    }
    text
}

/// The pending migrations of an answer, with their statements.
pub(super) fn pending(answer: &Value) -> String {
    let mut text = String::new();
    let all = answer.get("migrations").and_then(Value::as_array);
    for migration in all.into_iter().flatten() {
        let _ = writeln!(
            text,
            "  migration {} ({}), {}:",
            migration.get("version").unwrap_or(&Value::Null),
            text_of(migration.get("name")),
            match text_of(migration.get("phase")) {
                "expand" => "which only adds",
                _ => "which takes away and waits",
            }
        );
        for line in text_of(migration.get("statements")).lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn listed(state: &Value, versions: &Value) -> String {
    let pointer = state.get("pointer");
    let of = |path: &str| text_of(pointer.and_then(|pointer| pointer.pointer(path)));
    let (active, previous, canary) = (of("/active"), of("/previous"), of("/canary/version"));
    let mut text = String::new();
    for version in versions.as_array().into_iter().flatten() {
        let name = text_of(version.get("version"));
        let role = match name {
            _ if name == active => "serves".to_owned(),
            _ if name == canary => {
                let share = pointer
                    .and_then(|pointer| pointer.pointer("/canary/share"))
                    .and_then(Value::as_f64)
                    .unwrap_or_default();
                format!("serves {} %", share / 100.0)
            }
            _ if name == previous => "before".to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{name:<28} {role:<12} {}  {}  {}{}",
            when(version.get("created_at")),
            text_of(version.get("digest")).get(..12).unwrap_or_default(),
            match version.get("signed_by").and_then(Value::as_str) {
                Some(by) => format!("signed by {by}  "),
                None => String::new(),
            },
            text_of(version.get("note")),
        );
    }
    if text.is_empty() {
        text.push_str("no version was deployed yet\n");
    }
    text
}

fn drained(answer: &Value) -> String {
    let mut text = String::new();
    let list = |key: &str| {
        answer
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for one in list("draining") {
        let _ = writeln!(
            text,
            "{:<28} {} requests in flight, for {} of {} ms",
            text_of(one.get("version")),
            number(one.get("in_flight")),
            number(one.get("for_millis")),
            number(one.get("limit_millis")),
        );
    }
    for one in list("ended") {
        let _ = writeln!(
            text,
            "{:<28} drained in {} ms, {} requests cut",
            text_of(one.get("version")),
            number(one.get("took_millis")),
            number(one.get("cut")),
        );
    }
    match text.is_empty() {
        true => "nothing is draining\n".to_owned(),
        false => text,
    }
}

fn when(micros: Option<&Value>) -> String {
    let micros = micros.and_then(Value::as_u64).unwrap_or_default();
    let at = SystemTime::UNIX_EPOCH + Duration::from_micros(micros);
    humantime::format_rfc3339_seconds(at).to_string()
}

pub(super) fn text_of(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}

pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(path).map_err(|error| Failed {
        exit: Exit::Usage,
        message: format!("{}: {error}", path.display()),
    })
}
