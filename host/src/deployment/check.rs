//! What is looked at before a version serves.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::Claims;
use crate::capability::sql::Database;
use crate::contract::lifecycle::{Migration, SmokeRequest};
use crate::migrate::{self, Phase, State};
use crate::plugin::{Body, Call, Content, Engine, Loaded, Version};

/// Smoke requests that are sent at most.
const MOST_REQUESTS: usize = 32;

/// Statements that a report shows of one migration, in bytes.
const MOST_TEXT: usize = 16 * 1024;

/// Where a service describes its routes, if it does.
const DOCUMENT: &str = "/openapi.json";

/// What was found out about a version before it serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The plugin.
    pub plugin: String,
    /// The version.
    pub version: String,
    /// The component's SHA-256, in hexadecimal.
    pub digest: String,
    /// The version that serves now.
    pub running: Option<String>,
    /// Why it may not serve; empty when it may.
    pub refused: Vec<String>,
    /// What it asks of the host.
    pub imports: Imports,
    /// The migrations that are pending, oldest first.
    pub migrations: Vec<Pending>,
    /// How its routes differ; none when one of the two does not describe them.
    pub routes: Option<Routes>,
    /// How it answered the requests that it ships.
    pub smoke: Vec<Smoke>,
    /// Instances that were made before it serves.
    pub warm: usize,
    /// What stays of its migrations in the database although it does not serve.
    #[serde(default)]
    pub left_behind: Vec<Leftover>,
    /// What was not looked at, and why.
    pub skipped: Vec<String>,
    /// How long all of this took, in milliseconds.
    pub millis: u64,
}

/// What a version asks of the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Imports {
    /// Everything.
    pub all: Vec<String>,
    /// What the running version does not ask for.
    pub new: Vec<String>,
}

/// A migration that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// `expand`, or `contract` when the version that serves now may not fit any more.
    pub phase: String,
    /// Its statements.
    pub statements: String,
}

/// A migration of a version that does not serve, which stays in the database. It only adds,
/// so that what serves fits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leftover {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Whether it ran to its end. Only MySQL and MariaDB keep a part of one.
    pub whole: bool,
}

impl Leftover {
    /// One line of a report.
    #[must_use]
    pub fn line(&self) -> String {
        let part = if self.whole { "" } else { "a part of " };
        format!("{part}migration {} ({})", self.version, self.name)
    }
}

/// How the routes differ from those of the running version: `GET /path`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Routes {
    /// Routes that only the new version has.
    pub added: Vec<String>,
    /// Routes that its clients lose.
    pub removed: Vec<String>,
}

/// One request that the component ships, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Smoke {
    /// `GET /path?query`.
    pub request: String,
    /// The status that was to come.
    pub expected: u16,
    /// The status that came, or what went wrong.
    pub got: String,
    /// Whether they are the same.
    pub right: bool,
    /// How long it took, in milliseconds.
    pub millis: f64,
}

impl Report {
    /// What stays in the database of what was to fail, in one line.
    #[must_use]
    pub fn left(&self) -> String {
        let lines: Vec<_> = self.left_behind.iter().map(Leftover::line).collect();
        lines.join(", ")
    }

    /// Whether nothing speaks against the version.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.refused.is_empty()
    }
}

/// The names of what a component imports, without their versions' last part.
pub(super) fn imports(engine: &Engine, loaded: &Loaded) -> Vec<String> {
    loaded.interfaces(engine).0
}

/// What `new` has that `running` has not.
pub(super) fn difference(new: &[String], running: &[String]) -> Vec<String> {
    let running: BTreeSet<&String> = running.iter().collect();
    new.iter()
        .filter(|name| !running.contains(name))
        .cloned()
        .collect()
}

/// The migrations that a version would bring, and what speaks against them while another
/// version serves.
pub(super) async fn migrations(
    report: &mut Report,
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<(), migrate::Error> {
    let outlook = match migrate::outlook(database, owner, migrations).await {
        Ok(outlook) => outlook,
        // That says nothing of the version.
        Err(error @ migrate::Error::Database(_)) => return Err(error),
        Err(migrate::Error::Newer { version, name, .. }) => {
            report.refused.push(format!(
                "it is from before migration {version} ({name}), which has taken away or \
                 demands something that it does not know; it can't serve any more"
            ));
            return Ok(());
        }
        Err(error) => {
            report.refused.push(error.to_string());
            return Ok(());
        }
    };
    let mut contracts: Option<u32> = None;
    for (migration, phase) in outlook {
        match (phase, contracts) {
            (Phase::Contract, None) => contracts = Some(migration.version),
            (Phase::Expand, Some(before)) => report.refused.push(format!(
                "migration {} ({}) only adds, but comes after migration {before}, which does \
                 not and has to wait until no other version serves; put what adds first",
                migration.version, migration.name
            )),
            _ => {}
        }
        report.migrations.push(Pending {
            version: migration.version,
            name: migration.name,
            phase: word(phase).to_owned(),
            statements: cut(migration.statements),
        });
    }
    Ok(())
}

/// Which of the migrations that were pending are in the database now.
pub(super) async fn left_behind(
    report: &Report,
    database: &Database,
    owner: &str,
    migrations: &[Migration],
) -> Result<Vec<Leftover>, migrate::Error> {
    let now = migrate::status(database, owner, migrations).await?;
    let was_pending = |version| report.migrations.iter().any(|it| it.version == version);
    let left = |it: migrate::Status| {
        let whole = match it.state {
            State::Applied => true,
            State::Unfinished => false,
            State::Pending | State::Changed | State::Missing => return None,
        };
        was_pending(it.version).then_some(Leftover {
            version: it.version,
            name: it.name,
            whole,
        })
    };
    Ok(now.into_iter().filter_map(left).collect())
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Expand => "expand",
        Phase::Contract => "contract",
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        text.truncate(text.floor_char_boundary(MOST_TEXT));
        text.push_str("\n-- … cut here");
    }
    text
}

/// Refuses what no check may send.
pub(super) fn sendable(report: &mut Report, requests: &[SmokeRequest]) {
    for request in requests.iter().take(MOST_REQUESTS) {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            report.refused.push(format!(
                "smoke request {} {}: only GET and HEAD are sent, since a check changes nothing",
                request.method, request.target
            ));
        }
    }
}

/// Sends the requests that the component ships, which are [`sendable`].
pub(super) async fn smoke(
    report: &mut Report,
    version: &Version,
    requests: Vec<SmokeRequest>,
    limit: Duration,
) {
    let begun = Instant::now();
    for request in requests.into_iter().take(MOST_REQUESTS) {
        let name = format!("{} {}", request.method, request.target);
        let expected = request.status;
        let (sent, left) = (Instant::now(), limit.saturating_sub(begun.elapsed()));
        let (got, right) = match tokio::time::timeout(left, ask(version, request)).await {
            Ok(Ok((status, _))) => (status.to_string(), status == expected),
            Ok(Err(error)) => (error, false),
            Err(_) => (format!("nothing within {limit:?}"), false),
        };
        if !right {
            report.refused.push(format!(
                "smoke request {name}: {got} came, {expected} was to come"
            ));
        }
        report.smoke.push(Smoke {
            request: name,
            expected,
            got,
            right,
            millis: sent.elapsed().as_secs_f64() * 1e3,
        });
    }
}

async fn ask(version: &Version, request: SmokeRequest) -> Result<(u16, Vec<u8>), String> {
    let claims = request
        .claims
        .map(|text| Claims::for_check(&text))
        .transpose()
        .map_err(|error| format!("its claims are refused: {error}"))?;
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (request.target, None),
    };
    let call = Call {
        id: format!("check-{}", uuid::Uuid::now_v7()),
        method: request.method,
        path,
        query,
        headers: Vec::new(),
        body: Body::Empty,
        address: None,
        claims,
        trace: None,
    };
    let answer = version.handle(call).await.map_err(|failure| {
        // The trap with its backtrace is for the log; the report has its kind.
        tracing::warn!(error = ?failure, "a check failed");
        failure.to_string()
    })?;
    let body = match answer.content {
        Content::Bytes(bytes) => bytes,
        Content::Blob(_) | Content::Events(_) => Vec::new(),
    };
    Ok((answer.status, body))
}

/// How the routes of two versions differ, by the documents that they serve.
pub(super) async fn routes(new: &Version, running: &Version) -> Option<Routes> {
    let (new, running) = (described(new).await?, described(running).await?);
    Some(Routes {
        added: new.difference(&running).cloned().collect(),
        removed: running.difference(&new).cloned().collect(),
    })
}

async fn described(version: &Version) -> Option<BTreeSet<String>> {
    let request = SmokeRequest {
        method: "GET".to_owned(),
        target: DOCUMENT.to_owned(),
        claims: None,
        status: 200,
    };
    let (status, body) = ask(version, request).await.ok()?;
    if status != 200 {
        return None;
    }
    let document: Value = serde_json::from_slice(&body).ok()?;
    let paths = document.get("paths")?.as_object()?;
    let methods = |(path, item): (&String, &Value)| {
        let path = path.clone();
        item.as_object()
            .into_iter()
            .flat_map(|item| item.keys().cloned().collect::<Vec<_>>())
            .filter(|name| METHODS.contains(&name.as_str()))
            .map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
            .collect::<Vec<_>>()
    };
    Some(paths.iter().flat_map(methods).collect())
}

/// The keys of a path that are methods.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];
