//! The kinds of values: how each is read, and what it allows.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytesize::ByteSize;
use hyper::header::HeaderName;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use toml::Value;
use tracing_subscriber::EnvFilter;
use url::{Host, Origin, Url};

use super::grants::GRANTS;

/// What a setting holds. Both ends of a range are allowed.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Count {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of bytes.
    Size {
        /// The smallest, in bytes.
        min: u64,
        /// The largest, in bytes.
        max: u64,
    },
    /// A span of time.
    Time {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Yes or no.
    Flag,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// One line of at most 256 characters.
    Text,
    /// An IP address with a port.
    Address,
    /// The path of a file or folder.
    Path,
    /// A path prefix of URLs.
    Mount,
    /// A filter of log lines.
    Filter,
    /// The address of a database; may hold a password.
    Url,
    /// Where blobs are kept: a folder or a bucket.
    Store,
    /// An address that is fetched: `https`, or `http` of this machine.
    HttpUrl,
    /// An address that traces are sent to: `http` or `https`.
    Collector,
    /// A part of a whole, from 0 to 1.
    Share,
    /// The name of a table, with its schema or without.
    Table,
    /// A text that is never shown.
    Secret,
    /// Verification keys, a list of tables.
    Keys,
    /// Any number of short texts.
    List(Item),
}

/// What the texts of a list are.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// An origin as browsers write it, or `*`.
    Origin,
    /// A name of HTTP's (of a method or a header), or `*`.
    Token,
    /// A name of lower-case letters, digits and `-`, `=`, and a text.
    Pair,
    /// An IP address, or a network of them.
    Network,
    /// A host's name without a port; a `*.` in front stands for one or more labels.
    Host,
    /// A capability of the contract.
    Grant,
    /// A media type, all of a kind (`image/*`), or all (`*/*`).
    MediaType,
}

/// The longest text and name.
const MAX_TEXT: usize = 256;

impl Kind {
    /// The value in its canonical type (sizes in bytes, times as seconds and
    /// nanoseconds, and so on), or nothing when it is not allowed. A text is read as the
    /// same value written in TOML would be: the environment has nothing but text.
    pub(super) fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Count { min, max } => integer(whole(value)?, min, max),
            Self::Size { min, max } => {
                let bytes = match value {
                    Value::String(text) => text.trim().parse::<ByteSize>().ok()?.as_u64(),
                    other => whole(other)?,
                };
                integer(bytes, min, max)
            }
            Self::Time { min, max } => time(value).filter(|t| (min..=max).contains(t)).map(placed),
            Self::Flag => match value {
                Value::Boolean(flag) => Some(Value::Boolean(*flag)),
                Value::String(text) => text.trim().parse().ok().map(Value::Boolean),
                _ => None,
            },
            Self::Keys => match value {
                Value::Array(_) => Some(value.clone()),
                Value::String(text) => text.parse::<Value>().ok().filter(Value::is_array),
                _ => None,
            },
            Self::List(item) => item.read(value),
            Self::Share => share(value).map(Value::Float),
            _ => {
                let text = value.as_str()?;
                self.takes(text).then(|| Value::String(text.to_owned()))
            }
        }
    }

    /// Whether a kind that is written as text takes this one.
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Choice(words) => words.contains(&text),
            Self::Text => is_name(text),
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::Mount => is_mount(text),
            Self::Filter => EnvFilter::builder().parse(text).is_ok(),
            Self::Url => super::database_url::is_allowed(text),
            Self::Store => super::blob_store::is_allowed(text),
            Self::HttpUrl => super::http_url::is_allowed(text),
            Self::Collector => super::http_url::is_collector(text),
            Self::Table => is_table(text),
            Self::Secret => !text.is_empty(),
            _ => false,
        }
    }

    /// What is allowed, to follow "is not" in a sentence.
    pub fn allowed(self) -> String {
        match self {
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Size { min, max } => format!(
                "a size from {} to {}, such as \"16MiB\" or a whole number of bytes",
                size_text(min),
                size_text(max)
            ),
            Self::Time { min, max } => format!(
                "a time from {} to {}, such as \"30s\" or a whole number of seconds",
                humantime::format_duration(min),
                humantime::format_duration(max)
            ),
            Self::Flag => "true or false".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Text => format!("one line of 1 to {MAX_TEXT} characters"),
            Self::Address => "an IP address with a port, such as 127.0.0.1:3000".into(),
            Self::Path => "the path of a file or folder".into(),
            Self::Mount => "a path that starts with / and does not end with one, or / alone, \
                            without empty or dot segments, ? or #"
                .into(),
            Self::Filter => "a log filter, such as info or gateway=debug,sqlx=warn".into(),
            Self::Url => "sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE or \
                          mysql://USER:PASSWORD@HOST:PORT/DATABASE"
                .into(),
            Self::Store => "the path of a folder, or s3://BUCKET or s3://BUCKET/PREFIX with a \
                            bucket of a-z, 0-9, - and . and a prefix of letters, digits, -, _, . \
                            and /"
                .into(),
            Self::HttpUrl => {
                "https://HOST/PATH (or http:// of localhost, 127.0.0.1 or [::1]) without \
                              a user, a password or a fragment"
                    .into()
            }
            Self::Collector => "http://HOST:PORT or https://HOST, without a user, a password, a \
                                query or a fragment"
                .into(),
            Self::Share => "a number from 0 to 1".into(),
            Self::Table => {
                "the name of a table, or of a schema and a table with a dot between, of \
                            letters, digits, _ and -"
                    .into()
            }
            Self::Secret => "a text that is not empty".into(),
            Self::Keys => "a list of tables like {id = \"…\", algorithm = \"RS256\", \
                           public_key_file = \"…\"}"
                .into(),
            Self::List(Item::Origin) => "a list of origins such as https://app.example or \
                                         http://localhost:8080, or of * alone"
                .into(),
            Self::List(Item::Pair) => "a list such as \"name=value, other=value\", with names of \
                                       a-z, 0-9 and -"
                .into(),
            Self::List(Item::Network) => {
                "a list of networks such as 10.0.0.0/8 or fd00::/8, or of \
                                          addresses"
                    .into()
            }
            Self::List(Item::Token) => "a list of names without spaces, or of * alone".into(),
            Self::List(Item::Host) => "a list of hosts such as talk.example.com or *.example.com, \
                                       in lower case and without a port"
                .into(),
            Self::List(Item::MediaType) => {
                "a list of media types in lower case, such as image/png, image/* or */*".into()
            }
            Self::List(Item::Grant) => format!("a list of {}", GRANTS.join(", ")),
        }
    }

    /// The value for a message: quoted, shortened, and never a secret.
    pub(super) fn quote(self, value: &Value) -> String {
        match (self, value) {
            (Self::Secret | Self::Keys, _) => "the value (not shown)".into(),
            (Self::Url, Value::String(text)) => format!("{:?}", super::database_url::masked(text)),
            (Self::HttpUrl | Self::Collector, Value::String(text)) => {
                format!("{:?}", super::http_url::masked(text))
            }
            (_, Value::String(text)) => quote(text),
            (_, other) => shorten(&other.to_string().replace('\n', " ")),
        }
    }

    /// The value as TOML for `config check`: what was given, in its canonical type where
    /// that reads as well, and secrets masked.
    pub(super) fn show(self, given: &Value) -> String {
        match (self, given) {
            (Self::Secret, _) => "\"********\"".into(),
            (Self::Keys, keys) => format!(
                "[] # {} keys, not shown",
                keys.as_array().map_or(0, Vec::len)
            ),
            (Self::Url, Value::String(text)) => {
                Value::String(super::database_url::masked(text)).to_string()
            }
            (Self::HttpUrl | Self::Collector, Value::String(text)) => {
                Value::String(super::http_url::masked(text)).to_string()
            }
            (Self::Count { .. } | Self::Flag | Self::List(_), _) => {
                self.read(given).as_ref().unwrap_or(given).to_string()
            }
            _ => given.to_string(),
        }
    }
}

impl Item {
    /// A list in either form. `*` means everything, so that it stands alone.
    fn read(self, value: &Value) -> Option<Value> {
        let items: Vec<&str> = match value {
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            Value::String(text) => text.split(',').map(str::trim).collect(),
            _ => return None,
        };
        let allowed = match items.as_slice() {
            ["*"] => matches!(self, Self::Origin | Self::Token),
            items => items.iter().all(|item| self.takes(item)),
        };
        allowed.then(|| {
            items
                .into_iter()
                .map(Value::from)
                .collect::<Vec<_>>()
                .into()
        })
    }

    fn takes(self, text: &str) -> bool {
        match self {
            Self::Origin => is_origin(text),
            Self::Token => text != "*" && HeaderName::try_from(text).is_ok(),
            Self::Pair => pair(text).is_some(),
            Self::Network => network(text).is_some(),
            Self::Host => is_host_pattern(text),
            Self::Grant => GRANTS.contains(&text),
            Self::MediaType => super::inspection::is_pattern(text),
        }
    }
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let is_fit = !name.is_empty() && name.bytes().all(known) && is_name(value);
    is_fit.then_some((name, value))
}

/// A list of pairs as a map; of a name that stands twice the last one counts.
pub(super) fn pairs<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let list = Vec::<String>::deserialize(source)?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(list
        .iter()
        .filter_map(|text| pair(text).map(owned))
        .collect())
}

fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone).map(|net| net.trunc())
}

/// A list of networks.
pub(super) fn networks<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<IpNet>, D::Error> {
    let list = Vec::<String>::deserialize(source)?;
    Ok(list.iter().filter_map(|text| network(text)).collect())
}

/// A text for a message: in quotes, control characters escaped, at most 80 characters.
pub(super) fn quote(text: &str) -> String {
    shorten(&format!("{text:?}"))
}

fn shorten(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn integer(number: u64, min: u64, max: u64) -> Option<Value> {
    if !(min..=max).contains(&number) {
        return None;
    }
    i64::try_from(number).ok().map(Value::Integer)
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn share(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Float(number) => *number,
        Value::Integer(0) => 0.0,
        Value::Integer(1) => 1.0,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (0.0..=1.0).contains(&number).then_some(number)
}

fn time(value: &Value) -> Option<Duration> {
    match (whole(value), value) {
        (Some(seconds), _) => Some(Duration::from_secs(seconds)),
        (None, Value::String(text)) => humantime::parse_duration(text.trim()).ok(),
        (None, _) => None,
    }
}

/// The form that serde reads a [`Duration`] from.
fn placed(time: Duration) -> Value {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Value::Table(toml::Table::from_iter([
        ("secs".to_owned(), Value::Integer(seconds)),
        (
            "nanos".to_owned(),
            Value::Integer(time.subsec_nanos().into()),
        ),
    ]))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control)
}

/// The longest name of a table or a schema that all three databases take.
const MAX_NAME: usize = 63;

fn is_table(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=MAX_NAME).contains(&part.len())
            && part
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
    };
    text.split('.').count() <= 2 && text.split('.').all(is_part)
}

fn is_mount(text: &str) -> bool {
    let segments = |rest: &str| {
        rest.split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
    };
    text == "/"
        || text.strip_prefix('/').is_some_and(segments)
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

/// Exactly as browsers send it, since it is compared byte by byte: in lower case, without
/// a default port, and without a path.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    match url.origin() {
        origin @ Origin::Tuple(..) => origin.ascii_serialization() == text,
        // Of the schemes of apps (`capacitor://localhost`) the standard knows nothing.
        Origin::Opaque(_) => text.split_once("://").is_some_and(|(scheme, host)| {
            scheme == url.scheme() && !host.is_empty() && host.bytes().all(is_host)
        }),
    }
}

/// A name or an address as it stands in a URL, or `*.` and a name.
fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    match Host::parse(name) {
        Ok(Host::Domain(domain)) => domain == name && !name.contains('*') && !name.ends_with('.'),
        Ok(address) => name == text && address.to_string() == name,
        Err(_) => false,
    }
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b':')
}

/// A number of bytes in the largest unit that divides it.
fn size_text(bytes: u64) -> String {
    [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|&(shift, _)| bytes >> shift > 0 && bytes.trailing_zeros() >= shift)
        .map_or_else(
            || format!("{bytes} B"),
            |(shift, unit)| format!("{} {unit}", bytes >> shift),
        )
}
