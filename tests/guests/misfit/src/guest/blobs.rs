//! Content that goes past the guest.

use super::answer;
use super::contract::exports::gateway::plugin::handler::{Request, Response};
use super::contract::gateway::plugin::audit::{self, Entry, Outcome};
use super::contract::gateway::plugin::blob::{self, Error, Range, Storing};
use super::contract::gateway::plugin::body::{BodyError, IncomingBody};
use super::contract::gateway::plugin::http::{RequestBody, ResponseBody};
use super::contract::gateway::plugin::identity::{self, Actor};
use super::contract::gateway::plugin::sql::Transaction;

/// The value of a name in the query; nothing in it is percent-encoded.
pub(super) fn asked<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let query = request.query.as_deref()?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn number(request: &Request, name: &str) -> Option<u64> {
    asked(request, name)?.parse().ok()
}

pub(super) fn id(request: &Request) -> String {
    asked(request, "id").unwrap_or_default().to_owned()
}

fn body(body: RequestBody) -> IncomingBody {
    match body {
        RequestBody::Empty => IncomingBody::of(&[]),
        RequestBody::Bytes(bytes) => IncomingBody::of(&bytes),
        RequestBody::Stream(body) => body,
    }
}

fn storing(request: &Request, limit: u64) -> Storing {
    let digest = asked(request, "sha256");
    Storing {
        scope: asked(request, "scope").unwrap_or("all").to_owned(),
        limit,
        sha256: digest.map(|digest| {
            let digits = digest.as_bytes().chunks(2);
            let bytes = digits.filter_map(|pair| std::str::from_utf8(pair).ok());
            bytes
                .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
                .collect()
        }),
    }
}

fn refused(error: Error) -> Response {
    let (status, text) = match error {
        Error::NoSuchBlob => (404, "no-such-blob".to_owned()),
        Error::TooLarge(limit) => (413, format!("too-large {limit}")),
        Error::DigestMismatch => (422, "digest-mismatch".to_owned()),
        Error::OffsetMismatch(at) => (409, format!("offset-mismatch {at}")),
        Error::Disconnected => (400, "disconnected".to_owned()),
        Error::Timeout => (408, "timeout".to_owned()),
        Error::Busy => (503, "busy".to_owned()),
        Error::Full => (507, "full".to_owned()),
        Error::Unavailable => (503, "unavailable".to_owned()),
        Error::Invalid(text) => (400, text),
        Error::Other => (500, "other".to_owned()),
    };
    answer(status, text)
}

fn stored(stored: Result<blob::Stored, Error>) -> Response {
    match stored {
        Ok(blob::Stored { id, size, sha256 }) => {
            let digest: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!("{{\"id\":{id:?},\"size\":{size},\"sha256\":{digest:?}}}");
            answer(200, text)
        }
        Err(error) => refused(error),
    }
}

pub(super) fn put(limit: u64, request: Request) -> Response {
    let how = storing(&request, limit);
    stored(blob::put(body(request.body), &how))
}

pub(super) fn begin(limit: u64, request: &Request) -> Response {
    match blob::begin(&storing(request, limit)) {
        Ok(upload) => answer(200, upload),
        Err(error) => refused(error),
    }
}

pub(super) fn append(offset: u64, request: Request) -> Response {
    let upload = id(&request);
    match blob::append(&upload, offset, body(request.body)) {
        Ok(end) => answer(200, end.to_string()),
        Err(error) => refused(error),
    }
}

pub(super) fn offset(request: &Request) -> Response {
    match blob::offset(&id(request)) {
        Ok(end) => answer(200, end.to_string()),
        Err(error) => refused(error),
    }
}

pub(super) fn finish(request: &Request) -> Response {
    stored(blob::finish(&id(request)))
}

pub(super) fn cancel(request: &Request) -> Response {
    match blob::cancel(&id(request)) {
        Ok(()) => answer(204, ""),
        Err(error) => refused(error),
    }
}

/// Streams content, on record as `file.download` of the file that is named.
pub(super) fn get(request: &Request) -> Response {
    if let Some(subject) = asked(request, "for") {
        let actor = Actor {
            subject: subject.to_owned(),
            tenant: Some("acme".to_owned()),
            via: "link:1".to_owned(),
        };
        if !identity::act_for(&actor) {
            return answer(403, "the request has a token");
        }
    }
    let part = number(request, "offset").zip(number(request, "length"));
    let part = part.map(|(offset, length)| Range { offset, length });
    let entry = Entry {
        action: "file.download".to_owned(),
        entity: "file".to_owned(),
        entity_id: id(request),
        outcome: Outcome::Allowed,
        details: None,
    };
    let tags = [id(request)];
    match blob::open(&id(request), part, &entry, &tags) {
        Ok(download) if asked(request, "drop").is_some() => {
            answer(200, download.size().to_string())
        }
        // The client goes there itself, if it may.
        Ok(download) if asked(request, "redirect").is_some() => match download.redirect() {
            Some(url) => answer(200, url),
            None => answer(404, "no-address"),
        },
        Ok(download) => Response {
            status: 200,
            headers: Vec::new(),
            body: ResponseBody::Blob(download),
        },
        Err(error) => refused(error),
    }
}

pub(super) fn read(request: &Request) -> Response {
    let offset = number(request, "offset").unwrap_or(0);
    match blob::read(&id(request), offset, 1 << 20) {
        Ok(bytes) => answer(200, String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => refused(error),
    }
}

pub(super) fn history(request: &Request) -> Response {
    let tenant = asked(request, "tenant");
    let before = asked(request, "before");
    let limit = number(request, "limit").and_then(|limit| u32::try_from(limit).ok());
    match audit::history(tenant, "file", &id(request), before, limit.unwrap_or(10)) {
        Ok(entries) => {
            let lines: Vec<_> = entries.iter().map(line).collect();
            answer(200, format!("[{}]", lines.join(",")))
        }
        Err(error) => answer(400, format!("{error:?}")),
    }
}

fn line(entry: &audit::Recorded) -> String {
    let text = |text: &Option<String>| match text {
        Some(text) => format!("{text:?}"),
        None => "null".to_owned(),
    };
    let ending = match &entry.ending {
        Some(ending) => format!("[{},{:?}]", ending.sent, ending.how),
        None => "null".to_owned(),
    };
    format!(
        "{{\"actor\":{},\"via\":{},\"address\":{},\"agent\":{},\"action\":{:?},\"ending\":{ending},\"place\":{:?}}}",
        text(&entry.actor),
        text(&entry.via),
        text(&entry.address),
        text(&entry.agent),
        entry.action,
        entry.place,
    )
}

/// What a transaction says of a blob: `link`, `unlink` or `end`; `rollback` forgets it.
pub(super) fn transact(what: &str, request: &Request) -> Response {
    let done = Transaction::begin().and_then(|transaction| {
        let done = match what {
            "link" => transaction.link(&id(request))?,
            "unlink" => transaction.unlink(&id(request)).map(|()| true)?,
            _ => transaction.end_downloads(&id(request)).map(|()| true)?,
        };
        if asked(request, "rollback").is_none() {
            Transaction::commit(transaction)?;
        }
        Ok(done)
    });
    match done {
        Ok(done) => answer(200, done.to_string()),
        Err(error) => answer(500, format!("{error:?}")),
    }
}

/// Each part of a form, and how long it is; files are stored.
pub(super) fn form(request: Request) -> Response {
    let kind = request
        .headers
        .iter()
        .find(|field| field.name == "content-type");
    let kind = kind.map(|field| field.value.clone()).unwrap_or_default();
    match parts(body(request.body), &kind) {
        Ok(lines) => answer(200, format!("[{}]", lines.join(","))),
        Err(error) => answer(400, format!("{error:?}")),
    }
}

fn parts(body: IncomingBody, kind: &str) -> Result<Vec<String>, BodyError> {
    let form = IncomingBody::form(body, kind)?;
    let mut lines = Vec::new();
    while let Some(part) = form.next()? {
        let head = String::from_utf8_lossy(&part.body.peek(4)?).into_owned();
        let size = match (part.name.as_str(), part.file_name.is_some()) {
            // Left where it is: the form goes on without it.
            ("skip", _) => 0,
            (_, false) => part.body.read(100)?.len() as u64,
            (_, true) => {
                let how = Storing {
                    scope: "form".to_owned(),
                    limit: u64::MAX,
                    sha256: None,
                };
                let stored = blob::put(part.body, &how);
                stored
                    .map_err(|error| BodyError::Malformed(format!("{error:?}")))?
                    .size
            }
        };
        lines.push(format!(
            "[{:?},{:?},{:?},{head:?},{size}]",
            part.name,
            part.file_name.unwrap_or_default(),
            part.content_type.unwrap_or_default(),
        ));
    }
    Ok(lines)
}
