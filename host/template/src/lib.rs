//! Everyone keeps entries of their own: `POST /entries` adds the text in its body,
//! `GET /entries` lists the caller's texts, oldest first.
#![cfg(target_arch = "wasm32")]

#[expect(unsafe_code, reason = "generated: the exports are raw functions")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "service", generate_all });
    export!(Service with_types_in self);
    use super::Service;
}

use contract::exports::gateway::plugin::{handler, lifecycle, task};
use contract::gateway::plugin::audit::{Entry, Outcome};
use contract::gateway::plugin::http::{Field, Request, RequestBody, Response, ResponseBody};
use contract::gateway::plugin::log::{Level, log};
use contract::gateway::plugin::sql::{self, Cell, Dialect, Error, Kind, Transaction, Value};
use contract::gateway::plugin::{identity, settings};
use contract::wasi::{clocks::wall_clock, random::random::get_random_u64};
use serde_json::{Value as Json, json};

/// Bytes of one text at most, unless the operator sets `max-bytes`.
const MAX_BYTES: usize = 10_000;

struct Service;

impl handler::Guest for Service {
    fn handle(request: Request) -> Response {
        let Some(owner) = caller() else {
            return refusal(401, "a token with a subject is needed");
        };
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/entries") => list(owner),
            ("POST", "/entries") => add(owner, request.body),
            (_, "/entries") => Ok(refusal(405, "GET or POST")),
            _ => Ok(refusal(404, "there is nothing here")),
        };
        answer.unwrap_or_else(|error| match error {
            Error::Unavailable | Error::Timeout | Error::Conflict => refusal(503, "try again"),
            other => {
                log(Level::Error, &format!("the database: {other:?}"));
                refusal(500, "an error of ours")
            }
        })
    }
}

/// The subject of the token, which the gateway has verified.
fn caller() -> Option<String> {
    let claims: Json = serde_json::from_str(&identity::claims()?).ok()?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

fn list(owner: String) -> Result<Response, Error> {
    let sql = "SELECT body FROM notes_entries WHERE owner = ? ORDER BY created_on, id LIMIT 100";
    let rows = sql::query(sql, &[Value::Text(owner)], &[Kind::Text])?;
    let text = |cell: &Cell| match cell {
        Cell::Text(span) => {
            let (start, length) = (span.offset as usize, span.length as usize);
            String::from_utf8_lossy(rows.heap.get(start..start + length)?)
                .into_owned()
                .into()
        }
        _ => None,
    };
    let texts: Vec<_> = rows.cells.iter().filter_map(text).collect();
    Ok(answer(200, &json!(texts)))
}

fn add(owner: String, body: RequestBody) -> Result<Response, Error> {
    let set = settings::get("max-bytes").and_then(|text| text.parse().ok());
    let most = set.unwrap_or(MAX_BYTES);
    let body = match body {
        RequestBody::Bytes(bytes) if bytes.len() <= most => bytes,
        RequestBody::Empty => return Ok(refusal(400, "the body is the text")),
        _ => return Ok(refusal(413, &format!("at most {most} bytes"))),
    };
    let Ok(body) = String::from_utf8(body) else {
        return Ok(refusal(400, "the text is not UTF-8"));
    };
    let (high, low) = (get_random_u64(), get_random_u64());
    let entry = Entry {
        action: "add".to_owned(),
        entity: "entry".to_owned(),
        entity_id: format!("{high:016x}{low:016x}"),
        outcome: Outcome::Allowed,
        details: None,
    };
    let now = wall_clock::now();
    let micros = now.seconds as i64 * 1_000_000 + i64::from(now.nanoseconds / 1_000);
    let (id, text, at) = (
        Value::Uuid((high, low)),
        Value::Text(body),
        Value::Timestamp(micros),
    );
    let sql = "INSERT INTO notes_entries (id, owner, body, created_on) VALUES (?, ?, ?, ?)";
    // The row and what the audit record says of it: both, or neither.
    let transaction = Transaction::begin()?;
    transaction.execute(sql, &[id, Value::Text(owner), text, at])?;
    transaction.audit(&entry)?;
    Transaction::commit(transaction)?;
    Ok(answer(201, &json!({ "id": entry.entity_id })))
}

fn refusal(status: u16, error: &str) -> Response {
    answer(status, &json!({ "error": error }))
}

fn answer(status: u16, body: &Json) -> Response {
    Response {
        status,
        headers: vec![Field {
            name: "content-type".to_owned(),
            value: "application/json".to_owned(),
        }],
        body: ResponseBody::Bytes(body.to_string().into_bytes()),
    }
}

impl lifecycle::Guest for Service {
    fn migrations(dialect: Dialect) -> Vec<lifecycle::Migration> {
        let statements = match dialect {
            Dialect::Sqlite => include_str!("../migrations/sqlite/0001_entries.sql"),
            Dialect::Postgres => include_str!("../migrations/postgres/0001_entries.sql"),
            Dialect::Mysql => include_str!("../migrations/mysql/0001_entries.sql"),
        };
        vec![lifecycle::Migration {
            version: 1,
            name: "entries".to_owned(),
            statements: statements.to_owned(),
        }]
    }

    fn smoke() -> Vec<lifecycle::SmokeRequest> {
        let get = |claims: Option<&str>, status| lifecycle::SmokeRequest {
            method: "GET".to_owned(),
            target: "/entries".to_owned(),
            claims: claims.map(str::to_owned),
            status,
        };
        vec![get(None, 401), get(Some(r#"{"sub":"smoke-test"}"#), 200)]
    }
}

/// It has no long work for operators.
impl task::Guest for Service {
    fn tasks() -> Vec<task::TaskInfo> {
        Vec::new()
    }

    fn step(
        name: String,
        _: String,
        _: bool,
        _: Option<String>,
    ) -> Result<task::StepReport, String> {
        Err(format!("there is no task {name}"))
    }
}
