//! Answers that are compressed on the way to a client that wants it.
//!
//! The body of an answer is in memory as a whole. So it is compressed as a whole: the
//! length of the result is known, a long one is compressed off the event loop, and the
//! small one pays for a comparison of its length. `tower-http`'s layer for streams would
//! compress on the event loop and leave a strong entity tag as it is.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;

use super::accept::{Accepted, Coding};
use super::etag;
use crate::config;
use crate::error::Cause;

/// Up to this length a body takes less than about a millisecond, at the highest level.
const INLINE: usize = 32 * 1024;

/// Compresses, as far as it is switched on.
#[derive(Debug)]
pub(super) struct Compressor {
    enabled: bool,
    min_bytes: usize,
    level: u32,
    /// One for each core: more long bodies at once would take time from everything else.
    places: Arc<Semaphore>,
}

/// What a request says about the encoding of its answer.
#[derive(Debug)]
pub(super) struct Wishes {
    accepted: Accepted,
    if_none_match: Option<HeaderValue>,
}

impl Compressor {
    pub(super) fn new(config: &config::Compression) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            enabled: config.enabled,
            min_bytes: config.min_bytes,
            level: config.level,
            places: Arc::new(Semaphore::new(cores)),
        }
    }

    /// None when it is switched off: then encodings are the plugin's business.
    ///
    /// # Errors
    /// The client takes nothing that is offered. It learns that before anything is done.
    pub(super) fn wishes(&self, headers: &HeaderMap) -> Result<Option<Wishes>, Cause> {
        if !self.enabled {
            return Ok(None);
        }
        let accepted = Accepted::of(headers);
        if accepted.coding.is_none() && !accepted.plain {
            return Err(Cause::NotAcceptable);
        }
        let if_none_match = headers.get(IF_NONE_MATCH).cloned();
        Ok(Some(Wishes {
            accepted,
            if_none_match,
        }))
    }

    /// Compresses an answer when its client wants that and it is worth it.
    pub(super) async fn apply(&self, wishes: &Wishes, response: &mut Response<Bytes>) {
        if response.status() == StatusCode::NOT_MODIFIED {
            revalidated(wishes, response.headers_mut());
            return;
        }
        let length = response.body().len();
        let worth = length >= self.min_bytes && is_text(response.headers());
        // A client that takes nothing plain gets even that compressed which grows by it.
        let wanted = worth || (!wishes.accepted.plain && length > 0);
        if !wanted || !is_whole(response.status(), response.headers()) {
            return;
        }
        let vary = HeaderValue::from_static("accept-encoding");
        response.headers_mut().append(VARY, vary);
        let Some(coding) = wishes.accepted.coding else {
            return;
        };
        let Some(body) = self.compress(coding, response.body().clone()).await else {
            return;
        };
        if body.len() >= length && wishes.accepted.plain {
            return;
        }
        *response.body_mut() = body;
        encoded(coding, response.headers_mut());
    }

    /// None when the cores have enough of that to do, or when it fails: the answer goes out
    /// plain, which is better than late or never.
    async fn compress(&self, coding: Coding, body: Bytes) -> Option<Bytes> {
        let level = self.level;
        let compressed = if body.len() <= INLINE {
            compress(coding, level, &body)
        } else {
            let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
            let work = move || {
                let _place = place;
                compress(coding, level, &body)
            };
            tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        compressed
            .inspect_err(|error| tracing::error!(%error, "an answer could not be compressed"))
            .ok()
            .map(Bytes::from)
    }
}

fn compress(coding: Coding, level: u32, body: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Zstd => zstd::bulk::compress(body, i32::try_from(level).unwrap_or_default()),
        Coding::Gzip => {
            let room = Vec::with_capacity(body.len() / 4);
            let mut encoder = GzEncoder::new(room, flate2::Compression::new(level));
            encoder.write_all(body)?;
            encoder.finish()
        }
    }
}

/// What a compressed answer says of itself.
fn encoded(coding: Coding, headers: &mut HeaderMap) {
    let name = match coding {
        Coding::Gzip => "gzip",
        Coding::Zstd => "zstd",
    };
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    // A range of it would be one of other bytes.
    headers.remove(ACCEPT_RANGES);
    if let Some(tag) = headers.get(ETAG).and_then(etag::weak) {
        headers.insert(ETAG, tag);
    }
}

/// A client that has the compressed form knows it by the weak tag, and must find that tag
/// on the answer which says that it is still good.
fn revalidated(wishes: &Wishes, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let known = wishes.if_none_match.as_ref();
    let tag = headers
        .get(ETAG)
        .filter(|tag| known.is_some_and(|known| etag::names_weak(known, tag)));
    if let Some(tag) = tag.and_then(etag::weak) {
        headers.insert(ETAG, tag);
    }
}

/// Whether the body is the whole of something that may be encoded.
fn is_whole(status: StatusCode, headers: &HeaderMap) -> bool {
    let has_body = !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
    );
    let untouchable = headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
    });
    has_body
        && !untouchable
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
}

/// Whether the type is one of text: the others are compressed already, or do not shrink.
fn is_text(headers: &HeaderMap) -> bool {
    const TYPES: [&str; 6] = [
        "application/javascript",
        "application/json",
        "application/toml",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
    ];
    let Some(text) = headers
        .get(CONTENT_TYPE)
        .and_then(|text| text.to_str().ok())
    else {
        return false;
    };
    let name = text.split(';').next().unwrap_or_default().trim();
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let has_suffix = |suffix: &str| {
        let end = name.len().checked_sub(suffix.len());
        end.and_then(|end| name.get(end..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    let starts = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // An event must not wait for others to be compressed with.
    (starts("text/") && !is("text/event-stream"))
        || TYPES.into_iter().any(is)
        || ["+json", "+xml", "+yaml"].into_iter().any(has_suffix)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn compressor() -> Compressor {
        Compressor::new(&config::Compression {
            enabled: true,
            min_bytes: 1024,
            level: 3,
        })
    }

    /// One thread for blocking work, and it is kept busy: what is left to it cannot be done.
    #[test]
    fn a_long_body_is_compressed_elsewhere_and_only_while_there_is_room() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let compressor = compressor();
        let all = u32::try_from(compressor.places.available_permits()).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        runtime.block_on(async {
            for coding in [Coding::Gzip, Coding::Zstd] {
                let (release, released) = std::sync::mpsc::channel::<()>();
                let busy = tokio::task::spawn_blocking(move || released.recv());
                let short = compressor.compress(coding, vec![0; INLINE].into());
                assert!(pin!(short).as_mut().poll(&mut context).is_ready());
                let body = Bytes::from(vec![0; INLINE + 1]);
                let mut long = pin!(compressor.compress(coding, body.clone()));
                assert!(long.as_mut().poll(&mut context).is_pending());
                drop(release);
                assert!(busy.await.is_ok());
                assert!(
                    long.await
                        .is_some_and(|bytes| bytes.len() < body.len() / 100)
                );
            }
            let _all = compressor.places.acquire_many(all).await.unwrap();
            let body = Bytes::from(vec![0; INLINE + 1]);
            assert_eq!(compressor.compress(Coding::Zstd, body).await, None);
        });
    }

    #[test]
    fn types_of_text_are_known() {
        let is = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(name));
            is_text(&headers)
        };
        for name in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "application/yaml",
            "image/svg+xml",
            "text/html",
            "text/plain;charset=utf-8",
        ] {
            assert!(is(name), "{name}");
        }
        for name in [
            "",
            "application/gzip",
            "application/octet-stream",
            "image/png",
            "json",
            "text",
            "text/event-stream",
        ] {
            assert!(!is(name), "{name}");
        }
        assert!(!is_text(&HeaderMap::new()));
    }
}
