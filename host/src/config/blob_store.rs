//! Where blobs are kept: a folder, or a bucket of a server that speaks S3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;
use url::Url;

use super::error::ConfigError;
use super::layers::{Known, Layers};
use super::{Config, Secret, keys, settings};

/// The parts that an object of S3 has at most.
const MAX_PARTS: u64 = 10_000;

/// Where blobs are kept.
#[derive(Debug, Clone)]
pub enum BlobStore {
    /// A folder of this machine. Default: `blobs` in the data folder.
    Folder(PathBuf),
    /// A bucket.
    S3(S3),
}

/// A bucket of a server that speaks S3, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct S3 {
    /// The bucket's name.
    pub bucket: String,
    /// What the names of all objects begin with; without a slash at its end. Empty: nothing.
    pub prefix: String,
    /// The server's address. Default: that of AWS for the region.
    pub endpoint: Option<String>,
    /// The region. Default `us-east-1`.
    pub region: String,
    /// Who the gateway is there.
    pub access_key: Secret,
    /// What it signs its requests with.
    pub secret_key: Secret,
    /// Whether the bucket is named in the path, not in the host. Default yes.
    pub path_style: bool,
    /// Whether the server may be spoken to without TLS. Default no.
    pub allow_http: bool,
    /// Objects that are larger are sent in parts of that many bytes. Default 8 MiB.
    pub part_bytes: usize,
    /// How long the server may be silent. Default 15 s.
    pub request_timeout: Duration,
    /// How often a request is tried again. Default 5.
    pub retries: u32,
}

/// The folder of a program that was not told of one.
impl Default for BlobStore {
    fn default() -> Self {
        Self::Folder(PathBuf::from("blobs"))
    }
}

impl BlobStore {
    /// The bucket, if it is one.
    pub(super) fn s3(&self) -> Option<&S3> {
        match self {
            Self::Folder(_) => None,
            Self::S3(s3) => Some(s3),
        }
    }
}

/// The place, without anything secret.
impl fmt::Display for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3(s3) => {
                write!(f, "s3://{}", s3.bucket)?;
                if !s3.prefix.is_empty() {
                    write!(f, "/{}", s3.prefix)?;
                }
                match &s3.endpoint {
                    Some(endpoint) => write!(f, " at {endpoint}"),
                    None => write!(f, " in {}", s3.region),
                }
            }
        }
    }
}

impl S3 {
    /// The address that the bucket's requests go to, when it is not AWS's.
    pub(crate) fn bucket_endpoint(&self) -> Option<String> {
        let endpoint = self.endpoint.as_ref()?;
        let endpoint = endpoint.trim_end_matches('/');
        match (self.path_style, endpoint.split_once("://")) {
            (false, Some((scheme, host))) => Some(format!("{scheme}://{}.{host}", self.bucket)),
            _ => Some(endpoint.to_owned()),
        }
    }
}

/// What `blob.store` says.
enum Location<'a> {
    Folder(&'a str),
    Bucket { name: &'a str, prefix: &'a str },
}

impl<'a> Location<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if text.contains('\0') {
            return None;
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            let is_fine = is_bucket(name) && (prefix.is_empty() || is_prefix(prefix));
            return is_fine.then_some(Self::Bucket { name, prefix });
        }
        let path = text.strip_prefix("file://").unwrap_or(text);
        // Another scheme is no folder that anybody means.
        let is_fine = !path.is_empty() && !path.contains("://");
        let is_absolute = path.len() == text.len() || path.starts_with('/');
        (is_fine && is_absolute).then_some(Self::Folder(path))
    }
}

/// Whether a text says where blobs are kept.
pub(super) fn is_allowed(text: &str) -> bool {
    Location::read(text).is_some()
}

/// As every server takes it, and as it can be a part of a host's name.
fn is_bucket(name: &str) -> bool {
    let is_inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(is_inner)
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && !name.contains("..")
}

/// Folders with names that need no encoding.
fn is_prefix(prefix: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    prefix.len() <= 256
        && prefix
            .split('/')
            .all(|folder| !matches!(folder, "" | "." | "..") && folder.bytes().all(is_plain))
}

/// Whether the key says something of the store, which is put together here.
pub(super) fn is_part(key: &str) -> bool {
    key == "blob.store" || key.starts_with("blob.s3.")
}

/// The store that the settings name.
pub(super) fn of(layers: &Layers, data: &Path) -> Result<BlobStore, ConfigError> {
    let refuse = |key: &str, reason: &str| {
        Err(ConfigError::Conflict {
            place: layers.name(key),
            reason: reason.to_owned(),
        })
    };
    let location = layers.text("blob.store").and_then(Location::read);
    let (bucket, prefix) = match location {
        Some(Location::Bucket { name, prefix }) => (name.to_owned(), prefix.to_owned()),
        folder => {
            let said = layers.iter().find(|known| is_said(known));
            if let Some(said) = said {
                return refuse(
                    &said.given.key,
                    "it does nothing while blob.store is a folder; set blob.store to \
                     s3://BUCKET or s3://BUCKET/PREFIX",
                );
            }
            return Ok(BlobStore::Folder(match folder {
                Some(Location::Folder(path)) => PathBuf::from(path),
                _ => data.join("blobs"),
            }));
        }
    };
    let [access_key, secret_key] = ["blob.s3.access_key", "blob.s3.secret_key"]
        .map(|key| keys::text_or_file(layers, key, &format!("{key}_file")));
    let (Some(access_key), Some(secret_key)) = (access_key?, secret_key?) else {
        return refuse(
            "blob.store",
            "a bucket needs blob.s3.access_key and blob.s3.secret_key, or the same with _file",
        );
    };
    let endpoint = layers.text("blob.s3.endpoint").map(str::to_owned);
    let is_plain = endpoint
        .as_ref()
        .is_some_and(|url| url.starts_with("http:"));
    let flag = |key: &str| {
        let known = layers.get(key);
        known.and_then(|known| known.canonical.as_bool()) == Some(true)
    };
    let allow_http = flag("blob.s3.allow_http");
    if is_plain && !allow_http {
        return refuse(
            "blob.s3.endpoint",
            "without TLS everybody on the way can read the blobs; use https://, or set \
             blob.s3.allow_http = true if nobody is on the way",
        );
    }
    let path_style = flag("blob.s3.path_style");
    if !path_style && endpoint.as_ref().is_some_and(|url| !has_name(url)) {
        return refuse(
            "blob.s3.path_style",
            "a bucket can't be a part of an address without a name; set it to true",
        );
    }
    let number = |key: &str| {
        let known = layers
            .get(key)
            .and_then(|known| known.canonical.as_integer());
        known
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or_default()
    };
    Ok(BlobStore::S3(S3 {
        bucket,
        prefix,
        endpoint,
        region: layers.text("blob.s3.region").unwrap_or_default().to_owned(),
        access_key,
        secret_key,
        path_style,
        allow_http,
        part_bytes: usize::try_from(number("blob.s3.part_bytes")).unwrap_or(usize::MAX),
        request_timeout: layers.time("blob.s3.request_timeout"),
        retries: u32::try_from(number("blob.s3.retries")).unwrap_or(u32::MAX),
    }))
}

/// Whether somebody wants something of a bucket that is not so by itself.
fn is_said(known: &Known) -> bool {
    let default = settings::find(&known.given.key)
        .and_then(|setting| setting.kind.read(&Value::from(setting.default?)));
    known.given.key.starts_with("blob.s3.") && default.as_ref() != Some(&known.canonical)
}

/// Whether the host of an address is no mere number.
fn has_name(address: &str) -> bool {
    let url = Url::parse(address);
    url.is_ok_and(|url| matches!(url.host(), Some(url::Host::Domain(_))))
}

/// Checks the store against the limits of the plugins.
pub(super) fn check(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let Some(s3) = config.blob.store.s3() else {
        return Ok(());
    };
    let most = MAX_PARTS.saturating_mul(s3.part_bytes as u64);
    for (name, plugin) in &config.plugins {
        let bytes = plugin.limits.blob.bytes;
        if bytes > most {
            return Err(ConfigError::Conflict {
                place: layers.name(&format!("plugin.{name}.limits.blob.bytes")),
                reason: format!(
                    "{bytes} bytes have more than {MAX_PARTS} parts, which is what S3 takes; \
                     set blob.s3.part_bytes to {} or more",
                    bytes.div_ceil(MAX_PARTS)
                ),
            });
        }
    }
    Ok(())
}
