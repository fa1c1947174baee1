//! The exports, and which path does what.

mod blobs;
mod database;
mod events;
mod exchange;
mod inspections;
mod marks;
mod resources;
mod tasks;

use std::cell::Cell;
use std::panic;
use std::sync::Once;

#[expect(unsafe_code, reason = "generated: the exports are raw functions")]
mod contract {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "full-service",
        generate_all,
    });

    export!(Misfit with_types_in self);

    use super::Misfit;
}

use contract::exports::gateway::plugin::handler::{Guest as Handler, Request, Response};
use contract::exports::gateway::plugin::lifecycle::{Guest as Lifecycle, Migration, SmokeRequest};
use contract::gateway::plugin::http::{Field, ResponseBody};
use contract::gateway::plugin::log::{Level, log};
use contract::gateway::plugin::sql::Dialect;
use contract::wasi::random::random::get_random_u64;

struct Misfit;

impl Handler for Misfit {
    fn handle(request: Request) -> Response {
        tell_of_panics();
        route(request)
    }
}

impl Lifecycle for Misfit {
    fn migrations(dialect: Dialect) -> Vec<Migration> {
        tell_of_panics();
        database::migrations(dialect)
    }

    fn smoke() -> Vec<SmokeRequest> {
        if marks::mark("smoke") == "trap" {
            core::arch::wasm32::unreachable();
        }
        vec![SmokeRequest {
            method: "GET".to_owned(),
            target: marks::mark("smoke").to_owned(),
            claims: None,
            status: 200,
        }]
    }
}

/// Everything that can be asked for. `/word/N` takes a number, 1 when there is none.
fn route(request: Request) -> Response {
    let path = request.path.trim_start_matches('/').to_owned();
    let (word, number) = path.split_once('/').unwrap_or((&path, "1"));
    let Ok(number) = number.parse::<u64>() else {
        return answer(400, format!("not a number: {number}"));
    };
    match word {
        // What a well-behaved service does.
        "ok" => exchange::describe(&request),
        "bytes" => exchange::bytes(number),
        "large-response" => exchange::bytes(number.saturating_mul(1 << 20)),
        "text" => exchange::text(number),
        "echo" => exchange::echo(request),
        "reply" => exchange::reply(number, request),
        "claims" => exchange::claims(),
        "now" => exchange::now(),
        "random" => exchange::random(),
        "random-bytes" => answer(200, exchange::random_bytes(number).to_string()),
        "log" => exchange::log_lines(number),
        "counter" => counter(),
        "version" => answer(200, marks::mark("version")),
        "work" => work(),

        // Content that goes past the guest.
        "blob-put" => blobs::put(number, request),
        "blob-begin" => blobs::begin(number, &request),
        "blob-append" => blobs::append(number, request),
        "blob-offset" => blobs::offset(&request),
        "blob-finish" => blobs::finish(&request),
        "blob-cancel" => blobs::cancel(&request),
        "blob-get" => blobs::get(&request),
        "blob-read" => blobs::read(&request),
        "blob-history" => blobs::history(&request),
        "blob-link" => blobs::transact("link", &request),
        "blob-unlink" => blobs::transact("unlink", &request),
        "blob-end" => blobs::transact("end", &request),
        "blob-inspect" => inspections::ask(&request),
        "blob-reports" => inspections::told(&request),
        "blob-form" => blobs::form(request),

        // Events, and those who listen.
        "events" => events::listen(&request),
        "events-transact" => events::transact(&request),
        "events-signal" => events::signal(&request),
        "events-head" => events::head(),

        // Answers that HTTP does not know.
        "bad-status" => answer(42, "status 42"),
        "bad-header" => exchange::with_headers(&[("x-bad", "one\r\nx-smuggled: two")]),
        "hop-header" => exchange::with_headers(&[
            ("connection", "close, x-named"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-named", "named by connection"),
            ("x-kept", "kept"),
        ]),

        // Ends that a guest brings on itself.
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => resources::panic(),
        "spin" => resources::spin(),
        "spin-ms" => resources::spin_for(number),
        "recurse" => resources::overflow_the_stack(),
        "allocate" => resources::allocate_without_end(),
        "allocate-mib" => resources::allocate(number),

        // The database, used well and badly.
        "sql" => database::execute(request),
        "sql-kinds" => database::round_trip(),
        "sleep-sql" => database::sleep(),
        "too-many-rows" => database::many_rows(number),
        "rows" => database::count_rows(),
        "transaction-commit" => database::insert_and_commit(number),
        "transaction-upload" => database::insert_while_reading(number, &request.body),
        "transaction-leak" => database::insert_and_leak(),
        "transaction-then-trap" => database::insert_then(|| core::arch::wasm32::unreachable()),
        "transaction-then-spin" => database::insert_then(|| resources::spin()),

        // What only a task has.
        "source" => tasks::source_of_a_request(),

        // The audit record.
        "audit" => database::audit(),
        "audit-too-long" => database::audit_too_long(),
        "audit-in-transaction" => database::audit_in_transaction(true),
        "audit-then-rollback" => database::audit_in_transaction(false),

        _ => answer(404, format!("no such misdeed: {word}")),
    }
}

/// A version that has faults traps in so many of a hundred requests.
fn work() -> Response {
    let faults = marks::mark("faults").parse().unwrap_or(0);
    if get_random_u64() % 100 < faults {
        core::arch::wasm32::unreachable()
    }
    answer(200, marks::mark("version"))
}

/// Requests that this instance has answered, this one included.
fn counter() -> Response {
    thread_local!(static ANSWERED: Cell<u64> = const { Cell::new(0) });
    ANSWERED.set(ANSWERED.get() + 1);
    answer(200, ANSWERED.get().to_string())
}

fn answer(status: u16, text: impl Into<String>) -> Response {
    Response {
        status,
        headers: vec![field("content-type", "text/plain; charset=utf-8")],
        body: ResponseBody::Bytes(text.into().into_bytes()),
    }
}

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// The target has no standard error: what a panic says would be lost.
fn tell_of_panics() {
    static SET: Once = Once::new();
    SET.call_once(|| panic::set_hook(Box::new(|info| log(Level::Error, &info.to_string()))));
}
