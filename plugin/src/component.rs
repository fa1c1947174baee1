//! The ports on the host's capabilities. Exists in the component only.

/// Where a type of the contract is one of `ports` or `api` name for name, the bindings
/// use that: rows and parameters are lifted into it directly.
mod contract {
    wit_bindgen::generate!({
        path: "../wit",
        world: "full-service",
        generate_all,
        with: {
            "gateway:plugin/sql@0.1.0/kind": crate::ports::Kind,
            "gateway:plugin/sql@0.1.0/value": crate::ports::Value,
            "gateway:plugin/sql@0.1.0/span": crate::ports::Span,
            "gateway:plugin/sql@0.1.0/cell": crate::ports::Cell,
            "gateway:plugin/sql@0.1.0/rows": crate::ports::Rows,
            "gateway:plugin/sql@0.1.0/error": crate::ports::Error,
            "gateway:plugin/audit@0.1.0/error": crate::ports::AuditError,
            "gateway:plugin/log@0.1.0/level": crate::ports::Level,
            "gateway:plugin/http@0.1.0/field": crate::api::Field,
            "gateway:plugin/audit@0.1.0/ending": crate::ports::Ending,
            "gateway:plugin/identity@0.1.0/actor": crate::ports::Actor,
            "gateway:plugin/body@0.1.0/body-error": crate::ports::BodyError,
            "gateway:plugin/blob@0.1.0/storing": crate::ports::Storing,
            "gateway:plugin/blob@0.1.0/stored": crate::ports::Stored,
            "gateway:plugin/blob@0.1.0/range": crate::ports::Range,
            "gateway:plugin/blob@0.1.0/error": crate::ports::BlobError,
            "gateway:plugin/events@0.1.0/event": crate::ports::Event,
            "gateway:plugin/events@0.1.0/subscribe-options": crate::ports::Subscribe,
            "gateway:plugin/events@0.1.0/error": crate::ports::EventError,
        },
    });
}

use std::sync::OnceLock;

use contract::exports::gateway::plugin::{frames, handler, inspected, lifecycle, task};
use contract::gateway::plugin::{
    audit, blob, body, events, http, identity, live, log, settings, source, sql,
};
use contract::wasi::clocks::wall_clock;
use contract::wasi::random::random;

use crate::ports::{
    Actor, Audit, AuditError, BlobError, Blobs, BodyError, Clock, Database, Derived, Dialect,
    Download, Entry, Error, Event, EventError, Events, Finding, Form, Identity, Incoming,
    Inspection, Kind, Level, Log, Outcome, Part, Random, Range, Recorded, Report, Rows, Settings,
    Source, Stored, Storing, Subscribe, Transaction, Value,
};
use crate::{api, import};

struct Host;

/// Read once for each instance, since no setting changes in its life.
static LIMITS: OnceLock<api::Limits> = OnceLock::new();

impl Database for Host {
    type Transaction = sql::Transaction;

    fn dialect(&self) -> Dialect {
        dialect(sql::which())
    }

    fn query(&self, statement: &str, params: &[Value], columns: &[Kind]) -> Result<Rows, Error> {
        sql::query(statement, params, columns)
    }

    fn begin(&self) -> Result<Self::Transaction, Error> {
        sql::Transaction::begin()
    }
}

impl Transaction for sql::Transaction {
    fn query(
        &mut self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        sql::Transaction::query(self, statement, params, columns)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Error> {
        sql::Transaction::execute(self, statement, params)
    }

    fn audit(&mut self, entry: &Entry) -> Result<(), Error> {
        sql::Transaction::audit(self, &contract_entry(entry))
    }

    fn link(&mut self, blob: &str) -> Result<bool, Error> {
        sql::Transaction::link(self, blob)
    }

    fn unlink(&mut self, blob: &str) -> Result<(), Error> {
        sql::Transaction::unlink(self, blob)
    }

    fn inspect(&mut self, blob: &str, media_type: &str, tag: &str) -> Result<bool, Error> {
        sql::Transaction::inspect(self, blob, media_type, tag)
    }

    fn end_downloads(&mut self, tag: &str) -> Result<(), Error> {
        sql::Transaction::end_downloads(self, tag)
    }

    fn publish(&mut self, event: &Event) -> Result<(), Error> {
        sql::Transaction::publish(self, event)
    }

    fn admit(&mut self, topic: &str, subject: &str) -> Result<(), Error> {
        sql::Transaction::admit(self, topic, subject)
    }

    fn revoke(&mut self, topic: &str, subject: Option<&str>) -> Result<(), Error> {
        sql::Transaction::revoke(self, topic, subject)
    }

    fn commit(self) -> Result<(), Error> {
        sql::Transaction::commit(self)
    }
}

impl Source for Host {
    fn source_dialect(&self) -> Result<Dialect, Error> {
        source::which().map(dialect)
    }

    fn source_query(
        &self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        source::query(statement, params, columns)
    }
}

impl Audit for Host {
    fn record(&self, entry: &Entry) -> Result<(), AuditError> {
        audit::record(&contract_entry(entry))
    }

    fn history(
        &self,
        tenant: Option<&str>,
        entity: &str,
        entity_id: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Recorded>, AuditError> {
        let entries = audit::history(tenant, entity, entity_id, before, limit)?;
        Ok(entries.into_iter().map(recorded).collect())
    }
}

impl Incoming for body::IncomingBody {
    type Form = body::Form;

    fn of(bytes: &[u8]) -> Self {
        Self::of(bytes)
    }

    fn content_length(&self) -> Option<u64> {
        Self::content_length(self)
    }

    fn read(&mut self, max: u32) -> Result<Vec<u8>, BodyError> {
        Self::read(self, max)
    }

    fn peek(&mut self, max: u32) -> Result<Vec<u8>, BodyError> {
        Self::peek(self, max)
    }

    fn form(self, content_type: &str) -> Result<body::Form, BodyError> {
        Self::form(self, content_type)
    }
}

impl Form for body::Form {
    type Body = body::IncomingBody;

    fn next(&mut self) -> Result<Option<Part<body::IncomingBody>>, BodyError> {
        let part = Self::next(self)?;
        Ok(part.map(|part| Part {
            name: part.name,
            file_name: part.file_name,
            content_type: part.content_type,
            body: part.body,
        }))
    }
}

impl Blobs for Host {
    type Body = body::IncomingBody;
    type Download = blob::Download;

    fn put(&self, body: Self::Body, how: &Storing) -> Result<Stored, BlobError> {
        blob::put(body, how)
    }

    fn begin_upload(&self, how: &Storing) -> Result<String, BlobError> {
        blob::begin(how)
    }

    fn offset(&self, upload: &str) -> Result<u64, BlobError> {
        blob::offset(upload)
    }

    fn append(&self, upload: &str, offset: u64, body: Self::Body) -> Result<u64, BlobError> {
        blob::append(upload, offset, body)
    }

    fn finish(&self, upload: &str) -> Result<Stored, BlobError> {
        blob::finish(upload)
    }

    fn cancel(&self, upload: &str) -> Result<(), BlobError> {
        blob::cancel(upload)
    }

    fn read_blob(&self, id: &str, offset: u64, length: u32) -> Result<Vec<u8>, BlobError> {
        blob::read(id, offset, length)
    }

    fn open(
        &self,
        id: &str,
        part: Option<Range>,
        entry: &Entry,
        tags: &[String],
    ) -> Result<Self::Download, BlobError> {
        blob::open(id, part, &contract_entry(entry), tags)
    }
}

impl Download for blob::Download {
    fn redirect(&self) -> Option<String> {
        Self::redirect(self)
    }
}

impl Events for Host {
    type Subscription = live::Subscription;

    fn signal(&self, event: &Event) -> Result<(), EventError> {
        events::signal(event)
    }

    fn head(&self) -> Result<String, EventError> {
        events::head()
    }

    fn subscribe(&self, options: &Subscribe) -> Result<Self::Subscription, EventError> {
        events::subscribe(options)
    }
}

impl Identity for Host {
    fn claims(&self) -> Option<String> {
        identity::claims()
    }

    fn act_for(&self, actor: &Actor) -> bool {
        identity::act_for(actor)
    }
}

impl Clock for Host {
    fn now(&self) -> i64 {
        let now = wall_clock::now();
        // 64 bits of microseconds last for 292,000 years.
        (now.seconds as i64).saturating_mul(1_000_000) + i64::from(now.nanoseconds / 1_000)
    }
}

impl Random for Host {
    fn bits(&self) -> u64 {
        random::get_random_u64()
    }
}

impl Log for Host {
    fn log(&self, level: Level, message: &str) {
        log::log(level, message);
    }
}

impl Settings for Host {
    fn setting(&self, name: &str) -> Option<String> {
        settings::get(name)
    }
}

struct Chat;

impl handler::Guest for Chat {
    fn handle(request: http::Request) -> http::Response {
        let (body, stream) = match request.body {
            http::RequestBody::Empty => (api::Body::Empty, None),
            http::RequestBody::Bytes(bytes) => (api::Body::Bytes(bytes), None),
            http::RequestBody::Stream(stream) => (api::Body::Long, Some(stream)),
        };
        let api::Answer { response, stream } = api::handle(
            &Host,
            LIMITS.get_or_init(|| api::Limits::read(&Host)),
            api::Request {
                method: request.method,
                path: request.path,
                query: request.query,
                headers: request.headers,
                body,
            },
            stream,
        );
        http::Response {
            status: response.status,
            headers: response.headers,
            body: match (stream, response.body) {
                (Some(api::Stream::Download(download)), _) => http::ResponseBody::Blob(download),
                (Some(api::Stream::Subscription(subscription)), _) => {
                    http::ResponseBody::Events(subscription)
                }
                (None, api::ResponseBody::Empty) => http::ResponseBody::Empty,
                (None, api::ResponseBody::Bytes(bytes)) => http::ResponseBody::Bytes(bytes),
            },
        }
    }
}

impl frames::Guest for Chat {
    fn frame(subject: String, payload: String) -> Option<String> {
        api::frame(&Host, &subject, &payload)
    }

    fn closed(subject: String) {
        api::closed(&Host, &subject);
    }
}

impl lifecycle::Guest for Chat {
    fn migrations(which: sql::Dialect) -> Vec<lifecycle::Migration> {
        let migrations = crate::migrations(dialect(which)).iter();
        migrations
            .map(|it| lifecycle::Migration {
                version: it.version,
                name: it.name.to_owned(),
                statements: it.statements.to_owned(),
            })
            .collect()
    }

    fn smoke() -> Vec<lifecycle::SmokeRequest> {
        let requests = api::smoke().into_iter();
        requests
            .map(|it| lifecycle::SmokeRequest {
                method: "GET".to_owned(),
                target: it.target.to_owned(),
                claims: it.claims.map(str::to_owned),
                status: it.status,
            })
            .collect()
    }
}

/// The bindings read an enum out of a list by a function of its own, which ours has not.
fn contract_entry(entry: &Entry) -> audit::Entry {
    audit::Entry {
        action: entry.action.clone(),
        entity: entry.entity.clone(),
        entity_id: entry.entity_id.clone(),
        outcome: match entry.outcome {
            Outcome::Allowed => audit::Outcome::Allowed,
            Outcome::Denied => audit::Outcome::Denied,
            Outcome::Failed => audit::Outcome::Failed,
        },
        details: entry.details.clone(),
    }
}

fn recorded(entry: audit::Recorded) -> Recorded {
    Recorded {
        at: entry.at,
        actor: entry.actor,
        via: entry.via,
        address: entry.address,
        agent: entry.agent,
        request: entry.request,
        version: entry.version,
        action: entry.action,
        outcome: match entry.outcome {
            audit::Outcome::Allowed => Outcome::Allowed,
            audit::Outcome::Denied => Outcome::Denied,
            audit::Outcome::Failed => Outcome::Failed,
        },
        details: entry.details,
        ending: entry.ending,
        place: entry.place,
    }
}

impl inspected::Guest for Chat {
    fn inspected(tag: String, report: inspected::Report) -> Result<(), String> {
        let inspections = report.inspections.into_iter();
        let report = Report {
            blob: report.blob,
            inspections: inspections.map(inspection).collect(),
        };
        api::inspected(&Host, &tag, &report)
    }
}

fn inspection(it: inspected::Inspection) -> Inspection {
    let derived = it.derived.into_iter();
    let facts = it.facts.into_iter();
    Inspection {
        inspector: it.inspector,
        finding: match it.outcome {
            inspected::Outcome::Clean => Finding::Clean,
            inspected::Outcome::Suspicious(text) => Finding::Suspicious(text),
            inspected::Outcome::Unknown(text) => Finding::Unknown(text),
            inspected::Outcome::Failed(text) => Finding::Failed(text),
        },
        facts: facts.map(|fact| (fact.name, fact.value)).collect(),
        derived: derived
            .map(|it| Derived {
                name: it.name,
                media_type: it.media_type,
                blob: it.blob,
                size: it.size,
            })
            .collect(),
    }
}

/// The name of the one task.
const IMPORT: &str = "import";

impl task::Guest for Chat {
    fn tasks() -> Vec<task::TaskInfo> {
        let parameters = import::PARAMETERS.iter();
        vec![task::TaskInfo {
            name: IMPORT.to_owned(),
            summary: "bring the database of @sourceloop/chat-service over".to_owned(),
            parameters: parameters
                .map(|(name, summary, default)| task::Parameter {
                    name: (*name).to_owned(),
                    summary: (*summary).to_owned(),
                    required: default.is_none(),
                    default: default.map(str::to_owned),
                })
                .collect(),
            needs_source: true,
            dry_run: true,
        }]
    }

    fn step(
        task: String,
        parameters: String,
        dry_run: bool,
        state: Option<String>,
    ) -> Result<task::StepReport, String> {
        if task != IMPORT {
            return Err(format!("there is no task {task:?}"));
        }
        let step = import::step(&Host, &parameters, dry_run, state.as_deref())?;
        let progress = step.progress.into_iter();
        Ok(task::StepReport {
            state: step.state,
            done: step.done,
            progress: progress
                .map(|(name, value)| task::Count {
                    name: name.to_owned(),
                    value,
                })
                .collect(),
            lines: step.lines,
        })
    }
}

fn dialect(dialect: sql::Dialect) -> Dialect {
    match dialect {
        sql::Dialect::Sqlite => Dialect::Sqlite,
        sql::Dialect::Postgres => Dialect::Postgres,
        sql::Dialect::Mysql => Dialect::Mysql,
    }
}

#[expect(
    unsafe_code,
    reason = "the entry points read raw memory; all of it is generated"
)]
mod entry {
    use super::{Chat, contract};

    contract::export!(Chat with_types_in contract);
}
