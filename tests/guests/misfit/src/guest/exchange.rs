//! Requests, responses, and the small imports.

use std::fmt::Write;

use super::contract::exports::gateway::plugin::handler::{Request, Response};
use super::contract::gateway::plugin::body::{BodyError, IncomingBody};
use super::contract::gateway::plugin::http::{RequestBody, ResponseBody};
use super::contract::gateway::plugin::identity;
use super::contract::gateway::plugin::log::{Level, log};
use super::contract::wasi::clocks::{monotonic_clock, wall_clock};
use super::contract::wasi::random::random::get_random_bytes;
use super::{answer, field};

/// The most that one `read` gives.
const PIECE: u32 = 64 << 10;

/// What arrived, as JSON as far as Rust's quoting is JSON's.
pub(super) fn describe(request: &Request) -> Response {
    let mut text = format!(
        "{{\"id\":{:?},\"method\":{:?},\"path\":{:?},\"query\":",
        request.id, request.method, request.path
    );
    match &request.query {
        Some(query) => text += &format!("{query:?}"),
        None => text += "null",
    }
    let headers = request
        .headers
        .iter()
        .map(|header| format!("[{:?},{:?}]", header.name, header.value));
    text += &format!(",\"headers\":[{}]}}", headers.collect::<Vec<_>>().join(","));
    answer(200, text)
}

pub(super) fn bytes(length: u64) -> Response {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Response {
        status: 200,
        headers: vec![field("content-type", "application/octet-stream")],
        body: ResponseBody::Bytes(vec![b'x'; length]),
    }
}

/// A text that shrinks, under a strong tag.
pub(super) fn text(length: u64) -> Response {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let letters = (b'a'..=b'z').cycle();
    Response {
        status: 200,
        headers: vec![
            field("content-type", "text/plain; charset=utf-8"),
            field("etag", "\"text\""),
        ],
        body: ResponseBody::Bytes(letters.take(length).collect()),
    }
}

/// What the request says: the status in its path, the headers behind `x-reply-`, the body.
pub(super) fn reply(status: u64, request: Request) -> Response {
    let headers = request.headers.iter().filter_map(|header| {
        let name = header.name.strip_prefix("x-reply-")?;
        Some(field(name, &header.value))
    });
    Response {
        status: u16::try_from(status).unwrap_or_default(),
        headers: headers.collect(),
        body: match request.body {
            RequestBody::Bytes(bytes) => ResponseBody::Bytes(bytes),
            RequestBody::Empty | RequestBody::Stream(_) => ResponseBody::Empty,
        },
    }
}

/// A body in memory comes back as it is; of a stream come back the length and the
/// FNV-1a checksum.
pub(super) fn echo(request: Request) -> Response {
    match request.body {
        RequestBody::Empty => answer(200, ""),
        RequestBody::Bytes(bytes) => Response {
            status: 200,
            headers: vec![field("content-type", "application/octet-stream")],
            body: ResponseBody::Bytes(bytes),
        },
        RequestBody::Stream(body) => drain(&body),
    }
}

fn drain(body: &IncomingBody) -> Response {
    let declared = body.content_length();
    match read(body) {
        Ok((length, checksum)) => answer(
            200,
            format!("stream of {length}, declared {declared:?}, fnv1a {checksum:016x}"),
        ),
        Err(BodyError::TooLarge(limit)) => answer(413, format!("too-large {limit}")),
        Err(BodyError::Timeout) => answer(408, "timeout"),
        Err(BodyError::Disconnected) => answer(400, "disconnected"),
        Err(BodyError::Malformed(text)) => answer(400, text),
    }
}

/// Reads all of a stream; its length and checksum.
pub(super) fn read(body: &IncomingBody) -> Result<(usize, u64), BodyError> {
    let (mut length, mut checksum) = (0, FNV_OFFSET);
    loop {
        let piece = body.read(PIECE)?;
        if piece.is_empty() {
            return Ok((length, checksum));
        }
        length += piece.len();
        checksum = piece.iter().fold(checksum, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
        });
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

pub(super) fn claims() -> Response {
    answer(200, identity::claims().unwrap_or_else(|| "none".to_owned()))
}

/// Wall-clock microseconds since 1970, and monotonic nanoseconds.
pub(super) fn now() -> Response {
    let wall = wall_clock::now();
    let micros = wall.seconds * 1_000_000 + u64::from(wall.nanoseconds) / 1_000;
    answer(200, format!("{micros} {}", monotonic_clock::now()))
}

/// 16 bytes in hexadecimal.
pub(super) fn random() -> Response {
    let text = get_random_bytes(16)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    answer(200, text)
}

/// How many random bytes one call gave.
pub(super) fn random_bytes(length: u64) -> usize {
    get_random_bytes(length).len()
}

pub(super) fn log_lines(count: u64) -> Response {
    for number in 1..=count {
        log(Level::Info, &format!("line {number} of {count}"));
    }
    answer(200, count.to_string())
}

pub(super) fn with_headers(headers: &[(&str, &str)]) -> Response {
    Response {
        headers: headers
            .iter()
            .map(|(name, value)| field(name, value))
            .collect(),
        ..answer(200, "look at my headers")
    }
}
